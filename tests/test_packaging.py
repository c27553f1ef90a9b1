"""The plugin is found by napari: from the working tree and from a built wheel."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from npe2 import PluginManager, PluginManifest

ROOT = Path(__file__).parents[1]
NAME = "napari-synthseg"

FIND = f"""
import json
from importlib.metadata import distribution
from npe2 import PluginManager
manager = PluginManager()
manager.discover()
manifest = manager.get_manifest("{NAME}")
print(json.dumps({{
    "where": str(distribution("{NAME}").locate_file("")),
    "samples": [s.key for s in manifest.contributions.sample_data],
    "scripts": [e.name for e in distribution("{NAME}").entry_points],
}}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel once, with the build tools of this environment."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_root_manifest_equals_the_packaged_one() -> None:
    packaged = (ROOT / "napari_synthseg" / "napari.yaml").read_bytes()
    assert (ROOT / "napari.yaml").read_bytes() == packaged


def test_npe2_finds_the_plugin_in_this_environment() -> None:
    manager = PluginManager()
    manager.discover()
    manifest = manager.get_manifest(NAME)
    assert manifest.display_name == "SynthSeg"
    assert [w.command for w in manifest.contributions.widgets or ()] == [f"{NAME}.panel"]


def test_every_command_of_the_manifest_can_be_imported() -> None:
    manifest = PluginManifest.from_file(ROOT / "napari.yaml")
    manifest.validate_imports()


def test_npe2_finds_the_plugin_in_a_built_wheel(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
         "--target", target, wheel],
        check=True,
        capture_output=True,
    )  # fmt: skip
    found = subprocess.run(
        [sys.executable, "-c", FIND],
        env={**os.environ, "PYTHONPATH": str(target)},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    facts = json.loads(found.stdout.splitlines()[-1])
    assert Path(facts["where"]).resolve() == target.resolve()
    assert facts["samples"] == ["nuclei", "tissue", "sediment"]
    assert set(facts["scripts"]) == {NAME}


def test_wheel_holds_the_package_and_nothing_beside_it(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"napari_synthseg"}
    code = [name for name in names if name.endswith(".py")]
    assert not [name for name in code if "/study" in name or "benchmarks" in name]


def test_wheel_holds_the_pages_that_the_panel_shows_as_help(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    page = ROOT / "docs" / "tutorial" / "first-model.md"
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    needed = {(page.parent / link).resolve().relative_to(ROOT) for link in links}
    assert len(needed) > 5
    wanted = {f"napari_synthseg/{path.as_posix()}" for path in (*needed, page.relative_to(ROOT))}
    assert wanted <= names


def test_no_qt_binding_is_a_hard_dependency(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        metadata = archive.read(name).decode()
    required = re.findall(r"^Requires-Dist: (.+)$", metadata, re.MULTILINE)
    hard = [line.lower() for line in required if "extra ==" not in line]
    assert hard
    assert not [line for line in hard if re.match(r"(pyqt|pyside)\d|napari\[", line)]


def test_constraints_pin_whole_versions_of_one_torch() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.match(r"[A-Za-z0-9_.-]+==[0-9][0-9a-z.]*( *;.*)?$", pin) for pin in pins)
    assert "torch==2.13.0" in pins  # a "+cpu" suffix would shut out every other machine
