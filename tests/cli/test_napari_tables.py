"""What napari saves of its Points and Shapes layers is imported for what it is, and where it is."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.annotations import BoxTruth
from napari_synthseg.workflow.session import Session

CORNERS = [(10, 20), (10, 40), (30, 40), (30, 20)]


def write_shapes(path, plane=()):
    rows = [",".join(map(str, (0, "rectangle", n, *plane, *c))) for n, c in enumerate(CORNERS)]
    axes = ",".join(f"axis-{n}" for n in range(len(plane) + 2))
    path.write_text("\n".join([f"index,shape-type,vertex-index,{axes}", *rows]))
    return path


@pytest.fixture
def project(invoke, tmp_path):
    """Return a function that makes a project of a movie or a flat image."""

    def make(axes):
        shape = (3, 60, 80)[-len(axes) :]
        pixels = np.random.default_rng(0).integers(0, 200, shape, np.uint8)
        movie = len(axes) == 3
        metadata = {"axes": axes} if movie else None
        tifffile.imwrite(tmp_path / "film.tif", pixels, imagej=movie, metadata=metadata)
        done = invoke("new", tmp_path / "p", tmp_path / "film.tif", "--class", "cell:12")
        assert done.code == 0, done.err
        return tmp_path / "p"

    return make


def test_a_rectangle_is_one_box_on_its_frame(invoke, project, tmp_path):
    folder = project("TYX")
    done = invoke("import", folder, write_shapes(tmp_path / "shapes.csv", (1,)))
    assert done.code == 0, done.err
    assert "1 boxes added" in done.out
    with Session.open(folder).result() as session:
        (truth,) = [t for t in session.project.truths if isinstance(t, BoxTruth) and t.boxes]
        assert truth.boxes == ((10.5, 20.5, 30.5, 40.5, 1),)
        assert session.project.image(truth.image).plane == {"t": 1}
        assert not session.project.clicks


def test_boxes_become_clicks_at_their_middle_where_that_is_asked_for(invoke, project, tmp_path):
    folder = project("YX")
    done = invoke("import", folder, write_shapes(tmp_path / "shapes.csv"), "--as-clicks")
    assert done.code == 0, done.err
    with Session.open(folder).result() as session:
        assert [c.position for c in session.project.clicks] == [(20.0, 30.0)]


def test_a_frame_that_the_image_has_not_is_refused(invoke, project, tmp_path):
    folder = project("YX")
    done = invoke("import", folder, write_shapes(tmp_path / "shapes.csv", (1,)))
    assert done.code == 2
    assert "film.tif" in done.err.splitlines()[-1]


def test_points_lie_on_their_frame(invoke, project, tmp_path):
    folder = project("TYX")
    (tmp_path / "points.csv").write_text("index,axis-0,axis-1,axis-2\n0,2,15,25\n")
    done = invoke("import", folder, tmp_path / "points.csv")
    assert done.code == 0, done.err
    with Session.open(folder).result() as session:
        (click,) = session.project.clicks
        assert click.position == (15.0, 25.0)
        assert session.project.image(click.image).plane == {"t": 2}
