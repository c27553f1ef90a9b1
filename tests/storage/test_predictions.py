"""What a run found is kept with it, and given again only where it would find the same now."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from safetensors.numpy import save_file

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError, ReadOnlyError
from napari_synthseg.core.predictions import (
    BoxPrediction,
    FoundObject,
    FoundPoint,
    ImageTagsPrediction,
    InstancePrediction,
    PointPrediction,
    Prediction,
    RegionPrediction,
)
from napari_synthseg.core.runs import DecodingRule, ModelRecord, TrainingRun
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.storage.arrays import save_array
from napari_synthseg.storage.images import describe
from napari_synthseg.storage.predictions import KeptPredictions
from napari_synthseg.storage.project_store import ProjectStore
from napari_synthseg.storage.tensors import load_tensors
from tests.helpers.projects import digests

RULE = DecodingRule(kind="segment", class_values=(1, 2), diameter=8.0)
RUN = TrainingRun(
    id="r1",
    name="run 1",
    state="done",
    steps=900,
    seconds=12.5,
    model=ModelRecord(spec=ModelSpec(), in_channels=1, out_channels=4, rule=RULE),
)
SHAPE = (20, 30)
SQUARE = FoundObject(3, 2, 0.1 + 0.2, (4.5, 5.25), ((2, 8), (3, 9)))
DOT = FoundPoint(1, 1, 0.75, (19.5, 0.0))
COLUMNS = {
    "id": np.array([3]),
    "cls": np.array([2]),
    "score": np.array([0.3]),
    "center": np.array([[4.5, 5.5]]),
    "box": np.array([[[2.0, 8.0], [3.0, 9.0]]]),
}


@pytest.fixture
def ref(tmp_path: Path) -> ImageRef:
    """Return an image of a file beside the project."""
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 99, SHAPE).astype(np.uint16))
    return describe(path)[0].model_copy(update={"uri": "../cells.tif"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a project."""
    (tmp_path / "p.synthseg").mkdir()
    return tmp_path / "p.synthseg"


def square(ref: ImageRef, **others: Any) -> InstancePrediction:
    ids = np.zeros(SHAPE, np.int32)
    ids[2:8, 3:9] = 3
    made = {"image": ref.id, "run": "r1", "notes": ("it is dim",), "scale": "its pixel size"}
    return InstancePrediction(ids=ids, objects=(SQUARE,), **made | others)


def every_kind(ref: ImageRef) -> list[Prediction]:
    made: dict[str, Any] = {"image": ref.id, "run": "r1", "scale": "that of the images"}
    values = (np.arange(600).reshape(SHAPE) % 3).astype(np.uint8)
    return [
        square(ref),
        InstancePrediction(ids=np.zeros(SHAPE, np.int32), objects=(), **made),
        RegionPrediction(values=values, **made),
        BoxPrediction(objects=(SQUARE,), candidates=(SQUARE, replace(SQUARE, score=0.01)), **made),
        PointPrediction(objects=(DOT,), **made),
        ImageTagsPrediction(probabilities={1: 0.9, 2: 1e-4}, thresholds={1: 0.5, 2: 0.4}, **made),
    ]


def assert_same(found: Prediction | None, expected: Prediction) -> None:
    assert type(found) is type(expected)
    for each in fields(expected):
        mine, theirs = getattr(found, each.name), getattr(expected, each.name)
        if isinstance(theirs, np.ndarray):
            assert mine.dtype == theirs.dtype
            np.testing.assert_array_equal(mine, theirs)
        elif each.name == "counts":
            np.testing.assert_array_equal(mine.pixels, theirs.pixels)
        else:
            assert mine == theirs, each.name


@pytest.mark.parametrize("number", range(6))
def test_each_kind_comes_back(folder: Path, ref: ImageRef, number: int) -> None:
    kept = KeptPredictions(folder, RUN)
    assert kept.load(ref) is None
    kept.save(ref, every_kind(ref)[(number + 1) % 6])
    kept.save(ref, every_kind(ref)[number])  # in its place
    assert_same(KeptPredictions(folder, RUN).load(ref), every_kind(ref)[number])


def test_what_was_chosen_is_told_when_it_is_read(folder: Path, ref: ImageRef) -> None:
    KeptPredictions(folder, RUN).save(ref, replace(square(ref), how="it was found with care"))
    found = KeptPredictions(folder, RUN).load(ref)
    assert found is not None
    assert (found.notes, found.how) == (("it is dim",), "it was found with care")


@pytest.mark.parametrize("shape", [(5, 20, 30), (1, 20, 30), (20, 1, 3)])
def test_volumes_and_parts_come_back(store: ProjectStore, shape: tuple[int, ...]) -> None:
    folder, part = store.folder, tuple((n // 2, n) for n in shape)
    uri = save_array(np.ones(shape, np.uint8), "zyx", folder, "v")
    ref = ImageRef(uri=uri, axes="zyx", region=part)
    ids = np.ones([stop - start for start, stop in part], np.int32)
    middle = tuple((start + stop - 1) / 2 for start, stop in part)
    made: dict[str, Any] = {
        "image": ref.id,
        "run": "r1",
        "region_origin": tuple(start for start, _ in part),
    }
    found = InstancePrediction(ids=ids, objects=(FoundObject(1, 1, 0.5, middle, part),), **made)
    KeptPredictions(folder, RUN).save(ref, found)
    assert_same(KeptPredictions(folder, RUN).load(ref), found)


def test_numbers_of_numpy_are_kept(folder: Path, ref: ImageRef) -> None:
    """A task of another distribution may leave its numbers as they come."""
    one, half = np.int64(1), np.float32(0.5)
    thing = FoundObject(one, one, half, (half, half), ((one, one + one), (one, one + one)))  # type: ignore[arg-type]
    kept = KeptPredictions(folder, RUN)
    kept.save(ref, BoxPrediction(image=ref.id, run="r1", objects=(thing,)))
    plain = FoundObject(1, 1, 0.5, (0.5, 0.5), ((1, 2), (1, 2)))
    assert_same(kept.load(ref), BoxPrediction(image=ref.id, run="r1", objects=(plain,)))


@pytest.mark.parametrize(
    "changes",
    [
        {"roi": (((((1.0, 1.0), (1.0, 9.0), (9.0, 9.0)),),))},
        {"excluded": (((((1.0, 1.0), (1.0, 9.0), (9.0, 9.0)),),))},
        {"channels": (0,)},
        {"pixel_size": (0.5, 0.5), "unit": "um"},
        {"region": ((0, 10), (0, 30))},
        {"as_stored": True},
        {"fingerprint": "another"},
    ],
)
def test_what_was_found_on_another_state_of_the_image_is_not_given(
    folder: Path, ref: ImageRef, changes: dict[str, Any]
) -> None:
    kept = KeptPredictions(folder, RUN)
    kept.save(ref, square(ref))
    assert kept.load(ref.model_copy(update=changes)) is None
    assert kept.load(ref) is not None


def test_a_changed_file_or_one_that_is_gone_has_no_prediction(
    folder: Path, tmp_path: Path, ref: ImageRef
) -> None:
    kept = KeptPredictions(folder, RUN)
    kept.save(ref, square(ref))
    tifffile.imwrite(tmp_path / "cells.tif", np.zeros(SHAPE, np.uint16))
    assert kept.load(ref) is None
    (tmp_path / "cells.tif").unlink()
    assert kept.load(ref) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 901},
        {"seconds": 12.6},
        {"model": RUN.trained_model().model_copy(update={"in_channels": 2})},
        {
            "model": RUN.trained_model().model_copy(
                update={"rule": DecodingRule.model_validate({**RULE.model_dump(), "min_core": 0.7})}
            )
        },
    ],
)
def test_what_another_model_or_rule_found_is_not_given(
    folder: Path, ref: ImageRef, changes: dict[str, Any]
) -> None:
    KeptPredictions(folder, RUN).save(ref, square(ref))
    assert KeptPredictions(folder, RUN.model_copy(update=changes)).load(ref) is None


def test_names_roles_and_places_change_nothing(folder: Path, tmp_path: Path, ref: ImageRef) -> None:
    KeptPredictions(folder, RUN).save(ref, square(ref))
    there = tmp_path / "other" / "place"
    shutil.copytree(folder, there / "p.synthseg")
    (tmp_path / "cells.tif").rename(there / "moved.tif")
    update = {"name": "x", "role": "test", "exhaustive": True, "uri": "../moved.tif", "group": "g"}
    moved = ref.model_copy(update=update)
    run = RUN.model_copy(update={"name": "renamed", "least_score": 0.9, "error": "x"})
    read_again = TrainingRun.model_validate_json(run.model_dump_json())
    found = KeptPredictions(there / "p.synthseg", read_again).load(moved)
    assert_same(found, square(ref))


# --- files that cannot be trusted ----------------------------------------------------------------


def record_of(folder: Path, ref: ImageRef) -> Path:
    return folder / "runs" / "r1" / "predictions" / f"{ref.id}.safetensors"


def change(folder: Path, ref: ImageRef, header: dict[str, Any], **columns: Any) -> None:
    """Replace fields of the header, and columns of the objects; None removes one."""
    path = record_of(folder, ref)
    arrays, texts = load_tensors(path, "")
    texts["header"] = json.dumps(json.loads(texts["header"]) | header)
    arrays |= {f"objects.{name}": np.asarray(new) for name, new in columns.items()}
    whole = {name: array for name, array in arrays.items() if array.dtype != object}
    save_file(whole, path, texts)


@pytest.mark.parametrize(
    "columns",
    [
        {"center": [[4.5]]},
        {"center": [[4.5, np.nan]]},
        {"score": [np.inf]},
        {"score": [1]},
        {"score": 0.5},
        {"score": [0.5, 0.6]},
        {"id": [3.5]},
        {"id": [4]},
        {"id": []},
        {"id": 3},
        {"cls": [0]},
        {"cls": [3]},
        {"cls": [2**40]},
        {"box": [[[2.0, 8.0]]]},
        {"box": [[[2.0, 8.0], [3.0, 31.0]]]},
        {"box": [[[2.0, 8.0], [-1.0, 9.0]]]},
        {"box": [[[8.0, 2.0], [3.0, 9.0]]]},
        {"box": [[[2.0, np.nan], [3.0, 9.0]]]},
        {"box": None},
        {"more": [1]},
        {name: np.repeat(value, 2, axis=0) for name, value in COLUMNS.items()},
        {name: value[:0] for name, value in COLUMNS.items()},
        {name: np.repeat(value, 10_001, axis=0) for name, value in COLUMNS.items()},
    ],
)
def test_objects_that_cannot_be_are_refused(
    folder: Path, ref: ImageRef, columns: dict[str, Any]
) -> None:
    kept = KeptPredictions(folder, RUN)
    kept.save(ref, square(ref))
    change(folder, ref, {}, **COLUMNS)
    assert kept.load(ref) is not None
    change(folder, ref, {}, **columns)
    with pytest.raises(InputError, match=ref.id):
        kept.load(ref)


@pytest.mark.parametrize(
    "header",
    [{"kind": "unknown"}, {"kind": "boxes"}, {"kind": "points"}, {"notes": "x"}, {"more": 1}],
)
def test_headers_that_cannot_be_are_refused(
    folder: Path, ref: ImageRef, header: dict[str, Any]
) -> None:
    kept = KeptPredictions(folder, RUN)
    kept.save(ref, square(ref))
    change(folder, ref, header)
    with pytest.raises(InputError, match=ref.id):
        kept.load(ref)


def test_what_its_task_does_not_find_is_refused(folder: Path, ref: ImageRef) -> None:
    KeptPredictions(folder, RUN).save(ref, square(ref))
    assert KeptPredictions(folder, RUN, "instance").load(ref) is not None
    with pytest.raises(InputError, match="not of the kind that its model finds"):
        KeptPredictions(folder, RUN, "semantic").load(ref)


def test_regions_of_classes_that_the_model_does_not_know_are_refused(
    folder: Path, ref: ImageRef
) -> None:
    kept = KeptPredictions(folder, RUN)
    kept.save(ref, RegionPrediction(values=np.full(SHAPE, 3, np.uint8), image=ref.id, run="r1"))
    with pytest.raises(InputError, match=r"\.tif' holds classes that its model does not know"):
        kept.load(ref)


def test_boxes_without_an_extent_come_back(folder: Path, ref: ImageRef) -> None:
    """Tasks of others may find them."""
    flat = replace(SQUARE, box=((20.0, 20.0), (3.0, 9.0)))
    found = BoxPrediction(objects=(), candidates=(flat,), image=ref.id, run="r1")
    KeptPredictions(folder, RUN).save(ref, found)
    assert_same(KeptPredictions(folder, RUN).load(ref), found)


def test_of_many_objects_no_text_is_parsed(folder: Path, ref: ImageRef) -> None:
    """Parsing much text would stop all other threads until it is done."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 9, (29_000, 2, 2)).cumsum(axis=2).tolist()
    many = tuple(
        FoundObject(number, 1, 0.5, (start, first), ((start, stop), (first, last)))
        for number, ((start, stop), (first, last)) in enumerate(corners, 1)
    )
    tifffile.imwrite(folder.parent / "large.tif", np.zeros((200, 200), np.uint8))
    large = describe(folder.parent / "large.tif")[0].model_copy(update={"uri": "../large.tif"})
    found = BoxPrediction(objects=many[:9], candidates=many, image=large.id, run="r1")
    kept = KeptPredictions(folder, RUN)
    kept.save(large, found)
    assert int.from_bytes(record_of(folder, large).read_bytes()[:8], "little") < 4096
    assert_same(kept.load(large), found)


@pytest.mark.parametrize("text", [b"", b"{", b"[" * 100_000, b"\x80\x04K\x01.", b"\xff\xfe{"])
def test_damaged_records_are_told(folder: Path, ref: ImageRef, text: bytes) -> None:
    kept = KeptPredictions(folder, RUN)
    kept.save(ref, square(ref))
    for damage in (text, len(text).to_bytes(8, "little") + text):
        record_of(folder, ref).write_bytes(damage)
        with pytest.raises(InputError, match=rf"{ref.id}\.safetensors' is damaged"):
            kept.load(ref)
    kept.save(ref, square(ref))
    assert_same(kept.load(ref), square(ref))


def test_a_header_without_end_is_not_read(folder: Path, ref: ImageRef) -> None:
    kept = KeptPredictions(folder, RUN)
    kept.save(ref, square(ref))
    with record_of(folder, ref).open("wb") as file:
        file.write((2**26).to_bytes(8, "little"))
        file.truncate(2**27)
    with pytest.raises(InputError, match=r"\.safetensors' is damaged") as refused:
        kept.load(ref)
    assert "too large a header" in str(refused.value.__cause__)


def test_a_file_that_may_not_be_read_is_told(
    folder: Path, ref: ImageRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = KeptPredictions(folder, RUN)
    kept.save(ref, square(ref))

    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(InputError, match=r"\.safetensors' cannot be read \(Permission denied\)"):
        kept.load(ref)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((20, 31), np.int32),
        np.zeros((30, 20), np.int32),
        np.zeros((2, *SHAPE), np.int32),
        np.zeros(SHAPE, np.float32),
        np.full(SHAPE, -1, np.int32),
        np.full(SHAPE, 2**31, np.uint32),
        np.full(SHAPE, 2**31 - 1, np.int32),
        np.full(SHAPE, 500, np.int32),
        b"no image",
        None,
    ],
)
def test_label_images_that_do_not_fit_are_refused(
    folder: Path, ref: ImageRef, pixels: np.ndarray | bytes | None, number: int
) -> None:
    kept = KeptPredictions(folder, RUN)
    kept.save(ref, every_kind(ref)[number])
    path = record_of(folder, ref).with_suffix(".tif")
    if isinstance(pixels, np.ndarray):
        tifffile.imwrite(path, pixels)
    elif pixels is None:
        path.unlink()
    else:
        path.write_bytes(pixels)
    with pytest.raises(InputError, match=rf"{ref.id}\.tif'"):
        kept.load(ref)


def test_tags_of_other_classes_are_refused(folder: Path, ref: ImageRef) -> None:
    kept = KeptPredictions(folder, RUN)
    kept.save(ref, every_kind(ref)[5])
    change(folder, ref, {"thresholds": {"1": 0.5}})
    with pytest.raises(InputError, match="not of the classes"):
        kept.load(ref)


def test_a_record_of_another_format_is_no_damage(folder: Path, ref: ImageRef) -> None:
    kept = KeptPredictions(folder, RUN)
    kept.save(ref, square(ref))
    save_file({}, record_of(folder, ref), {"made_from": "another way", "whatever": "2"})
    assert kept.load(ref) is None


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "/x"])
def test_names_cannot_lead_out(folder: Path, ref: ImageRef, name: str) -> None:
    stranger = ref.model_copy(update={"id": name})
    for act in (lambda kept: kept.save(stranger, square(ref)), lambda kept: kept.load(stranger)):
        with pytest.raises(InputError, match="cannot name a file"):
            act(KeptPredictions(folder, RUN))
    with pytest.raises(InputError, match="cannot name a file"):
        KeptPredictions(folder, RUN.model_copy(update={"id": name}))
    assert not list(folder.iterdir())


def test_a_full_disk_leaves_no_objects_of_other_pixels(
    folder: Path, ref: ImageRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = KeptPredictions(folder, RUN)
    kept.save(ref, square(ref))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("napari_synthseg.storage.predictions.write_tiff", full)
        with pytest.raises(InputError, match=r"\.tif' cannot be written.*No space"):
            kept.save(ref, square(ref))
    assert kept.load(ref) is None


def test_only_the_writer_keeps_predictions(store: ProjectStore, ref: ImageRef) -> None:
    store.close()
    before = digests(store.folder)
    with pytest.raises(ReadOnlyError):
        KeptPredictions(store.folder, RUN).save(ref, square(ref))
    assert digests(store.folder) == before
