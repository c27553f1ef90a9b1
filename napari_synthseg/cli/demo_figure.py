"""The demo's figure: the whole walk on one page, from clicks to scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import Click, ImageRef
from napari_synthseg.core.labels import DualImage, InstanceLabels, instances_of
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.pixels import FloatImage, PixelSource
from napari_synthseg.core.predictions import InstancePrediction
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.scores import Scores, metric_title
from napari_synthseg.sample_data import Sample
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.workflow.truths import read_true_masks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

MAX_PATCHES, PATCHES_PER_ROW = 32, 8
MAX_CAPTION_LETTERS = 66
GRAY_GAMMA = 0.7
"""Gray images are shown a little brighter than they are, so that dim objects can be seen."""

INK, MUTED, TRUTH = "#1d2733", "#66727f", "#ffffff"

DRAWN_SCORES = ("f1@0.5", "f1@0.7", "f1@0.8", "dice", "f1", "precision", "recall")


@dataclass(frozen=True, eq=False)
class DemoWalk:
    """A sample, the project made of it in a folder, and what each step of the walk made."""

    sample: Sample
    project: Project
    folder: Path
    library: PatchLibrary
    pairs: Sequence[DualImage]
    run: TrainingRun
    predictions: Sequence[InstancePrediction]
    scores: Scores

    @property
    def colors(self) -> dict[int, str]:
        """Class value -> color."""
        return {c.value: c.color for c in self.project.classes}

    @property
    def clicked(self) -> ImageRef:
        """The first clicked image that was trained on."""
        refs = (i for i in self.project.images if i.role == "train")
        return next(ref for ref in refs if self.project.clicks_on(ref))

    @property
    def held_out(self) -> ImageRef:
        """The first image that was predicted."""
        return self.project.image(self.predictions[0].image)


def save_figure(path: Path, walk: DemoWalk) -> None:
    """Draw the walk and save it as PNG, without touching pyplot's state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(17, 9.6), facecolor="white", layout="constrained")
    figure.suptitle(walk.sample.title, fontsize=17, fontweight="bold", color=INK)
    (above,), (below,) = figure.subfigures(2, 1, squeeze=False)
    ((clicks, patches, pairs),) = above.subfigures(1, 3, squeeze=False)
    ((prediction, scores),) = below.subfigures(1, 2, squeeze=False, width_ratios=(1.9, 1.1))
    origin = "simulated" if walk.sample.simulated else "real"
    _draw_clicks(clicks, walk, f"1  {origin.capitalize()} image")
    _draw_patches(patches, walk)
    _draw_pairs(pairs, walk)
    _draw_prediction(prediction, walk, f"4  Held-out {origin} image")
    _draw_scores(scores, walk)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


def _draw_clicks(figure: SubFigure, walk: DemoWalk, title: str) -> None:
    clicks, pixels = walk.project.clicks_on(walk.clicked), open_pixels(walk.clicked, walk.folder)
    figure.suptitle(f"{title}, {len(clicks)} clicks", color=INK)
    axes = figure.subplots()
    _show(axes, _to_rgb(pixels.read()))
    for cls in walk.project.classes:
        y, x = _positions([c for c in clicks if c.cls == cls.value], pixels).T
        label = f"{cls.name} ({len(x)})"
        axes.scatter(x, y, s=26, c=cls.color, edgecolors=INK, linewidths=0.7, label=label)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), frameon=False, ncols=3)


def _draw_patches(figure: SubFigure, walk: DemoWalk) -> None:
    patches = walk.library.usable()
    figure.suptitle(f"2  Patches and the masks found in them ({len(patches)} usable)", color=INK)
    shown = patches[:: ceil(len(patches) / MAX_PATCHES) or 1]
    rows = ceil(len(shown) / PATCHES_PER_ROW) or 1
    grid = figure.subplots(rows, PATCHES_PER_ROW, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, patch in zip(grid.flat, shown, strict=False):
        mask = InstanceLabels(patch.mask.astype(np.int32), {1: patch.cls})
        _show(axes, _outlined(_to_rgb(patch.pixels), mask, walk.colors))


def _draw_pairs(figure: SubFigure, walk: DemoWalk) -> None:
    figure.suptitle("3  Dual images: synthetic, with exact labels", color=INK)
    grid = figure.subplots(2, len(walk.pairs), squeeze=False)
    for (above, below), pair in zip(grid.T, walk.pairs, strict=True):
        labels = instances_of(pair.labels)
        _show(above, _to_rgb(pair.image), f"pair {pair.index}")
        _show(below, _painted(labels, walk.colors), f"{labels.count} objects")


def _draw_prediction(figure: SubFigure, walk: DemoWalk, title: str) -> None:
    """Draw true outlines, or true centers where no mask is known, and what was predicted."""
    found, pixels = walk.predictions[0].as_labels(), open_pixels(walk.held_out, walk.folder)
    figure.suptitle(f"{title}: {found.count} objects predicted", color=INK)
    left, right = figure.subplots(1, 2)
    true = rgb = _to_rgb(pixels.read())
    filled = np.where(
        found.ids[..., None] > 0, 0.55 * rgb + 0.45 * _painted(found, walk.colors), rgb
    )
    predicted = _outlined(filled, found, walk.colors)
    truth = read_true_masks(walk.project, walk.folder, walk.held_out).result()
    if truth is not None:
        masks = instances_of(truth)
        true = _outlined(rgb, masks, walk.colors)
        predicted = _outlined(predicted, masks, dict.fromkeys(walk.colors, TRUTH))
    _show(left, true, "truth")
    _show(right, predicted, "prediction, truth in white")
    if truth is None and (clicks := walk.project.clicks_on(walk.held_out)):
        y, x = _positions(clicks, pixels).T
        left.scatter(x, y, marker="+", c=[walk.colors[c.cls] for c in clicks])
        right.scatter(x, y, marker="+", c=TRUTH)


def _draw_scores(figure: SubFigure, walk: DemoWalk) -> None:
    scores = walk.scores
    names = [n for n in scores.values if n in DRAWN_SCORES]
    groups: Mapping[str, Mapping[str, float]] = scores.per_class or {"all": scores.values}
    colors = {c.name: c.color for c in walk.project.classes}
    height = 0.8 / len(groups)
    axes = figure.subplots()
    for number, (group, values) in enumerate(groups.items()):
        bars = axes.barh(
            np.arange(len(names)) + (number - (len(groups) - 1) / 2) * height,
            [values.get(name, 0.0) for name in names],
            height * 0.9,
            color=colors.get(group, MUTED),
            label=group,
        )
        axes.bar_label(bars, fmt="%.3f", padding=3, fontsize=9, color=INK)
    axes.set_yticks(range(len(names)), [metric_title(n) for n in names])
    axes.set(xlim=(0, 1.12), xticks=[0, 0.5, 1])
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    caption = fill(scores.caption(), MAX_CAPTION_LETTERS)
    axes.set_title(f"5  Scores\n{caption}", fontsize=11, color=INK)
    axes.set_xlabel(_count_words(scores), color=INK)
    if len(groups) > 1:
        axes.legend(loc="lower right", fontsize=8)


def _count_words(scores: Scores) -> str:
    counts = ("found", "missed", "false")
    words = [f"{n} {int(scores.values[n])}" for n in counts if n in scores.values]
    if "count_error" in scores.values:
        words.append(f"count error {scores.values['count_error']:.1%}")
    return "   ".join(words)


def _show(axes: Axes, rgb: FloatImage, title: str = "") -> None:
    axes.imshow(rgb, interpolation="nearest")
    axes.set_title(title, fontsize=9, color=MUTED)
    axes.set_axis_off()


def _to_rgb(image: FloatImage) -> FloatImage:
    """Return a (channel, y, x) image as (y, x, 3) in 0..1; three channels are taken as RGB."""
    if len(image) == 3:
        return np.clip(np.moveaxis(image, 0, -1), 0.0, 1.0)
    brightened: FloatImage = np.clip(image[0], 0.0, 1.0) ** GRAY_GAMMA
    return np.repeat(brightened[..., None], 3, axis=-1)


def _painted(labels: InstanceLabels, colors: Mapping[int, str]) -> FloatImage:
    """Return labels as RGB: the class's color, a shade of its own for each instance."""
    from matplotlib.colors import to_rgb

    table = np.full((int(labels.ids.max(initial=0)) + 1, 3), to_rgb(INK), np.float32)
    for instance, cls in labels.classes.items():
        shade = 0.55 + 0.45 * ((instance * 0.618034) % 1.0)
        table[instance] = np.array(to_rgb(colors[cls])) * shade
    return table[labels.ids]


def _outlined(rgb: FloatImage, labels: InstanceLabels, colors: Mapping[int, str]) -> FloatImage:
    """Return an RGB image with the outlines of the instances in the colors of their classes."""
    from matplotlib.colors import to_rgb
    from skimage.segmentation import mark_boundaries

    for value, color in colors.items():
        mine = [instance for instance, cls in labels.classes.items() if cls == value]
        ids = np.where(np.isin(labels.ids, mine), labels.ids, 0)
        rgb = mark_boundaries(rgb, ids, color=to_rgb(color), mode="inner")
    return rgb


def _positions(clicks: Sequence[Click], pixels: PixelSource) -> NDArray[np.float64]:
    """Return the (y, x) of clicks in the part of the image that is read, shape (click, 2)."""
    origin = [start for start, _ in pixels.region]
    return np.array([c.position for c in clicks], np.float64).reshape(-1, 2) - origin
