"""Where an image does not count, nothing is cut, pasted on, learned, scored or found."""

from __future__ import annotations

import json

import numpy as np
import pytest
import roifile
import tifffile

from napari_synthseg.core.annotations import BoxTruth, Click, PointTruth
from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import UNKNOWN, InstanceLabels, RegionLabels
from napari_synthseg.core.predictions import (
    BoxPrediction,
    FoundObject,
    FoundPoint,
    InstancePrediction,
    PointPrediction,
    RegionPrediction,
)
from napari_synthseg.io.outlines import read_outlines
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.storage.truths import open_labels
from napari_synthseg.synthesis import PasteRecipe
from napari_synthseg.synthesis.paste.recipe import PRESETS
from napari_synthseg.workflow.limits import Limits, where_it_counts
from napari_synthseg.workflow.session import Session
from tests.helpers.sessions import add_file, add_masks

SHAPE, BAR = (176, 160), 136
CENTERS = [(y, x) for y in (22, 64, 106) for x in (24, 60, 98, 134)]
LETTERS = 4000.0
BOX = (float(BAR), 0.0, 176.0, 160.0)


def micrograph():
    """Return bright discs above a black bar with much brighter letters, uint16."""
    rng = np.random.default_rng(3)
    rows, columns = np.indices(SHAPE)
    image = rng.normal(200, 12, SHAPE)
    for y, x in CENTERS:
        image += 800 * (np.hypot(rows - y, columns - x) < 8)
    image[BAR:] = 0
    for left in range(6, 150, 9):
        image[BAR + 10 : BAR + 24, left : left + 5] = LETTERS
    return np.clip(image, 0, None).astype(np.uint16)


@pytest.fixture
def session(tmp_path):
    """A clicked micrograph, with one click on a letter."""
    tifffile.imwrite(tmp_path / "sem.tif", micrograph())
    with Session.create(tmp_path / "p") as session:
        (ref,) = add_file(session, tmp_path / "sem.tif", exhaustive=True)
        project = session.project
        project = project.with_classes(project.next_class("disc", diameter=16.0))
        places = [*CENTERS, (BAR + 16, 62)]
        clicks = [Click(image=ref.id, position=tuple(map(float, p)), cls=1) for p in places]
        session.edit(project.with_clicks(*clicks), "click")
        yield session


@pytest.fixture
def limited(session):
    """The same without its bar."""
    session.limit_images(Limits(excluded=[BOX])).result()
    return session


def test_what_is_left_is_said_and_stored_and_can_be_undone(session):
    done = session.limit_images(Limits(excluded=[BOX])).result()
    assert done.figures["images"]["sem.tif"] == {"counts": 0.7727, "clicks_left_out": 1}
    assert "1 click(s) lie outside" in done.message
    session.store.flush()
    with Session.open(session.folder).result() as second:
        assert second.project.images == session.project.images
        assert len(second.project.clicks) == 13
    session.undo()
    assert not session.project.images[0].is_limited


def test_pixels_that_do_not_count_are_neutral_and_move_no_brightness(session):
    before = open_pixels(session.project.images[0], session.folder).intensity
    session.limit_images(Limits(excluded=[BOX])).result()
    image = open_pixels(session.project.images[0], session.folder)
    assert before.high[0] == LETTERS
    assert image.intensity.high[0] < 1100
    pixels = image.read()[0]
    assert np.ptp(pixels[BAR:]) == 0
    assert pixels[BAR, 0] == pytest.approx(np.median(pixels[:BAR]), abs=1e-3)


@pytest.mark.parametrize("recipe", [PasteRecipe(), PRESETS["paper"]], ids=["default", "paper"])
def test_letters_of_a_bar_never_end_up_on_a_canvas(session, recipe):
    session.edit(session.project.model_copy(update={"recipe": recipe}), "set recipe")
    session.limit_images(Limits(excluded=[BOX])).result()
    library = session.cut_patches().result()
    assert {p.id for p in library.patches} == {c.id for c in session.project.clicks[:12]}
    assert all(p.window[0][0] + np.argwhere(p.mask)[:, 0].max() < BAR for p in library.patches)
    pairs = session.synthesize(4).result()
    # a letter would be near 4, a disc is near 1; the bar's black near -0.2
    assert max(float(p.image.max()) for p in pairs) < 1.6
    darkest = open_pixels(session.project.images[0], session.folder).intensity.normalize(
        np.zeros((1, 1, 1))
    )
    share = np.mean([(np.abs(p.image - float(darkest[0, 0, 0])) < 0.01).mean() for p in pairs])
    assert share < 0.02


def test_without_limits_the_letters_do_end_up_there(session):
    session.cut_patches().result()
    pairs = session.synthesize(4).result()
    bright = open_pixels(session.project.images[0], session.folder).intensity.normalize(
        np.full((1, 1, 1), LETTERS)
    )
    assert max(float(p.image.max()) for p in pairs) > 0.9 * float(bright[0, 0, 0])


def test_truth_is_unknown_where_the_image_does_not_count(limited):
    ids = np.zeros(SHAPE, np.int32)
    ids[10:20, 10:20], ids[BAR - 8 : BAR + 2, 50:60], ids[BAR - 2 : BAR + 8, 90:99] = 1, 2, 3
    (ref,) = limited.project.images
    add_masks(limited, ref, InstanceLabels(ids, {1: 1, 2: 1, 3: 1}))
    add_masks(limited, ref, RegionLabels.of((ids > 0).astype(int)), "semantic")
    boxes = Boxes.of([(10, 10, 20, 20), (BAR, 50, BAR + 9, 60)], [1, 1])
    points = PointTruth(image=ref.id, points=(((15.0, 15.0), 1), ((BAR + 3.0, 55.0), 1)))
    project = limited.project.with_truths(BoxTruth.of(ref.id, boxes), points)
    found = {t.kind: open_labels(t, ref, limited.folder) for t in project.truths}
    instances = found["instance"].ids
    assert set(np.unique(instances)) == {UNKNOWN, 0, 1, 2}  # most of the third lies outside
    assert (instances[BAR:] == UNKNOWN).all()
    assert (instances[BAR - 2 : BAR, 90:99] == UNKNOWN).all()
    assert (found["semantic"].values[BAR:] == UNKNOWN).all()
    assert found["semantic"].values[BAR - 1, 95] == 1
    assert found["boxes"].boxes.corners.tolist() == [[10, 10, 20, 20]]
    assert np.array_equal(found["boxes"].unknown, np.indices(SHAPE)[0] >= BAR)
    assert found["points"].positions.tolist() == [[15, 15]]


def test_objects_that_are_found_where_the_image_does_not_count_are_left_out_and_told(limited):
    (ref,) = limited.project.images
    objects = tuple(
        FoundObject(n, 1, 0.9, (y, 20.0), ((y - 2, y + 3), (18.0, 23.0)))
        for n, y in enumerate((30.0, 150.0), start=1)
    )
    ids = np.zeros(SHAPE, np.int32)
    ids[28:33, 18:23], ids[148:153, 18:23] = 1, 2
    found, notes = where_it_counts(InstancePrediction(ids=ids, objects=objects), ref)
    assert (found.objects, set(np.unique(found.ids))) == (objects[:1], {0, 1})
    assert notes == ("1 object(s) outside of what counts were left out",)
    found, _ = where_it_counts(BoxPrediction(objects=objects, candidates=objects), ref)
    assert (found.objects, found.candidates) == (objects[:1], objects[:1])
    points = tuple(FoundPoint(o.id, 1, 0.9, o.center) for o in objects)
    found, notes = where_it_counts(PointPrediction(objects=points), ref)
    assert (found.objects, len(notes)) == (points[:1], 1)
    found, notes = where_it_counts(RegionPrediction(values=np.ones(SHAPE, np.uint8)), ref)
    assert found.pixel_counts[1] == BAR * SHAPE[1]
    assert "22.7% of it does not count" in notes[0]
    assert where_it_counts(found, ref.without_limits()) == (found, ())


def test_nothing_left_and_places_outside_are_refused(session):
    with pytest.raises(InputError, match=r"Nothing of 'sem\.tif' would be left"):
        session.limit_images(Limits(excluded=[(0.0, 0.0, 176.0, 160.0)])).result()
    with pytest.raises(InputError, match=r"lies outside 'sem\.tif' \(176 x 160 pixels"):
        session.limit_images(Limits(roi=[(0.0, 500.0, 20.0, 600.0)])).result()
    assert not session.project.images[0].is_limited


def shape_on(name: str, size: tuple[int, int]) -> str:
    """Return labelme's JSON of a square on an image of a size."""
    points = [[10, 10], [60, 10], [60, 60], [10, 60]]
    whole = {
        "imagePath": name, "imageHeight": size[0], "imageWidth": size[1],
        "shapes": [{"label": "roi", "points": points, "shape_type": "polygon"}],
    }  # fmt: skip
    return json.dumps(whole)


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        ("other.tif", SHAPE, r"roi\.json: it has no outline on sem\.tif"),
        ("sem.tif", (88, 80), r"drawn on 88 x 80 pixels \(y, x\), but 'sem\.tif' has 176 x 160"),
    ],
)
def test_files_of_another_image_or_size_are_refused(session, tmp_path, name, size, said):
    (tmp_path / "roi.json").write_text(shape_on(name, size))
    with pytest.raises(InputError, match=said):
        session.limit_images(Limits(roi=[tmp_path / "roi.json"])).result()
    assert not session.project.images[0].is_limited


def test_a_file_is_read_once_for_all_images_and_its_points_are_told(tmp_path, monkeypatch):
    for name in ("a.tif", "b.tif", "c.tif"):
        tifffile.imwrite(tmp_path / name, np.zeros((40, 50), np.uint8))
    square = [[5, 5], [25, 5], [25, 15], [5, 15], [5, 5]]
    things = [
        {"type": "Feature", "properties": {}, "geometry": {"type": kind, "coordinates": at}}
        for kind, at in (("Polygon", [square]), ("Point", [10, 10]), ("Point", [90, 90]))
    ]
    path = tmp_path / "parts.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": things}))
    reads = []

    def read(*args):
        reads.append(args[0])
        return read_outlines(*args)

    monkeypatch.setattr("napari_synthseg.workflow.limits.read_outlines", read)
    with Session.create(tmp_path / "p") as session:
        for name in ("a.tif", "b.tif", "c.tif"):
            session.add_images(tmp_path / name).result()
        done = session.limit_images(Limits(roi=[path])).result()
        assert all(ref.is_limited for ref in session.project.images)
    assert reads == [path]
    assert "parts.geojson: 2 point(s) enclose nothing and were left out" in done.message


def test_an_outline_on_a_slice_counts_on_its_plane_alone(tmp_path):
    tifffile.imwrite(
        tmp_path / "stack.tif",
        np.zeros((3, 40, 50), np.uint8),
        photometric="minisblack",
        metadata={"axes": "ZYX"},
    )
    roi = roifile.ImagejRoi.frompoints([[5, 5], [25, 5], [25, 15], [5, 15]], position=1)
    roi.tofile(tmp_path / "one.roi")
    with Session.create(tmp_path / "p") as session:
        session.add_images(tmp_path / "stack.tif", "planes").result()
        session.limit_images(Limits(excluded=[tmp_path / "one.roi"])).result()
        assert [ref.is_limited for ref in session.project.images] == [False, True, False]
