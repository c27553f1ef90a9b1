"""Studies of regions: no clicks, recipes that learn from masks, stacks whose slices are alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.study.draw import MaskSample
from benchmarks.study.folder_data import place_window
from benchmarks.study.halved_data import HalvedData, is_for_tuning
from benchmarks.study.measure import fill_project
from benchmarks.study.report import write_report
from benchmarks.study.runner import run_units
from benchmarks.study.study_file import parse_study
from benchmarks.study.tables import Study
from benchmarks.study.units import plan
from napari_synthseg.core.errors import InputError
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.workflow.session import Session
from tests.helpers.region_images import draw_regions, slow_recipe
from tests.helpers.sessions import true_masks
from tests.study.conftest import TRAIN

REAL = {"name": "real", "source": "real"}
LEARNED = {"name": "learned", "source": "masks", "recipe": {"kind": "slow"}}
MIXED = {**LEARNED, "name": "mixed", "source": "mixed", "real_fraction": 0.5}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slices")
    for kind in ("images", "masks"):
        (folder / kind).mkdir()
    for number in range(12):
        pair = draw_regions((64, 80), seed=number)
        stored = (pair.image[0] * 10000).clip(0).astype(np.uint16)
        tifffile.imwrite(folder / "images" / f"v2_slice{number:02d}.tif", stored)
        masks = folder / "masks" / f"v2_slice{number:02d}.tif"
        tifffile.imwrite(masks, pair.labels.values.astype(np.uint8), photometric="minisblack")
    return folder


@pytest.fixture
def slow() -> Iterator[Any]:
    with slow_recipe() as kind:
        yield kind


def study_of(data: Path, *arms: dict[str, Any], task: str = "semantic", **keys: Any) -> Study:
    return parse_study(
        {
            "study": {"title": "Phases", "question": "Which?"},
            "data": {"folder": str(data), "images": 2, "part": "tuning", "limit": 2,
                     "kind": "semantic", "classes": ["matrix", "grain"], **keys},
            "train": {**TRAIN, "crop": 32, "task": task},
            "arm": list(arms) or [REAL],
        }
    )  # fmt: skip


def test_a_project_of_regions_has_masks_and_no_clicks(data: Path, tmp_path: Path) -> None:
    (unit,) = plan(study_of(data))
    with Session.create(tmp_path / "p") as session:
        told = fill_project(session, unit)
        project = session.project
        assert [c.name for c in project.classes] == ["matrix", "grain"]
        assert not project.clicks
        assert all(project.truth_of(ref, "semantic") for ref in project.images)
        assert (told.clicks, told.objects) == (0, 0)


def test_arms_share_what_a_recipe_learns_and_are_compared(
    data: Path, tmp_path: Path, slow: Any
) -> None:
    study = study_of(data, REAL, LEARNED, MIXED)
    units = plan(study)
    assert not run_units(units, tmp_path, say=lambda _: None)
    assert slow.begun[0] == 0
    assert set(slow.begun[1:]) == {10}, "what one unit learned serves all others"
    assert len(list((tmp_path / "generators").iterdir())) == 1
    write_report(study, units, tmp_path, Path("phases.toml"))
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "true pixels" in text
    assert "true objects" not in text
    for name in ("background", "matrix", "grain"):
        assert f"| mixed | {name} |" in text
    assert "| learned | 2 | true masks | 1 |" in text
    assert (tmp_path / "figure.png").exists()


@pytest.mark.parametrize(
    ("arm", "task", "told"),
    [
        ({"name": "a", "source": "clicks"}, "semantic", "no objects to click"),
        ({"name": "a", "source": "mixed", "real_fraction": 0.5}, "semantic", "no objects to click"),
        ({"name": "a", "source": "masks"}, "semantic", "learns from masks"),
        ({"name": "a", "source": "clicks", "recipe": {"kind": "slow"}}, "semantic", "'masks', or"),
        (REAL, "segment", "choose semantic or classify"),
    ],
)
def test_what_does_not_go_together_is_told(
    data: Path, slow: Any, arm: dict[str, Any], task: str, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        plan(study_of(data, arm, task=task))


def test_classes_are_named_where_masks_are_semantic(data: Path) -> None:
    with pytest.raises(InputError, match="need 'classes'"):
        study_of(data, classes=[])
    with pytest.raises(InputError, match="'class_name'"):
        study_of(data, kind="instance")


def number(sample: Any) -> int:
    return int(sample.name[-2:])


@pytest.mark.parametrize("part", ["tuning", "closing"])
@pytest.mark.parametrize("seed", range(6))
def test_slices_to_train_on_follow_one_another_and_others_lie_apart(
    data: Path, part: str, seed: int
) -> None:
    source = study_of(data, part=part, apart=3, limit=None).data
    assert isinstance(source, HalvedData)
    pool = sorted(number(s) for s in source.samples() if is_for_tuning(s.name))
    try:
        draw = source.draw(2, seed)
    except InputError as error:
        assert "left to score on" in str(error)
        return
    train = sorted(map(number, draw.train))
    assert pool.index(train[1]) - pool.index(train[0]) == 1
    assert all(abs(number(s) - n) >= 3 for s in draw.test for n in train)
    assert [s.name for s in source.draw(1, seed).train] == [draw.train[0].name]
    assert len({s.group for s in (*draw.train, *draw.test)}) == 1, "they are one stack"


def test_slices_of_other_stacks_may_be_scored_on(data: Path) -> None:
    source = study_of(data, apart=99, group="slice(.)", limit=None).data
    train, test = next(
        (draw.train, draw.test) for seed in range(9) if (draw := tried(source, seed)) is not None
    )
    assert {s.group for s in train}.isdisjoint(s.group for s in test)


def tried(source: Any, seed: int) -> Any:
    try:
        return source.draw(2, seed)
    except InputError:
        return None


def test_windows_are_learned_from_and_whole_images_scored_on(data: Path, tmp_path: Path) -> None:
    whole, (unit,) = plan(study_of(data))[0], plan(study_of(data, window=40))
    assert [s.name for s in unit.train] == [s.name for s in whole.train]
    assert [s.identity() for s in unit.test] == [s.identity() for s in whole.test]
    assert unit.name() != whole.name()
    assert unit.train == plan(study_of(data, window=40, image_seed=0))[0].train, "the same places"
    with Session.create(tmp_path / "p") as session:
        fill_project(session, unit)
        for sample in unit.train:
            assert isinstance(sample, MaskSample)
            (ref,) = (i for i in session.project.images if Path(i.uri).stem == sample.name)
            (y0, y1), (x0, x1) = sample.region or ()
            assert (y1 - y0, x1 - x0) == (40, 40)
            cut = tifffile.imread(sample.masks)[y0:y1, x0:x1]
            np.testing.assert_array_equal(true_masks(session, ref).values, cut)
            np.testing.assert_array_equal(sample.labels().values, cut)
            assert open_pixels(ref, session.folder).read().shape == (1, 40, 40)


@given(st.text(min_size=1), st.integers(1, 90), st.integers(1, 90), st.integers(32, 100))
def test_a_window_lies_in_its_image(name: str, height: int, width: int, edge: int) -> None:
    place = place_window(name, (height, width), edge)
    assert place == place_window(name, (height, width), edge)
    for (start, stop), n in zip(place, (height, width), strict=True):
        assert 0 <= start < stop <= n
        assert stop - start == min(edge, n)
