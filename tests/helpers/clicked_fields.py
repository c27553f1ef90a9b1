"""Simulated fields with a click on each object, and a training of a second."""

from __future__ import annotations

import numpy as np

from napari_synthseg.core.specs import ModelSpec, TrainSpec
from tests.helpers.disks import draw_disks

TINY = TrainSpec(
    steps=4,
    minutes=None,
    batch_size=2,
    crop=64,
    device="cpu",
    model=ModelSpec(width=4, depth=2),
)


def disk_field(seed, shape=(128, 192)):
    """Return a simulated image (uint16), its labels and a click on each object."""
    drawn = draw_disks(shape, seed, count=60, radius=7)
    stored = np.clip(drawn.image[0] * 4000 + 500, 0, 65535).astype(np.uint16)
    centers = {
        i: tuple(float(v) for v in np.argwhere(drawn.labels.ids == i).mean(axis=0))
        for i in drawn.labels.classes
    }
    return stored, drawn.labels, centers


def images_by_role(session):
    return {ref.role: ref for ref in session.project.images}
