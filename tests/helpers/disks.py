"""Small things to learn from: disks of two classes on a noisy ground."""

from dataclasses import replace

import numpy as np

from napari_synthseg.core.labels import DualImage, InstanceLabels
from napari_synthseg.core.recipe import Synthesizer


def draw_disks(shape, seed, count=8, radius=6, channels=1):
    """Return a dual image of bright (class 1) and dark (class 2) disks."""
    rng = np.random.default_rng(seed)
    ids = np.zeros(shape, np.int32)
    image = rng.normal(0.4, 0.03, (channels, *shape)).astype(np.float32)
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    classes = {}
    for _ in range(count):
        y, x = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        disk = (yy - y) ** 2 + (xx - x) ** 2 < radius**2
        if ids[disk].any() or not disk.any():
            continue
        instance = len(classes) + 1
        classes[instance] = 1 + instance % 2
        ids[disk] = instance
        image[:, disk] += 0.5 if classes[instance] == 1 else -0.4
    return DualImage(image, InstanceLabels(ids, classes), 0)


class Disks(Synthesizer):
    """A synthesizer of disks."""

    def __init__(self, shape=(64, 64), channels=1):
        self.shape, self.channels = shape, channels

    def pair(self, index):
        drawn = draw_disks(self.shape, index, channels=self.channels)
        return replace(drawn, index=index)
