from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_synthseg.cli.settings import parameters, parse_settings, with_settings
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.specs import TrainSpec


def test_sets_plain_and_nested_fields() -> None:
    settings = parse_settings(["batch_size=4", "model.width=8", "device=cpu", "steps=none"])
    spec = with_settings(TrainSpec(steps=5), settings, "training")
    assert (spec.batch_size, spec.model.width, spec.device, spec.steps) == (4, 8, "cpu", None)


def test_leaves_the_rest_and_the_original_alone() -> None:
    before = TrainSpec(batch_size=3, seed=7)
    after = with_settings(before, {"seed": "8"}, "training")
    assert after == before.model_copy(update={"seed": 8})
    assert before.seed == 7


def test_last_setting_wins() -> None:
    assert parse_settings(["a=1", "b = x=y", "a=2"]) == {"a": "2", "b": "x=y"}


@pytest.mark.parametrize("text", ["batch_size", "=3", ""])
def test_refuses_what_is_no_setting(text: str) -> None:
    with pytest.raises(InputError, match="NAME=VALUE"):
        parse_settings([text])


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InputError) as caught:
        with_settings(TrainSpec(), {"batchsize": "4"}, "training")
    assert "'batchsize' is not a parameter of training" in str(caught.value)
    assert all(name in str(caught.value) for name in parameters(TrainSpec))


@pytest.mark.parametrize(
    ("name", "text"),
    [("batch_size", "0"), ("batch_size", "many"), ("model.width", "1.5"), ("crop", "33")],
)
def test_misfit_names_parameter_and_value(name: str, text: str) -> None:
    with pytest.raises(InputError, match=f"parameter '{name}' cannot be .*{text}"):
        with_settings(TrainSpec(), {name: text}, "training")


@given(name=st.sampled_from(parameters(TrainSpec)), text=st.text(max_size=12))
def test_any_text_is_set_or_refused_in_words(name: str, text: str) -> None:
    try:
        spec = with_settings(TrainSpec(), {name: text}, "training")
    except InputError as error:
        assert name.split(".")[0] in str(error)
    else:
        assert TrainSpec.model_validate(spec.model_dump()) == spec
