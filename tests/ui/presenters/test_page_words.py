"""What pages say and suggest, worked out without Qt."""

from __future__ import annotations

import math
from pathlib import Path
from typing import get_args

import pytest

from napari_synthseg.core.annotations import (
    CLASS_COLORS,
    NOT_AN_OBJECT,
    BoxTruth,
    Click,
    ImageRef,
    ImageTagsTruth,
    InstanceTruth,
    ObjectClass,
    PointTruth,
    RegionTruth,
)
from napari_synthseg.core.patch import IssueKind
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import DecodingRule, ModelRecord, TrainingRun
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.ui.presenters.counting import counted
from napari_synthseg.ui.presenters.marking import (
    click_counts,
    clicking_hint,
    free_name,
    negative_color,
    painting_hint,
    percent,
)
from napari_synthseg.ui.presenters.runs import start_choices
from napari_synthseg.ui.presenters.steps import (
    CLICK,
    DUAL_IMAGES,
    NO_DUAL_IMAGES,
    NO_PATCHES,
    PATCHES,
    RESULTS,
    TRAIN,
    why_locked,
)
from napari_synthseg.ui.presenters.training.curves import CurvePoint
from napari_synthseg.ui.presenters.work_log import WorkLog

IMAGE = ImageRef(id="a", uri="a.tif", name="a", axes="yx")
OBJECTS = ObjectClass(name="cell", value=1)
KNOWN_BOXES = BoxTruth(image="a")
KNOWN_MASKS = InstanceTruth(image="a", source="masks.tif")
KNOWN_CLASSES = ImageTagsTruth.of("a", [1])


def clicked(count: int) -> Project:
    project = Project().with_images(IMAGE).with_classes(OBJECTS)
    clicks = [Click(id=str(n), image="a", position=(n, n), cls=1) for n in range(count)]
    return project.with_clicks(*clicks)


def painted() -> Project:
    return clicked(0).with_truths(RegionTruth(id="t", image="a", source="t.tif"))


def batch(step: int, stage: str = "", **figures: float) -> Progress:
    message = f"{stage}: step {step}" if stage else f"step {step}"
    return Progress(step / 10, message, {"step": step, "loss": 1 / step, **figures})


def test_steps_say_why_they_are_locked() -> None:
    assert why_locked(CLICK, Project()) == "Choose an image first."
    assert "Click" in why_locked(PATCHES, clicked(0))
    assert why_locked(PATCHES, painted()) == NO_PATCHES
    assert why_locked(DUAL_IMAGES, painted()) == why_locked(PATCHES, clicked(1)) == ""
    assert "Train" in why_locked(RESULTS, clicked(1))


def test_a_trained_model_is_looked_at_though_nothing_is_clicked_or_painted() -> None:
    rule = DecodingRule(kind="detect", class_values=(1,), diameter=20)
    model = ModelRecord(spec=ModelSpec(name="yolo"), in_channels=1, out_channels=3, rule=rule)
    project = clicked(0).with_run(TrainingRun(id="x", name="run 1", model=model))
    assert why_locked(TRAIN, project) == why_locked(RESULTS, project) == ""
    assert "Click" in why_locked(DUAL_IMAGES, project)
    assert "Click" in why_locked(TRAIN, clicked(0))


@pytest.mark.parametrize("truth", [KNOWN_BOXES, KNOWN_MASKS, KNOWN_CLASSES])
def test_truth_alone_leads_to_a_training(truth) -> None:
    project = clicked(0).with_truths(truth)
    assert why_locked(TRAIN, project) == ""
    assert why_locked(PATCHES, project) == why_locked(DUAL_IMAGES, project) == NO_DUAL_IMAGES
    assert "step 4" in clicking_hint(project)
    both = clicked(1).with_truths(truth)
    assert why_locked(PATCHES, both) == why_locked(DUAL_IMAGES, both) == ""
    held = IMAGE.model_copy(update={"role": "test"})
    assert "Click" in why_locked(TRAIN, project.with_images(held))


def test_points_teach_no_task() -> None:
    project = clicked(0).with_truths(PointTruth(image="a", points=(((1.0, 1.0), 1),)))
    assert "Click" in why_locked(TRAIN, project)


@pytest.mark.parametrize(
    ("count", "word"),
    [(0, "Click"), (2, "3 at least"), (7, "7 clicks. A dozen of each class"), (12, "More help")],
)
def test_the_hint_counts_clicks(count: int, word: str) -> None:
    assert word in clicking_hint(clicked(count))


def test_on_an_image_for_scoring_its_own_clicks_are_counted() -> None:
    held = IMAGE.model_copy(update={"id": "b", "role": "test"})
    alone = clicked(0).with_images(held)
    assert "another one to learn from" in clicking_hint(alone, (held,))
    project = clicked(7).with_images(held)
    project = project.with_clicks(Click(image="b", position=(1, 1), cls=1))
    assert "to score by: 1." in clicking_hint(project, (held,))
    assert click_counts(project, (held,)) == {1: "1", NOT_AN_OBJECT: "0"}
    assert click_counts(project, (IMAGE,)) == {1: "7", NOT_AN_OBJECT: "0"}
    assert click_counts(project, (IMAGE, held)) == {1: "7", NOT_AN_OBJECT: "0"}


def test_nothing_is_asked_for_on_an_image_whose_truth_is_known() -> None:
    held = IMAGE.model_copy(update={"id": "b", "role": "test"})
    project = clicked(7).with_images(held)
    known = project.with_truths(InstanceTruth(image="b", source="masks.tif"))
    assert "Click every object" in clicking_hint(project, (held,))
    assert "nothing to click" in clicking_hint(known, (held,))
    marked = known.with_clicks(Click(image="b", position=(1, 1), cls=1))
    assert "to score by: 1." in clicking_hint(marked, (held,))


def test_negative_clicks_are_counted_apart() -> None:
    held = IMAGE.model_copy(update={"id": "b", "role": "test"})
    negatives = [
        Click(image=image, position=(9, 9), cls=NOT_AN_OBJECT) for image in ("a", "a", "b")
    ]
    project = clicked(3).with_images(held).with_clicks(*negatives)
    assert click_counts(project) == {1: "3", NOT_AN_OBJECT: "2"}
    assert "2 at least" in clicking_hint(project)


@pytest.mark.parametrize(
    ("colors", "color"),
    [
        (CLASS_COLORS, "#ff2222"),
        (("#ff2230",), "#ffffff"),
        (("#f01020", "#fefefe"), "#00e5ff"),
        ((), "#ff2222"),
    ],
)
def test_negative_clicks_have_the_color_of_no_class(colors: tuple[str, ...], color: str) -> None:
    classes = [ObjectClass(name=c, value=n, color=c) for n, c in enumerate(colors, start=1)]
    assert negative_color(classes) == color


def test_the_hint_of_painting_follows_what_is_painted() -> None:
    project = painted()
    assert "Choose a class" in painting_hint(project, (IMAGE,), {}, True)
    assert "another class" in painting_hint(project, (IMAGE,), {1: 0.1}, True)
    assert "background" in painting_hint(project, (IMAGE,), {1: 0.1}, False)
    held = IMAGE.model_copy(update={"role": "test"})
    alone = clicked(0).with_images(held)
    assert "scoring" in painting_hint(alone, (held,), {1: 0.1}, True)


def test_small_shares_are_not_nothing() -> None:
    assert [percent(share) for share in (0, 0.001, 0.25)] == ["", "<1%", "25%"]


def test_new_classes_get_names_of_their_own() -> None:
    project = clicked(0)
    assert free_name(project, "class") == "class 2"
    named = project.with_classes(project.next_class("class 3"))
    assert free_name(named, "class") == "class 4"
    assert free_name(named, "class 3", " (new)") == "class 3 (new)"


def test_a_training_says_its_device_then_its_figures() -> None:
    log = WorkLog()
    assert log.add([Progress(0.0, "cpu, 2 threads")]) == ([], False)
    log.add([Progress(0.0, "step 0: waiting for training images")])
    assert log.text() == "Getting ready: cpu, 2 threads"
    once = WorkLog()
    once.add([Progress(0.0, "getting ready: preparing canvases")])
    assert once.text() == "Getting ready: preparing canvases"
    batches, is_new = log.add([batch(1, seconds=2.0), batch(2, seconds=3.0)])
    assert [b.step for b in batches] == [1, 2]
    assert is_new
    assert log.text() == "Step 2, 3 s so far\nloss 0.5\ncpu, 2 threads"
    checking = Progress(0.2, "step 2, validating: 1 of 3", {"step": 2})
    assert log.add([checking]) == ([], False)
    (last,), _ = log.add([batch(3, "", **{"held f1": 0.25, "best step": 3})])
    assert last.is_best
    assert "held out: f1 0.25" in log.text()


def test_each_stage_of_learning_has_a_curve_of_its_own() -> None:
    log = WorkLog()
    news = [batch(1, "codes"), batch(2, "codes"), batch(1, "prior")]
    batches, is_new = log.add(news)
    assert is_new
    assert batches == [CurvePoint(1, 1.0, False)]
    assert log.stage == "prior"
    assert log.add([batch(2, "prior")])[1] is False


def test_batches_without_a_number_are_counted() -> None:
    log = WorkLog()
    news = [Progress(0.1, "codes: on", {"loss": 1.0}), Progress(0.2, "codes: on", {"loss": 0.5})]
    assert [b.step for b in log.add(news)[0]] == [1, 2]
    assert log.add([Progress(0.3, "codes: on", {"loss": math.nan})])[0] == []


def test_the_glossary_calls_quality_issues_as_the_panel_does() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "glossary.md"
    (row,) = (line for line in page.read_text().splitlines() if line.startswith("| quality issue"))
    named = row.rpartition(":")[2].strip(" |").split(", ")
    assert set(named) <= set(get_args(IssueKind))


def test_what_a_training_can_begin_with_depends_on_the_network() -> None:
    rule = DecodingRule(kind="segment", class_values=(1,), diameter=20)
    model = ModelRecord(spec=ModelSpec(name="unet"), in_channels=1, out_channels=3, rule=rule)
    runs = [TrainingRun(id="x", name="run 1", model=model), TrainingRun(id="y", name="run 2")]
    usual = {"": "pretrained weights", "scratch": "nothing"}
    assert start_choices(TrainSpec(), []) == usual
    assert start_choices(TrainSpec(), runs) == {**usual, "x": "the weights of run 1"}
    wide = TrainSpec(model=ModelSpec(width=16))
    assert start_choices(wide, []) == {"": "nothing"}
    assert start_choices(TrainSpec(task="classify"), runs) == {"": "nothing"}
    assert start_choices(TrainSpec(task="count-by-density"), runs) == {"": "nothing"}


@pytest.mark.parametrize(("number", "words"), [(0, "0 steps"), (1, "1 step"), (2, "2 steps")])
def test_one_thing_is_counted_as_one(number: int, words: str) -> None:
    assert counted(number, "step") == words
    assert counted(1, "patch", "patches") == "1 patch"
    assert counted(number, "patch", "patches").endswith("patch" if number == 1 else "patches")
