"""What models are trained on, known before torch is loaded."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.recipe import Synthesizer
from napari_synthseg.core.runs import Appearance, LearnedChannels
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.networks.warm_start import StartWeights

PairChange = Callable[[DualImage], DualImage]


class TaskPairs(Synthesizer):
    """A synthesizer's pairs with their labels as a task wants them."""

    def __init__(self, pairs: Synthesizer, change: PairChange) -> None:
        self._pairs, self._change = pairs, change

    def pair(self, index: int) -> DualImage:
        """Return pair `index`."""
        return self._change(self._pairs.pair(index))

    def draw(self, indices: Sequence[int]) -> Generator[Progress, None, list[DualImage]]:
        """Return several pairs; yield progress while they are made."""
        return [self._change(pair) for pair in (yield from self._pairs.draw(indices))]


@dataclass(frozen=True, eq=False)
class TaskData:
    """What a model is trained on and chosen by.

    Attributes
    ----------
    spec
        What was asked.
    pairs
        What is learned from; batch n uses pairs ``n * batch_size`` and the following, or dual
        volume n.
    class_names
        Class value -> name.
    diameter
        Typical diameter of an object, pixels along the finest axis.
    diameters
        Class value -> the same of its objects, where it is known.
    spacing
        Distance of a volume's pixels along (z, y, x), in units of the shortest; empty: all alike.
    scale
        Pixels of all that for one pixel of the images; `diameter` is in these pixels.
    scales
        Image id -> the same, of each image whose scale is known.
    elongation
        About how many times longer than wide the usual object that is learned from is, along its
        bends; 0: not known.
    val_pairs, val_images
        The held-out part; empty: the last weights are kept.
    images
        What is learned from, and what is mixed in.
    appearances
        How some of these look.
    channels
        Those of these images that are learned from.
    start
        Weights of the run that the training begins with, if it begins with one.
    notes
        What the user should know of all that, sentences without a final point.
    """

    spec: TrainSpec
    pairs: Synthesizer
    class_names: Mapping[int, str]
    diameter: float
    diameters: Mapping[int, float] = field(default_factory=dict)
    spacing: tuple[float, ...] = ()
    scale: float = 1.0
    scales: Mapping[str, float] = field(default_factory=dict)
    elongation: float = 0.0
    val_pairs: tuple[DualImage, ...] = ()
    val_images: tuple[ClickedImage, ...] = ()
    images: tuple[ImageRef, ...] = ()
    appearances: tuple[Appearance, ...] = ()
    channels: LearnedChannels = field(default_factory=LearnedChannels)
    start: StartWeights | None = None
    notes: tuple[str, ...] = ()

    @property
    def class_values(self) -> tuple[int, ...]:
        """Class values in ascending order; one output of the network each."""
        return tuple(sorted(self.class_names))

    @property
    def pixel_size(self) -> tuple[float | None, str]:
        """Pixel size along the finest axis at which `scale` shows objects as they were learned.

        With its unit; None: not all images tell theirs. Where sizes differ, it is that with which
        the network's own pixels are as large as on the median image.
        """
        sizes = {i.id: (min(i.pixel_size), i.unit) if i.pixel_size else None for i in self.images}
        units = {size[1] for size in sizes.values() if size}
        if None in sizes.values() or len(units) != 1:
            return None, ""
        seen = [size[0] / self.scales.get(i, self.scale) for i, size in sizes.items() if size]
        return float(np.median(seen)) * self.scale, units.pop()
