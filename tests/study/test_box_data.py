"""Studies of boxes: what is read, which windows are looked at, and what detectors are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmarks.study.box_data import BoxData, PointData, choose_windows
from benchmarks.study.draw import BoxSample, classes_inside
from benchmarks.study.measure import fill_project, measure_unit
from benchmarks.study.study_file import parse_study
from benchmarks.study.units import Unit, plan
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.tables import write_rows
from napari_synthseg.workflow.session import Session
from tests.helpers.clicked_discs import disc_image
from tests.study.conftest import TRAIN, tables

HEADER = ("image", "class", "ymin", "xmin", "ymax", "xmax")
LARGE, SMALL = [(30, 30), (30, 80)], [(70, 20), (70, 60), (75, 100)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write twelve images of large and small discs, and the table of their boxes."""
    folder = tmp_path_factory.mktemp("boxes") / "discs"
    (folder / "images").mkdir(parents=True)
    rng, rows = np.random.default_rng(1), []
    for number in range(12):
        centers = {r: [c + rng.integers(-3, 4, 2) for c in at] for r, at in KINDS}
        image = sum(disc_image(at, (96, 120), r, seed=number)[0][0] for r, at in centers.items())
        pixels = np.clip(image * 100 + 20, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"b{number:02d}.png")
        for radius, at in centers.items():
            edges = (-radius, -radius, radius + 1, radius + 1)
            for center in at:
                corners = [c + e for c, e in zip((*center, *center), edges, strict=True)]
                rows.append((f"b{number:02d}.png", NAMES[radius], *corners))
    rows.append(("b00.png", "dust", 1.0, 1.0, 5.0, 5.0))
    write_rows(folder / "boxes.csv", HEADER, rows)
    return folder


KINDS = ((12, LARGE), (5, SMALL))
NAMES = {12: "large", 5: "small"}


def box_data(folder: Path, **keys: Any) -> BoxData:
    fixed = {"folder": str(folder), "images": 2, "part": "tuning", "limit": 2}
    return BoxData(**{**fixed, "classes": ["large", "small"], **keys})


def test_boxes_are_read_by_class_without_those_nobody_asked_for(folder: Path) -> None:
    samples = box_data(folder).samples()
    assert len(samples) == 12
    for sample in samples:
        outlines = sample.labels().boxes
        assert outlines is not None
        assert len(outlines.of_class(1)) == len(LARGE)
        assert len(outlines.of_class(2)) == len(SMALL)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"incomplete": ["dust"]}, "none of 'classes'"),
        ({"files": "*.tif"}, "no image in"),
        ({"folder": "/nowhere/at/all"}, "there is no folder"),
    ],
)
def test_what_cannot_be_meant_is_said(folder: Path, keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        box_data(folder).model_validate(
            {**box_data(folder, classes=["large"]).model_dump(), **keys}
        ).samples()


def test_windows_are_never_mixed_with_dual_images(folder: Path) -> None:
    data = box_data(folder, crop=48)
    with pytest.raises(InputError, match="cannot be mixed"):
        data.training_samples(data.samples()[0], "mixed")


BOXES = st.lists(
    st.tuples(st.integers(0, 80), st.integers(0, 80), st.integers(4, 30), st.sampled_from([1, 2])),
    max_size=12,
)


@given(boxes=BOXES, count=st.integers(1, 6), edge=st.integers(32, 60))
def test_windows_lie_inside_and_overlap_by_half_at_most(boxes, count, edge) -> None:
    rows = tuple((float(y), float(x), float(y + n), float(x + n), c) for y, x, n, c in boxes)
    sample = BoxSample("a", Path("a.png"), "a", rows)
    counts = np.zeros(2)
    windows = choose_windows(sample, (100, 110), edge, count, counts)
    assert 1 <= len(windows) <= count
    for number, ((top, bottom), (left, right)) in enumerate(windows):
        assert (bottom - top, right - left) == (edge, edge)
        assert top >= 0 and bottom <= 100 and left >= 0 and right <= 110
        for (up, down), (first, last) in windows[:number]:
            shared = max(0, min(bottom, down) - max(top, up))
            shared *= max(0, min(right, last) - max(left, first))
            assert shared <= edge * edge / 2
    shown = [classes_inside(rows, w) for w in windows]
    ahead = [sum(1 if c in s else -1 for s in shown) for c in (1, 2)]
    assert counts.tolist() == ahead


def test_each_class_is_shown_by_some_windows_and_not_by_others(folder: Path) -> None:
    data = box_data(folder, crop=48, crops_per_image=3)
    windows = [w for s in data.samples() for w in data.training_samples(s, "real")]
    shown = [classes_inside(w.boxes, w.region) for w in windows]  # type: ignore[attr-defined]
    for value in (1, 2):
        share = np.mean([value in s for s in shown])
        assert 0.2 <= share <= 0.8
    assert all(w.labels_only for w in windows)


def unit_of(folder: Path, task: str, *, data: dict[str, Any], **arm: Any) -> Unit:
    asked = tables({"name": "a", "source": "real", **arm})
    asked["data"] = {
        "reader": "boxes", "folder": str(folder), "classes": ["large", "small"],
        "images": 3, "part": "tuning", "limit": 2, **data,
    }  # fmt: skip
    asked["train"] = {**TRAIN, "task": task, "model": {}}
    (unit,) = plan(parse_study(asked))
    return unit


@pytest.mark.parametrize(
    "arm",
    [{}, {"source": "clicks"}, {"source": "mixed", "real_fraction": 0.5}, {"adapt": True}],
    ids=["real", "clicks", "mixed", "adapted"],
)
def test_detectors_are_scored_by_boxes(folder: Path, tmp_path: Path, arm: dict[str, Any]) -> None:
    record = measure_unit(unit_of(folder, "detect", data={}, **arm), tmp_path / "p")
    assert {"f1@0.5", "ap@0.5", "f1@0.5 [large]", "f1@0.5 [small]"} <= set(record.values)
    assert ("f1@0.5 [small], adapted" in record.values) == bool(arm.get("adapt"))
    assert record.measured_on.objects == 2 * (len(LARGE) + len(SMALL))
    assert record.measured_on.kind == "real"
    assert record.trained_on.clicks == 3 * (len(LARGE) + len(SMALL))


@pytest.mark.parametrize("incomplete", [[], ["large"]])
def test_only_complete_boxes_promise_that_all_objects_are_clicked(
    folder: Path, tmp_path: Path, incomplete: list[str]
) -> None:
    unit = unit_of(folder, "detect", data={"incomplete": incomplete}, source="clicks")
    with Session.create(tmp_path / "p") as session:
        fill_project(session, unit)
        train = [ref for ref in session.project.images if ref.role == "train"]
    assert [ref.exhaustive for ref in train] == [not incomplete] * 3


@pytest.mark.parametrize("source", ["real", "clicks"])
def test_classifiers_are_scored_by_windows_and_by_their_maps(
    folder: Path, tmp_path: Path, source: str
) -> None:
    unit = unit_of(folder, "classify", data={"crop": 48, "crops_per_image": 3}, source=source)
    record = measure_unit(unit, tmp_path / "p")
    assert {"ap [large]", "pointing [large]", "energy [small]"} <= set(record.values)
    assert len(record.measured_on.images) == 2 * 3


@pytest.fixture
def points(folder: Path, tmp_path: Path) -> Path:
    """Write the same discs as points, "x y number", 0 for large and 7 for small ones."""
    points = tmp_path / "points"
    (points / "labels").mkdir(parents=True)
    (points / "images").symlink_to(folder / "images")
    for sample in box_data(folder).samples():
        outlines = sample.labels().boxes
        assert outlines is not None
        rows = [
            f"{x} {y} {(0, 7)[c - 1]}"
            for (y, x), c in zip(outlines.centers(), outlines.classes, strict=True)
        ]
        (points / "labels" / f"{sample.name}.txt").write_text("\n".join([*rows, "5 5 3", ""]))
    return points


POINTS = {"diameter": 24, "classes": ["large", "small"], "numbers": [0, 7], "images": 1}


def test_points_are_squares_round_their_middles(folder: Path, points: Path) -> None:
    data = PointData(folder=str(points), part="tuning", **POINTS)
    for sample, like in zip(data.samples(), box_data(folder).samples(), strict=True):
        squares, true = sample.labels().boxes, like.labels().boxes
        assert squares is not None and true is not None
        assert np.allclose(squares.centers(), true.centers())
        assert squares.classes.tolist() == true.classes.tolist()
        assert np.allclose(squares.sizes(), 24)
    assert "squares of 24 pixels round points" in data.describe()


@pytest.mark.parametrize(
    ("text", "said"), [("1 2", "row 1: 2 values"), ("1 2 0\n3 x 0", "row 2: a value is 'x'")]
)
def test_broken_points_are_told(points: Path, text: str, said: str) -> None:
    (points / "labels" / "b00.txt").write_text(text)
    with pytest.raises(InputError, match=said):
        PointData(folder=str(points), part="tuning", **POINTS).samples()


def test_each_class_of_points_has_one_number(points: Path) -> None:
    with pytest.raises(ValueError, match="one number"):
        PointData(folder=str(points), part="tuning", **{**POINTS, "numbers": [0]})
