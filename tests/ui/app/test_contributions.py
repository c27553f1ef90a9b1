"""A dropped project folder opens in the panel; layer menus hand layers to it."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.errors import InputError
from napari_synthseg.storage import consent
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.ui.app import contributions
from napari_synthseg.workflow.session import Session
from tests.ui.conftest import draw_discs

pytestmark = pytest.mark.gui


@pytest.fixture
def project(tmp_path):
    """A project folder with one image beside it."""
    tifffile.imwrite(tmp_path / "discs.tif", draw_discs())
    with Session.create(tmp_path / "mine.synthseg") as session:
        session.add_images(tmp_path / "discs.tif").result()
    return tmp_path / "mine.synthseg"


def test_only_project_folders_are_read(project, tmp_path):
    assert contributions.project_reader(str(project)) is not None
    assert contributions.project_reader(str(tmp_path)) is None
    (tmp_path / "empty.synthseg").mkdir()
    assert contributions.project_reader(str(tmp_path / "empty.synthseg")) is None


def test_a_dropped_project_opens_and_a_layer_is_used_by_the_menu(bench, project, monkeypatch):
    monkeypatch.setattr(contributions, "find_panel", lambda viewer: bench.panel)
    reader = contributions.project_reader([str(project)])
    assert reader(str(project)) == [(None,)]
    bench.settle()
    bench.settle()
    assert bench.session.folder == project
    assert bench.panel.layers.image.refs[0].name == "discs.tif"
    layer = bench.viewer.add_image(np.roll(draw_discs(), 9, axis=1), name="mine")
    bench.viewer.layers.selection.active = layer
    contributions.use_selected_layer()
    bench.settle()
    assert [ref.name for ref in bench.session.project.images] == ["discs.tif", "mine"]
    bench.viewer.add_labels((draw_discs() > 500).astype(int), name="masks")
    contributions.import_selected_layer()
    imports = bench.panel.click_page.images.import_button
    bench.wait(lambda: imports.dialog is not None)
    assert "'masks' is a layer of labels" in imports.dialog.said.text()
    imports.dialog.close()


def test_a_project_of_a_stranger_reads_no_path_outside_without_consent(project, monkeypatch):
    session = Session.open(project).result()
    (ref,) = session.project.images
    outside = ref.model_copy(update={"uri": str(project.parent / "discs.tif")})
    monkeypatch.setattr(consent, "is_allowed", lambda path: False)
    with session, pytest.raises(InputError, match=r"discs\.tif"):
        open_pixels(outside, session.folder)
