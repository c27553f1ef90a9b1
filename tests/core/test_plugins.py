"""Plugins add to registries; one that is broken or has a taken name is told and left out."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from napari_synthseg.core import plugins
from napari_synthseg.core.plugins import Registry, plugin_problems


def accept(entry: object) -> tuple[str, str | None]:
    if not isinstance(entry, str):
        raise TypeError("it is no word")
    return entry, None


@pytest.fixture(autouse=True)
def own_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_registries", [])
    monkeypatch.setattr(plugins, "_problems", [])


def install(site: Path, package: str, source: str, points: str) -> None:
    """Write a module and what importlib.metadata needs to see its distribution."""
    (site / f"{package}.py").write_text(source)
    info = site / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[napari_synthseg.words]\n{points}\n")


def words() -> Registry[str]:
    registry: Registry[str] = Registry("words", "word", accept)
    registry.add("ours", "our own")
    return registry


def test_plugins_come_after_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "plug_good", "hello = 'hello'", "hello = plug_good:hello")
    monkeypatch.syspath_prepend(tmp_path)
    registry = words()
    assert dict(registry) == {"ours": "our own", "hello": "hello"}
    assert plugin_problems() == ()


def test_entry_points_are_loaded_at_the_first_lookup_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(
        tmp_path, "plug_count", f"open({str(tmp_path / 'log')!r}, 'a').write('x')\nw = 'w'",
        "w = plug_count:w",
    )  # fmt: skip
    monkeypatch.syspath_prepend(tmp_path)
    registry = words()
    assert not (tmp_path / "log").exists()
    assert "w" in registry and "w" in registry and len(registry) == 2
    assert (tmp_path / "log").read_text() == "x"


@pytest.mark.parametrize(
    ("source", "point", "reason"),
    [
        ("raise RuntimeError('no GPU')", "bad = plug:word", "RuntimeError: no GPU"),
        ("import nowhere_to_be_found", "bad = plug:word", "ModuleNotFoundError"),
        ("word = 3", "bad = plug:word", "it is no word"),
        ("", "bad = plug:word", "AttributeError"),
        ("import sys\nword = sys.exit", "bad = plug:word", "it is no word"),
    ],
)
def test_a_broken_plugin_is_named_in_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    source: str,
    point: str,
    reason: str,
) -> None:
    name = f"plug_{abs(hash(source))}"
    install(tmp_path, name, source, point.replace("plug:", f"{name}:"))
    monkeypatch.syspath_prepend(tmp_path)
    with caplog.at_level(logging.WARNING, "napari_synthseg"):
        assert dict(words()) == {"ours": "our own"}
    (told,) = plugin_problems()
    assert f"'bad' of the package '{name}'" in told and reason in told
    assert told.endswith("update or remove that package.") and "\n" not in told
    assert [record.getMessage() for record in caplog.records] == [told]


def test_our_own_names_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "plug_taken", "word = 'theirs'", "ours = plug_taken:word")
    monkeypatch.syspath_prepend(tmp_path)
    registry = words()
    assert registry["ours"] == "our own"
    (told,) = plugin_problems()
    assert told == (
        "The word 'ours' of the package 'plug_taken' is ignored, because 'napari_synthseg' has "
        "one of that name."
    )


def test_our_own_are_kept_when_they_come_later() -> None:
    """Modules of ours may be imported after a plugin has taken one of their names."""
    registry: Registry[str] = Registry("words", "word", accept)
    registry.add("ours", "theirs", "plug.words")
    registry.add("ours", "our own")
    assert registry["ours"] == "our own"
    assert len(plugin_problems()) == 1


def test_of_two_plugins_with_one_name_the_first_is_kept() -> None:
    registry = words()
    registry.add("x", "first", "one.words")
    registry.add("x", "second", "other.words")
    assert registry["x"] == "first"
    assert "'other'" in plugin_problems()[0] and "'one'" in plugin_problems()[0]


def test_plugins_that_are_gone_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = words()
    with monkeypatch.context() as patch:
        install(tmp_path, "plug_gone", "hello = 'hello'", "hello = plug_gone:hello")
        patch.syspath_prepend(tmp_path)
        assert "hello" in registry
    plugins.forget_plugins()
    assert dict(registry) == {"ours": "our own"}
