"""The rules of the house: layers, size of folders, and what an import may load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "napari_synthseg").rglob("*.py"))
MOST_FILES = 18
SLOW = {"torch", "monai", "lightning_fabric", "qtpy", "PyQt5", "PyQt6", "PySide6", "napari"}


def test_layers_point_one_way(capsys: pytest.CaptureFixture[str]) -> None:
    config = str(ROOT / "pyproject.toml")
    status = lint_imports(config_filename=config, no_cache=True, no_logo=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_no_folder_holds_more_than_eighteen_files() -> None:
    folders = {path.parent for path in SOURCES}
    counts = {str(f.relative_to(ROOT)): len(list(f.glob("*.py"))) for f in folders}
    assert {name: n for name, n in counts.items() if n > MOST_FILES} == {}


@pytest.mark.parametrize(
    "module", ["napari_synthseg", "napari_synthseg.workflow.session", "napari_synthseg.cli"]
)
def test_import_loads_no_torch_qt_or_napari(module: str) -> None:
    program = f"import sys, {module}; print(*sorted(m for m in {SLOW!r} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == []
