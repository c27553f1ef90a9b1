"""The report on disk: figures for programs, a page for people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_synthseg.io.atomic import replace_file
from napari_synthseg.realism.report import RealismReport
from napari_synthseg.realism.view import View

REPORT_FILE, FIGURE_FILE = "realism.json", "realism.png"


def save_comparison(folder: Path, comparison: Comparison) -> None:
    """Write ``realism.json`` and ``realism.png`` into a folder, which is made if missing."""
    from napari_synthseg.realism.figure import draw_page

    folder.mkdir(parents=True, exist_ok=True)
    text = comparison.report.model_dump_json(indent=1) + "\n"
    replace_file(folder / REPORT_FILE, lambda path: path.write_text(text, encoding="utf-8"))
    page = draw_page(comparison)
    replace_file(folder / FIGURE_FILE, lambda path: page.savefig(path, dpi=130, format="png"))


@dataclass(frozen=True, eq=False)
class Comparison:
    """The report, and the windows that it was measured on, for showing them."""

    report: RealismReport
    real: tuple[View, ...]
    synthetic: tuple[View, ...]
