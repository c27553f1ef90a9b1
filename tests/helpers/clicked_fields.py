"""Simulated fields with a click on each object, and a training of a second."""

from __future__ import annotations

import numpy as np

from napari_synthseg.core.annotations import Click
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.synthesis import default_recipe
from tests.helpers.disks import draw_disks
from tests.helpers.sessions import add_array, add_masks

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


def click_field(session):
    """Add a clicked image and one for testing, with true masks; dual images are small."""
    small = {"recipe": default_recipe().model_copy(update={"size": 96})}
    project = session.project.model_copy(update=small)
    project = project.with_classes(project.next_class("bright", diameter=14))
    project = project.with_classes(project.next_class("dark", diameter=14))
    session.edit(project, "add classes")
    for seed, role in ((1, "train"), (2, "test")):
        image, labels, centers = disk_field(seed)
        ref = add_array(session, image, "yx", f"field {seed}", role=role, exhaustive=True)
        add_masks(session, ref, labels)
        if role == "train":
            new = [
                Click(image=ref.id, position=p, cls=labels.classes[i]) for i, p in centers.items()
            ]
            session.edit(session.project.with_clicks(*new), "click")


def images_by_role(session):
    return {ref.role: ref for ref in session.project.images}
