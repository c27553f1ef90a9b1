"""Fields are described by the docstrings below them, as pydantic itself would have it."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict

from napari_synthseg.core.annotations import Described
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.synthesis.paste.recipe import PasteRecipe
from napari_synthseg.synthesis.vqvae.recipe import VQRecipe

UNDESCRIBED = {"kind", "model", "task"}


@pytest.mark.parametrize("model", [TrainSpec, PasteRecipe, VQRecipe])
def test_every_parameter_has_a_description(model):
    fields = model.model_fields.items()
    assert {name for name, field in fields if not field.description} <= UNDESCRIBED
    assert TrainSpec.model_fields["minutes"].description == "time limit in minutes"


class Ours(Described):
    """A value with a description."""

    spread: float = 1.0
    """how far things
    lie apart"""


class Theirs(BaseModel):
    """The same, described by pydantic."""

    model_config = ConfigDict(use_attribute_docstrings=True)
    spread: float = 1.0
    """how far things
    lie apart"""


def test_descriptions_are_those_of_pydantic():
    ours, theirs = (model.model_fields["spread"].description for model in (Ours, Theirs))
    assert ours == theirs == "how far things\nlie apart"
