"""A session, empty or with two fields of which one is clicked."""

from __future__ import annotations

import pytest

from napari_synthseg.workflow.session import Session
from tests.helpers.clicked_fields import click_field


@pytest.fixture
def session(tmp_path):
    session = Session.create(tmp_path / "p.synthseg")
    yield session
    session.close().result()


@pytest.fixture
def clicked(session):
    """A project with one clicked image and one for testing, both simulated; small dual images."""
    click_field(session)
    return session
