"""Found, missed and false on a project's images, at any smallest score."""

from __future__ import annotations

import numpy as np
import pytest

from napari_synthseg.core.annotations import BoxTruth, Click
from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.predictions import (
    BoxPrediction,
    FoundObject,
    InstancePrediction,
    PointPrediction,
    RegionPrediction,
    at_score,
)
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.runs import DecodingRule, ModelRecord, TrainingRun
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.workflow.found.judging import make_judges
from napari_synthseg.workflow.session import Session
from tests.helpers.sessions import add_array, add_masks

REGION = ((10, 60), (20, 80))
TRUE = {1: (12, 22), 2: (12, 40), 3: (30, 22)}
"""Id of a true square of 10 pixels -> its corner in the whole image."""


def squares(corners: dict[int, tuple[int, int]]) -> tuple[np.ndarray, tuple[FoundObject, ...]]:
    """Return ids of the region, and the objects in the whole image; scores fall by id."""
    ids = np.zeros((50, 60), np.int32)
    objects = []
    for ident, (y, x) in corners.items():
        ids[y - 10 : y, x - 20 : x - 10] = ident
        box = ((y, y + 10), (x, x + 10))
        objects.append(FoundObject(ident, 1, 1 - ident / 10, (y + 4.5, x + 4.5), box))
    return ids, tuple(objects)


@pytest.fixture
def opened(tmp_path):
    with Session.create(tmp_path / "p") as session:
        project = session.project
        session.edit(project.with_classes(project.next_class("cell", diameter=10.0)), "class")
        image = add_array(
            session, np.zeros((60, 80), np.uint8), "yx", "image", region=REGION, role="test"
        )
        yield session, image


def judge_of(session, prediction, task="segment"):
    work = make_judges(session.project, session.folder, task, [prediction])
    return exhaust(work)


def masks_found(image, corners) -> InstancePrediction:
    ids, objects = squares(corners)
    return InstancePrediction(image=image.id, ids=ids, objects=objects, region_origin=(10, 20))


def test_masks_are_judged_in_the_whole_image_at_any_score(opened):
    session, image = opened
    add_masks(session, image, InstanceLabels(squares(TRUE)[0], dict.fromkeys(TRUE, 1)))
    found = masks_found(image, {1: (12, 22), 2: (13, 41), 4: (45, 60)})
    (judge,) = judge_of(session, found)
    whole = judge.at(None)
    assert (whole.truth, len(whole.judged.found), whole.judged.missed) == ("masks", 2, 1)
    assert [(e.kind, e.true, e.predicted) for e in whole.judged.errors] == [
        ("missed", (2,), ()),
        ("false", (), (2,)),
    ]
    assert whole.true[2].center == (34.5, 26.5)
    assert whole.sizes[2] == pytest.approx(2 * (100 / np.pi) ** 0.5)
    assert whole.predicted[2].score == 0.6
    surest = judge.at(0.85)
    assert (len(surest.judged.found), surest.judged.missed, surest.judged.false) == (1, 2, 0)


def test_boxes_and_their_candidates(opened):
    session, image = opened
    boxes = Boxes.of([[y - 10, x - 20, y, x - 10] for y, x in TRUE.values()])  # of the region
    truth = BoxTruth.of(image.id, boxes.shifted((10, 20)), incomplete=())
    session.edit(session.project.with_truths(truth), "boxes")
    _, objects = squares({1: (12, 23), 3: (30, 22), 5: (45, 60)})
    found = BoxPrediction(image=image.id, objects=objects[:1], candidates=objects)
    (judge,) = judge_of(session, found, "detect")
    assert len(judge.at(None).predicted) == 1
    low = judge.at(0.0)
    assert (len(low.judged.found), low.judged.missed, low.judged.false) == (2, 1, 1)


def test_clicks_count_as_truth_where_nothing_was_learned_from_them(opened):
    session, image = opened
    clicks = [Click(image=image.id, position=(y + 4, x + 4), cls=1) for y, x in TRUE.values()]
    session.edit(session.project.with_clicks(*clicks), "clicks")
    found = masks_found(image, {1: (12, 22), 5: (45, 60)})
    (judge,) = judge_of(session, found)
    some = judge.at(None)
    assert (some.truth, some.counts_false, some.judged.missed, some.judged.false) == (
        "clicks", False, 2, 0,
    )  # fmt: skip
    exhaustive = image.model_copy(update={"exhaustive": True})
    session.edit(session.project.with_images(exhaustive), "all are clicked")
    (judge,) = judge_of(session, found)
    assert (judge.at(None).judged.false, judge.at(None).sizes[0]) == (1, 10.0)
    trained_on = image.model_copy(update={"role": "train"})
    session.edit(session.project.with_images(trained_on), "role")
    assert judge_of(session, found) == []


def test_no_truth_and_no_objects_are_not_judged(opened):
    session, image = opened
    assert judge_of(session, masks_found(image, TRUE)) == []
    regions = RegionPrediction(image=image.id, values=np.zeros((50, 60), np.uint8))
    assert judge_of(session, regions, "semantic") == []


def test_a_smallest_score_takes_objects_out(opened):
    _, image = opened
    found = masks_found(image, {1: (12, 22), 2: (13, 41), 4: (45, 60)})
    kept = at_score(found, 0.75)
    assert [o.id for o in kept.objects] == [1, 2]
    assert np.unique(kept.ids).tolist() == [0, 1, 2]
    assert np.unique(at_score(found, 2.0).ids).tolist() == [0]
    assert at_score(found, None) is found
    boxes = BoxPrediction(objects=found.objects[:1], candidates=found.objects)
    assert len(at_score(boxes, 0.0).objects) == 3
    points = PointPrediction(objects=found.objects)
    assert len(at_score(points, 0.7).objects) == 2


def test_the_session_remembers_what_was_found_and_from_which_score_on(opened):
    session, image = opened
    rule = DecodingRule(kind="segment", class_values=(1,), diameter=10.0)
    model = ModelRecord(spec=ModelSpec(), in_channels=1, out_channels=3, rule=rule)
    run = TrainingRun(id="r", name="run 1", state="done", model=model)
    session.edit(session.project.with_run(run), "add run")
    session.found["r"] = {image.id: masks_found(image, {1: (12, 22), 4: (45, 60)})}
    table = session.measure(run).result()
    assert len(table.objects) == 2
    assert table.measures["area_px2"].tolist() == [100.0, 100.0]
    assert table.rows_by_id[image.id, 4] == 1
    run = session.set_least_score(run, 0.8)
    assert len(session.measure(run, run.least_score).result().objects) == 1
    add_masks(session, image, InstanceLabels(squares(TRUE)[0], dict.fromkeys(TRUE, 1)))
    kept = [at_score(p, run.least_score) for p in session.found["r"].values()]
    scores = session.score(run, kept).result()
    assert scores.values["precision@0.5"] == 1.0
    assert "Objects that score below 0.80 were left out." in scores.warnings
    folder = session.folder
    session.close().result()
    with Session.open(folder, reading=True).result() as again:
        assert again.project.run("r").least_score == 0.8
        assert again.read_only
        with Session.open(folder).result() as writer:
            assert not writer.read_only
        with Session.open(folder).result() as writer:
            assert Session.open(folder, reading=True).result().project == writer.project


@pytest.mark.parametrize("kind", ["masks", "boxes"])
def test_what_is_found_where_the_truth_is_unknown_is_not_judged(opened, kind):
    session, image = opened
    ids = squares(TRUE)[0]
    add_masks(session, image, InstanceLabels(ids, dict.fromkeys(TRUE, 1)))
    bar = ((40.0, 20.0), (40.0, 80.0), (60.0, 80.0), (60.0, 20.0))
    limited = image.model_copy(update={"excluded": ((bar,),)})
    session.edit(session.project.with_images(limited), "a bar")
    masks = masks_found(image, {1: (12, 22), 2: (12, 40), 4: (45, 60), 5: (12, 60)})
    found: BoxPrediction | InstancePrediction = masks
    if kind == "boxes":
        found = BoxPrediction(image=image.id, objects=masks.objects, region_origin=(10, 20))
    (judge,) = judge_of(session, found, "segment" if kind == "masks" else "detect")
    judged = judge.at(None).judged
    assert (len(judged.found), judged.missed, judged.false) == (2, 1, 1)
