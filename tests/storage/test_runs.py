from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError, ReadOnlyError
from napari_synthseg.core.runs import HistoryRow, TrainingRun
from napari_synthseg.core.scores import Scores
from napari_synthseg.storage import runs
from napari_synthseg.storage.project_store import ProjectStore
from tests.helpers.projects import digests

ARRAYS: dict[str, NDArray[Any]] = {
    "conv.weight": np.random.default_rng(0).normal(size=(4, 3, 3)).astype(np.float32),
    "norm.count": np.array(7, np.int64),
    "turned": np.arange(6, dtype=np.float64).reshape(2, 3).T,
    "half": np.ones(3, np.float16),
}


def assert_same(found: dict, expected: dict) -> None:
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found[name], array)


def test_weights_come_back(tmp_path: Path) -> None:
    path = runs.save_weights(tmp_path, "r1", ARRAYS, {"run": "r1"})
    assert path == tmp_path / "runs" / "r1" / "weights.safetensors"
    assert_same(runs.load_weights(tmp_path, "r1"), ARRAYS)


def test_checkpoints_come_back(tmp_path: Path) -> None:
    assert runs.checkpoints(tmp_path, "r1").load("checkpoint") is None
    meta = {"step": 12, "seconds": 0.5, "history": [[1, 2.5, None]], "note": "µ"}
    runs.checkpoints(tmp_path, "r1").save("checkpoint", ARRAYS, meta)
    assert (tmp_path / "runs" / "r1" / "checkpoint.safetensors").exists()
    loaded = runs.checkpoints(tmp_path, "r1").load("checkpoint")
    assert loaded is not None
    assert_same(loaded[0], ARRAYS)
    assert loaded[1] == meta


def test_history_grows(tmp_path: Path) -> None:
    first = HistoryRow(step=1, loss=2.0, seconds=0.5)
    second = HistoryRow(2, 1.0, 1.5, validation={"f1": 0.25}, best=True)
    runs.append_history(tmp_path, "r1", [first])
    runs.append_history(tmp_path, "r1", [first, second])  # as a checkpoint keeps them
    with (tmp_path / "runs" / "r1" / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["step"], float(row["loss"]), row["best"]) for row in rows] == [
        ("1", 2.0, "0"),
        ("2", 1.5, "1"),
    ]
    assert rows[0]["validation"] == ""
    assert json.loads(rows[1]["validation"]) == {"f1": 0.25}


def test_the_record_comes_back_with_scores_that_do_not_exist(tmp_path: Path) -> None:
    scores = Scores(
        task="segment", measured_on="real", images=(), objects=0, values={"f1": float("nan")}
    )
    run = TrainingRun(id="r1", name="µ", scores=(scores,))
    runs.save_run(tmp_path, run)
    text = (tmp_path / "runs" / "r1" / "run.json").read_text(encoding="utf-8")
    found = TrainingRun.model_validate(json.loads(text))
    assert np.isnan(found.scores[0].values["f1"])
    assert found.name == "µ"


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "..", "a.b", "a\n", "ä", "x" * 65, "/x"])
def test_names_cannot_lead_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot name a file"):
        runs.run_folder(tmp_path, name)
    assert not list(tmp_path.iterdir())


def test_missing_and_damaged_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"weights\.safetensors' is missing"):
        runs.load_weights(tmp_path, "r1")
    path = runs.save_weights(tmp_path, "r1", ARRAYS)
    content = path.read_bytes()
    for damaged in (b"", content[:20], content[:-1], b"\x80\x04K\x01."):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"weights\.safetensors' is damaged"):
            runs.load_weights(tmp_path, "r1")
    runs.checkpoints(tmp_path, "r1").save("checkpoint", {}, {})
    checkpoint = path.with_name("checkpoint.safetensors")
    runs.save_weights(tmp_path, "r1", ARRAYS, {"meta": "{"}).replace(checkpoint)
    with pytest.raises(InputError, match=r"checkpoint\.safetensors' is damaged"):
        runs.checkpoints(tmp_path, "r1").load("checkpoint")


def test_a_failed_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.save_weights(tmp_path, "r1", ARRAYS)
    before = digests(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(InputError, match=r"weights\.safetensors' cannot be written.*No space"):
            runs.save_weights(tmp_path, "r1", {"other": np.zeros(3)})
    assert digests(tmp_path) == before


def test_only_the_writer_changes_runs(store: ProjectStore) -> None:
    runs.save_run(store.folder, TrainingRun(id="r1", name="run"))
    store.close()
    before = digests(store.folder)
    with pytest.raises(ReadOnlyError):
        runs.save_run(store.folder, TrainingRun(id="r2", name="run"))
    with pytest.raises(ReadOnlyError):
        runs.append_history(store.folder, "r1", [])
    assert digests(store.folder) == before
