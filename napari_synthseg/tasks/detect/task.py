"""The torch side of detecting objects: a box and a class for each."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import MIN_SHARE_SHOWN, DualImage, unknown_pixels
from napari_synthseg.core.progress import Progress, in_turn
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.networks.detectors import Detector
from napari_synthseg.networks.registry import build_network
from napari_synthseg.tasks.detect import DetectRule
from napari_synthseg.tasks.detect.evaluation import CANDIDATE_SCORES, count_hits
from napari_synthseg.tasks.detect.grouping import group_sizes
from napari_synthseg.tasks.detect.heads import FORMS
from napari_synthseg.tasks.detect.prediction import detect_in_image, find_boxes_in
from napari_synthseg.tasks.task import Task
from napari_synthseg.tasks.validation import f1, fields_of, middle_of_best, sum_by_part
from napari_synthseg.training.augmentation import Augmentation, Crop
from napari_synthseg.training.crop_boxes import find_boxes
from napari_synthseg.training.trainable import Validation
from napari_synthseg.training.volumes import VALIDATION_BLOCK_PX

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

F1_TOLERANCE = 0.005


class DetectTask(Task):
    """Boxes in the form of the network: YOLOv2's grid with anchors, or a map of centers."""

    rule: DetectRule
    predict = staticmethod(detect_in_image)
    augmentation = Augmentation(zoom=MAX_ZOOM)

    def prepare(self) -> Generator[Progress, None, DualImage]:
        """Fit network, crops and rule to the boxes of the first pairs."""
        first = yield from super().prepare()
        if len(first.labels.shape) != 2:
            raise InputError(
                "Boxes are found in flat images only: add the stack plane by plane, or segment."
            )
        shown = yield from self._shown()
        self.spec = self._with_reduction(self.spec, shown)
        net = build_network(self.spec.model, 1, 1)
        assert isinstance(net, Detector)
        self._head = FORMS[net.form]
        edge = self.crop[0] * (self.spec.model.reduce or 1)  # as many pixels after reducing
        edge = max(min(edge, *first.labels.shape) // net.multiple, 1) * net.multiple
        self.crop = (edge, edge)
        classes = len(self.data.class_values)
        sizes = group_sizes(shown.sizes(), self._head.anchors, self.spec.seed)
        self.out_channels = len(sizes) * (self._head.outputs + classes)
        self.rule = DetectRule(
            class_values=self.data.class_values,
            diameter=self.data.diameter,
            anchors=tuple(round(float(edge), 1) for edge in sizes.ravel()),
            stride=net.stride,
            thresholds=(DEFAULT_MIN_SCORE,) * classes,
            form=net.form,
        )
        return first

    def _shown(self) -> Generator[Progress, None, Boxes]:
        """Return the boxes of the objects on the first dual images."""
        found = []
        for number in range(SAMPLED_PAIRS):
            (pair,) = yield from self.data.pairs.draw([number])
            boxes = find_boxes(pair.labels)
            found.append(boxes.boxes.take(boxes.share >= MIN_SHARE_SHOWN))
        shown = Boxes.joined(found)
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

    def make_targets(self, crop: Crop, pair: DualImage) -> tuple[NDArray[Any], ...]:
        """Return what each place of the output shall say."""
        labels = crop.labels
        found = find_boxes(labels, pair.labels, crop.zoom)
        return self._head.encode(found, labels.shape, self.rule, unknown_pixels(labels))

    def loss(self, output: torch.Tensor, targets: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the error of places, sizes, objects and classes."""
        return self._head.measure_loss(output, *targets)

    def measure(
        self, net: nn.Module, device: torch.device, *, tune: bool = False
    ) -> Generator[Progress, None, Validation]:
        """Compare with the boxes of held-out pairs, and with the clicks of held-out images."""
        fields, rule = fields_of(self.data), self.rule
        predictor, block = self.predictor(net, device), (VALIDATION_BLOCK_PX,) * 2
        works = [find_boxes_in(predictor, f.pixels, block, CANDIDATE_SCORES[0]) for f in fields]
        boxes = yield from in_turn(works)
        values = self.data.class_values
        counted = [count_hits(b, f.truth, values) for b, f in zip(boxes, fields, strict=True)]
        counts = sum_by_part(fields, counted)
        places = [int(np.abs(CANDIDATE_SCORES - t).argmin()) for t in rule.thresholds]
        if tune and counts:
            mean = np.mean([f1(count) for count in counts.values()], axis=0)
            places = [middle_of_best(row, F1_TOLERANCE) for row in mean]
            thresholds = tuple(round(float(CANDIDATE_SCORES[p]), 2) for p in places)
            rule = rule.model_copy(update={"thresholds": thresholds})
        classes = np.arange(len(places))
        figures = {
            f"held-out {part} F1": float(f1(count[classes, places].sum(axis=0)))
            for part, count in counts.items()
        }
        return Validation.by_mean(figures, rule)
