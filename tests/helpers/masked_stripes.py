"""Small simulated micrographs with masks of regions: stripes and dots on a matrix, with grain."""

from typing import Any

import numpy as np

from napari_synthseg.core.labels import (
    UNKNOWN,
    DualImage,
    MaskedImages,
    RegionLabels,
)

QUICK = {
    "size": 32, "crop": 16, "codes": 16, "vq_steps": 8, "prior_steps": 5, "gate_steps": 4,
    "attempts": 2,
}  # fmt: skip
"""Parameters that make learning quick; what is learned is of no use."""


def striped(seed, shape=(32, 40), channels=1, classes=2, unknown=False):
    """Return an image with its mask: 0 matrix, 1 stripes, 2 dots."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape)
    values = ((x + y // 2 + rng.integers(12)) % 12 < 5).astype(np.int32)
    if classes == 2:
        dots = ((y + rng.integers(16)) % 16 - 8) ** 2 + ((x + rng.integers(16)) % 16 - 8) ** 2 < 8
        values[dots] = 2
    levels = np.array([0.3, 0.7, 0.95], np.float32)[values]
    image = np.stack([levels * (1 - 0.2 * c) for c in range(channels)])
    image = image + 0.03 * rng.standard_normal(image.shape)
    if unknown:
        values[:, : shape[1] // 3] = UNKNOWN
    return DualImage(image.astype(np.float32), RegionLabels.of(values), seed)


def masked_images(count=2, held=1, **kwargs):
    """Return images to learn from, and held-out ones."""
    pairs = [striped(seed, **kwargs) for seed in range(count + held)]
    classes = kwargs.get("classes", 2)
    return MaskedImages(tuple(pairs[:count]), tuple(pairs[count:]), tuple(range(1, classes + 1)))


class Memory:
    """A keeper that keeps in memory, and counts what was saved."""

    def __init__(self):
        self.kept, self.saves = {}, []
        self.first: Any = None  # what a test keeps here beside it

    def load(self, name):
        """Return what was kept."""
        return self.kept.get(name)

    def save(self, name, arrays, meta):
        """Keep copies."""
        self.saves.append(name)
        self.kept[name] = ({k: np.array(v) for k, v in arrays.items()}, dict(meta))
