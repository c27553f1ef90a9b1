"""The torch side of detecting objects: a box and a class for each."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_synthseg.core.boxes import Boxes, measure_box_iou
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import UNKNOWN, BoxLabels, DualImage, instances_of
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.pixels import ArraySource, PixelSource
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.networks.detectors import Detector
from napari_synthseg.networks.registry import build_network
from napari_synthseg.tasks.detect.grouping import group_sizes
from napari_synthseg.tasks.detect.heads import FORMS
from napari_synthseg.tasks.detect.prediction import detect_in_image, find_boxes_in
from napari_synthseg.tasks.detect.rule import MIN_SHARE_SHOWN, DetectRule
from napari_synthseg.tasks.task import Task, TaskData
from napari_synthseg.training.augmentation import Augmentation, Crop
from napari_synthseg.training.crop_boxes import find_boxes
from napari_synthseg.training.trainable import Validation
from napari_synthseg.training.volumes import VALIDATION_BLOCK_PX, crop_shape

SAMPLED_PAIRS = 40
"""Dual images whose boxes are grouped."""

DEFAULT_MIN_SCORE = 0.3
"""Smallest score of a reported box, if nothing is held out to choose it."""

MIN_REDUCED_SIZE_PX = 16.0
"""Size that the usual object of each class must keep when images are reduced, pixels."""

MAX_ZOOM = 1.4
"""Largest factor by which crops are scaled: size is one of the differences between classes."""

MAX_REDUCTION = 8
"""Largest factor by which images are reduced."""

CANDIDATE_SCORES = np.linspace(0.05, 0.95, 19)


class DetectTask(Task):
    """Boxes in the form of the network: YOLOv2's grid with anchors, or a map of centers."""

    rule: DetectRule
    predict = staticmethod(detect_in_image)
    augmentation = Augmentation(zoom=MAX_ZOOM)

    def __init__(self, data: TaskData) -> None:
        super().__init__(data)
        first = data.pairs.pair(0)
        if len(first.labels.shape) != 2:
            raise InputError(
                "Boxes are found in flat images only: add the stack plane by plane, or segment."
            )
        shown = self._shown()
        self.spec = self._with_reduction(data.spec, shown)
        self.in_channels = len(first.image)
        net = build_network(self.spec.model, 1, 1)
        assert isinstance(net, Detector)
        self._form, self._multiple = FORMS[net.form], net.multiple
        self.crop = self._crop_shape(first)
        sizes = group_sizes(shown.sizes(), self._form.anchors, self.spec.seed)
        self.out_channels = self._form.count_outputs(len(sizes), len(data.class_values))
        self.rule = DetectRule(
            class_values=data.class_values,
            diameter=data.diameter,
            anchors=tuple(round(float(edge), 1) for edge in sizes.ravel()),
            stride=net.stride,
            thresholds=(DEFAULT_MIN_SCORE,) * len(data.class_values),
            form=net.form,
        )

    def _shown(self) -> Boxes:
        """Return the boxes of the objects on the first dual images."""
        found = [find_boxes(self.data.pairs.pair(i).labels) for i in range(SAMPLED_PAIRS)]
        shown = Boxes.joined(f.boxes.take(f.share >= MIN_SHARE_SHOWN) for f in found)
        if not len(shown):
            raise InputError("The first dual images show no object, so there is nothing to detect.")
        return shown

    @staticmethod
    def _with_reduction(spec: TrainSpec, shown: Boxes) -> TrainSpec:
        """Choose, where it is open, how far images are reduced: the smallest class stays seen."""
        if spec.model.reduce is not None:
            return spec
        edges = [
            float(np.median(np.sqrt(np.prod(shown.of_class(c).sizes(), axis=1))))
            for c in np.unique(shown.classes).tolist()
        ]
        factor = min(max(int(min(edges) / MIN_REDUCED_SIZE_PX), 1), MAX_REDUCTION)
        return spec.model_copy(update={"model": spec.model.model_copy(update={"reduce": factor})})

    def _crop_shape(self, first: DualImage) -> tuple[int, int]:
        """Return the shape of crops: as many pixels as asked for after reducing, if there are."""
        wanted = crop_shape(self.spec, first.image.shape[1:])[0] * (self.spec.model.reduce or 1)
        there = min(first.image.shape[1:])
        edge = max(min(wanted, there) // self._multiple, 1) * self._multiple
        return edge, edge

    def make_targets(self, crop: Crop, pair: DualImage) -> tuple[NDArray[Any], ...]:
        """Return what each place of the output shall say."""
        found = find_boxes(crop.labels, pair.labels, crop.zoom)
        labels = crop.labels
        height, width = labels.shape
        if isinstance(labels, BoxLabels):
            unknown = labels.unknown
        else:
            unknown = instances_of(labels).ids == UNKNOWN
        some = unknown is not None and unknown.any()
        return self._form.encode(found, (height, width), self.rule, unknown if some else None)

    def loss(self, output: torch.Tensor, targets: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the error of places, sizes, objects and classes."""
        return self._form.measure_loss(output, targets, len(self.data.class_values))

    def validate(
        self, net: nn.Module, device: torch.device, *, tune: bool = False
    ) -> Generator[Progress, None, Validation]:
        """Compare with the boxes of held-out pairs, and with the clicks of held-out images."""
        clicked = [i for i in self.data.val_images if i.clicks]
        count = len(self.data.val_pairs) + len(clicked)
        fields: list[PixelSource] = [ArraySource(pair.image) for pair in self.data.val_pairs]
        fields += [image.pixels for image in clicked]
        boxes = []
        for number, pixels in enumerate(fields):
            part = (number / count, (number + 1) / count, f"image {number + 1} of {count}")
            work = find_boxes_in(
                net, self.spec.model, self.rule, pixels, device,
                (VALIDATION_BLOCK_PX,) * 2, CANDIDATE_SCORES[0],
            )  # fmt: skip
            boxes.append((yield from subprogress(work, *part)))
        known = len(self.data.val_pairs)
        truths = [find_boxes(pair.labels).boxes for pair in self.data.val_pairs]
        pairs = list(zip(boxes[:known], truths, strict=True))
        images = list(zip(boxes[known:], clicked, strict=True))
        rule, figures = self.rule, {}
        counts = []  # per part: (class, score, [matched, predicted, true])
        if pairs:
            found = [_count_boxes(b, t, self.data.class_values) for b, t in pairs]
            counts.append(("held-out pairs F1", np.sum(found, axis=0)))
        if images:
            seen = [_count_clicks(b, i, self.data.class_values) for b, i in images]
            counts.append(("held-out clicks F1", np.sum(seen, axis=0)))
        places = [int(np.abs(CANDIDATE_SCORES - t).argmin()) for t in rule.thresholds]
        if tune and counts:
            mean = np.mean([_f1(c) for _, c in counts], axis=0)
            places = [_middle_of_best(row) for row in mean]
            chosen_scores = tuple(round(float(CANDIDATE_SCORES[p]), 2) for p in places)
            rule = rule.model_copy(update={"thresholds": chosen_scores})
        for name, count in counts:
            chosen = sum(count[k, p] for k, p in enumerate(places))
            figures[name] = float(_f1(chosen[None])[0])
        return Validation.by_mean(figures, rule)


def _count_boxes(found: Boxes, true: Boxes, values: tuple[int, ...]) -> NDArray[np.float64]:
    """Return (matched, predicted, true) at IoU 0.5 for each class and score, (class, score, 3)."""
    counts = np.zeros((len(values), len(CANDIDATE_SCORES), 3))
    for row, value in enumerate(values):
        mine, theirs = found.of_class(value), true.of_class(value).corners
        free = np.ones(len(theirs), bool)
        hits = []
        for overlaps in measure_box_iou(mine.corners, theirs):  # the best score chooses first
            best = int(np.argmax(overlaps * free)) if len(theirs) else 0
            hit = bool(len(theirs)) and free[best] and overlaps[best] > 0.5
            hits.append(hit)
            if hit:
                free[best] = False
        counts[row] = _tally(np.array(hits, bool), mine.scores, len(theirs))
    return counts


def _count_clicks(
    found: Boxes, image: ClickedImage, values: tuple[int, ...]
) -> NDArray[np.float64]:
    """Return the same where clicks are the truth: a box is right that holds a free click.

    On an image that is not fully clicked, boxes without a click are not counted.
    """
    counts = np.zeros((len(values), len(CANDIDATE_SCORES), 3))
    for row, value in enumerate(values):
        clicks = np.array([c.position for c in image.clicks if c.cls == value]).reshape(-1, 2)
        clicks += 0.5  # pixel centers are whole numbers, corners of boxes are not
        mine = found.of_class(value)
        free = np.ones(len(clicks), bool)
        hits = []
        for box in mine.corners:
            inside = free & ((clicks >= box[:2]) & (clicks <= box[2:])).all(axis=1)
            hits.append(bool(inside.any()))
            if inside.any():  # the one nearest to the middle
                away = np.where(
                    inside, ((clicks - (box[:2] + box[2:]) / 2) ** 2).sum(axis=1), np.inf
                )
                free[int(away.argmin())] = False
        right = np.array(hits, bool)
        tally = _tally(right, mine.scores, len(clicks))
        if not image.ref.exhaustive:
            tally[:, 1] = tally[:, 0]
        counts[row] = tally
    return counts


def _tally(hits: NDArray[np.bool_], scores: NDArray[np.float64], true: int) -> NDArray[np.float64]:
    """Return (matched, predicted, true) for each of `CANDIDATE_SCORES`."""
    above = scores[None] >= CANDIDATE_SCORES[:, None]
    return np.column_stack(
        [(above & hits).sum(axis=1), above.sum(axis=1), np.full(len(CANDIDATE_SCORES), true)]
    )


def _f1(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    matched, predicted, true = np.moveaxis(counts, -1, 0)
    f1: NDArray[np.float64] = 2 * matched / np.maximum(predicted + true, 1)
    return f1


def _middle_of_best(row: NDArray[np.float64]) -> int:
    """Return the place of the middle one of the best: the safest on other images."""
    best = np.flatnonzero(row >= row.max() - 0.005)
    return int(best[len(best) // 2])
