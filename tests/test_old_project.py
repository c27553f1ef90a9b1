"""A project of an old version opens, says what it said, and can be gone on with."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_synthseg.core.labels import InstanceLabels, RegionLabels, regions_of
from napari_synthseg.core.recipe import load_recipe
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.workflow.importing import find_missing
from napari_synthseg.workflow.session import Session
from tests.helpers.old_project import (
    DATA,
    PREDICTED,
    draw_pairs,
    expected,
    one_thread,
    opened_copy,
    try_run,
)
from tests.helpers.sessions import true_masks

TOLERANCE = 1e-4
"""As a share of the largest number of an array, or of 1 for scores."""

PAINTED = {-1: 384, 0: 9047, 3: 6024, 4: 5025}
"""Class value -> pixels of all painted regions; -1 is unknown."""

ONE_PEAK = 0.05
"""How far figures of heat maps' peaks may be off: elsewhere, rounding finds one more or less."""

OTHER_PIXELS = 1e-3
"""Share of label pixels that rounding elsewhere may change."""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with one_thread(), opened_copy(tmp_path) as session:
        yield session


def check_alike(found: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]) -> None:
    assert set(found) == set(wanted)
    for name, array in found.items():
        assert array.shape == wanted[name].shape, name
        if name.endswith("/ids"):
            assert np.mean(array != wanted[name]) <= OTHER_PIXELS, name
        else:
            most = TOLERANCE * np.abs(wanted[name]).max(initial=0)
            np.testing.assert_allclose(array, wanted[name], rtol=0, atol=most, err_msg=name)


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Return the leaves of nested dicts and lists by their path."""
    if isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {k: v for key, each in items for k, v in flat(each, f"{path}/{key}").items()}
    return {path: value}


def read_all(folder: Path) -> dict[str, str]:
    """Return a digest of each file of a folder."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_all_that_the_user_made_is_there(session: Session) -> None:
    project = session.project
    assert not session.read_only
    names = {c.value: c.name for c in project.classes}
    assert names == {1: "bright", 2: "dark", 3: "vein", 4: "grain"}
    assert Counter(names[c.cls] for c in project.clicks) == {"bright": 38, "dark": 38}
    assert Counter(i.role for i in project.images) == {"train": 6, "test": 6}
    assert Counter(v.state for v in project.verdicts) == {"accepted": 2, "rejected": 2}
    assert project.rejected() == {"field-a-3", "field-a-8"}
    assert [v.reason for v in project.verdicts if v.reason] == ["blurred"]
    kinds = {"instance": 2, "semantic": 5, "boxes": 1, "image_labels": 1}
    assert Counter(t.kind for t in project.truths) == kinds
    assert len(project.patch_masks) == 1
    assert {r.name: (r.state, r.task, r.steps) for r in project.runs} == {
        "objects": ("done", "segment", 120),
        "boxes": ("done", "detect", 200),
        "labels": ("done", "classify", 100),
        "cut off": ("cancelled", "segment", 20),
        "regions": ("done", "semantic", 60),
    }
    assert project.recipe is not None
    assert (project.recipe.kind, project.train_spec.steps) == ("vq", 120)


def test_all_pixels_and_truths_can_be_read(session: Session) -> None:
    project = session.project
    assert find_missing(session.project, session.folder).result() == ()
    shapes = Counter(open_pixels(i, session.folder).read().shape for i in project.images)
    assert shapes == {(1, 128, 128): 3, (1, 128, 96): 1, (1, 64, 64): 8}
    assert project.image("field-c").pixel_size == (0.5, 0.5)
    objects = {n: true_masks(session, project.image(n)).count for n in ("field-c", "stack-2")}
    assert objects == {"field-c": 34, "stack-2": 8}
    regions = [t for t in project.truths if t.kind == "semantic"]
    painted = [true_masks(session, project.image(t.image)) for t in regions]
    assert all(isinstance(labels, RegionLabels) for labels in painted)
    values, counts = np.unique(
        np.stack([regions_of(labels).values for labels in painted]), return_counts=True
    )
    assert dict(zip(values.tolist(), counts.tolist(), strict=True)) == PAINTED
    (boxes,) = (t for t in project.truths if t.kind == "boxes")
    assert (boxes.image, len(boxes.boxes), boxes.incomplete) == ("field-d", 34, (2,))
    (shown,) = (t for t in project.truths if t.kind == "image_labels")
    assert shown.shown == (1, 2)


def test_patches_are_cut_by_clicks_verdicts_and_own_masks(session: Session) -> None:
    library = session.cut_patches().result()
    assert (len(library.patches), len(library.usable())) == (68, 66)
    given = {p.image for p in library.patches if p.method == "given"}
    assert given == {"field-b"}
    states = Counter(library.state(p) for p in library.patches)
    assert (states["accepted"], states["rejected"]) == (2, 2)


@pytest.mark.parametrize("name", PREDICTED)
def test_a_stored_run_finds_and_scores_what_it_did(session: Session, name: str) -> None:
    arrays, scores = expected()
    found, measured = try_run(session, name)
    check_alike(found, {k: v for k, v in arrays.items() if k.startswith(f"{name}/")})
    here, there = flat(measured), flat(scores[name])
    assert here.keys() == there.keys()
    for path, value in there.items():
        if isinstance(value, float):
            most = ONE_PEAK if "peak_" in path else TOLERANCE
            value = pytest.approx(value, abs=most, rel=TOLERANCE, nan_ok=True)
        assert here[path] == value, path
    assert len(session.project.run(name).scores) >= len(measured)


def test_dual_images_are_drawn_without_learning_again(session: Session) -> None:
    before = read_all(session.folder / "generators")
    found = draw_pairs(session)
    assert read_all(session.folder / "generators") == before
    arrays, _ = expected()
    wanted = {k: v for k, v in arrays.items() if k.startswith("pair/")}
    pasted = {k for k in wanted if k.startswith("pair/objects/")}  # see the next test
    learned = wanted.keys() - pasted
    check_alike({k: found[k] for k in learned}, {k: wanted[k] for k in learned})


def test_dual_images_of_an_old_run_are_pasted_with_todays_outlines(session: Session) -> None:
    run = session.project.run("objects")
    pairs = session.synthesize(2, run=run).result()
    (again,) = session.synthesize(1, start=1, run=run).result()
    np.testing.assert_array_equal(again.image, pairs[1].image)
    np.testing.assert_array_equal(again.labels.array, pairs[1].labels.array)
    assert not np.array_equal(pairs[0].image, pairs[1].image)
    for pair in pairs:
        labels = pair.labels
        assert isinstance(labels, InstanceLabels)
        assert (pair.image.shape, labels.ids.shape) == ((1, 96, 96), (96, 96))
        there = np.unique(labels.ids).tolist()
        assert there == [0, *sorted(labels.classes)] == list(range(labels.count + 1))
        assert set(labels.classes.values()) == {1, 2}
        pixels = pair.image[0]
        ground = np.median(pixels[labels.ids == 0])
        assert ground == pytest.approx(0.42, abs=0.05)
        areas = []
        for number, cls in labels.classes.items():
            own = labels.ids == number
            above = pixels[own].mean() - ground
            assert above > 0.2 if cls == 1 else above < -0.2, (number, cls)
            areas.append(np.count_nonzero(own))
        assert np.median(areas) == pytest.approx(np.pi * 6**2, rel=0.35)  # 12 pixels wide


def test_a_run_that_was_cut_off_goes_on(session: Session) -> None:
    run = session.project.run("cut off")
    as_then = session.project.model_copy(update={"recipe": load_recipe(run.recipe)})
    session.edit(as_then, "recipe")
    done = session.train(run).result()
    assert (done.id, done.state, done.steps) == (run.id, "done", 40)


def test_what_is_edited_is_there_after_reopening(session: Session) -> None:
    gone = session.project.clicks[0].id
    session.edit(session.project.without_clicks([gone]), "delete click")
    edited = session.project
    session.close().result()
    again = Session.open(session.folder).result()
    assert again.project == edited
    again.close().result()


def test_the_project_is_kept_as_it_was_left() -> None:
    names = {p.name for p in (DATA / "old_project.synthseg").iterdir()}
    assert names == {"arrays.zarr", "generators", "project.db", "runs"}
