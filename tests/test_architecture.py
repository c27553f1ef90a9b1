"""The rules of the house: layers, file length, and what an import may load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "napari_synthseg").rglob("*.py"))
LONGEST_FILE = 400
SLOW = {"torch", "monai", "lightning_fabric", "qtpy", "PyQt5", "PyQt6", "PySide6", "napari"}


def test_layers_point_one_way(capsys: pytest.CaptureFixture[str]) -> None:
    config = str(ROOT / "pyproject.toml")
    status = lint_imports(config_filename=config, no_cache=True, no_logo=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_outgrows_one_idea(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_FILE, f"{path.name} has {lines} lines: split it by idea"


@pytest.mark.parametrize(
    "module", ["napari_synthseg", "napari_synthseg.session", "napari_synthseg.cli"]
)
def test_import_loads_no_torch_qt_or_napari(module: str) -> None:
    program = f"import sys, {module}; print(*sorted(m for m in {SLOW!r} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == []
