"""The torch side of segmenting objects."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.pixels import ArraySource, PixelSource
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.tasks.segment.evaluation import Maps, validate
from napari_synthseg.tasks.segment.loss import segmentation_loss
from napari_synthseg.tasks.segment.prediction import find_in_image, predict_maps
from napari_synthseg.tasks.segment.rule import SegmentRule
from napari_synthseg.tasks.segment.targets import make_targets
from napari_synthseg.tasks.task import Task, TaskData
from napari_synthseg.training.augmentation import Crop
from napari_synthseg.training.trainable import Validation
from napari_synthseg.training.volumes import (
    VALIDATION_BLOCK_PX,
    block_shape,
    crop_shape,
    fit_spec,
    smallest_area,
)

MIN_AREA_SHARE = 0.03
"""Area of the smallest object that is reported, as a share of the typical one."""

DEFAULT_MIN_SCORE = 0.2
"""Smallest score of a reported object, if nothing is held out to choose it."""


class SegmentTask(Task):
    """Instance segmentation: a softmax over background and classes, and the inner distance."""

    rule: SegmentRule
    predict = staticmethod(find_in_image)

    def __init__(self, data: TaskData) -> None:
        super().__init__(data)
        first = data.pairs.pair(0)
        shape = first.labels.shape
        spacing = data.spacing or (1.0,) * len(shape)
        self.spec = fit_spec(data.spec, spacing)
        self.in_channels = len(first.image)
        self.out_channels = len(data.class_values) + 2
        self.rule = SegmentRule(
            class_values=data.class_values,
            diameter=data.diameter,
            minimum_area=max(4, smallest_area(data.diameter, spacing, MIN_AREA_SHARE)),
            minimum_score=DEFAULT_MIN_SCORE,
            spacing=data.spacing,
        )
        self.crop = crop_shape(self.spec, shape)

    def make_targets(self, crop: Crop, pair: DualImage) -> tuple[NDArray[Any], ...]:
        """Return class index and inner distance per pixel."""
        return make_targets(crop.labels, self.data.class_values, self.data.spacing)

    def loss(self, output: torch.Tensor, targets: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the error of classes and inner distance."""
        return segmentation_loss(output, *targets)

    def validate(
        self, net: nn.Module, device: torch.device, *, tune: bool = False
    ) -> Generator[Progress, None, Validation]:
        """Compare with the masks of held-out pairs, and with the clicks of held-out images."""
        pairs = self.data.val_pairs
        clicked = tuple(i for i in self.data.val_images if i.clicks)
        fields: list[PixelSource] = [ArraySource(p.image) for p in pairs]
        fields += [i.pixels for i in clicked]
        maps: list[Maps] = []
        model = self.spec.model
        block = block_shape(model, self.data.spacing, VALIDATION_BLOCK_PX)
        for number, pixels in enumerate(fields):
            work = predict_maps(net, model, pixels, device, block)
            share, width = number / len(fields), 1 / len(fields)
            maps.append((yield from subprogress(work, share / 2, (share + width) / 2)))
        on_pairs, on_images = maps[: len(pairs)], maps[len(pairs) :]
        return (
            yield from subprogress(
                validate(on_pairs, pairs, on_images, clicked, self.rule, tune=tune), 0.5
            )
        )
