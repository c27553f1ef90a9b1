"""`regions`: by numbers, by outlines, and without the bars of electron microscopes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from napari_synthseg.workflow.session import Session
from tests.io.images.test_information_bar import micrograph, with_bar


@pytest.fixture
def project(invoke, tmp_path):
    """A project of a micrograph with a bar and of one without."""
    tifffile.imwrite(tmp_path / "bar.tif", with_bar(micrograph()))
    tifffile.imwrite(tmp_path / "plain.tif", micrograph(seed=1))
    done = invoke(
        "new", tmp_path / "p", tmp_path / "bar.tif", tmp_path / "plain.tif", "--class", "cell:12"
    )
    assert done.code == 0, done.err
    offered = "rows 360 to 399 are an information bar, by its look (check it): leave it out with"
    assert (done.out + done.err).count(offered) == 1
    return tmp_path / "p"


def counted(project):
    """Return image name -> which of its pixels count."""
    with Session.open(project).result() as session:
        masks = {r.name: r.counted(((0, 400), (0, 500))) for r in session.project.images}
    return {n: np.ones((400, 500), bool) if m is None else m for n, m in masks.items()}


def test_numbers_are_pixels_of_one_image_or_of_all(invoke, project):
    done = invoke("regions", project, "--roi", "10,20,110,220", "--json")
    assert done.code == 0, done.err
    assert done.result["images"]["bar.tif"]["counts"] == 0.1
    for mask in counted(project).values():
        assert mask.sum() == 100 * 200
        assert mask[10:110, 20:220].all()
    assert invoke(
        "regions", project, "--image", "plain.tif", "--exclude", "0,0,60,500"
    ).code == 0  # fmt: skip
    masks = counted(project)
    assert (masks["bar.tif"].sum(), masks["plain.tif"].sum()) == (100 * 200, 50 * 200)
    assert invoke("regions", project, "--clear").code == 0
    assert all(mask.all() for mask in counted(project).values())


def test_a_bar_is_left_out_by_its_look_and_told(invoke, project):
    done = invoke("regions", project, "--bar")
    assert done.code == 0, done.err
    assert "bar.tif: 90.0% counts, rows 360 to 399 are an information bar, by its look" in done.out
    assert "plain.tif: 100.0% counts, no information bar was found" in done.out
    masks = counted(project)
    assert masks["bar.tif"][:360].all()
    assert not masks["bar.tif"][360:].any()
    assert masks["plain.tif"].all()


def test_a_bar_is_left_out_as_the_file_says(invoke, tmp_path):
    # the header of FEI tells the rows above the bar; here it differs from the look
    header = "[Image]\r\nResolutionX=500\r\nResolutionY=350\r\n"
    tifffile.imwrite(
        tmp_path / "fei.tif", with_bar(micrograph()), extratags=[(34682, 2, 0, header, True)]
    )
    assert invoke("new", tmp_path / "p", tmp_path / "fei.tif", "--class", "cell:12").code == 0
    done = invoke("regions", tmp_path / "p", "--bar", "--json")
    assert done.code == 0, done.err
    assert done.result["images"]["fei.tif"]["bar"] == [350, 400]
    assert done.result["images"]["fei.tif"]["bar_by"] == "header"


def test_outlines_of_a_file_are_holes_and_all(invoke, project, tmp_path):
    outer = [[20, 10], [220, 10], [220, 110], [20, 110], [20, 10]]
    hole = [[40, 30], [60, 30], [60, 50], [40, 50], [40, 30]]
    feature = {
        "type": "Feature", "properties": {"objectType": "annotation"},
        "geometry": {"type": "Polygon", "coordinates": [outer, hole]},
    }  # fmt: skip
    path = tmp_path / "plain.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    done = invoke("regions", project, "--image", "plain.tif", "--roi", path)
    assert done.code == 0, done.err
    mask = counted(project)["plain.tif"]
    expected = np.zeros((400, 500), bool)
    expected[10:110, 20:220] = True
    expected[30:50, 40:60] = False
    assert np.array_equal(mask, expected)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "give --roi, --exclude, --bar or --clear"),
        (["--roi", "1,2,3"], "write four numbers"),
        (["--roi", "50,0,40,10"], "Y1 must be above Y0"),
        (["--exclude", "nowhere.geojson"], "neither a file nor four numbers"),
        (["--roi", "900,0,950,10"], "lies outside 'bar.tif' (400 x 500 pixels"),
        (["--image", "other.tif", "--bar"], "'other.tif' is not in the project"),
        (["--exclude", "0,0,400,500"], "Nothing of 'bar.tif' would be left"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(invoke, project, given, words):
    done = invoke("regions", project, *given)
    assert done.code == 2
    assert words in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
    assert all(mask.all() for mask in counted(project).values())
