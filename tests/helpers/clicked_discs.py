"""Simulated images of blurred discs with known centers, for the tests of patches and synthesis."""

import numpy as np
from scipy import ndimage

from napari_synthseg.core.annotations import Click, ImageRef, MendedOutline, ObjectClass
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.pixels import ArraySource

DISC = ObjectClass(name="disc", value=1, diameter=20)


def disc_image(centers, shape=(128, 160), radius=10, inside=1.0, outside=0.1, noise=0.02, seed=0):
    """Return a one-channel image and the true instance ids."""
    ids = np.zeros(shape, np.int32)
    grid = np.indices(shape)
    heights = np.broadcast_to(inside, len(centers))
    image = np.full(shape, outside, np.float32)
    for number, (center, height) in enumerate(zip(centers, heights, strict=True), start=1):
        away = sum((g - c) ** 2 for g, c in zip(grid, center, strict=True))
        disc = (away <= radius**2) & (ids == 0)
        ids[disc] = number
        image[disc] = height
    image = ndimage.gaussian_filter(image, 1)
    image += np.random.default_rng(seed).normal(0, noise, shape).astype(np.float32)
    return image[None].astype(np.float32), ids


def clicked(image, centers, name="a", exhaustive=True, cls=1, **ref):
    """Return a clicked image; click ids are "name-number" from 1."""
    clicks = tuple(
        Click(id=f"{name}-{n}", image=name, position=tuple(map(float, c)), cls=cls)
        for n, c in enumerate(centers, start=1)
    )
    reference = ImageRef(id=name, uri=name, name=name, exhaustive=exhaustive, **ref)
    return ClickedImage(reference, ArraySource(image), clicks)


def outlined(image, discs, name="a", exhaustive=True, **ref):
    """Return a clicked image whose discs (center, radius, class) have exact outlines.

    Click ids are "name-number" from 1.
    """
    clicks = []
    for number, (center, radius, cls) in enumerate(discs, start=1):
        corner = [round(c) - radius - 1 for c in center]
        grid = np.indices([2 * radius + 3] * len(center))
        away = sum((g + a - c) ** 2 for g, a, c in zip(grid, corner, center, strict=True))
        click = Click(id=f"{name}-{number}", image=name, position=tuple(map(float, center)),
                      cls=cls, mended=MendedOutline.of(away <= radius**2, corner))  # fmt: skip
        clicks.append(click)
    reference = ImageRef(id=name, uri=name, name=name, exhaustive=exhaustive, **ref)
    return ClickedImage(reference, ArraySource(image), tuple(clicks))


def finish(work):
    """Turn a generator to its end; return what it yielded and what it returned."""
    steps = []
    while True:
        try:
            steps.append(next(work))
        except StopIteration as stop:
            return steps, stop.value


CENTERS = [(30, 30), (30, 90), (80, 45), (80, 64), (95, 130), (40, 140), (0, 60)]


def overlap(patch, ids, number):
    """Return the IoU of a patch's mask with a true object."""
    index = tuple((np.argwhere(patch.mask) + patch.origin).T)
    common = np.count_nonzero(ids[index] == number)
    return common / (len(index[0]) + np.count_nonzero(ids == number) - common)
