"""The preset above the form: what is chosen there is shown, and an edit makes it custom."""

from __future__ import annotations

import pytest

from napari_synthseg.synthesis import PRESETS
from napari_synthseg.ui.widgets.fold import Fold

pytestmark = pytest.mark.gui


def test_choosing_a_preset_fills_the_form_and_an_edit_makes_it_custom(opened):
    opened.click_all()
    opened.panel.show_step(2)
    opened.settle()
    panel = opened.panel.synthesize_page
    assert panel.choice.presets.currentText() == "default"
    panel.choice.presets.setCurrentIndex(panel.choice.presets.findData("paper"))
    assert opened.session.project.recipe == PRESETS["paper"]
    assert panel.choice.presets.currentText() == "paper"
    assert panel.choice.form.model == PRESETS["paper"]
    panel.choice.form.fields["overlap"].native.setValue(0.5)
    assert panel.choice.presets.currentText() == "custom"
    assert opened.session.project.recipe.cutout == "square"
    opened.session.undo()
    assert panel.choice.presets.currentText() == "paper"
    opened.session.undo()
    assert panel.choice.presets.currentText() == "default"


def test_every_setting_is_in_sight_or_in_a_named_section(clicked):
    clicked.panel.show_step(2)
    clicked.settle()
    form = clicked.panel.synthesize_page.choice.form
    titles = [fold.button.text() for fold in form.findChildren(Fold)]
    groups = [
        (info.json_schema_extra or {}).get("group")
        for name, info in PRESETS["paper"].__class__.model_fields.items()
        if name != "kind"
    ]
    assert titles == list(dict.fromkeys(g for g in groups if g))
    assert 4 <= groups.count(None) <= 7
    assert set(form.fields) == set(PRESETS["paper"].__class__.model_fields) - {"kind"}
