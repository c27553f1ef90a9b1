"""What suits what is marked: suggested until the user chooses, and never stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_synthseg.core.annotations import (
    BoxTruth,
    Click,
    ImageRef,
    ImageTagsTruth,
    InstanceTruth,
    ObjectClass,
    RegionTruth,
    Truth,
)
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import RegionLabels
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import DecodingRule, ModelRecord, TrainingRun
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.synthesis import PasteRecipe, VQRecipe
from napari_synthseg.workflow.choosing import improving_spec, suitable_recipe, suitable_spec
from napari_synthseg.workflow.session import Session
from tests.helpers.sessions import add_array, add_masks

IMAGE = ImageRef(id="a", uri="a.tif", name="a", axes="yx")
CLICKED = (
    Project()
    .with_images(IMAGE)
    .with_classes(ObjectClass(name="cell", value=1))
    .with_clicks(Click(id="1", image="a", position=(1, 1), cls=1))
)
PAINTED = CLICKED.without_clicks(["1"]).with_truths(RegionTruth(id="t", image="a", source="t.tif"))


def chosen(**fields: object) -> Project:
    return PAINTED.model_copy(update={"train_spec": TrainSpec().model_copy(update=fields)})


def test_regions_alone_suit_the_recipe_that_learns_from_them() -> None:
    assert isinstance(suitable_recipe(PAINTED), VQRecipe)
    assert isinstance(suitable_recipe(CLICKED), PasteRecipe)
    pasted = PAINTED.model_copy(update={"recipe": PasteRecipe()})
    assert suitable_recipe(pasted) is pasted.recipe


def test_regions_alone_suit_a_training_on_them() -> None:
    assert suitable_spec(CLICKED) == TrainSpec()
    assert suitable_spec(PAINTED) == TrainSpec(task="semantic", source="real")
    assert suitable_spec(PAINTED, learned=True) == TrainSpec(
        task="semantic", source="mixed", real_fraction=0.5
    )


@pytest.mark.parametrize(
    ("truth", "task"),
    [
        (BoxTruth(image="a"), "detect"),
        (InstanceTruth(image="a", source="t.tif"), "segment"),
        (ImageTagsTruth.of("a", [1]), "classify"),
    ],
)
def test_truth_alone_suits_a_training_on_it(truth: Truth, task: str) -> None:
    known = CLICKED.without_clicks(["1"]).with_truths(truth)
    assert suitable_spec(known) == TrainSpec(task=task, source="real")
    assert suitable_spec(CLICKED.with_truths(truth)) == TrainSpec()
    held = known.with_images(IMAGE.model_copy(update={"role": "test"}))
    assert suitable_spec(held) == TrainSpec()


def test_what_is_chosen_stays_and_the_rest_follows_what_is_marked() -> None:
    assert suitable_spec(chosen(minutes=9.0), learned=True).source == "mixed"
    real = suitable_spec(chosen(source="real"), learned=True)
    assert (real.task, real.source, real.real_fraction) == ("semantic", "real", None)
    assert suitable_spec(chosen(real_fraction=0.2), learned=True).real_fraction == 0.2
    detect = suitable_spec(chosen(task="detect", source="synthetic"), learned=True)
    assert (detect.task, detect.source) == ("detect", "synthetic")


def test_only_what_was_chosen_is_stored(tmp_path: Path) -> None:
    with Session.create(tmp_path / "p.synthseg") as session:
        session.edit(session.project.with_classes(session.project.next_class("phase")), "class")
        ref = add_array(session, np.zeros((8, 8), np.uint8), "yx", "image")
        add_masks(session, ref, RegionLabels.of(np.ones((8, 8), np.int32)), "semantic")
        spec = session.project.train_spec.model_copy(update={"minutes": 9.0})
        session.edit(session.project.model_copy(update={"train_spec": spec}), "train longer")
    with Session.open(tmp_path / "p.synthseg").result() as session:
        assert session.project.train_spec.model_fields_set == {"minutes"}
        assert (session.suitable_spec.source, session.suitable_spec.minutes) == ("real", 9.0)
        assert suitable_spec(session.project, learned=True).source == "mixed"


def test_improving_goes_on_from_the_last_model_for_less_than_a_minute():
    rule = DecodingRule(kind="segment", class_values=(1,), diameter=12.0)
    model = ModelRecord(spec=ModelSpec(name="unet"), in_channels=1, out_channels=3, rule=rule)
    runs = (
        TrainingRun(id="a", name="a", state="done", model=model),
        TrainingRun(id="b", name="b", state="failed"),
    )
    spec = improving_spec(Project(runs=runs, train_spec=TrainSpec(task="detect", steps=900)))
    assert (spec.start, spec.task, spec.steps) == ("a", "segment", None)
    assert spec.minutes is not None and spec.minutes < 1
    with pytest.raises(InputError, match="train one first"):
        improving_spec(Project(runs=runs[1:]))
