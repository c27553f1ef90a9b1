"""The demo's figure: the whole walk on one page, from clicks to scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import Click, ObjectClass
from napari_synthseg.core.labels import DualImage, InstanceLabels, instances_of
from napari_synthseg.core.patch import Patch
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.predictions import InstancePrediction
from napari_synthseg.core.scores import Scores, metric_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

Points = NDArray[np.float64]
MOST_PATCHES, CAPTION_WIDTH = 32, 66
GAMMA = 0.7
"""Gray images are shown a little brighter than they are, so that dim objects can be seen."""

INK, MUTED, TRUTH = "#1d2733", "#66727f", "#ffffff"


@dataclass(frozen=True, eq=False)
class Walk:
    """All that the figure shows; positions and origins in full-image pixels."""

    title: str
    simulated: bool
    classes: tuple[ObjectClass, ...]
    image: FloatImage
    image_origin: tuple[int, ...]
    clicks: tuple[Click, ...]
    patches: tuple[Patch, ...]
    pairs: tuple[DualImage, ...]
    test_image: FloatImage
    prediction: InstancePrediction
    true_masks: InstanceLabels | None
    true_centers: tuple[Click, ...]
    scores: Scores

    @property
    def origin_word(self) -> str:
        """Where the images come from, for titles."""
        return "simulated" if self.simulated else "real"

    @property
    def colors(self) -> dict[int, str]:
        """Class value -> color."""
        return {c.value: c.color for c in self.classes}


def save_figure(path: Path, walk: Walk) -> None:
    """Draw the walk and save it as PNG, without touching pyplot's state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(17, 9.6), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(walk.title, fontsize=17, fontweight="bold", color=INK)
    clicks, patches, pairs, prediction, scores = _divide(figure, _is_tall(walk.image))
    _draw_clicks(clicks, walk)
    _draw_patches(patches, walk)
    _draw_pairs(pairs, walk)
    _draw_prediction(prediction, walk)
    _draw_scores(scores, walk)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


def _is_tall(image: FloatImage) -> bool:
    height, width = image.shape[-2:]
    return bool(height > 1.4 * width)


def _divide(figure: Figure, tall: bool) -> Sequence[SubFigure]:
    """Divide the page among the five steps, so that tall images get its whole height."""
    if tall:
        left, middle, right = figure.subfigures(
            1, 3, squeeze=False, width_ratios=(1.0, 1.15, 1.35)
        )[0]
        (patches,), (pairs,) = middle.subfigures(2, 1, squeeze=False, height_ratios=(1.0, 1.4))
        (found,), (scores,) = right.subfigures(2, 1, squeeze=False, height_ratios=(1.9, 1.0))
        return left, patches, pairs, found, scores
    (above,), (below,) = figure.subfigures(2, 1, squeeze=False)
    clicks, patches, pairs = above.subfigures(1, 3, squeeze=False)[0]
    found, scores = below.subfigures(1, 2, squeeze=False, width_ratios=(1.9, 1.1))[0]
    return clicks, patches, pairs, found, scores


def _draw_clicks(figure: SubFigure, walk: Walk) -> None:
    axes = _axes(figure, f"1  {walk.origin_word.capitalize()} image, {len(walk.clicks)} clicks")
    _show(axes, walk.image, walk.image_origin)
    for cls in walk.classes:
        points = _positions([c for c in walk.clicks if c.cls == cls.value])
        axes.scatter(
            points[:, 1], points[:, 0], s=26, c=cls.color, edgecolors=INK, linewidths=0.7,
            label=f"{cls.name} ({len(points)})",
        )  # fmt: skip
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), frameon=False, ncols=3)


def _draw_patches(figure: SubFigure, walk: Walk) -> None:
    shown = walk.patches[:: ceil(len(walk.patches) / MOST_PATCHES)] if walk.patches else ()
    axes = _axes(figure, f"2  Patches and the masks found in them ({len(walk.patches)} usable)")
    columns = max(ceil(sqrt(len(shown) * 2.0)), 1)
    for number, patch in enumerate(shown):
        row, column = divmod(number, columns)
        box = (column, column + 0.94, row + 0.94, row)
        axes.imshow(_to_rgb(patch.pixels), extent=box, interpolation="nearest")
        scale = 0.94 / np.array(patch.mask.shape)
        for outline in _outlines(patch.mask):
            y, x = (outline + 0.5).T * scale[:, None]
            axes.plot(column + x, row + y, color=walk.colors[patch.cls], linewidth=1.3)
    axes.set_anchor("N")
    axes.set(xlim=(0, columns), ylim=(max(ceil(len(shown) / columns), 1), 0))


def _draw_pairs(figure: SubFigure, walk: Walk) -> None:
    figure.suptitle("3  Dual images: synthetic, with exact labels", fontsize=12, color=INK)
    grid = figure.subplots(2, max(len(walk.pairs), 1), squeeze=False)
    for (above, below), pair in zip(grid.T, walk.pairs, strict=False):
        _show(above, pair.image)
        labels = instances_of(pair.labels)
        below.imshow(_paint(labels, walk.colors), interpolation="nearest")
        above.set_title(f"pair {pair.index}", fontsize=9, color=MUTED)
        below.set_title(f"{labels.count} objects", fontsize=9, color=MUTED)
    for axes in grid.ravel():
        axes.set_axis_off()
        axes.set_anchor("N")


def _draw_prediction(figure: SubFigure, walk: Walk) -> None:
    found = walk.prediction
    origin = np.array(found.region_origin[-2:])
    figure.suptitle(
        f"4  Held-out {walk.origin_word} image: {len(found.objects)} objects predicted",
        fontsize=12,
        color=INK,
    )
    left, right = figure.subplots(1, 2)
    for axes, title in ((left, "truth"), (right, "prediction, truth in white")):
        axes.set_axis_off()
        axes.set_title(title, fontsize=9, color=MUTED)
        _show(axes, walk.test_image, tuple(origin))
    _draw_truth(left, walk, origin, colored=True)
    for instance, cls in found.as_labels().classes.items():
        for outline in _outlines(found.ids == instance):
            y, x = outline.T + origin[:, None]
            right.fill(x, y, facecolor=walk.colors[cls], alpha=0.45)
            right.plot(x, y, color=walk.colors[cls], linewidth=1.2)
    _draw_truth(right, walk, origin, colored=False)


def _draw_truth(axes: Axes, walk: Walk, origin: Points, *, colored: bool) -> None:
    """Draw true outlines, or true centers where no mask is known."""
    if walk.true_masks is None:
        for click in walk.true_centers:
            color = walk.colors[click.cls] if colored else TRUTH
            axes.plot(
                click.position[-1], click.position[-2], "+", color=color, markersize=8, mew=1.6
            )
        return
    first = walk.classes[0].value
    for instance in np.unique(walk.true_masks.ids[walk.true_masks.ids > 0]):
        cls = walk.true_masks.classes.get(int(instance), first)
        for outline in _outlines(walk.true_masks.ids == instance):
            y, x = outline.T + origin[:, None]
            axes.plot(x, y, color=walk.colors[cls] if colored else TRUTH, linewidth=0.9)


def _draw_scores(figure: SubFigure, walk: Walk) -> None:
    scores = walk.scores
    names = [n for n in scores.values if n in SHOWN_SCORES]
    groups: Mapping[str, Mapping[str, float]] = scores.per_class or {"all": scores.values}
    axes = figure.subplots()
    colors = {c.name: c.color for c in walk.classes}
    height = 0.8 / len(groups)
    for number, (group, values) in enumerate(groups.items()):
        lengths = [values.get(name, 0.0) for name in names]
        places = np.arange(len(names)) + (number - (len(groups) - 1) / 2) * height
        bars = axes.barh(
            places, lengths, height * 0.9, color=colors.get(group, MUTED), edgecolor=INK,
            linewidth=0.5, label=group,
        )  # fmt: skip
        axes.bar_label(bars, fmt="%.3f", padding=3, fontsize=9, color=INK)
    axes.set(
        yticks=range(len(names)),
        yticklabels=[metric_title(n) for n in names],
        xlim=(0, 1.12),
        xticks=[0, 0.5, 1],
    )
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    caption = fill(scores.caption(), CAPTION_WIDTH)
    axes.set_title(f"5  Scores\n{caption}", fontsize=11, color=INK)
    axes.set_xlabel(_count_words(scores), color=INK)
    if len(groups) > 1:
        axes.legend(loc="lower right", frameon=True, fontsize=8)


SHOWN_SCORES = ("f1@0.5", "f1@0.7", "f1@0.8", "dice", "f1", "precision", "recall")


def _count_words(scores: Scores) -> str:
    counted = [f"{n} {int(scores.values[n])}" for n in ("found", "missed", "false")
               if n in scores.values]  # fmt: skip
    if "count_error" in scores.values:
        counted.append(f"count error {scores.values['count_error']:.1%}")
    return "   ".join(counted)


def _axes(figure: SubFigure, title: str) -> Axes:
    axes = figure.subplots()
    axes.set_title(title, fontsize=12, color=INK)
    axes.set_axis_off()
    return axes


def _show(axes: Axes, image: FloatImage, origin: Sequence[int] = (0, 0)) -> None:
    """Show an image in full-image coordinates, pixel centers at whole numbers."""
    rgb = _to_rgb(image)
    top, left = (float(o) - 0.5 for o in origin[-2:])
    extent = (left, left + rgb.shape[1], top + rgb.shape[0], top)
    axes.imshow(rgb, extent=extent, interpolation="nearest")


def _to_rgb(image: FloatImage) -> FloatImage:
    """Return a (channel, y, x) image as (y, x, 3) in 0..1; three channels are taken as RGB."""
    if len(image) == 3:
        return np.clip(np.moveaxis(image, 0, -1), 0.0, 1.0)
    brightened: FloatImage = np.clip(image[0], 0.0, 1.0) ** GAMMA
    return np.repeat(brightened[..., None], 3, axis=-1)


def _paint(labels: InstanceLabels, colors: Mapping[int, str]) -> FloatImage:
    """Return labels as RGB: the class's color, a shade of its own for each instance."""
    from matplotlib.colors import to_rgb

    table = np.full((int(labels.ids.max(initial=0)) + 1, 3), to_rgb(INK))
    for instance, cls in labels.classes.items():
        shade = 0.55 + 0.45 * ((instance * 0.618034) % 1.0)
        table[instance] = np.array(to_rgb(colors[cls])) * shade
    return table[labels.ids].astype(np.float32)


def _outlines(mask: NDArray[np.bool_]) -> list[Points]:
    """Return the outlines of a mask as (point, (y, x)) arrays, pixels."""
    from skimage.measure import find_contours

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return []
    corner = np.array([rows[0], columns[0]])
    cut = np.pad(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32), 1)
    return [outline - 1.0 + corner for outline in find_contours(cut, 0.5)]


def _positions(clicks: Sequence[Click]) -> Points:
    return np.array([c.position[-2:] for c in clicks], np.float64).reshape(-1, 2)
