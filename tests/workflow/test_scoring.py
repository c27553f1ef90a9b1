"""What runs of every task find is scored against the ground truth that images have."""

import json

import numpy as np
import pytest

from napari_synthseg.core.annotations import (
    BoxTruth,
    Click,
    ImageTagsTruth,
)
from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import UNKNOWN, InstanceLabels, RegionLabels
from napari_synthseg.core.predictions import (
    BoxPrediction,
    FoundObject,
    HeatMaps,
    ImageTagsPrediction,
    InstancePrediction,
    RegionPrediction,
)
from napari_synthseg.core.runs import DecodingRule, ModelRecord, TrainingRun
from napari_synthseg.core.scores import ScoringOptions
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.tasks.detect import Detect
from napari_synthseg.tasks.registry import TASKS
from napari_synthseg.workflow.evaluating import score, score_folders
from napari_synthseg.workflow.session import Session
from tests.helpers.clicked_discs import CENTERS, disc_image, finish
from tests.helpers.sessions import add_array, add_masks

REGION = ((11, 128), (5, 160))
"""Of the image that counts: what is found there has positions in the whole image."""


@pytest.fixture
def session(tmp_path):
    session = Session.create(tmp_path / "discs.synthseg")
    classes = [session.project.next_class("disc", diameter=20.0)]
    project = session.project.with_classes(*classes)
    session.edit(project.with_classes(project.next_class("ring", diameter=9.0)), "classes")
    image, _ = disc_image(CENTERS)
    add_array(session, image[0], "yx", "image", role="test", exhaustive=True, region=REGION)
    yield session
    session.close().result()


def boxes_of_discs():
    _, ids = disc_image(CENTERS)
    found = InstanceLabels(ids, dict.fromkeys(range(1, 8), 1)).boxes().corners
    return Boxes.of(found[(found[:, 0] >= 11) & (found[:, 1] > 5)])


def run_of(task):
    rule = DecodingRule(kind=task, class_values=(1, 2), diameter=20.0)
    model = ModelRecord(spec=ModelSpec(), in_channels=1, out_channels=4, rule=rule)
    return TrainingRun(id="r", name="r", state="done", model=model)


def detected(session, boxes):
    (ref,) = session.project.images
    return detected_on(ref, boxes)


def detected_on(ref, boxes):
    objects = tuple(
        FoundObject(n, 1, 0.9, ((a + c) / 2 - 0.5, (b + d) / 2 - 0.5), ((a, c), (b, d)))
        for n, (a, b, c, d) in enumerate(boxes.corners.tolist(), start=1)
    )
    origin = tuple(a for a, _ in REGION)
    return [
        BoxPrediction(
            image=ref.id, run="r", region_origin=origin, objects=objects, candidates=objects
        )
    ]


def tagged(session, probabilities, thresholds):
    (ref,) = session.project.images
    return ImageTagsPrediction(
        image=ref.id, run="r", probabilities=probabilities, thresholds=thresholds
    )


def scored(session, task, predictions):
    return finish(score(session.project, session.folder, run_of(task), predictions))[1]


def give(session, truth):
    session.edit(session.project.with_truths(truth), "truth")


def test_boxes_are_scored_against_boxes_in_the_region(session):
    (ref,) = session.project.images
    give(session, BoxTruth.of(ref.id, boxes_of_discs()))
    found = scored(session, "detect", detected(session, boxes_of_discs()))
    assert (found.task, found.truth, found.objects) == ("detect", "boxes", len(boxes_of_discs()))
    assert found.values["f1@0.5"] == found.values["ap@0.5"] == 1
    fewer = scored(session, "detect", detected(session, boxes_of_discs().take(np.arange(2))))
    assert fewer.values["found"] == 2


def test_boxes_are_scored_against_masks(session):
    (ref,) = session.project.images
    _, ids = disc_image(CENTERS)
    add_masks(session, ref, InstanceLabels(ids, dict.fromkeys(range(1, 8), 1)))
    found = scored(session, "detect", detected(session, boxes_of_discs()))
    assert (found.truth, found.values["f1@0.5"]) == ("masks", 1)


def test_boxes_are_scored_against_clicks_where_there_is_nothing_else(session):
    (ref,) = session.project.images
    clicks = [Click(image=ref.id, position=c, cls=1) for c in CENTERS[:6]]
    session.edit(session.project.with_clicks(*clicks), "click")
    found = scored(session, "detect", detected(session, boxes_of_discs()))
    assert (found.task, found.values["found"], found.values["missed"]) == ("localize", 6, 0)


@pytest.mark.parametrize("truth", ["boxes", "labels", "masks", "clicks"])
def test_what_is_shown_is_scored_against_any_truth(session, truth):
    (ref,) = session.project.images
    if truth == "boxes":
        give(session, BoxTruth.of(ref.id, boxes_of_discs()))
    elif truth == "labels":
        give(session, ImageTagsTruth.of(ref.id, [1]))
    elif truth == "masks":
        add_masks(
            session, ref, InstanceLabels(disc_image(CENTERS)[1], dict.fromkeys(range(1, 8), 1))
        )
    else:
        click = Click(image=ref.id, position=(30.0, 30.0), cls=1)
        session.edit(session.project.with_clicks(click), "click")
    said = tagged(session, {1: 0.4, 2: 0.6}, {1: 0.3, 2: 0.5})
    found = scored(session, "classify", [said])
    assert found.task == "classify"
    assert found.per_class["disc"]["recall"] == 1
    assert (found.values["precision"], found.values["recall"]) == (0.5, 1)


def test_where_objects_are_not_marked_scores_leave_open_what_is_there(session):
    (ref,) = session.project.images
    _, ids = disc_image(CENTERS)
    labels = InstanceLabels(ids, dict.fromkeys(range(1, 8), 1))
    add_masks(session, ref, labels)
    (truth,) = session.project.truths
    give(session, truth.model_copy(update={"incomplete": (2,)}))
    inside = ids[tuple(slice(a, b) for a, b in REGION)]
    extra = inside.copy()
    extra[60:64, 60:64] = 99
    objects = [FoundObject(n, 1, 0.9, (0, 0), ((0, 1), (0, 1))) for n in labels.slices()]
    objects.append(FoundObject(99, 2, 0.9, (0, 0), ((0, 1), (0, 1))))
    found = InstancePrediction(image=ref.id, run="r", ids=extra, objects=tuple(objects))
    scores = scored(session, "segment", [found])
    assert (scores.values["precision@0.5"], scores.values["f1@0.5"]) == (1, 1)
    assert "Not every object of class 'ring' is marked" in " ".join(scores.warnings)
    scores = scored(session, "classify", [tagged(session, {1: 0.9, 2: 0.9}, {1: 0.5, 2: 0.5})])
    assert scores.values["precision"] == 1
    assert "Not every object of class 'ring' is marked" in " ".join(scores.warnings)
    values = np.where(inside > 0, 1, 2).astype(np.uint8)
    regions = RegionPrediction(image=ref.id, run="r", values=values)
    scores = scored(session, "semantic", [regions])
    assert scores.per_class["disc"]["iou"] == 1
    assert "Not every object of class 'ring' is marked" in " ".join(scores.warnings)


def test_regions_are_scored_pixel_by_pixel_in_the_region(session):
    (ref,) = session.project.images
    _, ids = disc_image(CENTERS)
    values = np.where(ids > 4, 2, np.minimum(ids, 1)).astype(np.int32)
    values[100:] = UNKNOWN
    add_masks(session, ref, RegionLabels.of(values))
    inside = values[tuple(slice(a, b) for a, b in REGION)]
    right = RegionPrediction(image=ref.id, run="r", values=np.maximum(inside, 0))
    found = scored(session, "semantic", [right])
    assert (found.task, found.values["miou"]) == ("semantic", 1)
    assert found.objects == np.count_nonzero(inside != UNKNOWN)
    wrong = RegionPrediction(image=ref.id, run="r", values=np.where(inside == 2, 1, 0))
    assert scored(session, "semantic", [wrong]).per_class["ring"]["iou"] == 0
    shown = tagged(session, {1: 0.9, 2: 0.1}, {1: 0.5, 2: 0.5})
    assert scored(session, "classify", [shown]).per_class["ring"]["recall"] == 0


def test_regions_are_scored_against_the_masks_of_objects(session):
    (ref,) = session.project.images
    _, ids = disc_image(CENTERS)
    add_masks(session, ref, InstanceLabels(ids, dict.fromkeys(range(1, 8), 2)))
    inside = ids[tuple(slice(a, b) for a, b in REGION)]
    right = RegionPrediction(image=ref.id, run="r", values=np.where(inside > 0, 2, 0))
    assert scored(session, "semantic", [right]).values["miou"] == 1


@pytest.mark.parametrize("task", ["segment", "semantic", "detect", "classify"])
def test_without_truth_there_is_no_score(session, task):
    with pytest.raises(InputError, match="import"):
        scored(session, task, detected(session, boxes_of_discs()))


def test_heat_maps_are_scored_where_they_point(session):
    (ref,) = session.project.images
    shape = [b - a for a, b in REGION]
    heat = np.zeros(shape, np.float32)
    heat[19, 25] = 1.0  # the disc at (30, 30) of the whole image
    maps = [HeatMaps(image=ref.id, run="r", maps={1: heat}, method="cam", layer="body")]
    run = run_of("classify")
    with pytest.raises(InputError, match="cannot be scored"):
        finish(score(session.project, session.folder, run, maps))
    give(session, BoxTruth.of(ref.id, boxes_of_discs()))
    found = finish(score(session.project, session.folder, run, maps))[1]
    assert (found.task, found.values["pointing"], found.run) == ("cam", 1, "r")


def test_an_object_of_which_less_than_half_is_on_the_image_is_not_said_to_be_shown(session):
    (ref,) = session.project.images
    disc, ring = (11, 50, 31, 70), (5, 100, 15, 120)  # the region begins at row 11
    give(session, BoxTruth.of(ref.id, Boxes.of([disc, ring], [1, 2])))
    said = [tagged(session, {1: 0.9, 2: 0.1}, {1: 0.5, 2: 0.5})]
    scores = scored(session, "classify", said)
    assert scores.per_class["disc"]["prevalence"] == 1
    assert scores.per_class["ring"]["prevalence"] == 0
    heat = np.zeros((117, 155), np.float32)
    heat[5, 50] = 1
    maps = HeatMaps(image=ref.id, run="r", maps={1: heat, 2: heat}, method="cam", layer="")
    pointed = scored(session, "classify", [maps])
    assert pointed.per_class["disc"]["pointing"] == 1
    assert "ring" not in pointed.per_class


def test_a_box_that_holds_no_pixel_of_the_image_is_not_pointed_at(session):
    (ref,) = session.project.images
    disc, beside = (11, 50, 31, 70), (127.5, 50, 147.5, 70)  # the region ends at row 128
    give(session, BoxTruth.of(ref.id, Boxes.of([disc, beside])))
    heat = np.zeros((117, 155), np.float32)
    heat[5, 50] = 1
    maps = HeatMaps(image=ref.id, run="r", maps={1: heat}, method="cam", layer="")
    pointed = scored(session, "classify", [maps])
    assert pointed.per_class["disc"]["pointing"] == 1
    assert pointed.objects == 1


def test_scores_on_images_that_were_trained_on_say_so(session):
    (ref,) = session.project.images
    give(session, BoxTruth.of(ref.id, boxes_of_discs()))
    predictions = detected(session, boxes_of_discs())
    by_truth, by_pixels = "trained on 'image'", "from the pixels of 'image', not from the truth"
    for source, images, told in (
        ("real", (ref.id,), by_truth), ("synthetic", (ref.id,), by_pixels), ("mixed", (), ""),
    ):  # fmt: skip
        run = run_of("detect").model_copy(
            update={"images": images, "spec": TrainSpec(source=source)}
        )
        found = finish(score(session.project, session.folder, run, predictions))[1]
        assert [w for w in (by_truth, by_pixels) if w in " ".join(found.warnings)] == [told] * bool(
            told
        )


def test_scorings_of_one_run_are_all_kept_and_that_of_a_deleted_run_is_dropped(session):
    run = run_of("classify")
    session.edit(session.project.with_run(run), "run")
    (ref,) = session.project.images
    session.edit(session.project.with_truths(ImageTagsTruth(image=ref.id, shown=(1,))), "labels")
    tags = [tagged(session, {1: 0.9, 2: 0.1}, {1: 0.5, 2: 0.5})]
    detections = detected(session, boxes_of_discs())
    found = InstanceLabels(disc_image(CENTERS)[1], dict.fromkeys(range(1, 8), 1)).boxes()
    box_truth = BoxTruth.of(ref.id, found)
    session.edit(session.project.with_truths(box_truth), "boxes")
    jobs = [session.score(run, tags), session.score(run_of("detect"), detections)]
    session.edit(session.project.model_copy(update={"truths": ()}), "snapshots are taken")
    for job in jobs:
        job.run()
    for job in jobs:
        session.record(job)
    for writing in session.jobs:
        writing.join()
    kept = {s.task for s in session.project.run("r").scores}
    assert kept == {"classify", "detect"}
    stored = json.loads((session.folder / "runs" / "r" / "run.json").read_text("utf-8"))
    assert {s["task"] for s in stored["scores"]} == kept
    late = session.score(run, tags)
    assert isinstance(late.run().error, InputError)  # no truth is left in the project of now
    session.edit(session.project.with_truths(box_truth), "boxes")
    late = session.score(run_of("detect"), detections)
    session.edit(session.project.model_copy(update={"runs": ()}), "delete")
    late.result()
    assert session.project.runs == ()


def test_scores_of_a_plugin_carry_its_own_name(tmp_path, monkeypatch):
    class Counting(Detect):
        """A plugin that scores by the metrics of boxes."""

        name = "count"

    monkeypatch.setitem(TASKS, "count", Counting())
    table = tmp_path / "boxes.csv"
    table.write_text("image,class,ymin,xmin,ymax,xmax,score\na.tif,cell,0,0,9,9,0.5\n")
    truth = tmp_path / "true.csv"
    truth.write_text("image,class,ymin,xmin,ymax,xmax\na.tif,cell,0,0,9,9\n")
    for name in ("count", "detect"):
        job = score_folders(name, table, truth, ScoringOptions())
        job.run()
        assert job.result().task == name


@pytest.mark.parametrize(
    ("fields", "is_told"),
    [
        ({"group": "mouse 1"}, True),
        ({"plane": {"z": 3}, "axes": "zyx"}, True),
        ({"uri": "x"}, False),
    ],
)
def test_images_of_a_specimen_that_was_learned_from_are_told(session, fields, is_told):
    (ref,) = session.project.images
    grouped = ref.model_copy(update={"group": fields.get("group", "")})
    other = ref.model_copy(update={"uri": "x", "id": "other", "name": "other.tif", **fields})
    if "plane" in fields:
        other = other.model_copy(update={"uri": ref.uri})
    session.edit(session.project.with_images(grouped, other), "images")
    boxes = boxes_of_discs()
    give(session, BoxTruth.of(ref.id, boxes))
    (found,) = detected_on(ref, boxes)
    run = run_of("detect").model_copy(update={"images": ("other",)})
    done = finish(score(session.project, session.folder, run, [found]))[1]
    told = [w for w in done.warnings if "same file or specimen as 'image'" in w]
    assert len(told) == is_told
    itself = run.model_copy(update={"images": (ref.id, "other")})
    done = finish(score(session.project, session.folder, itself, [found]))[1]
    assert not [w for w in done.warnings if "same file or specimen" in w]


@pytest.fixture
def planes(session):
    """Planes of the file of an image, of which one is trained on; what is found on all of them."""
    (ref,) = session.project.images
    of_plane = [
        ref.model_copy(update={"id": f"p{z}", "plane": {"z": z}, "name": "stack.tif"})
        for z in range(7)
    ]
    session.edit(session.project.model_copy(update={"images": tuple(of_plane)}), "images")
    return [detected_on(plane, boxes_of_discs())[0] for plane in of_plane]


def told_of_specimen(session, task, predictions):
    run = run_of(task).model_copy(update={"images": ("p0",)})
    scores = finish(score(session.project, session.folder, run, predictions))[1]
    return [w for w in scores.warnings if "same file or specimen" in w]


def test_images_that_are_not_scored_are_not_named(session, planes):
    truths = [BoxTruth.of(f"p{z}", boxes_of_discs()) for z in (2, 4)]
    session.edit(session.project.with_truths(*truths), "truth")
    (told,) = told_of_specimen(session, "detect", planes)
    assert "specimen as 'stack_z2.tif', 'stack_z4.tif': on others" in told
    heat = np.ones([b - a for a, b in REGION], np.float32)
    maps = [
        HeatMaps(image=f"p{z}", run="r", maps={1: heat}, method="cam", layer="") for z in range(7)
    ]
    (told,) = told_of_specimen(session, "classify", maps)
    assert "specimen as 'stack_z2.tif', 'stack_z4.tif': on others" in told


def test_few_of_many_images_are_named(session, planes):
    truths = [BoxTruth.of(f"p{z}", boxes_of_discs()) for z in range(7)]
    session.edit(session.project.with_truths(*truths), "truth")
    (told,) = told_of_specimen(session, "detect", planes)
    named = "specimen as 'stack_z1.tif', 'stack_z2.tif', 'stack_z3.tif' and 3 more: on others"
    assert named in told


def test_of_images_scored_by_clicks_those_with_clicks_are_named(session, planes):
    clicks = [Click(image=f"p{z}", position=c, cls=1) for c in CENTERS[:6] for z in (3, 5)]
    part = session.project.image("p5").model_copy(update={"exhaustive": False})
    session.edit(session.project.with_images(part).with_clicks(*clicks), "clicks")
    (told,) = told_of_specimen(session, "detect", planes)
    assert "specimen as 'stack_z3.tif', 'stack_z5.tif': on others" in told
    tags = [
        ImageTagsPrediction(
            image=f"p{z}", run="r", probabilities={1: 0.9, 2: 0.1}, thresholds={1: 0.5, 2: 0.5}
        )
        for z in range(7)
    ]
    (told,) = told_of_specimen(session, "classify", tags)
    assert "specimen as 'stack_z3.tif': on others" in told  # the other is clicked in part
