"""A form holds no rule of its own: what goes in comes out, and the model judges."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.synthesis import default_recipe

pytestmark = pytest.mark.gui


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True)
    count: int = Field(default=3, ge=1, le=9, description="how many")
    share: float = Field(default=0.5, ge=0, le=1)
    limit: float | None = None
    mode: Literal["one", "two"] = "one"
    on: bool = True
    name: str = "x"
    pair: tuple[int, int] = (1, 2)


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
    form._on_edited()
    assert got == [model]


def test_edits_make_a_new_model(qtbot):
    form = make_form(qtbot, Settings())
    got = []
    form.changed.connect(got.append)
    form._fields["count"].widget.setValue(7)
    form._fields["mode"].widget.setCurrentIndex(1)
    form._fields["on"].widget.setChecked(False)
    form._fields["limit"].widget.setValue(2.5)
    assert got[-1] == Settings(count=7, mode="two", on=False, limit=2.5)
    assert form._fields["count"].widget.toolTip() == "how many"


def test_what_the_model_refuses_is_told_and_not_taken(qtbot):
    form = make_form(qtbot, Settings())
    told, got = [], []
    form.refused.connect(told.append)
    form.changed.connect(got.append)
    line = form._fields["pair"].widget
    line.setText("[1]")
    line.editingFinished.emit()
    assert "pair" in told[-1]
    assert got == []
    assert form.model == Settings()
