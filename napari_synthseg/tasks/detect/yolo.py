"""Targets and decoding of a grid detector.

Each cell has a few *anchors*, boxes of typical sizes. A true box belongs to the cell of its middle
and to the anchor of the most similar size; that anchor's outputs say where in the cell the middle
lies, how much larger or smaller than the anchor the box is, that an object is there, and of which
class.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch.nn import functional

from napari_synthseg.core.boxes import Boxes, measure_box_iou
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.tasks.detect import DetectRule
from napari_synthseg.tasks.detect.crop_targets import learned_order, open_places, unmarked_places
from napari_synthseg.tasks.detect.grouping import keep_best, overlap_sizes
from napari_synthseg.training.crop_boxes import Floats, ShownBoxes

FIELDS = 5
"""Outputs of an anchor beside those of the classes: y, x, height, width, object."""

IGNORED_ANCHOR_IOU = 0.6
"""An anchor with at least this overlap with a true box is not taught that no object is there."""

MAX_SIZE_RATIO = 8.0
"""Largest ratio of the size of a box and its anchor."""

EMPTY, OPEN = -1, -2
"""Of an anchor in a cell: no box belongs there; not known whether one does."""


def make_grid(
    found: ShownBoxes,
    shape: tuple[int, ...],
    rule: DetectRule,
    unknown: NDArray[np.bool_] | None = None,
) -> tuple[FloatImage, NDArray[np.int64]]:
    """Return what a grid detector learns from a crop.

    Parameters
    ----------
    found
        The crop's boxes.
    shape
        Spatial shape of the crop, pixels, multiples of ``rule.stride``.
    rule
        Anchors and classes.
    unknown
        True where nobody knows what is there, of that shape.

    Returns
    -------
    boxes
        float32 (anchor, 4, y, x): y and x of the middle within the cell (0..1), logarithm of
        height and width over the anchor's; 0 where no box belongs.
    state
        int64 (anchor, y, x): index of the class of the box that belongs there, `EMPTY` or `OPEN`.
    """
    rows, columns = (n // rule.stride for n in shape)
    sizes = rule.sizes
    boxes = np.zeros((len(sizes), 4, rows, columns), np.float32)
    state = np.full((len(sizes), rows, columns), EMPTY, np.int64)
    state[:, open_places(found, shape, rule.stride, unknown)] = OPEN
    if found.incomplete:  # an anchor says that there is an object, whatever its class
        state[:, unmarked_places(found, shape, rule.stride)] = OPEN
    learned = learned_order(found)
    if not learned:
        return boxes, state
    corners, extents = found.boxes.corners, found.boxes.sizes()
    middles = (corners[:, :2] + corners[:, 2:]) / 2 / rule.stride
    cells = np.clip(np.floor(middles).astype(int), 0, [rows - 1, columns - 1])
    best = overlap_sizes(extents, sizes).argmax(axis=1)
    similar = _overlaps_of_anchors(corners[learned], sizes, (rows, columns), rule.stride)
    state[(similar > IGNORED_ANCHOR_IOU) & (state == EMPTY)] = OPEN
    for number in learned:
        anchor, (row, column) = int(best[number]), cells[number]
        boxes[anchor, :2, row, column] = middles[number] - cells[number]
        boxes[anchor, 2:, row, column] = np.log(np.maximum(extents[number], 1) / sizes[anchor])
        state[anchor, row, column] = rule.class_values.index(int(found.boxes.classes[number]))
    return boxes, state


def _overlaps_of_anchors(true: Floats, sizes: Floats, grid: tuple[int, int], stride: int) -> Floats:
    """Return the largest IoU of each anchor, in the middle of its cell, with a true box."""
    rows, columns = np.meshgrid(*(np.arange(n) + 0.5 for n in grid), indexing="ij")
    middles = np.stack([rows, columns], axis=-1).reshape(-1, 2) * stride
    result = np.zeros((len(sizes), *grid))
    for number, size in enumerate(sizes):
        boxes = np.hstack([middles - size / 2, middles + size / 2])
        result[number] = measure_box_iou(boxes, true).max(axis=1).reshape(grid)
    return result


def grid_loss(output: torch.Tensor, boxes: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
    """Return the error of places, sizes, objects and classes.

    Parameters
    ----------
    output
        (batch, anchor * (`FIELDS` + class), y, x).
    boxes, state
        See `make_grid`, batch first.
    """
    batch, anchors, _, rows, columns = boxes.shape
    parts = output.float().reshape(batch, anchors, -1, rows, columns).movedim(2, -1)
    here = state >= 0
    number = max(int(here.sum()), 1)
    presence = functional.binary_cross_entropy_with_logits
    empty = parts[state == EMPTY][:, 4]
    # over the boxes, not the cells: the many empty ones count in sum as much as the few others
    loss: torch.Tensor = presence(empty, torch.zeros_like(empty), reduction="sum") / number
    if not bool(here.any()):
        return loss
    mine, true = parts[here], boxes.movedim(2, -1)[here]
    loss = loss + presence(mine[:, 4], torch.ones_like(mine[:, 4]))
    share = true[:, :2]
    least = (torch.special.entr(share) + torch.special.entr(1 - share)).sum()
    place = presence(mine[:, :2], share, reduction="sum") - least  # a perfect answer costs nothing
    size = functional.smooth_l1_loss(mine[:, 2:4], true[:, 2:], reduction="sum", beta=0.1)
    kind = functional.cross_entropy(mine[:, FIELDS:], state[here])
    loss = loss + (place + size) / number + kind
    return loss


def read_grid(output: FloatImage, rule: DetectRule, least: float = 0.01) -> Boxes:
    """Turn the output for one image into boxes.

    Parameters
    ----------
    output
        (anchor * (`FIELDS` + class), y, x).
    rule
        Anchors, and the overlap that is allowed.
    least
        Smallest score of a box that is returned.

    Returns
    -------
    Boxes
        The best first, in pixels of the image; of those of a class that overlap too much, the best.
    """
    classes = len(rule.class_values)
    rows, columns = output.shape[1:]
    each = output.reshape(-1, FIELDS + classes, rows, columns).astype(np.float64)
    sizes = rule.sizes[:, :, None, None]
    grid = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"))
    middles = (grid + expit(each[:, :2])) * rule.stride
    limit = np.log(MAX_SIZE_RATIO)
    extents = sizes * np.exp(np.clip(each[:, 2:4], -limit, limit))
    kinds = each[:, FIELDS:] - each[:, FIELDS:].max(axis=1, keepdims=True)
    kinds = np.exp(kinds) / np.exp(kinds).sum(axis=1, keepdims=True)
    scores = expit(each[:, 4:5]) * kinds
    flat = np.concatenate([middles - extents / 2, middles + extents / 2], axis=1)
    flat = np.moveaxis(flat, 1, -1).reshape(-1, 4)
    flat_scores = np.moveaxis(scores, 1, -1).reshape(-1, classes)
    return keep_best(flat, flat_scores, rule.class_values, rule.overlap, least)
