"""The torch side of segmenting objects."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.progress import Progress, in_turn, subprogress
from napari_synthseg.networks.warm_start import like_classes
from napari_synthseg.tasks.segment import SegmentRule
from napari_synthseg.tasks.segment.evaluation import validate
from napari_synthseg.tasks.segment.loss import segmentation_loss
from napari_synthseg.tasks.segment.prediction import activate, find_in_image, predict_maps
from napari_synthseg.tasks.segment.targets import make_targets
from napari_synthseg.tasks.task import Task
from napari_synthseg.tasks.validation import fields_of
from napari_synthseg.training.augmentation import Crop
from napari_synthseg.training.trainable import Validation
from napari_synthseg.training.volumes import VALIDATION_BLOCK_PX, block_shape, smallest_area

MIN_AREA_SHARE = 0.03
"""Area of the smallest object that is reported, as a share of the usual one of its class."""

DEFAULT_MIN_SCORE = 0.2
"""Smallest score of a reported object, if nothing is held out to choose it."""


class SegmentTask(Task):
    """Instance segmentation: a softmax over background and classes, and the inner distance."""

    rule: SegmentRule
    predict = staticmethod(find_in_image)
    activate = staticmethod(activate)

    def prepare(self) -> Generator[Progress, None, DualImage]:
        """Fit network, crops and rule to the first pair."""
        first = yield from super().prepare()
        data = self.data
        spacing = data.spacing or (1.0,) * len(first.labels.shape)
        self.out_channels = len(data.class_values) + 2
        pixel_size, unit = data.pixel_size if data.spec.working_diameter else (None, "")
        diameters = tuple(data.diameters.get(v, data.diameter) for v in data.class_values)
        self.rule = SegmentRule(
            class_values=data.class_values,
            diameter=data.diameter,
            diameters=diameters,
            minimum_areas=tuple(
                max(4, smallest_area(each, spacing, MIN_AREA_SHARE)) for each in diameters
            ),
            minimum_score=DEFAULT_MIN_SCORE,
            elongation=data.elongation,
            spacing=data.spacing,
            scale=data.scale,
            scales=dict(data.scales),
            pixel_size=pixel_size,
            unit=unit,
        )
        return first

    def outputs_like(self, class_values: tuple[int, ...]) -> tuple[int, ...]:
        """Let classes begin as they were, and the distance as the distance."""
        like = like_classes(self.data.class_values, class_values)
        return (0, *like, len(class_values) + 1)

    def make_targets(self, crop: Crop, pair: DualImage) -> tuple[NDArray[Any], ...]:
        """Return class index and inner distance per pixel."""
        return make_targets(crop.labels, self.data.class_values, self.data.spacing)

    def loss(self, output: torch.Tensor, targets: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the error of classes and inner distance."""
        return segmentation_loss(output, *targets)

    def measure(
        self, net: nn.Module, device: torch.device, *, tune: bool = False
    ) -> Generator[Progress, None, Validation]:
        """Compare with the masks of held-out pairs, and with the clicks of held-out images."""
        fields = fields_of(self.data)
        predictor = self.predictor(net, device)
        block = block_shape(self.spec.model, self.data.spacing, VALIDATION_BLOCK_PX)
        works = [predict_maps(predictor, field.pixels, block) for field in fields]
        maps = yield from subprogress(in_turn(works), 0.0, 0.5)
        return (yield from subprogress(validate(maps, fields, self.rule, tune=tune), 0.5))
