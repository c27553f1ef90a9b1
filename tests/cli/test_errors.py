"""Bad input ends with code 2 and one line on stderr, whatever the command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_synthseg import __version__, cli
from napari_synthseg.workflow.session import Session


def refused(done: Any, told: str) -> None:
    assert done.code == 2
    assert done.out == ""
    (line,) = done.err.splitlines()
    assert line.startswith("napari-synthseg: error: ")
    assert told in line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["fly"], "fly"),
        (["new"], "Missing argument"),
        (["new", "p", "a.tif"], "--class"),
        (["patches", "p", "--loud"], "--loud"),
        (["synthesize", "p", "--count", "many"], "'--count'"),
        (["synthesize", "p", "--count", "0"], "--count"),
        (["train", "p", "--task", "fly"], "The task 'fly' is not installed"),
        (["train", "p", "--task", "segment", "--source", "dreams"], "a source is one of"),
        (["train", "p", "--task", "segment", "--minutes", "1", "--steps", "2"], "not both"),
        (["import", "p"], "either a FILE"),
        (["import", "p", "c.csv", "--masks", "m"], "either a FILE"),
        (["import", "p", "--masks", "m"], "--instance"),
        (["import", "p", "c.csv", "--split"], "--split belongs to masks"),
        (["import", "p", "--masks", "m", "--instance", "--role", "boss"], "--role boss"),
        (["score", "--task", "dance", "--pred", "a", "--truth", "b"], "a task is one of"),
        (["score", "--task", "segment", "--pred", "a", "--truth", "b"], "b is not a folder"),
        (["demo", "--sample", "moon"], "a sample is one of nuclei, tissue, sediment"),
    ],
)
def test_bad_usage(
    invoke: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(invoke(*arguments), told)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ["patches", "none"],
        ["synthesize", "none"],
        ["train", "none", "--task", "segment"],
        ["predict", "none", "run", "a.tif", "--out", "o"],
        ["import", "none", "clicks.csv"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_missing_project_is_named(
    invoke: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(invoke(*arguments), "none")
    assert not any(tmp_path.iterdir())


def test_defect_ends_with_code_1_and_a_traceback(
    invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("napari_synthseg.cli.score.score_folders", fail)
    done = invoke("score", "--task", "segment", "--pred", tmp_path, "--truth", tmp_path)
    assert done.code == cli.FAILURE
    assert "RuntimeError: a defect" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["new", "p", "{}", "--class", "a:20"],
        ["new", "{}", "a.tif", "--class", "a:20"],
        ["import", "p.synthseg", "{}"],
        ["import", "p.synthseg", "--masks", "{}", "--instance"],
        ["regions", "p.synthseg", "--roi", "{}"],
        ["patches", "p.synthseg", "--out", "{}"],
        ["score", "--task", "segment", "--pred", "{}", "--truth", "{}"],
    ],
    ids=" ".join,
)
def test_a_name_that_is_too_long_is_bad_input(
    invoke: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("a.tif", np.zeros((8, 9), np.uint8))
    assert invoke("new", "p.synthseg", "a.tif", "--class", "a:20").code == 0
    refused(invoke(*(each.format("x" * 300) for each in arguments)), "ame too long")


def test_a_path_that_the_system_refuses_is_named(
    invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "secret.tif")

    monkeypatch.setattr("napari_synthseg.cli.score.score_folders", fail)
    done = invoke("score", "--task", "segment", "--pred", tmp_path, "--truth", tmp_path)
    refused(done, "'secret.tif' cannot be used: Permission denied.")


def test_interrupt_ends_with_code_130(
    invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_synthseg.cli.score.score_folders", interrupt)
    done = invoke("score", "--task", "segment", "--pred", tmp_path, "--truth", tmp_path)
    assert done.code == cli.INTERRUPTED


def test_version_and_help(invoke: Callable[..., Any]) -> None:
    assert invoke("--version").out == f"napari-synthseg {__version__}\n"
    for arguments in ([], ["--help"]):
        done = invoke(*arguments)
        assert done.code == 0
        assert all(name in done.out for name in ("demo", "new", "import", "train", "score"))


def test_installed_command_answers() -> None:
    program = (
        "import sys; from napari_synthseg.cli import main; sys.argv[1:] = ['--version']; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"napari-synthseg {__version__}\n")


def test_on_windows_the_files_that_a_pattern_names_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b.tif", "a.tif"):
        tifffile.imwrite(name, np.arange(64 * 64, dtype=np.uint16).reshape(64, 64))
    arguments = ["new", "cells.synthseg", "*.tif", "--class", "cell:9"]
    monkeypatch.setattr(sys, "argv", ["napari-synthseg", *arguments])
    monkeypatch.setattr("typer.core.os", SimpleNamespace(**vars(os) | {"name": "nt"}))
    assert cli.run() == 0, capsys.readouterr().err
    with Session.open(tmp_path / "cells.synthseg").result() as session:
        assert sorted(ref.name for ref in session.project.images) == ["a.tif", "b.tif"]


def test_every_command_and_option_is_in_the_reference() -> None:
    from typer.main import get_command

    reference = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
    text = reference.read_text(encoding="utf-8")
    commands = get_command(cli.app).commands  # type: ignore[attr-defined]
    for name, command in commands.items():
        section = text.split(f"## {name}\n", 1)[1].split("\n## ", 1)[0]
        options = {o for p in command.params for o in p.opts if o.startswith("--")}
        missing = {o for o in options - {"--help"} if o not in section}
        assert not missing, f"docs/reference/cli.md, '{name}': {missing}"


def test_what_a_library_logs_of_a_file_is_not_said_twice(tmp_path: Path) -> None:
    (tmp_path / "empty.tif").write_bytes(b"II*\0" + bytes(4))
    program = "from napari_synthseg.cli import main; main()"
    command = [sys.executable, "-c", program, "new", "p.synthseg", "empty.tif", "--class", "a:20"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.endswith("empty.tif' holds no image: save it again as TIFF.")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_that_leads_to_itself_is_bad_input(
    invoke: Callable[..., Any], tmp_path: Path
) -> None:
    loop = tmp_path / "loop.tif"
    loop.symlink_to(loop)
    done = invoke("new", tmp_path / "p.synthseg", loop, "--class", "a:20")
    assert done.code == 2 and f"'{loop}' cannot be read" in done.err


def test_a_new_project_that_fails_leaves_nothing_behind(
    invoke: Callable[..., Any], tmp_path: Path
) -> None:
    values = np.random.default_rng(0).integers(0, 999, (512, 512)).astype(np.uint16)
    good, bad, project = tmp_path / "good.tif", tmp_path / "bad.tif", tmp_path / "p"
    tifffile.imwrite(good, values)
    tifffile.imwrite(bad, values, compression="zlib", rowsperstrip=64)
    content = bytearray(bad.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 9000] = bytes(9000)  # the header says nothing of it
    bad.write_bytes(content)
    for _ in range(2):
        done = invoke("new", project, good, bad, "--class", "cell")
        assert (done.code, "bad.tif" in done.err) == (2, True)
        assert not project.exists()
    project.mkdir()
    (project / "notes.txt").write_text("mine")
    assert invoke("new", project, good, bad, "--class", "cell").code == 2
    assert [path.name for path in project.iterdir()] == ["notes.txt"]
