"""The comparison with other programs, without these: folders, commands, records, table."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from benchmarks.peers import __main__ as program
from benchmarks.peers import arms
from benchmarks.peers.arms import ARMS, Arm, Failed, Setting
from benchmarks.peers.folders import Drawn, draw_unit, write_folders
from benchmarks.peers.peer import Outcome, limit_threads, parse, predict_all, read_training
from benchmarks.peers.records import PeerRecord, markdown, read_records, write_records
from benchmarks.peers.train_cellpose import count_epochs
from benchmarks.peers.train_stardist import augment
from benchmarks.study.records import Machine
from napari_synthseg.cli import run_app

STUDY = """
study = { title = "Discs" }
data = { folder = "discs", images = 2, part = "closing", limit = 9, class_name = "disc" }
train = { steps = 3 }
[[arm]]
name = "real"
source = "real"
[[arm]]
name = "clicks"
source = "clicks"
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "discs.toml"
    path.write_text(STUDY, encoding="utf-8")
    return path


@pytest.fixture
def drawn(study: Path, tmp_path: Path) -> Drawn:
    return write_folders(draw_unit(study, seed=1, limit=3), tmp_path / "drawn")


def test_folders_hold_the_images_and_masks_that_the_study_draws(
    study: Path, drawn: Drawn, root: Path
) -> None:
    unit = draw_unit(study, seed=1, limit=3)
    for samples, folder in ((unit.train, drawn.train), (unit.test, drawn.test)):
        assert [p.stem for p in sorted((folder / "images").iterdir())] == sorted(
            sample.name for sample in samples
        )
        for kind in ("images", "masks"):
            for path in (folder / kind).iterdir():
                source = tifffile.imread(root / "discs" / kind / path.name)
                np.testing.assert_array_equal(tifffile.imread(path), source)
    assert drawn.train_names == tuple(sample.name for sample in unit.train)
    assert not set(drawn.train_names) & {sample.name for sample in unit.test}
    counts = [len(np.unique(sample.labels().ids)) - 1 for sample in unit.test]
    assert drawn.objects == sum(counts) == 21
    assert (drawn.class_name, drawn.diameter) == ("disc", pytest.approx(16, abs=1))


def test_every_object_of_the_training_images_has_one_click_inside(drawn: Drawn) -> None:
    hit: dict[str, list[int]] = {}
    with drawn.clicks.open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            ids = tifffile.imread(drawn.train / "masks" / row["image"])
            assert row["class"] == "disc"
            hit.setdefault(row["image"], []).append(
                ids[round(float(row["y"])), round(float(row["x"]))]
            )
    assert sorted(hit) == sorted(f"{name}.tif" for name in drawn.train_names)
    for image, found in hit.items():
        ids = tifffile.imread(drawn.train / "masks" / image)
        assert sorted(found) == np.unique(ids)[1:].tolist()


def test_other_images_have_another_digest(study: Path, drawn: Drawn, tmp_path: Path) -> None:
    same = write_folders(draw_unit(study, seed=1, limit=3), tmp_path / "again")
    fewer = write_folders(draw_unit(study, seed=1, limit=2), tmp_path / "fewer")
    assert (same.digest == drawn.digest, fewer.digest == drawn.digest) == (True, False)


@pytest.mark.parametrize(
    ("arm", "marks", "source"),
    [("synthseg-clicks", "clicks.csv", "synthetic"), ("synthseg-masks", "--masks", "real")],
)
def test_our_arms_see_clicks_or_masks_and_all_the_same_images(
    arm: str,
    marks: str,
    source: str,
    drawn: Drawn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commands: list[list[str]] = []

    def note(command: list[str], setting: Setting) -> dict[str, Any]:
        commands.append([part.removeprefix(f"{drawn.clicks.parent}/") for part in command[3:]])
        return {"seconds": 1.0, "steps": 2}

    monkeypatch.setattr(arms, "_last_line", note)
    ARMS[arm].run(drawn, tmp_path / "work", tmp_path / "labels", Setting(0.5, 3, 7))
    new, marked, train, predict = commands
    assert [p for p in new if p.startswith("train/")] == [
        f"train/images/{name}.tif" for name in sorted(drawn.train_names)
    ]
    assert marks in marked
    assert ("train/masks" in marked) is (source == "real")
    options = dict(zip(train[2:-1:2], train[3:-1:2], strict=True))
    assert options["--source"] == source
    assert (options["--minutes"], options["--seed"]) == ("0.5", "7")
    assert sum(p.startswith("test/images/") for p in predict) == drawn.test_count == 3


def test_a_program_that_fails_is_told_with_its_words() -> None:
    with pytest.raises(Failed, match="No such option: --nonsense"):
        arms.synthseg("score", "--nonsense", setting=Setting(1, 1, 0))


@pytest.mark.parametrize(
    ("seconds", "few", "many", "epochs"),
    [(240, 7, 27, 118), (240, 4, 24, 120), (1, 7, 27, 1), (60, 5, 5, 60000)],
)
def test_epochs_fill_the_minutes(seconds: float, few: float, many: float, epochs: int) -> None:
    """Two epochs took `few` seconds, twelve `many`: two a piece, and what is left once."""
    assert count_epochs(seconds, few, many) == pytest.approx(epochs, rel=0.1)


def test_image_and_masks_are_turned_alike() -> None:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 2, (9, 9))
    for _ in range(20):
        image, turned = augment(ids * 10.0, ids, rng)
        bright = image > (image.min() + image.max()) / 2
        np.testing.assert_array_equal(bright, turned > 0)


def test_threads_of_every_library_are_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment: dict[str, str] = {}
    limit_threads(environment, 3)
    assert environment["OMP_NUM_THREADS"] == environment["TF_NUM_INTRAOP_THREADS"] == "3"
    monkeypatch.setattr("os.environ", environment)
    folders = [f"--{name}={tmp_path / name}" for name in ("train", "predict", "out", "work")]
    options = parse([*folders, "--minutes", "0.5", "--threads", "2"])
    assert (options.minutes, set(environment.values())) == (0.5, {"2"})
    assert (tmp_path / "work").is_dir()


def test_a_peer_reads_images_beside_their_masks_and_writes_ids(
    drawn: Drawn, tmp_path: Path
) -> None:
    images, masks = read_training(drawn.train)
    assert [ids.max() for ids in masks] == [7, 7]
    for image, ids in zip(images, masks, strict=True):
        assert image[ids > 0].mean() > image[ids == 0].mean() + 1000
    seconds = predict_all(
        drawn.test / "images", tmp_path / "out", lambda image: (image > 2000).astype(int)
    )
    assert seconds > 0
    assert len(list((tmp_path / "out").iterdir())) == 3
    for path in (tmp_path / "out").iterdir():
        assert tifffile.imread(path).max() == 1


def record(arm: str, seed: int, f1: float) -> PeerRecord:
    return PeerRecord(
        arm=arm,
        seed=seed,
        minutes=4.0,
        threads=2,
        images="abc",
        train=("a",),
        test_images=3,
        objects=21,
        outcome=Outcome(240.0, 0.0, 100 + seed, None, 5.0, {}),
        all_seconds=260.0,
        measured_on="21 objects",
        values={"f1@0.5": f1, "f1@0.7": f1 / 2, "f1@0.8": 0.0},
        machine=Machine(
            system="s", processor="p", cores=2, threads=2, load=0.1, python="3", code="c"
        ),
        finished="2026-01-01T00:00:00+00:00",
    )


def test_table_gives_medians_and_ranges(tmp_path: Path) -> None:
    found = [record("stardist", seed, f1) for seed, f1 in enumerate((0.5, 0.7, 0.6))]
    found.append(record("synthseg-clicks", 0, 0.8))
    write_records(tmp_path / "peers.json", found)
    assert read_records(tmp_path / "peers.json") == found
    _, _, ours, stardist = markdown(found).splitlines()
    assert ours == "| napari-synthseg | clicks | 1 | 0.800 | 0.400 | 0.000 | 100 | 240 s |"
    assert stardist == (
        "| StarDist, from scratch | true masks | 3 | 0.600 (0.500 to 0.700) | "
        "0.300 (0.250 to 0.350) | 0.000 (0.000 to 0.000) | 101 | 240 s |"
    )


def test_what_is_done_is_kept_and_a_failure_stops_no_other(
    study: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ran: list[tuple[str, int]] = []

    def fake(name: str, broken: Callable[[], bool]) -> Arm:
        def run(drawn: Drawn, work: Path, out: Path, setting: Setting) -> Outcome:
            ran.append((name, setting.seed))
            if broken():
                raise Failed("it broke")
            (drawn.test / "masks").rename(out)  # the truth itself
            write_again = {p.name: tifffile.imread(p) for p in out.iterdir()}
            (drawn.test / "masks").mkdir()
            for file, ids in write_again.items():
                tifffile.imwrite(drawn.test / "masks" / file, ids)
            return Outcome(1.0, 0.0, 2, None, 0.5, {})

        return Arm(name, "clicks", "", run)

    trouble = [True]
    known = {"good": fake("good", lambda: False), "bad": fake("bad", lambda: trouble[0])}
    monkeypatch.setattr(program, "STUDY", study)
    for module in ("__main__", "records"):
        monkeypatch.setattr(f"benchmarks.peers.{module}.ARMS", known)

    def main(*options: str) -> int:
        out = ("--out", str(tmp_path / "results"), "--images", "2", "--json")
        return run_app(program.app, program.PROGRAM, [*options, *out])

    assert main("--draws", "1", "--minutes", "0.5") == 2
    assert ran == [("good", 0), ("bad", 0)]
    assert "it broke" in capsys.readouterr().err
    trouble.clear()
    trouble.append(False)
    assert main("--draws", "1", "--minutes", "0.5") == 0
    assert ran[2:] == [("bad", 0)]
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["median"]["good"]["f1@0.5"] == result["median"]["bad"]["f1@0.8"] == 1.0
    assert main("--draws", "1", "--minutes", "0.6", "--only", "good") == 0
    assert ran[3:] == [("good", 0)]


def test_an_environment_that_is_missing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(program.app, program.PROGRAM, ["--only", "stardist"]) == 2
    assert "--stardist" in capsys.readouterr().err
    assert run_app(program.app, program.PROGRAM, ["--only", "yolo"]) == 2
    assert "cellpose, stardist" in capsys.readouterr().err
