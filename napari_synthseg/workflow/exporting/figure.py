"""A figure for a talk: an image with what is on it, a scale bar, and a legend."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Generator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef, ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.predictions import (
    FoundObject,
    FoundPoint,
    ImageTagsPrediction,
    InstancePrediction,
    ObjectPrediction,
    Prediction,
    RegionPrediction,
)
from napari_synthseg.core.progress import Progress
from napari_synthseg.io.atomic import replace_file
from napari_synthseg.io.outlines.on_images.tracing import trace_mask
from napari_synthseg.io.result_files import name_targets, refuse_existing
from napari_synthseg.metrics.measurements import pixel_size
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.workflow.exporting.exported import Exported
from napari_synthseg.workflow.exporting.sources import ResultSource

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURE_FORMATS = ("png", "svg", "pdf")

MAX_EDGE_PX = 2400
"""Edge of the picture; of larger images pixels are left out. Outlines stay exact."""

WIDTH_INCHES, DOTS_PER_INCH = 8.0, 300

MAX_VECTORS = 5_000
"""Objects up to which outlines are lines that drawing programs can edit; more become pixels."""

BAR_SHARE = 0.25
"""Largest length of the scale bar, as a share of the image's width."""

REGIONS_OPACITY = 0.45

Color = tuple[float, float, float]


def export_figure(
    out: Path,
    source: ResultSource,
    classes: Sequence[ObjectClass],
    folder: Path,
    format: str,
    overwrite: bool,
    inputs: Collection[Path],
) -> Generator[Progress, None, Exported]:
    """Write a figure for each image: of flat images and of the middle plane of volumes."""
    targets = [path.with_suffix(f".{format}") for path in name_targets(out, source.images)]
    refuse_existing(targets, overwrite, inputs)

    def draw(number: int, found: Prediction) -> Generator[Progress, None, None]:
        yield Progress(0.0, "drawing")
        figure = draw_figure(source.images[number], found, classes, folder)
        targets[number].parent.mkdir(parents=True, exist_ok=True)
        replace_file(targets[number], partial(_save, figure, format))

    yield from source.find_all(draw)
    files = [str(path) for path in targets]
    words = f"{len(files)} figure(s) of {source.name} written to {out}."
    figures = {"images": len(files), "files": files, "notes": list(source.notes)}
    return Exported(figures, " ".join((words, *source.notes)))


def _save(figure: Figure, format: str, path: Path) -> None:
    from matplotlib import rc_context

    with rc_context({"svg.fonttype": "none", "pdf.fonttype": 42}):  # texts that can be edited
        figure.savefig(path, format=format, dpi=DOTS_PER_INCH, bbox_inches="tight", pad_inches=0.05)


def draw_figure(
    ref: ImageRef, found: Prediction, classes: Sequence[ObjectClass], folder: Path
) -> Figure:
    """Draw an image with what was found, without touching pyplot's state."""
    from matplotlib.figure import Figure

    if isinstance(found, ImageTagsPrediction):
        raise InputError(
            "A classifier says which classes an image shows, not where: take its table."
        )
    picture, step = _picture(ref, folder)
    height, width = (n * step for n in picture.shape[:2])
    figure = Figure(figsize=(WIDTH_INCHES, WIDTH_INCHES * height / width), facecolor="white")
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.imshow(
        picture, cmap="gray", vmin=0, vmax=1, extent=(-0.5, width - 0.5, height - 0.5, -0.5),
        interpolation="nearest",
    )  # fmt: skip
    colors = {c.value: c.color for c in classes}
    if isinstance(found, RegionPrediction):
        _draw_regions(axes, found, colors)
    elif isinstance(found, ObjectPrediction):
        _draw_objects(axes, found, colors)
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    _draw_scale_bar(axes, ref, width, height)
    _draw_legend(axes, found, classes)
    return figure


def _picture(ref: ImageRef, folder: Path) -> tuple[NDArray[np.float32], int]:
    """Return an image as shown, (y, x) or (y, x, 3) from 0 to 1, and how many pixels one is of."""
    pixels = open_pixels(ref, folder)
    *depth, height, width = pixels.shape[1:]
    step = max(1, math.ceil(max(height, width) / MAX_EDGE_PX))
    planes = [(depth[0] // 2, depth[0] // 2 + 1)] if depth else []
    rows = max(step, (1 << 24) // max(width, 1) // step * step)
    strips = []
    for top in range(0, height, rows):
        strip = pixels.read((*planes, (top, min(top + rows, height)), (0, width)))
        flat = strip.reshape(len(strip), *strip.shape[-2:])
        strips.append(flat[:, ::step, ::step])
    whole = np.concatenate(strips, axis=1)
    shown = np.stack([_stretched(channel) for channel in whole[:3]])
    if len(shown) == 2:
        shown = np.concatenate([shown, np.zeros_like(shown[:1])])
    return (shown[0] if len(shown) == 1 else np.moveaxis(shown, 0, -1)), step


def _stretched(channel: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = np.nanpercentile(channel, (0.5, 99.8))
    stretched = (channel - low) / max(float(high - low), 1e-9)
    shown: NDArray[np.float32] = np.clip(np.nan_to_num(stretched), 0, 1).astype(np.float32)
    return shown


def _draw_regions(axes: Axes, found: RegionPrediction, colors: dict[int, str]) -> None:
    from matplotlib.colors import to_rgb

    values = found.values if found.values.ndim == 2 else found.values[len(found.values) // 2]
    table = np.zeros((256, 4))
    for value, color in colors.items():
        table[value] = (*to_rgb(color), REGIONS_OPACITY)
    (top, left), (height, width) = found.region_origin[-2:], values.shape
    extent = (left - 0.5, left + width - 0.5, top + height - 0.5, top - 0.5)
    axes.imshow(table[values], extent=extent, interpolation="nearest")


def _draw_objects(axes: Axes, found: ObjectPrediction, colors: dict[int, str]) -> None:
    from matplotlib.collections import LineCollection

    if isinstance(found, InstancePrediction) and len(found.objects) > MAX_VECTORS:
        _draw_borders(axes, found, colors)
        return
    lines: list[NDArray[np.float64]] = []
    line_colors: list[str] = []
    points: list[tuple[float, ...]] = []
    point_colors: list[str] = []
    for thing, rings in _outlines(found):
        color = colors.get(thing.cls, "#ffffff")
        lines += rings
        line_colors += [color] * len(rings)
        if not rings:
            points.append(thing.center[-2:])
            point_colors.append(color)
    width = 1.1 if len(lines) < 500 else 0.6
    drawn = LineCollection(lines, colors=line_colors, linewidths=width)
    axes.add_collection(drawn)
    if points:
        y, x = np.array(points).T
        axes.scatter(x, y, s=12, c=point_colors, linewidths=0)


def _draw_borders(axes: Axes, found: InstancePrediction, colors: dict[int, str]) -> None:
    """Color the pixels of objects beside those of others, which is quick for any number."""
    from matplotlib.colors import to_rgb

    ids = found.ids if found.ids.ndim == 2 else found.ids[len(found.ids) // 2]
    border = np.zeros(ids.shape, bool)
    for axis in (0, 1):
        for step in (1, -1):
            border |= np.roll(ids, step, axis) != ids
    table = np.zeros((int(ids.max(initial=0)) + 1, 4), np.float32)
    for thing in found.objects:
        table[thing.id] = (*to_rgb(colors.get(thing.cls, "#ffffff")), 1.0)
    (top, left), (height, width) = found.region_origin[-2:], ids.shape
    extent = (left - 0.5, left + width - 0.5, top + height - 0.5, top - 0.5)
    axes.imshow(table[np.where(border, ids, 0)], extent=extent, interpolation="nearest")


def _outlines(found: ObjectPrediction) -> list[tuple[FoundPoint, list[NDArray[np.float64]]]]:
    """Return the rings (x, y) round each object, none where only its center is known."""
    shown = []
    boxes = found.as_labels().slices() if isinstance(found, InstancePrediction) else {}
    for thing in found.objects:
        rings: list[NDArray[np.float64]] = []
        if isinstance(found, InstancePrediction):
            box = boxes.get(thing.id)
            if box is None:
                continue
            mask = found.ids[box] == thing.id
            if mask.ndim == 3:
                middle = found.ids.shape[0] // 2 - box[0].start
                if not 0 <= middle < len(mask):
                    continue
                mask = mask[middle]
            origin = found.region_origin[-2:]
            corner = tuple(s.start + o for s, o in zip(box[-2:], origin, strict=True))
            for polygon in trace_mask(mask, (corner[0], corner[1])):
                rings += [ring.astype(float) for ring in polygon.rings]
        elif isinstance(thing, FoundObject):
            (ymin, ymax), (xmin, xmax) = thing.box[-2:]
            rings = [np.array([(ymin, xmin), (ymin, xmax), (ymax, xmax), (ymax, xmin)], float)]
        closed = [np.concatenate([ring, ring[:1]])[:, ::-1] - 0.5 for ring in rings]
        shown.append((thing, closed))
    return shown


def scale_bar_length(width: float) -> float:
    """Return the longest of 1, 2, 5, 10, ... that fits into a quarter of a width."""
    most = BAR_SHARE * width
    power = 10.0 ** math.floor(math.log10(most))
    return max(power * step for step in (1, 2, 5) if power * step <= most)


def _draw_scale_bar(axes: Axes, ref: ImageRef, width: float, height: float) -> None:
    """Draw a bar of a round length, white on black, where the size of a pixel is known."""
    from matplotlib.patches import Rectangle

    sizes, unit = pixel_size(ref)
    if unit == "px":
        return
    length = scale_bar_length(width * sizes[-1])
    pixels, margin = length / sizes[-1], 0.03 * width
    left, bottom = width - margin - pixels, height - margin
    thick = 0.012 * width
    axes.add_patch(
        Rectangle((left, bottom - thick), pixels, thick, facecolor="white", edgecolor="black",
                  linewidth=0.8, zorder=5)
    )  # fmt: skip
    words = f"{length:g} {'µm' if unit == 'um' else unit}"
    axes.text(
        left + pixels / 2, bottom - 1.6 * thick, words, color="white", ha="center", va="bottom",
        fontsize=11, fontweight="bold", zorder=6,
        bbox={"facecolor": "black", "alpha": 0.55, "pad": 2, "linewidth": 0},
    )  # fmt: skip


def _draw_legend(axes: Axes, found: Prediction, classes: Sequence[ObjectClass]) -> None:
    """Name the classes, each with how much of it there is."""
    from matplotlib.patches import Patch

    amounts: dict[int, str] = {}
    if isinstance(found, RegionPrediction):
        total = max(found.values.size, 1)
        amounts = {c.value: f"{found.pixel_counts[c.value] / total:.1%}" for c in classes}
    elif isinstance(found, ObjectPrediction):
        counts = Counter(thing.cls for thing in found.objects)
        amounts = {c.value: f"{counts[c.value]:,}" for c in classes}
    handles = [
        Patch(facecolor=c.color, edgecolor=c.color, label=f"{c.name}: {amounts[c.value]}")
        for c in classes
        if c.value in amounts
    ]
    if handles:
        axes.legend(
            handles=handles, loc="upper left", fontsize=10, framealpha=0.6, facecolor="black",
            edgecolor="none", labelcolor="white", handlelength=1.2, handleheight=1.0,
        )  # fmt: skip
