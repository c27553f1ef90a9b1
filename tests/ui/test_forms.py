"""A form holds no rule of its own: what goes in comes out, and the model judges."""

from __future__ import annotations

from typing import Literal, get_args

import pytest
from pydantic import BaseModel, ConfigDict, Field
from qtpy.QtWidgets import QLabel

from napari_synthseg.core.described import setting
from napari_synthseg.core.recipe import Recipe
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.synthesis import default_recipe

pytestmark = pytest.mark.gui


class Size(BaseModel):
    model_config = ConfigDict(frozen=True)
    width: int = Field(default=8, ge=4, le=16, multiple_of=4)
    depth: int | None = Field(default=None, ge=1)


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True)
    count: int = Field(default=3, ge=1, le=9, description="how many")
    share: float = Field(default=0.5, ge=0, le=1)
    limit: float | None = None
    mode: Literal["one", "two"] = "one"
    on: bool = True
    name: str = "x"
    pair: tuple[int, int] = (1, 2)
    pairs: dict[str, int] = {"a": 1}
    size: Size = Size()


def make_form(qtbot, model, **options):
    from napari_synthseg.ui.widgets.forms import ModelForm

    form = ModelForm(model, **options)
    qtbot.addWidget(form)
    return form


@pytest.mark.parametrize("model", [Settings(), TrainSpec(), default_recipe()])
def test_showing_a_model_gives_it_back_unchanged(qtbot, model):
    form = make_form(qtbot, model)
    got = []
    form.changed.connect(got.append)
    for field in form.fields.values():
        field.changed.emit(None)
    assert got
    assert all(each == model for each in got)


def test_the_fields_of_a_section_are_made_when_it_is_opened(qtbot):
    from qtpy.QtWidgets import QAbstractSpinBox, QCheckBox

    from napari_synthseg.ui.widgets.fold import Fold

    form = make_form(qtbot, Settings(), shown=("count",))
    folds = {fold.button.text(): fold for fold in form.findChildren(Fold)}
    got = []
    form.changed.connect(got.append)
    form.set_model(Settings(share=0.25))
    (count,) = form.findChildren(QAbstractSpinBox)
    count.setValue(4)
    assert got == [Settings(count=4, share=0.25)]
    assert not form.findChildren(QCheckBox)
    for is_open in (True, False, True):
        folds["More settings"].open(is_open)
    (switch,) = folds["More settings"].findChildren(QCheckBox)
    switch.setChecked(False)
    assert got[-1] == Settings(count=4, share=0.25, on=False)
    folds["Size"].open()
    (size,) = folds["Size"].findChildren(type(form))
    assert size.model == Size()
    assert set(form.fields) == set(Settings.model_fields)


def test_edits_make_a_new_model(qtbot):
    form = make_form(qtbot, Settings())
    got = []
    form.changed.connect(got.append)
    form.fields["count"].native.setValue(7)
    form.fields["mode"].native.setCurrentIndex(1)
    form.fields["on"].native.setChecked(False)
    form.fields["limit"].native.setValue(2.5)
    assert got[-1] == Settings(count=7, mode="two", on=False, limit=2.5)
    form.fields["limit"].native.setValue(form.fields["limit"].native.minimum())
    assert got[-1].limit is None
    assert form.fields["count"].native.toolTip() == "How many. Name in scripts: count."


class Worded(BaseModel):
    model_config = ConfigDict(frozen=True)
    shape: Literal["round", "oval"] = setting("round", "Form (shape)", {"oval": "long (oval)"})
    parts: int | None = setting(None, ge=1, description="pieces; empty: as they come")
    most: int | None = setting(None, unset="no limit", ge=1)


def test_plain_words_stand_for_names_and_values(qtbot):
    form = make_form(qtbot, Worded())
    got = []
    form.changed.connect(got.append)
    labels = [label.text() for label in form.findChildren(QLabel)]
    assert {"Form (shape)", "Parts", "Most"} <= set(labels)
    choice = form.fields["shape"].native
    assert [choice.itemText(n) for n in range(2)] == ["round", "long (oval)"]
    choice.setCurrentIndex(1)
    assert got == [Worded(shape="oval")]
    assert "Name in scripts: shape" in choice.toolTip()
    boxes = [form.fields[name].native for name in ("parts", "most")]
    assert [box.text() for box in boxes] == ["automatic", "no limit"]
    assert boxes[0].toolTip().startswith("Pieces; automatic: as they come. ")


@pytest.mark.parametrize("model", [TrainSpec(), *(kind() for kind in Recipe.kinds.values())])
def test_each_setting_explains_itself_and_no_value_is_without_words(model):
    for name, info in type(model).model_fields.items():
        words = (info.json_schema_extra or {}).get("words", {})
        values = set(get_args(info.annotation)) if words else set()
        assert set(words) == values, name
        assert info.description or name in ("kind", "model"), name


def test_what_the_model_refuses_is_told_and_not_taken(qtbot):
    form = make_form(qtbot, Settings())
    got = []
    form.changed.connect(got.append)
    line = form.fields["pairs"].native
    for text, told in (("[1]", "pairs"), ("nothing that Python reads", "invalid syntax")):
        line.setText(text)
        line.editingFinished.emit()
        assert told in form.problem.text()
    assert got == []
    assert form.model == Settings()


def test_showing_the_same_model_again_forgets_what_was_refused(qtbot):
    form = make_form(qtbot, Settings())
    line = form.fields["pairs"].native
    shown = line.text()
    line.setText("[1]")
    line.editingFinished.emit()
    form.set_model(Settings())
    assert not form.is_refused
    assert not form.problem.text()
    assert line.text() == shown


def test_what_is_being_typed_stays_where_the_same_model_is_shown(qtbot):
    form = make_form(qtbot, Settings())
    form.fields["name"].native.setText("half")
    form.set_model(Settings())
    assert form.fields["name"].native.text() == "half"


def test_a_model_in_a_model_has_a_form_of_its_own(qtbot):
    form = make_form(qtbot, Settings())
    got = []
    form.changed.connect(got.append)
    form.fields["size"].fields["width"].native.stepUp()
    form.fields["size"].fields["depth"].native.setValue(3)
    assert got[-1] == Settings(size=Size(width=12, depth=3))
    form.set_model(Settings())
    assert form.fields["size"].fields["depth"].value is None
    assert len(got) == 2


def test_values_beyond_the_limits_of_a_box_are_shown(qtbot):
    form = make_form(qtbot, TrainSpec(steps=3_000_000, learning_rate=2.5e-4))
    got = []
    form.changed.connect(got.append)
    form.fields["seed"].native.setValue(3)
    assert got == [TrainSpec(steps=3_000_000, learning_rate=2.5e-4, seed=3)]
