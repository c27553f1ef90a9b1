"""Small images of regions, and a recipe that learns from their masks within a few steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import numpy as np

from napari_synthseg.core.labels import DualImage, MaskedImages, RegionLabels
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.recipe import ArtifactStore, NullArtifactStore, Recipe, Synthesizer

LEVELS = np.array([0.2, 0.5, 0.9], np.float32)
"""Brightness of background and the two classes."""


def draw_regions(shape=(64, 64), seed=0, channels=1):
    """Return wavy areas of three levels: background and classes 1 and 2."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.standard_normal(shape), 6, mode="wrap")
    values = np.digitize(field, np.quantile(field, [0.4, 0.75])).astype(np.int32)
    image = LEVELS[values] + rng.normal(0, 0.04, (channels, *shape)).astype(np.float32)
    return DualImage(image.astype(np.float32), RegionLabels.of(values), 0)


class Drawn(Synthesizer):
    """Pairs of regions, of which every `bad`-th has a fault: the first one, then others."""

    notes = ()

    def __init__(self, shape=(64, 64), notes=(), bad=0):
        self.shape, self.notes, self.bad = shape, notes, bad

    def pair(self, index):
        drawn = draw_regions(self.shape, seed=1000 + index)
        rejection_reason = "torn" if self.bad and index % self.bad == 0 else ""
        return DualImage(drawn.image, drawn.labels, index, rejection_reason)


@contextmanager
def slow_recipe(kind="slow") -> Iterator[type[Recipe]]:
    """Register a recipe that learns from masks in ten steps and keeps how far it came."""

    class Slow(Recipe):
        kind: str = "slow"
        learns_from = "masks"
        seed: int = 0
        bad: int = 0
        begun: ClassVar[list[int]] = []

        def fit(self, source, artifacts: ArtifactStore | None = None):
            assert isinstance(source, MaskedImages)
            artifacts = artifacts or NullArtifactStore()
            name = f"slow-{self.seed}-{source.fingerprint}"
            kept = artifacts.load(name)
            step = int(kept[1]["step"]) if kept else 0
            Slow.begun.append(step)
            try:
                while step < 10:
                    step += 1
                    news = {"error": 1 / step}
                    yield Progress(step / 10, "learning", news, {"made": source.train[:1]})
            finally:
                artifacts.save(name, {"codes": np.arange(step)}, {"step": step})
            return Drawn(bad=self.bad)

    try:
        yield Slow
    finally:
        Recipe.kinds.pop("slow", None)
