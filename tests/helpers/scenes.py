"""Simulated fields to compare: blurred discs, noise, and the faults that a report must find."""

import numpy as np
from scipy import ndimage

from napari_synthseg.realism.view import FieldView

SHAPE = (128, 128)


def scene(
    seed, shape=SHAPE, *, radius=8.0, noise=0.03, objects=10, seam=0.0, contrast=0.6, blur=1.0,
    channels=1, depth=None, complete=True,
):  # fmt: skip
    """Return a view of discs that do not touch; each keyword is something that may differ."""
    rng = np.random.default_rng(seed)
    full = shape if depth is None else (depth, *shape)
    ids = np.zeros(full, np.int32)
    grid = np.indices(full)
    for _ in range(20 * objects):
        if ids.max() == objects:
            break
        center = [rng.uniform(0, n) for n in full]
        size = radius * rng.uniform(0.85, 1.15)
        away = np.sqrt(sum((g - c) ** 2 for g, c in zip(grid, center, strict=True)))
        if not ids[away < size + 3].any() and (away < size).sum() > 20:
            ids[away < size] = ids.max() + 1
    planes = []
    for _ in range(channels):
        image = ndimage.gaussian_filter(np.where(ids > 0, 0.1 + contrast, 0.1), blur)
        if seam:
            image = image + seam * ((ids > 0) & ~ndimage.binary_erosion(ids > 0))
        planes.append(image + rng.normal(0, noise, full))
    return view_of(f"scene {seed}", np.array(planes, np.float32), ids, complete=complete)


def view_of(name, image, ids, *, complete=True, spacing=None):
    """Return a view of an image (channel, [z,] y, x) that is a specimen of its own."""
    return FieldView(
        name=name, source=name, group=name, image=image, ids=ids, background=ids == 0,
        maskless_centers=np.zeros((0, ids.ndim)), complete=complete,
        spacing=spacing or (1.0,) * ids.ndim,
    )  # fmt: skip


def scenes(first, count, **rejection_reason):
    """Return several views, each of a group of its own."""
    return [scene(seed, **rejection_reason) for seed in range(first, first + count)]


def finish(work):
    """Turn a generator to its end and return what it returned."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value
