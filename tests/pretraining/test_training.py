from pathlib import Path

import numpy as np
import pytest
import torch

from napari_synthseg.networks.click_windows import WINDOW_PX
from pretraining import train as training
from pretraining.calibrate import fit_calibration
from pretraining.micrograph import Micrograph, draw_micrograph
from pretraining.scene import DrawnObject
from pretraining.train import Options, averaged_weights, measure_loss, schedule, train
from pretraining.windows import click_object, make_windows


def test_windows_hold_the_clicked_object_in_their_middle() -> None:
    for seed in range(6):
        made = make_windows(draw_micrograph(seed, "scattered"), np.random.default_rng(seed))
        assert made.planes.shape == (len(made), 5, WINDOW_PX, WINDOW_PX)
        assert np.isfinite(made.planes).all()
        assert made.targets.min() >= 0
        assert made.targets.max() <= 1.001
        if len(made):
            middle = made.targets[:, 30:34, 30:34].max(axis=(1, 2))
            assert (middle > 0.2).mean() > 0.9


def test_target_is_the_object_seen_through_the_window() -> None:
    mask = np.ones((22, 22), bool)
    pixels = np.zeros((1, 120, 120), np.float32)
    image = Micrograph(pixels, [DrawnObject(1, 50, 50, mask)], "scattered")
    made = make_windows(image, np.random.default_rng(0))
    step = 1 / 1.1283  # about: an error of the diameter comes on top
    assert 0.3 < made.targets[0].sum() * step**2 / 484 < 3


def test_clicks_lie_in_their_objects() -> None:
    rng = np.random.default_rng(0)
    for made in draw_micrograph(3, "fibres").objects:
        y, x = np.round(click_object(made, rng)).astype(int)
        assert made.mask[y - made.row, x - made.column]


def test_loss_falls_with_a_better_answer() -> None:
    target = torch.zeros(1, 64, 64)
    target[:, 20:40, 20:40] = 1
    good, bad = (target - 0.5) * 10, (0.5 - target) * 10
    assert measure_loss(good, target) < 0.05 < measure_loss(bad, target)


def test_learning_rate_warms_up_and_ends_at_nothing() -> None:
    rates = [schedule(step, 1000) for step in range(1001)]
    assert rates[0] < rates[99]
    assert rates[100] == max(rates[100:])
    assert rates[1000] == pytest.approx(0)


def test_an_interrupted_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    monkeypatch.setattr(training, "POOL", 96)
    options = Options(mix="drawn", steps=2, seed=0, minutes=0.0)
    train(tmp_path, options)
    first = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    train(tmp_path, options)
    second = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert (first["step"], second["step"]) == (1, 2)
    assert threads == []  # only the program says how many the process has: see the next test
    weights = averaged_weights(tmp_path / "checkpoint.pt")
    assert all(w.dtype == np.float16 for w in weights.values())
    assert sum(w.size for w in weights.values()) * 2 < 2.5e6


def test_the_program_says_how_many_threads_the_process_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    trained: list[Options] = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    monkeypatch.setattr(training, "train", lambda _, options: trained.append(options))
    monkeypatch.setattr("sys.argv", ["train", str(tmp_path), "--threads", "3", "--steps", "7"])
    training.main()
    assert threads == [3]
    assert trained == [Options(mix="drawn", steps=7, seed=0, minutes=60)]


def test_expected_iou_rises_with_sureness() -> None:
    sureness = np.linspace(0, 1, 400)
    noise = np.random.default_rng(0).normal(0, 0.05, 400)
    fitted = fit_calibration(sureness, np.clip(sureness**2 + noise, 0, 1), np.ones(400))
    assert (np.diff(fitted["iou"]) >= 0).all()
    assert np.interp(0.8, fitted["sureness"], fitted["iou"]) == pytest.approx(0.64, abs=0.03)
