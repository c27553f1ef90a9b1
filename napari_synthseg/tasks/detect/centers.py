"""Targets and decoding of a map of centers.

For each class there is a map that is 1 at the centers of objects and falls off round them, and
one pair of maps says how large the object is of which a place is the center. The form of
CenterNet (Zhou et al., "Objects as points", 2019). Where users click centers, a center is what is
known best, and neither anchors nor cells have to be matched to it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter
from scipy.special import expit
from torch.nn import functional

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.tasks.detect import DetectRule
from napari_synthseg.tasks.detect.crop_targets import learned_order, open_places, unmarked_places
from napari_synthseg.tasks.detect.grouping import keep_best
from napari_synthseg.training.crop_boxes import ShownBoxes

SIZE_MAPS = 2
"""Maps beside those of the classes: height and width."""

SIGMAS_PER_OBJECT = 8.0
"""Height and width of an object, in standard deviations of its peak."""

MIN_PEAK_FOR_SIZE = 0.5
"""The size of an object is learned where its peak is at least this high."""

UNKNOWN_HEAT = -1.0
"""Stands in a map where nobody knows what is there."""

MAX_SIZE_RATIO = 8.0
"""Largest ratio of the size of an object and the usual size."""


def make_maps(
    found: ShownBoxes,
    shape: tuple[int, ...],
    rule: DetectRule,
    unknown: NDArray[np.bool_] | None = None,
) -> tuple[FloatImage, FloatImage, FloatImage]:
    """Return what a map of centers learns from a crop.

    Parameters
    ----------
    found
        The crop's boxes.
    shape
        Spatial shape of the crop, pixels, multiples of ``rule.stride``.
    rule
        The usual size (its one anchor) and the classes.
    unknown
        True where nobody knows what is there, of that shape.

    Returns
    -------
    heat
        float32 (class, y, x): 1 at centers, falling off; `UNKNOWN_HEAT` where nothing is learned.
    sizes
        float32 (2, y, x): logarithm of height and width over the usual ones.
    weight
        float32 (y, x): how much the size at a place counts.
    """
    rows, columns = (n // rule.stride for n in shape)
    heat = np.zeros((len(rule.class_values), rows, columns), np.float32)
    sizes = np.zeros((SIZE_MAPS, rows, columns), np.float32)
    weight = np.zeros((rows, columns), np.float32)
    heat[:, open_places(found, shape, rule.stride, unknown)] = UNKNOWN_HEAT
    for number in np.flatnonzero(np.isin(rule.class_values, list(found.incomplete))).tolist():
        heat[number, unmarked_places(found, shape, rule.stride)] = UNKNOWN_HEAT
    usual, boxes = rule.sizes[0], found.boxes
    for number in learned_order(found):
        corners = boxes.corners[number] / rule.stride
        index = rule.class_values.index(int(boxes.classes[number]))
        place, peak = _draw_peak(corners, (rows, columns))
        heat[(index, *place)] = np.maximum(heat[(index, *place)], peak)
        near = peak >= MIN_PEAK_FOR_SIZE
        weight[place][near] = peak[near]
        extent = np.maximum(boxes.sizes()[number], 1.0)
        for axis in range(SIZE_MAPS):
            sizes[(axis, *place)][near] = np.log(extent[axis] / usual[axis])
    return heat, sizes, weight


def _draw_peak(
    corners: NDArray[np.float64], shape: tuple[int, int]
) -> tuple[tuple[slice, slice], FloatImage]:
    """Return where the peak of a box lies in a map of a shape, and the peak, 1 in its cell."""
    center = (corners[:2] + corners[2:]) / 2 - 0.5  # of cells, whose centers are whole numbers
    cell = np.clip(np.round(center), 0, np.array(shape) - 1)
    sigma = np.maximum((corners[2:] - corners[:2]) / SIGMAS_PER_OBJECT, 0.5)
    reach = np.ceil(3 * sigma)
    low = np.maximum(cell - reach, 0).astype(int)
    high = np.minimum(cell + reach + 1, shape).astype(int)
    falls = [
        np.exp(-(((np.arange(a, b) - c) / s) ** 2) / 2)
        for a, b, c, s in zip(low, high, cell, sigma, strict=True)
    ]
    place = slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))
    return place, np.outer(*falls).astype(np.float32)


def center_loss(
    output: torch.Tensor, heat: torch.Tensor, sizes: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """Return the error of centers and sizes.

    Places round a center count the less as places without one the nearer they are to it, and
    those that are clear already count little (the focal loss of CenterNet).

    Parameters
    ----------
    output
        (batch, class + `SIZE_MAPS`, y, x).
    heat, sizes, weight
        See `make_maps`, batch first.
    """
    values = output.float()
    logits, extents = values[:, :-SIZE_MAPS], values[:, -SIZE_MAPS:]
    sure, unsure = functional.logsigmoid(logits), functional.logsigmoid(-logits)
    chance = logits.sigmoid()
    center = (heat == 1).float()
    rest = ((heat >= 0) & (heat < 1)).float() * (1 - heat.clamp(0, 1)) ** 4
    number = center.sum().clamp(min=1.0)
    places = -(center * (1 - chance) ** 2 * sure + rest * chance**2 * unsure).sum() / number
    off = functional.smooth_l1_loss(extents, sizes, reduction="none", beta=0.1).sum(dim=1)
    return places + (off * weight).sum() / weight.sum().clamp(min=1.0)


def read_maps(output: FloatImage, rule: DetectRule, least: float = 0.01) -> Boxes:
    """Turn the output for one image into boxes: one at each peak of each class.

    Parameters
    ----------
    output
        (class + `SIZE_MAPS`, y, x).
    rule
        The usual size, and the overlap that is allowed.
    least
        Smallest score of a box that is returned.
    """
    heat = expit(output[:-SIZE_MAPS].astype(np.float64))
    limit = np.log(MAX_SIZE_RATIO)
    extents = rule.sizes[0][:, None, None] * np.exp(np.clip(output[-SIZE_MAPS:], -limit, limit))
    peaks = (heat == maximum_filter(heat, (1, 3, 3))) & (heat >= least)
    index, *cells = np.nonzero(peaks)
    middles = (np.stack(cells, axis=1) + 0.5) * rule.stride
    size = extents[:, cells[0], cells[1]].T
    scores = np.zeros((len(index), len(rule.class_values)))
    scores[np.arange(len(index)), index] = heat[peaks]
    corners = np.hstack([middles - size / 2, middles + size / 2])
    return keep_best(corners, scores, rule.class_values, rule.overlap, least)
