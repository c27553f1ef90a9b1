"""What the page of training says: time left, curves, devices, and what is found in view."""

from __future__ import annotations

import pytest

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.predictions import FoundPoint, ImageTagsPrediction, PointPrediction
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.core.specs import Device
from napari_synthseg.ui.presenters.training.curves import CurvePoint
from napari_synthseg.ui.presenters.training.devices import device_choices, device_reason
from napari_synthseg.ui.presenters.training.live import describe_live
from napari_synthseg.ui.presenters.work_log import WorkLog, time_left

NO_GPU = (Device("cuda", "CUDA", "no CUDA device was found"), Device("cpu", "CPU, 4 threads"))
GPU = (Device("cuda", "CUDA: RTX 2000, 8 GB"), Device("cpu", "CPU, 4 threads"))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3, "a few seconds"), (41, "about 50 s"), (150, "about 2 min"), (7000, "about 1.9 h")],
)
def test_the_time_left_is_told_as_exactly_as_it_is_known(seconds, words):
    assert time_left(seconds).startswith(words)


def test_what_is_held_out_and_each_origin_have_curves_of_their_own():
    log = WorkLog()
    parts = {"loss": 0.5, "synthetic loss": 0.4, "real loss": 0.8, "step": 1, "seconds left": 70}
    held = {"step": 1, "held-out loss, real": 0.9, "held-out pairs F1": 0.7}
    news = [Progress(0.1, "step 1", parts), Progress(0.1, "step 1: validated", held)]
    points, _ = log.add(news)
    assert points == [
        CurvePoint(1, 0.4, False, "synthetic"),
        CurvePoint(1, 0.8, False, "real"),
        CurvePoint(1, 0.9, False, "held out, real"),
    ]
    assert "about 70 s left" in log.text()
    assert "held out: loss, real 0.9, pairs F1 0.7" in log.text()


def test_finishing_touches_after_a_stop_are_said():
    log = WorkLog()
    figures = {"step": 9, "seconds": 30.0, "seconds left": 40.0}
    log.add([Progress(0.5, "step 9", metrics=figures | {"loss": 0.5})])
    assert log.text().startswith("Step 9, 30 s so far, about 40 s left")
    words = "step 9: choosing thresholds"
    log.add([Progress(0.5, words, metrics=figures, finishing=True)])
    assert log.text().splitlines()[0] == "Stopping: step 9: choosing thresholds, 30 s so far"


def test_the_device_is_named_with_the_reason():
    assert device_reason("auto", NO_GPU) == "CPU: no CUDA device was found."
    assert device_reason("auto", GPU) == "CUDA: RTX 2000, 8 GB."
    assert device_reason("cpu", GPU) == "CPU, 4 threads, as you chose."
    assert "cannot be used: no CUDA" in device_reason("cuda", NO_GPU)
    assert device_choices(GPU)["auto"] == "automatic: CUDA: RTX 2000, 8 GB"
    assert device_choices(NO_GPU)["cuda"] == "CUDA: no CUDA device was found"
    assert set(device_choices(())) == {"auto", "cpu"}


def test_what_is_found_in_view_is_counted():
    project = Project().with_classes(ObjectClass(name="cell", value=1))
    points = tuple(FoundPoint(id=n, cls=1, score=1.0, center=(0.0, 0.0)) for n in range(3))
    found = PointPrediction(objects=points, notes=("zoom in",))
    assert describe_live(found, project) == "In view so far: 3 (cell).\nNote: zoom in."
    assert "nothing" in describe_live(PointPrediction(objects=()), project)
    tags = ImageTagsPrediction(probabilities={1: 0.934}, thresholds={1: 0.5})
    assert describe_live(tags, project) == "In view so far: cell 0.93."
