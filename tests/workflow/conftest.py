"""A session, empty or with two fields of which one is clicked."""

from __future__ import annotations

import pytest

from napari_synthseg.core.annotations import Click
from napari_synthseg.synthesis import default_recipe
from napari_synthseg.workflow.session import Session
from tests.helpers.clicked_fields import disk_field
from tests.helpers.sessions import add_array, add_masks


@pytest.fixture
def session(tmp_path):
    session = Session.create(tmp_path / "p.synthseg")
    yield session
    session.close().result()


@pytest.fixture
def clicked(session):
    """A project with one clicked image and one for testing, both simulated; small dual images."""
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
    return session
