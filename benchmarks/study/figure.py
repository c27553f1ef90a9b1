"""The figure of a study: a point for each unit, a bar at the median of each arm."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from benchmarks.study.summary import ArmSummary
from napari_synthseg.core.scores import metric_title
from napari_synthseg.io.atomic import replace_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIGURE = "figure.png"
SHOWN: dict[str, tuple[str, ...]] = {
    "segment": ("f1@0.5", "f1@0.7", "f1@0.8"),
    "semantic": ("present_miou_per_image", "miou", "boundary_f1"),
    "detect": ("f1@0.5", "ap@0.5", "ap@0.5:0.95"),
    "classify": ("ap", "pointing", "energy"),
}
"""Task -> the figures that are drawn and compared."""

INK, MUTED, BAR = "#1d2733", "#66727f", "#d5422b"
SEED_COLORS = ("#33bbee", "#ffb000", "#44aa55", "#bb88ff", "#ee3377", "#ee7733")
MARKERS = "osD^vP"


def save_figure(
    out: Path, title: str, caption: str, arms: Sequence[ArmSummary], task: str = "segment"
) -> Path:
    """Draw the arms and save ``figure.png``; `caption` says what was measured on."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = 2.3 + 0.42 * len(arms)
    figure = Figure(figsize=(12, height), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(fill(title, 90), fontsize=14, fontweight="bold", color=INK)
    draws = sorted({(r.seed, r.image_seed) for arm in arms for r in arm.records})
    metrics = SHOWN[task]
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        _draw_metric(axes, metric, arms, draws)
    panels[0].set_yticks(range(len(arms)), [f"{a.name} (n={len(a.records)})" for a in arms])
    panels[0].set_ylim(len(arms) - 0.5, -0.5)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=9)
    figure.supxlabel(fill(caption, 120), fontsize=9, color=MUTED)
    path = out / FIGURE
    replace_file(path, lambda partial: figure.savefig(partial, dpi=130, format="png"))
    return path


def _draw_metric(
    axes: Axes, metric: str, arms: Sequence[ArmSummary], draws: Sequence[tuple[int, int]]
) -> None:
    for number, draw in enumerate(draws):
        offset = (number - (len(draws) - 1) / 2) * min(0.14, 0.5 / len(draws))
        points = [
            (record.values[metric], place + offset)
            for place, arm in enumerate(arms)
            for record in arm.records
            if (record.seed, record.image_seed) == draw and metric in record.values
        ]
        axes.scatter(
            [x for x, _ in points], [y for _, y in points], s=34, edgecolors=INK, linewidths=0.6,
            color=SEED_COLORS[number % len(SEED_COLORS)], marker=MARKERS[number % len(MARKERS)],
            label=f"seed {draw[0]}, images {draw[1]}", zorder=3,
        )  # fmt: skip
    for place, arm in enumerate(arms):
        if spread := arm.spread(metric):
            axes.plot(
                [spread.median] * 2, [place - 0.33, place + 0.33], color=BAR, linewidth=2.2,
                label="median" if place == 0 else None, zorder=2,
            )  # fmt: skip
            axes.annotate(
                f"{spread.median:.3f}", (1.0, place), xycoords=("axes fraction", "data"),
                xytext=(-3, 0), textcoords="offset points", ha="right", va="center",
                fontsize=9, color=INK, zorder=4,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.8},
            )  # fmt: skip
    axes.set_title(metric_title(metric), fontsize=11, color=INK)
    axes.grid(axis="x", color="#e3e6ea", zorder=0)
    axes.margins(x=0.12)
    axes.locator_params(axis="x", nbins=5)
    low, high = axes.get_xlim()
    axes.set_xlim(low, high + 0.28 * (high - low))  # room for the medians' numbers
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK)
