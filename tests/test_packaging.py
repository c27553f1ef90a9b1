"""The plugin is found by napari: from the working tree and from a built wheel."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
from collections import Counter
from pathlib import Path
from zipfile import ZipFile

import pytest
from npe2 import PluginManager, PluginManifest

import napari_synthseg

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


MOST_MB = 8.0
"""The wheel, megabytes: weights, and pictures of the help, about half each."""


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build source archive, and the wheel from it, with the build tools of this environment."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (built,) = dist.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def sdist(dist: Path) -> Path:
    (built,) = dist.glob("*.tar.gz")
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


def test_links_of_the_readme_lead_somewhere_on_a_package_index(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        readme = archive.read(name).decode().split("\n\n", 1)[1]
    targets = re.findall(r"\]\(([^)]+)\)", readme)
    assert len(targets) > 30
    assert not [target for target in targets if not target.startswith(("https://", "#"))]
    source = "https://github.com/napari-synthseg/napari-synthseg"
    assert f"]({source}/raw/main/docs/walk.gif)" in readme
    assert f"[Install]({source}/blob/main/docs/how-to/install.md)" in readme


def test_constraints_pin_whole_versions_of_one_torch() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.match(r"[A-Za-z0-9_.-]+==[0-9][0-9a-z.]*( *;.*)?$", pin) for pin in pins)
    assert "torch==2.13.0" in pins  # a "+cpu" suffix would shut out every other machine


@pytest.mark.parametrize("binding", ["PyQt5", "PyQt6"])
def test_constraints_pin_each_qt_binding_with_the_qt_it_was_built_for(binding: str) -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(rf"^({binding}\S*)==(\d+\.\d+)", text, re.MULTILINE))
    qt = f"{binding}-Qt{binding[-1]}"
    assert pins.keys() == {binding, qt, f"{binding}_sip"}
    assert pins[binding] == pins[qt]  # a binding does not load with an older Qt


def test_wheel_runs_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    # what it needs is borrowed from this environment: only the wheel itself is tried
    fresh = tmp_path / "fresh"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", fresh], check=True)
    site = min(fresh.rglob("site-packages"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", site, wheel], check=True, capture_output=True)
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    (site / "borrowed.pth").write_text("\n".join(borrowed))
    binaries = fresh / ("Scripts" if os.name == "nt" else "bin")
    program = (
        "import sys, napari_synthseg; print(napari_synthseg.__file__)\n"
        "from napari_synthseg.cli import main; sys.argv[1:] = ['--version']; main()"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [binaries / "python", "-c", program],
        cwd=tmp_path, env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    where, version = done.stdout.splitlines()
    assert Path(where).resolve().is_relative_to(site.resolve())
    assert version == f"napari-synthseg {napari_synthseg.__version__}"


def test_wheel_is_small_and_says_what_is_in_it(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        infos = archive.infolist()
    sizes: Counter[str] = Counter()
    for info in infos:
        sizes[Path(info.filename).suffix or Path(info.filename).name] += info.compress_size
    megabytes = wheel.stat().st_size / 1e6
    print(f"{wheel.name}: {megabytes:.2f} MB, {len(infos)} files, of which (kB, packed)")
    print(*(f"  {suffix}: {size / 1e3:.0f}" for suffix, size in sizes.most_common(8)), sep="\n")
    assert megabytes < MOST_MB
    held = {info.filename for info in infos}
    for name in ("napari.yaml", "py.typed", "networks/weights/click_net.safetensors"):
        assert f"napari_synthseg/{name}" in held
    assert not [name for name in held if name.endswith((".pyc", ".pt", ".npz", ".gif"))]


def test_source_archive_holds_what_it_takes_to_test_and_document_it(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    wanted = {
        "pyproject.toml", "constraints.txt", "noxfile.py", "mkdocs.yml", "LICENSE", "README.md",
        "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "napari.yaml", "docs/index.md",
        "tests/conftest.py", "tests/data/old_project.synthseg/project.db", "hatch_build.py",
        "conda/recipe.yaml", "pretraining/train.py",
    }  # fmt: skip
    assert wanted <= names
    print(f"{sdist.name}: {sdist.stat().st_size / 1e6:.2f} MB, {len(names)} files")
    assert not [name for name in names if name.startswith((".git/", ".nox/", "site/"))]


def test_version_is_the_same_everywhere() -> None:
    version = napari_synthseg.__version__
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.MULTILINE)
    assert cited and cited[1] == version
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    released = re.findall(r"^## \[(\d[^]]*)\]", changelog, re.MULTILINE)
    assert released[0] == version
    assert f"version: {version}" in (ROOT / "conda" / "recipe.yaml").read_text("utf-8")


def test_conda_recipe_asks_for_what_the_package_asks_for() -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    other_names = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
    split = (re.match(r"([\w.-]+)(.*)", line).groups() for line in asked)
    wanted = {f"{other_names.get(name, name)} {bound}".strip() for name, bound in split}
    recipe = (ROOT / "conda" / "recipe.yaml").read_text("utf-8")
    run = recipe.split("\n  run:\n", 1)[1].split("\n\n", 1)[0]
    listed = {line.strip(" -") for line in run.splitlines()}
    assert listed - wanted == {"python >=${{ python_min }}"}
    assert wanted <= listed


def test_the_address_of_the_repository_is_the_same_everywhere() -> None:
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    for name in ("CITATION.cff", "mkdocs.yml", "conda/recipe.yaml", "docs/how-to/install.md"):
        assert urls["Source"] in (ROOT / name).read_text("utf-8"), name
