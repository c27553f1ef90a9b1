"""Every key of a study file is checked, and what is wrong is said in one line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from benchmarks.study.folder_data import FolderData
from benchmarks.study.study_file import load_study, parse_study
from benchmarks.study.tables import OF_THE_ARM, Arm, Heading, TrainTable
from benchmarks.study.units import recipe_of
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.recipe import Recipe
from napari_synthseg.core.specs import TrainSpec
from tests.study.conftest import as_toml, tables

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "benchmarks" / "studies").glob("*.toml"))
MODELS: dict[str, type[BaseModel]] = {
    "study": Heading,
    "data": FolderData,
    "train": TrainTable,
    "arm": Arm,
}


def with_key(table: str, key: str, value: Any) -> dict[str, Any]:
    study = tables()
    place = study["arm"][0] if table == "arm" else study[table]
    place[key] = value
    return study


@pytest.mark.parametrize(
    ("table", "key", "value", "told"),
    [
        ("study", "title", "", "title"),
        ("study", "question", 3, "question"),
        ("data", "reader", "cloud", "no 'cloud'. Known: boxes, folder"),
        ("data", "folder", "", "folder"),
        ("data", "files", "../*", "without folders"),
        ("data", "images", 0, "images"),
        ("data", "image_seed", "dice", "'image_seed' = 'dice'"),
        ("data", "image_seed", -1, "from 0"),
        ("data", "image_seed", [1, 1], "once"),
        ("data", "part", "both", "'tuning' or 'closing'"),
        ("data", "limit", 0, "limit"),
        ("data", "group", "(", "no regular expression"),
        ("data", "class_name", "", "class_name"),
        ("train", "steps", 0, "steps"),
        ("train", "minutes", -1, "minutes"),
        ("train", "seeds", [], "seeds"),
        ("train", "seeds", [0, 0], "once"),
        ("train", "seeds", [-1], "from 0"),
        ("train", "crop", 50, "'crop' = 50"),
        ("train", "pairs", 0, "pairs"),
        ("train", "batch_size", "many", "batch_size"),
        ("train", "learning_rate", 0, "learning_rate"),
        ("train", "validation_fraction", 0.9, "validation_fraction"),
        ("train", "model", {"width": 1}, "'model.width' = 1"),
        ("train", "model", {"girth": 1}, "no key 'model.girth'. Known: name, width"),
        ("train", "seed", 1, "seeds = [...]"),
        ("train", "source", "real", "own source"),
        ("train", "task", "dance", "'segment'"),
        ("arm", "name", "../a", "name"),
        ("arm", "name", "a b", "name"),
        ("arm", "source", "dreams", "'true-mask-patches', 'masks', 'real' or 'mixed'"),
        ("arm", "images", 0, "images"),
        ("arm", "factor", 0, "factor"),
        ("arm", "clicks", "some", "'clicks' = 'some'"),
        ("arm", "clicks", 0, "'clicks'"),
        ("arm", "clicks_in_all", 0, "clicks_in_all"),
        ("arm", "jitter", -0.1, "jitter"),
        ("arm", "diameter_factor", 0, "diameter_factor"),
        ("arm", "preset", 3, "preset"),
        ("arm", "recipe", "blank", "recipe"),
        ("arm", "pairs", 0, "pairs"),
        ("arm", "real_fraction", 1.5, "real_fraction"),
    ],
)
def test_bad_value_is_named(table: str, key: str, value: Any, told: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_study(with_key(table, key, value))
    message = str(caught.value)
    assert told in message
    assert message.startswith(f"[[{table}]]" if table == "arm" else f"[{table}]")
    assert len(message.splitlines()) == 1


@given(
    table=st.sampled_from(sorted(MODELS)),
    key=st.from_regex(r"[a-z_]{1,12}", fullmatch=True),
)
def test_unknown_key_is_named_with_the_known_ones(table: str, key: str) -> None:
    known = {*MODELS[table].model_fields, *OF_THE_ARM}
    if key in known:
        return
    with pytest.raises(InputError, match=f"there is no key '{key}'. Known: ") as caught:
        parse_study(with_key(table, key, 1))
    hidden = OF_THE_ARM if table == "train" else ()
    told = str(caught.value).split("Known: ")[1].rstrip(".").split(", ")
    assert told == [name for name in MODELS[table].model_fields if name not in hidden]


@pytest.mark.parametrize(
    ("table", "key"),
    [("study", "title"), ("data", "folder"), ("data", "images"), ("data", "part"),
     ("train", "steps"), ("arm", "name"), ("arm", "source")],
)  # fmt: skip
def test_missing_key_is_named(table: str, key: str) -> None:
    study = tables()
    del (study["arm"][0] if table == "arm" else study[table])[key]
    with pytest.raises(InputError, match=f"the key '{key}' is missing"):
        parse_study(study)


@pytest.mark.parametrize(
    ("arms", "told"),
    [
        ([], "at least one"),
        ([{"name": "a", "source": "real"}, {"name": "A", "source": "clicks"}], "two arms"),
        ([{"name": "a", "source": "real", "images": 2, "factor": 2}], "not both"),
        ([{"name": "a", "source": "clicks", "clicks": 2, "clicks_in_all": 2}], "not both"),
        ([{"name": "a", "source": "real", "pairs": 5}], "leave out"),
        ([{"name": "a", "source": "real", "real_fraction": 0.1}], "leave out"),
        ([{"name": "a", "source": "mixed"}], "needs a 'real_fraction'"),
        ([{"name": "a", "source": "real", "recipe": {"canvas": "blank"}}], "leave out"),
        ([3], "table with keys"),
    ],
)
def test_arms_that_do_not_fit(arms: list[Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        parse_study({**tables(), "arm": arms})


def test_unknown_table_is_named() -> None:
    with pytest.raises(InputError, match=r"no table \[arms\]. Known: study, data, train, arm"):
        parse_study({**tables(), "arms": []})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "There is no study file"),
        ("[study", "no valid TOML"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_unreadable_file(tmp_path: Path, content: str | bytes | None, told: str) -> None:
    path = tmp_path / "s.toml"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=told):
        load_study(path)


def test_file_gives_what_the_tables_say(tmp_path: Path) -> None:
    arms = [
        {"name": "a", "source": "clicks", "clicks": 4, "recipe": {"canvas": "blank"}},
        {"name": "b", "source": "real", "factor": 2.5},
    ]
    (tmp_path / "s.toml").write_text(as_toml(tables(*arms, image_seed=[3, 4])))
    study = load_study(tmp_path / "s.toml")
    assert study == parse_study(tables(*arms, image_seed=[3, 4]))
    assert study.arm[0].recipe == {"canvas": "blank"}
    assert study.data.image_seeds(7) == (3, 4)
    assert study.largest == 5
    spec = study.train.spec(source="real", seed=9)
    assert (spec.steps, spec.minutes, spec.seed, spec.crop) == (3, None, 9, 64)
    assert isinstance(spec, TrainSpec) and spec.model.width == 4


@pytest.mark.parametrize(
    ("arm", "told"),
    [
        ({"recipe": {"canvaz": "blank"}}, "[[arm]] 'a', recipe: there is no parameter 'canvaz'"),
        ({"recipe": {"canvas": "gold"}}, "[[arm]] 'a': Recipe 'paste': parameter 'canvas'"),
        ({"recipe": {"kind": "oil"}}, "[[arm]] 'a': The recipe 'oil' is not installed: "),
        ({"preset": "nouveau"}, "[[arm]] 'a': there is no preset 'nouveau'"),
    ],
)
def test_recipe_that_cannot_be_made(arm: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        recipe_of(Arm(name="a", source="clicks", **arm), 0)
    assert str(caught.value).startswith(told)


def test_recipe_takes_the_arms_parameters_and_the_seed() -> None:
    plain = recipe_of(Arm(name="a", source="clicks"), 5)
    assert plain.model_dump()["seed"] == 5
    made = recipe_of(Arm(name="a", source="clicks", recipe={"seed": 2, "overlap": 0.2}), 5)
    assert made.model_dump() == {**plain.model_dump(), "seed": 2, "overlap": 0.2}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_studies_of_the_project_are_valid(path: Path) -> None:
    study = load_study(path)
    assert study.study.question.strip()
    assert len(study.arm) > 1
    for arm in study.arm:
        if arm.source != "real":
            wanted = arm.recipe.get("kind", "paste")
            if wanted in Recipe.kinds:
                assert recipe_of(arm, 0).kind == wanted
            assert wanted in ("paste", "vq")


def test_every_key_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "reference" / "study-files.md").read_text(encoding="utf-8")
    for name, model in MODELS.items():
        title = f"## `[[{name}]]`" if name == "arm" else f"## `[{name}]`"
        section = text.split(title, 1)[1].split("\n## ", 1)[0]
        listed = set(re.findall(r"^\| `([a-z_.]+)`", section, re.MULTILINE))
        hidden = OF_THE_ARM if name == "train" else {}
        keys = {key for key in model.model_fields if key not in hidden}
        assert {key.split(".")[0] for key in listed} == keys, name
