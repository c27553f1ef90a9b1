"""A unit's name changes with all that determines its result, and with nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.study.draw import MaskSample
from benchmarks.study.study_file import parse_study
from benchmarks.study.tables import Study
from benchmarks.study.units import choose, plan
from napari_synthseg.core.errors import InputError
from tests.study.conftest import tables

CLICKS = {"name": "clicks", "source": "clicks"}
REAL = {"name": "real", "source": "real"}


def names(study: dict[str, Any]) -> dict[tuple[str, int, int], str]:
    return {(u.arm.name, u.seed, u.image_seed): u.name() for u in plan(parse_study(study))}


def test_each_seed_goes_with_its_images(make_study: Callable[..., Study]) -> None:
    study = tables(CLICKS, REAL)
    study["train"]["seeds"] = [4, 5]
    assert list(names(study)) == [
        ("clicks", 4, 4), ("real", 4, 4), ("clicks", 5, 5), ("real", 5, 5),
    ]  # fmt: skip
    study["data"]["image_seed"] = [1, 2]
    assert {key[1:] for key in names(study)} == {(4, 1), (4, 2), (5, 1), (5, 2)}
    study["data"]["image_seed"] = 3
    assert {key[1:] for key in names(study)} == {(4, 3), (5, 3)}


def test_all_arms_of_a_draw_are_scored_on_the_same_images() -> None:
    arms: list[dict[str, Any]] = [
        CLICKS,
        {**REAL, "factor": 2},
        {**REAL, "name": "one", "images": 1},
    ]
    units = plan(parse_study(tables(*arms)))
    assert [len(u.train) for u in units] == [2, 4, 1]
    assert {u.test for u in units} == {units[0].test}
    assert {u.base for u in units} == {units[0].train}
    assert units[1].train[:2] == units[0].train
    assert not set(units[1].train) & set(units[0].test)


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("train", "steps", 4),
        ("train", "crop", 32),
        ("train", "model", {"width": 5, "depth": 2}),
        ("data", "image_seed", 8),
        ("data", "part", "closing"),
        ("data", "limit", 1),
        ("arm", "jitter", 0.2),
        ("arm", "clicks", 3),
        ("arm", "diameter_factor", 1.3),
        ("arm", "images", 3),
        ("arm", "pairs", 10),
        ("arm", "real_fraction", 0.1),
        ("arm", "start", "pretrained"),
        ("arm", "steps", 4),
        ("train", "start", "pretrained"),
        ("train", "real_fraction", 0.1),
        ("arm", "recipe", {"canvas": "blank"}),
        ("arm", "source", "true-mask-patches"),
    ],
)
def test_what_determines_the_result_changes_the_name(table: str, key: str, value: Any) -> None:
    before, study = tables(dict(CLICKS)), tables(dict(CLICKS))
    (study["arm"][0] if table == "arm" else study[table])[key] = value
    assert set(names(study).values()).isdisjoint(names(before).values())


def test_what_does_not_determine_the_result_leaves_the_name() -> None:
    before = names(tables(CLICKS))["clicks", 0, 0]
    study = tables(REAL, {**CLICKS, "jitter": 0.1, "clicks": "all", "factor": 1})
    study["study"]["title"] = "Another"
    study["train"] |= {"minutes": 9, "seeds": [1, 0], "learning_rate": 2e-3}
    assert names(study)["clicks", 0, 0] == before


def test_changed_arm_changes_only_itself() -> None:
    before, after = names(tables(CLICKS, REAL)), names(tables({**CLICKS, "jitter": 0.3}, REAL))
    assert [key for key in before if before[key] != after[key]] == [("clicks", 0, 0)]


def test_changed_file_changes_the_name(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "discs"
    shutil.copytree(root / "discs", folder)
    there, moved = names(tables()), names(tables(folder=str(folder)))
    assert moved == there  # where the files lie is no matter
    unit = plan(parse_study(tables()))[0]
    sample = unit.test[0]
    assert isinstance(sample, MaskSample)
    masks = folder / "masks" / sample.masks.name
    masks.write_bytes(masks.read_bytes() + b"\0")
    assert names(tables(folder=str(folder))) != there


def test_arms_are_chosen_by_name() -> None:
    units = plan(parse_study(tables(CLICKS, REAL)))
    assert choose(units, []) == units
    assert choose(units, ["real"]) == units[1:]
    with pytest.raises(InputError, match=r"no arm 'reel' in this study. Arms: clicks, real"):
        choose(units, ["reel"])


def test_recipe_is_refused_before_anything_runs() -> None:
    with pytest.raises(InputError, match="canvaz"):
        plan(parse_study(tables(REAL, {**CLICKS, "recipe": {"canvaz": 1}})))
