"""The realism report in files: figures for programs, and one page for people.

The page shows crops side by side, curves one over the other, and the table.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.io.atomic import replace_file, write_text
from napari_synthseg.realism.report import HEADER, Measure, RealismReport, TwoSampleTest, rows_of
from napari_synthseg.realism.view import FieldView

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

REPORT_FILE, FIGURE_FILE = "realism.json", "realism.png"

INK, MUTED, GRID = "#1d2733", "#66727f", "#e3e6ea"
REAL, SYNTHETIC = "#1f6fb4", "#e07b1a"
VERDICTS = {
    "alike": "#1f7a3a",
    "not certain": MUTED,
    "a little different": "#9a6a00",
    "clearly different": "#b3261e",
}
CROPS_SHOWN, PANEL_COLUMNS, MAX_CURVES, MAX_TABLE_ROWS = 4, 6, 11, 18


@dataclass(frozen=True, eq=False)
class Comparison:
    """The report, and the windows that it was measured on."""

    report: RealismReport
    real: tuple[FieldView, ...]
    synthetic: tuple[FieldView, ...]


def save_comparison(folder: Path, comparison: Comparison) -> None:
    """Write ``realism.json`` and ``realism.png`` into a folder, which is made if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    text = comparison.report.model_dump_json(indent=1, by_alias=True) + "\n"
    write_text(folder / REPORT_FILE, text)
    page = draw_page(comparison)
    replace_file(folder / FIGURE_FILE, lambda path: page.savefig(path, dpi=130, format="png"))


def draw_page(comparison: Comparison, *, words: bool = True) -> Figure:
    """Draw a comparison, without touching pyplot's state.

    Without `words`, the table and the caption are left out, for showing them in another way.
    """
    from matplotlib.figure import Figure

    report = comparison.report
    figure = Figure(figsize=(16, 10.6), facecolor="white", layout="constrained")
    figure.suptitle("Real vs. synthetic", fontsize=17, fontweight="bold", color=INK)
    (above,), (below,) = figure.subfigures(2, 1, squeeze=False, height_ratios=(1.15, 1.0))
    if words:
        crops, figures = above.subfigures(1, 2, squeeze=False, width_ratios=(1.0, 1.0))[0]
        _draw_table(figures, report)
        _draw_crops(crops, comparison, CROPS_SHOWN)
        notes = " ".join((report.caption() + ".", *report.notes))
        figure.supxlabel(fill(notes[0].upper() + notes[1:], 190), fontsize=9, color=MUTED)
    else:
        _draw_crops(above, comparison, 2 * CROPS_SHOWN)
    _draw_curves(below, report)
    return figure


def draw_png(comparison: Comparison) -> bytes:
    """Return the page without words as a PNG file in memory."""
    page, file = draw_page(comparison, words=False), io.BytesIO()
    page.savefig(file, dpi=100, format="png")
    return file.getvalue()


def _draw_crops(figure: SubFigure, comparison: Comparison, count: int) -> None:
    """Show windows of both sides on one scale of intensity."""
    real, synthetic = (_spread_out(v, count) for v in (comparison.real, comparison.synthetic))
    planes = [[_plane(v) for v in side] for side in (real, synthetic)]
    pixels = np.concatenate([p.reshape(len(p), -1) for p in planes[0]], axis=1)
    low, high = np.percentile(pixels, (0.5, 99.8), axis=1)
    grid = figure.subplots(2, count, squeeze=False)
    word = "simulated" if comparison.report.simulated else "real"
    titles = ((word, REAL), ("synthetic", SYNTHETIC))
    for axes_row, row, (title, color) in zip(grid, planes, titles, strict=True):
        for number, axes in enumerate(axes_row):
            axes.set_axis_off()
            if number < len(row):
                axes.imshow(_to_rgb(row[number], low, high), interpolation="nearest")
        axes_row[0].set_title(title, fontsize=12, fontweight="bold", color=color, loc="left")
    figure.supxlabel("the same scale of intensity everywhere", fontsize=9, color=MUTED)


def _spread_out(views: Sequence[FieldView], count: int) -> list[FieldView]:
    chosen = np.unique(np.linspace(0, len(views) - 1, count).round().astype(int))
    return [views[i] for i in chosen]


def _plane(view: FieldView) -> FloatImage:
    """Return a (channel, y, x) image; of a volume its middle plane."""
    return view.image if view.image.ndim == 3 else view.image[:, view.shape[0] // 2]


def _to_rgb(plane: FloatImage, low: NDArray[np.floating], high: NDArray[np.floating]) -> FloatImage:
    """Return (y, x, 3) in 0..1: one channel gray, two magenta and green, else the first three."""
    if len(plane) == 3:  # the colors of an RGB image keep their relation
        low, high = np.full_like(low, low.min()), np.full_like(high, high.max())
    room = np.maximum(high - low, 1e-6)[:, None, None]
    scaled = np.clip((plane - low[:, None, None]) / room, 0, 1)
    if len(scaled) < 3:
        scaled = scaled[[0, -1, 0]]
    return np.moveaxis(scaled[:3], 0, -1).astype(np.float32)


def _draw_table(figure: SubFigure, report: RealismReport) -> None:
    from matplotlib.transforms import Bbox

    axes = figure.subplots()
    axes.set_axis_off()
    rows = rows_of(report, most=MAX_TABLE_ROWS)
    drawn = axes.table(
        cellText=[list(r.cells) for r in rows], colLabels=list(HEADER), loc="center",
        cellLoc="left", colWidths=(0.33, 0.2, 0.26, 0.21), edges="horizontal",
        bbox=Bbox.from_bounds(0, 0.07, 1, 0.93),
    )  # fmt: skip
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(9)
    for (row, column), cell in drawn.get_celld().items():
        cell.set_edgecolor(GRID)
        cell.get_text().set_color(INK)
        if row == 0:
            cell.get_text().set_fontweight("bold")
        elif column == 3:
            cell.get_text().set_color(VERDICTS.get(rows[row - 1].cells[3], INK))
    axes.text(
        0, 0.0, "Distances: how far values must be moved, in standard deviations of real ones; "
        "smaller is better.\nClassifier: share of crops labeled correctly; closer to 50 %, "
        "which is chance, is better. In brackets: 95 %.",
        fontsize=8.5, color=MUTED, transform=axes.transAxes, va="center",
    )  # fmt: skip


def _draw_curves(figure: SubFigure, report: RealismReport) -> None:
    measures = _one_per_quantity(report.measures)[:MAX_CURVES]
    cells = len(measures) + (report.two_sample_test is not None)
    rows = max(1, -(-cells // PANEL_COLUMNS))
    panels = figure.subplots(rows, PANEL_COLUMNS, squeeze=False).ravel()
    for axes, measure in zip(panels, measures, strict=False):
        _draw_curve(axes, measure, report.label(measure))
    if report.two_sample_test is not None:
        _draw_classifier(panels[len(measures)], report.two_sample_test)
    for axes in panels[cells:]:
        axes.set_axis_off()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2, frameon=False, fontsize=10)


def _one_per_quantity(measures: Sequence[Measure]) -> list[Measure]:
    """Return of each quantity the channel that differs most."""
    worst: dict[str, Measure] = {}
    for m in measures:
        if m.name not in worst or m.distance > worst[m.name].distance:
            worst[m.name] = m
    return list(worst.values())


def _draw_curve(axes: Axes, measure: Measure, title: str) -> None:
    places, curve = np.array(measure.curve.places), measure.curve
    for values, color, label in (
        (curve.real, REAL, "real"), (curve.synthetic, SYNTHETIC, "synthetic"),
    ):  # fmt: skip
        axes.plot(places, values, color=color, linewidth=1.6, label=label)
        if measure.distance_unit != "dB":
            axes.fill_between(places, values, color=color, alpha=0.12, linewidth=0)
    axes.set_title(title, fontsize=10, color=INK)
    spectrum = measure.distance_unit == "dB"
    axes.set_xlabel(
        "cycles per pixel (height in dB)" if spectrum else measure.unit, fontsize=8, color=MUTED
    )
    if not spectrum:
        axes.set_ylim(bottom=0)
        axes.set_yticks([])
    unit = " dB" if spectrum else ""
    axes.text(
        0.97, 0.95, f"{measure.distance:.2f}{unit}", transform=axes.transAxes, ha="right", va="top",
        fontsize=10, fontweight="bold", color=VERDICTS[measure.verdict],
    )  # fmt: skip
    _tidy(axes)


def _draw_classifier(axes: Axes, test: TwoSampleTest) -> None:
    """Draw the accuracies with their intervals, and where chance is."""
    bars = [("all clues", test.accuracy, SYNTHETIC)]
    bars += [(name, accuracy, "#f0b27a") for name, accuracy in test.clues.items()]
    if test.floor is not None:
        bars.append(("real halves", test.floor, "#7fb2dc"))
    for place, (name, a, color) in enumerate(bars):
        reach = [[a.value - a.low], [a.high - a.value]]
        axes.barh(place, a.value, color=color, height=0.8)
        axes.errorbar(a.value, place + 0.22, xerr=reach, color=INK, capsize=2, linewidth=1)
        axes.text(0.02, place - 0.14, name, va="center", fontsize=9, color=INK)
    axes.axvline(0.5, color=INK, linewidth=1, linestyle="--")
    axes.set(yticks=[], xlim=(0, 1))
    axes.invert_yaxis()
    axes.set_title("classifier's accuracy", fontsize=10, color=INK)
    axes.set_xlabel("dashed: chance", fontsize=8, color=MUTED)
    _tidy(axes)


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=8)
    axes.locator_params(axis="x", nbins=5)
