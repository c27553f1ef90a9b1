"""What models find on many images does not fill the memory."""

from __future__ import annotations

import errno
import gc
import io
import logging
import os
import pickle
import tempfile
import threading
from collections.abc import Generator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.labels import count_values
from napari_synthseg.core.predictions import (
    FoundObject,
    InstancePrediction,
    PointPrediction,
    RegionPrediction,
    at_score,
)
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.runs import DecodingRule, ModelRecord, TrainingRun
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.tasks.results import ImageResult
from napari_synthseg.tasks.semantic.results import RegionWriter
from napari_synthseg.workflow import predicting
from napari_synthseg.workflow import session as session_module
from napari_synthseg.workflow.found import held_pixels
from napari_synthseg.workflow.found.held_pixels import HeldPixels
from napari_synthseg.workflow.session import Session
from tests.helpers.sessions import add_array

SHAPE = (40, 50)
NBYTES = 4 * 40 * 50


def found(number: int) -> InstancePrediction:
    """Return a prediction with one object, whose mask is a number of columns."""
    ids = np.zeros(SHAPE, np.int32)
    ids[:, :number] = 1
    thing = FoundObject(1, 1, 0.5, (20.0, number / 2), ((0, 40), (0, number)))
    return InstancePrediction(image=str(number), ids=ids, objects=(thing,))


def test_pixels_beyond_the_limit_lie_in_files_and_are_what_they_were(tmp_path: Path) -> None:
    pixels = HeldPixels(tmp_path, 2 * NBYTES)
    kept = [pixels.hold(found(number)) for number in range(1, 6)]
    assert pixels.nbytes == 2 * NBYTES
    for number, one in enumerate(kept, 1):
        np.testing.assert_array_equal(one.ids, found(number).ids)
        assert one.ids.dtype == np.int32
        assert one.image == str(number)
    assert [one.ids.flags.writeable for one in kept] == [True, True, False, False, False]
    assert not list(tmp_path.iterdir())  # the files have no name
    assert at_score(kept[4], 0.9).ids.max() == 0
    assert pickle.loads(pickle.dumps(kept[4])).ids.sum() == 5 * 40


def count_open_files() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="the system lists no open files")
def test_hundreds_of_images_lie_in_few_open_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_pixels, "FILE_BYTES", 100 * held_pixels.ALIGNED_BYTES)
    pixels = HeldPixels(tmp_path, 0)
    before = count_open_files()
    kept = [pixels.hold(found(number % 50)) for number in range(250)]
    assert count_open_files() - before <= 4  # three files, the last one open to be written
    for number, one in enumerate(kept):
        np.testing.assert_array_equal(one.ids, found(number % 50).ids)
    del one, kept[:200]
    gc.collect()
    assert count_open_files() - before <= 2  # a file is gone with its last image
    large = np.full((3, 2**11, 2**11), 7, np.int32)  # more than a file
    held = pixels.hold(InstancePrediction(ids=large, objects=()))
    np.testing.assert_array_equal(held.ids, large)
    assert not held.ids.flags.writeable


def test_room_that_is_given_back_is_used_again(tmp_path: Path) -> None:
    pixels = HeldPixels(tmp_path, NBYTES)
    first = pixels.hold(found(1))
    assert not pixels.hold(found(2)).ids.flags.writeable
    ids = first.ids
    del first
    gc.collect()
    assert pixels.nbytes == NBYTES  # somebody still has them
    del ids
    gc.collect()
    assert pixels.nbytes == 0
    assert pixels.hold(found(3)).ids.flags.writeable


def test_a_prediction_that_is_collected_while_room_is_taken_stops_nobody(tmp_path: Path) -> None:
    pixels = HeldPixels(tmp_path, 2 * NBYTES)
    held = [pixels.hold(found(1))]

    def collect_in_between() -> None:
        with pixels._lock:
            held.clear()

    worker = threading.Thread(target=collect_in_between, daemon=True)
    worker.start()
    worker.join(5)
    assert not worker.is_alive()
    assert pixels.nbytes == 0


def test_regions_keep_their_counts_and_points_have_no_pixels(tmp_path: Path) -> None:
    pixels = HeldPixels(tmp_path, 0)
    values = np.zeros(SHAPE, np.uint8)
    values[:10] = 3
    held = pixels.hold(RegionPrediction(values=values))
    assert not held.values.flags.writeable
    assert held.pixel_counts[3] == 10 * 50
    np.testing.assert_array_equal(held.values, values)
    points = PointPrediction(objects=())
    assert pixels.hold(points) is points


def test_pixels_of_regions_are_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not anew whenever the prediction is replaced, held or written; others are counted anew."""
    counting = Mock(wraps=count_values)
    monkeypatch.setattr("napari_synthseg.core.predictions.count_values", counting)
    found = RegionPrediction(values=np.full(SHAPE, 2, np.uint8))
    named = replace(found, image="a", run="r", notes=("so",))
    held = HeldPixels(tmp_path, 0).hold(named)
    writer = RegionWriter(tmp_path, {2: "grain"})
    writer.add(ImageResult(ImageRef(uri="a.tif"), replace(held, notes=())))
    assert counting.call_count == 1
    assert writer.finish().figures["shares"]["grain"] == 1
    assert pickle.loads(pickle.dumps(held)).pixel_counts[2] == np.prod(SHAPE)
    assert isinstance(held, RegionPrediction)
    assert replace(held, values=np.ones(SHAPE, np.uint8)).pixel_counts[1] == np.prod(SHAPE)


def test_where_no_file_can_be_written_the_pixels_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gone = tmp_path / "gone"
    assert not HeldPixels(gone, 0).hold(found(1)).ids.flags.writeable  # in the system's folder
    monkeypatch.setattr(tempfile, "tempdir", str(gone))
    with caplog.at_level(logging.WARNING):
        held = HeldPixels(gone, 0).hold(found(2))
    assert held.ids.flags.writeable
    assert "make room on the disk" in caplog.text


def test_images_share_the_file_in_the_other_folder_while_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FileOnFullDisk(io.FileIO):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    full, other = tmp_path / "full", tmp_path / "other"
    full.mkdir()
    other.mkdir()
    begun: list[Path] = []
    make_file = tempfile.TemporaryFile

    def begin(buffering: int, dir: Path) -> Any:
        begun.append(dir)
        file = make_file(buffering=buffering, dir=dir)
        return FileOnFullDisk(os.dup(file.fileno()), "r+b") if dir == full else file

    monkeypatch.setattr(tempfile, "TemporaryFile", begin)
    monkeypatch.setattr(tempfile, "tempdir", str(other))
    pixels = HeldPixels(full, 0)
    kept = [pixels.hold(found(number)) for number in range(1, 6)]
    assert begun == [full, other]
    for number, one in enumerate(kept, 1):
        np.testing.assert_array_equal(one.ids, found(number).ids)
        assert not one.ids.flags.writeable


def test_a_session_holds_what_many_images_show_without_filling_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_model(*_: object) -> Generator[Progress, None, None]:
        yield Progress(1.0)

    def apply_model(_: object, run: TrainingRun, ref: ImageRef, *__: object):
        yield Progress(1.0)
        return replace(found(1 + int(ref.name)), image=ref.id, run=run.id)

    monkeypatch.setattr(predicting, "load_model", load_model)
    monkeypatch.setattr(predicting, "apply_model", apply_model)
    monkeypatch.setattr(session_module, "HeldPixels", partial(HeldPixels, limit_bytes=NBYTES))
    rule = DecodingRule(kind="segment", class_values=(1,), diameter=10.0)
    model = ModelRecord(spec=ModelSpec(), in_channels=1, out_channels=3, rule=rule)
    run = TrainingRun(id="r", name="run 1", state="done", steps=900, model=model)
    with Session.create(tmp_path / "p.synthseg") as session:
        refs = [
            add_array(session, np.zeros(SHAPE, np.uint8), "yx", str(n), role="test")
            for n in range(3)
        ]
        session.edit(session.project.with_run(run), "add run")
        elsewhere = refs[0].model_copy(update={"id": "of_no_project"})
        made = session.predict(run, [*refs, elsewhere]).result()
        known = session.found["r"]
        assert list(known) == [ref.id for ref in refs]
        assert [one.ids.flags.writeable for one in known.values()] == [True, False, False]
        assert known[refs[2].id] is made[2]
        table = session.measure(run).result()
        assert table.measures["area_px2"].tolist() == [40.0, 80.0, 120.0]
        saved = session.folder / "runs" / "r" / "predictions" / f"{refs[2].id}.tif"
        np.testing.assert_array_equal(tifffile.imread(saved), made[2].ids)
