"""A unit's project holds what its arm may know, and its record says what was measured on what."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.study.measure import fill_project, measure_unit, typical_diameter
from benchmarks.study.study_file import parse_study
from benchmarks.study.units import Unit, plan
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import DualImage, InstanceLabels, instances_of
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.recipe import Synthesizer
from napari_synthseg.synthesis.datasets import CachedDataset
from napari_synthseg.workflow import training_data
from napari_synthseg.workflow.session import Session
from tests.study.conftest import tables


def unit_of(**arm: Any) -> Unit:
    (unit,) = plan(parse_study(tables({"name": "a", "source": "clicks", **arm})))
    return unit


def filled(unit: Unit, folder: Path) -> tuple[Session, Any]:
    session = Session.create(folder)
    return session, fill_project(session, unit)


def test_arm_of_clicks_sees_no_mask_of_training_images(tmp_path: Path) -> None:
    session, trained_on = filled(unit_of(clicks=3), tmp_path / "p")
    with session:
        project = session.project
        train = [r for r in project.images if r.role == "train"]
        test = [r for r in project.images if r.role == "test"]
        assert [len(project.clicks_on(r)) for r in train] == [3, 3]
        assert not any(r.exhaustive or project.masks_of(r) for r in train)
        assert all(project.masks_of(r) and not project.clicks_on(r) for r in test)
        assert {r.group for r in train}.isdisjoint(r.group for r in test)
        assert project.recipe is not None
    assert trained_on.clicks == 6
    assert trained_on.objects == 14


def test_arm_of_real_images_has_their_masks(tmp_path: Path) -> None:
    session, _ = filled(unit_of(source="real"), tmp_path / "p")
    with session:
        assert all(session.project.masks_of(r) for r in session.project.images)
        assert all(r.exhaustive for r in session.project.images if r.role == "train")


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.3])
def test_diameter_is_as_wrong_as_the_arm_says(tmp_path: Path, factor: float) -> None:
    unit = unit_of(diameter_factor=factor)
    session, trained_on = filled(unit, tmp_path / "p")
    session.close().result()
    right = typical_diameter([s.labels() for s in unit.base])
    assert right == pytest.approx(16, abs=0.6)  # discs of radius 8
    assert trained_on.diameter == pytest.approx(factor * right, abs=0.05)


def test_typical_diameter_of_volumes_and_of_nothing() -> None:
    ids = np.zeros((30, 30, 30), np.int32)
    grid = np.indices(ids.shape) - 15
    ids[(grid**2).sum(axis=0) <= 100] = 1
    assert typical_diameter([InstanceLabels(ids, {1: 1})]) == pytest.approx(20, abs=0.5)
    with pytest.raises(InputError, match="no object"):
        typical_diameter([InstanceLabels(np.zeros((4, 4), np.int32))])


def test_true_mask_patches_are_cut_by_the_true_masks(tmp_path: Path) -> None:
    unit = unit_of(source="true-mask-patches")
    session, _ = filled(unit, tmp_path / "p")
    with session:
        library = session.cut_patches().result()
        clicks = {c.id: c for c in session.project.clicks}
        truth = {
            ref.id: sample.labels()
            for sample in unit.train
            for ref in session.project.images
            if ref.name == sample.image.name
        }
    assert library.patches
    for patch in library.patches:
        ids = truth[clicks[patch.id].image].ids
        mine = tuple((np.argwhere(patch.mask) + patch.origin).T)
        assert len(np.unique(ids[mine])) == 1
        assert patch.area == np.count_nonzero(ids == ids[mine][0])


def test_repeated_pairs_are_the_first_ones_in_turn_with_their_own_index() -> None:
    class Numbered(Synthesizer):
        def pair(self, index: int) -> DualImage:
            image = np.full((1, 2, 2), index, np.float32)
            return DualImage(image, InstanceLabels(np.zeros((2, 2), np.int32)), index)

        def pairs(self, indices: Any) -> list[DualImage]:
            return [self.pair(i) for i in indices]

    pairs = CachedDataset(Numbered(), 3).pairs(range(7))
    assert [int(p.image[0, 0, 0]) for p in pairs] == [0, 1, 2, 0, 1, 2, 0]
    assert [p.index for p in pairs] == list(range(7))


@pytest.mark.parametrize(("room", "made"), [(10**6, 3), (2 * 32, 4), (0, 7)])
def test_repeated_pairs_are_remembered_as_far_as_there_is_room(room: int, made: int) -> None:
    asked: list[int] = []

    class Counted:
        def pair(self, index: int) -> DualImage:
            asked.append(index)
            image = np.full((1, 2, 2), index, np.float32)
            return DualImage(image, InstanceLabels(np.zeros((2, 2), np.int32)), index)

    pairs = CachedDataset(Counted(), 3, room).pairs(range(7))  # type: ignore[arg-type]
    assert [int(p.image[0, 0, 0]) for p in pairs] == [0, 1, 2, 0, 1, 2, 0]
    assert len(asked) == made


def test_record_says_what_was_measured_on_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    class Watched(CachedDataset):
        def draw(self, indices: Any) -> Generator[Progress, None, list[DualImage]]:
            asked.extend(indices)
            return super().draw(indices)

    monkeypatch.setattr(training_data, "CachedDataset", Watched)
    unit = unit_of(clicks=5, pairs=2, recipe={"overlap": 0.2})
    record = measure_unit(unit, tmp_path / "p")
    assert set(range(6)) <= set(asked)  # three batches of two, all by way of the first two pairs
    assert record.unit == unit.name()
    assert record.measured_on.images == tuple(s.image.name for s in unit.test)
    assert record.measured_on.objects == sum(instances_of(s.labels()).count for s in unit.test)
    assert record.measured_on.kind == "real"
    assert record.trained_on.images == tuple(s.image.name for s in unit.train)
    assert {"f1@0.5", "f1@0.7", "f1@0.8", "matching_ap@0.5", "matching_ap_mean@0.5"} <= set(
        record.values
    )
    assert {"precision@0.5", "recall@0.5", "count_error"} <= set(record.values)
    assert record.training.steps == 3
    assert record.training.spec.pairs == 2
    assert record.training.wall_seconds > 0 and record.training.cpu_seconds > 0
    assert record.training.selection and record.versions["torch"]
    assert record.machine.threads >= 1 and record.machine.cores >= 1
    assert record.recipe["overlap"] == 0.2
