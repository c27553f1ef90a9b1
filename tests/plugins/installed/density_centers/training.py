"""The torch side of the task: targets, loss, validation, prediction."""

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import center_of_mass, gaussian_filter
from skimage.feature import peak_local_max
from torch import nn

from density_centers.task import CountRule
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import contains
from napari_synthseg.core.labels import DualImage, Labels, instances_of
from napari_synthseg.core.pixels import ArraySource, PixelSource
from napari_synthseg.core.predictions import FoundPoint, PointPrediction
from napari_synthseg.core.progress import Progress
from napari_synthseg.metrics.counts import Counts
from napari_synthseg.metrics.localization import match_centers
from napari_synthseg.networks.receptive_field import receptive_radius
from napari_synthseg.tasks.task import Task
from napari_synthseg.training.augmentation import Crop
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.tiles import Tiler, run_network
from napari_synthseg.training.trainable import Validation

TILE_PX = 512
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)

Maps = NDArray[np.float32]
"""One map per class, (class, y, x), high at the centers of its objects."""

Centers = dict[int, NDArray[np.float64]]
"""Class value -> centers (n, 2) of its objects, pixels."""


class CountTask(Task):
    rule: CountRule

    def prepare(self) -> Generator[Progress, None, DualImage]:
        first = yield from super().prepare()
        if first.image.ndim != 3:
            raise InputError("Objects are counted in flat images only: add the stack by planes.")
        values = self.data.class_values
        self.out_channels = len(values)
        self.rule = CountRule(class_values=values, diameter=self.data.diameter)
        return first

    def make_targets(self, crop: Crop, pair: DualImage) -> tuple[NDArray[Any], ...]:
        """Return one map per class, with a bump of height 1 at the center of each object."""
        sigma = self.data.diameter / 6
        maps = np.zeros((self.out_channels, *crop.image.shape[1:]), np.float32)
        for value, points in centers_of(crop.labels).items():
            channel = maps[self.data.class_values.index(value)]
            channel[tuple(np.round(points).astype(int).T)] = 2 * np.pi * sigma**2
            channel[:] = gaussian_filter(channel, sigma, mode="constant")
        return (maps,)

    def loss(self, output: torch.Tensor, targets: tuple[torch.Tensor, ...]) -> torch.Tensor:
        (maps,) = targets
        return ((1 + 9 * maps) * (output - maps) ** 2).mean()

    def measure(
        self, net: nn.Module, device: torch.device, *, tune: bool = False
    ) -> Generator[Progress, None, Validation]:
        """Match the peaks on held-out pairs with true centers; choose the threshold on them."""
        known, multiple = [], self.spec.model.multiple
        for number, pair in enumerate(self.data.val_pairs):
            height, width = pair.image.shape[1:]
            whole = Tiler(ArraySource(pair.image), (height, width), (0, 0), multiple, device)
            (tile,) = whole
            maps = tile.cut(run_network(net, tile.images), tile.core).cpu().numpy()
            known.append((maps, centers_of(pair.labels)))
            yield Progress((number + 1) / len(self.data.val_pairs))
        if not known:
            return Validation.by_mean({}, self.rule)
        tried = [self.rule.threshold] if not tune else THRESHOLDS
        rules = [self.rule.model_copy(update={"threshold": each}) for each in tried]
        f1 = [sum((count(maps, true, rule) for maps, true in known), Counts()).f1 for rule in rules]
        best = int(np.argmax(f1))
        return Validation.by_mean({"held-out pairs F1": f1[best]}, rules[best])

    @staticmethod
    def predict(
        predictor: Predictor, pixels: PixelSource, block: tuple[int, ...] | None
    ) -> Generator[Progress, None, PointPrediction]:
        """Read peaks tile by tile; a tile owns the peaks that lie in it."""
        spec, rule = predictor.spec, predictor.rule
        assert isinstance(rule, CountRule)
        halo = np.array(receptive_radius(spec)) + round(rule.diameter)
        edges = block or (TILE_PX, TILE_PX)
        tiler = Tiler(pixels, edges, halo.tolist(), spec.multiple, predictor.device)
        found: list[tuple[int, float, tuple[float, ...]]] = []
        for tile in tiler:
            start = np.array([first for first, _ in tile.window])
            maps = tile.cut(run_network(predictor.net, tile.images), tile.window)
            for value, peaks, heights in find_peaks(maps.cpu().numpy(), rule):
                for center, height in zip((peaks + start).tolist(), heights.tolist(), strict=True):
                    if contains(tile.core, center):
                        found.append((value, min(height, 1.0), tuple(center)))
            yield tiler.progress()
        points = (FoundPoint(n, *each) for n, each in enumerate(found, start=1))
        return PointPrediction(objects=tuple(points))


def centers_of(labels: Labels) -> Centers:
    objects = instances_of(labels)
    ids = [number for number in np.unique(objects.ids).tolist() if number > 0]
    found = center_of_mass(objects.ids > 0, objects.ids, ids)
    centers: dict[int, list[tuple[float, ...]]] = {}
    for number, center in zip(ids, found, strict=True):
        centers.setdefault(objects.classes[number], []).append(center)
    return {value: np.array(points) for value, points in centers.items()}


def find_peaks(
    maps: Maps, rule: CountRule
) -> Iterator[tuple[int, NDArray[np.intp], NDArray[np.float32]]]:
    """Give class value, peaks (n, 2) and their heights, class by class."""
    apart = max(int(rule.diameter / 2), 1)
    for value, heights in zip(rule.class_values, maps, strict=True):
        peaks = peak_local_max(
            heights, min_distance=apart, threshold_abs=rule.threshold, exclude_border=False
        )
        yield value, peaks, heights[tuple(peaks.T)]


def count(maps: Maps, true: Centers, rule: CountRule) -> Counts:
    """Count true, found and matching centers of all classes."""
    total = Counts()
    for value, peaks, _ in find_peaks(maps, rule):
        points = true.get(value, np.zeros((0, 2)))
        matched, _ = match_centers(points, peaks.astype(float), rule.diameter / 2)
        total += Counts(len(points), len(peaks), len(matched))
    return total
