"""How quick and how live the window is: opening, gaps idle and in work, closing at each stage.

Prints one JSON object, times in milliseconds. Run it alone on the machine, with a display or with
``xvfb-run -a -s "-screen 0 1920x1200x24 +extension GLX" python -m benchmarks.gui_latency``.
A gap is the time between two ticks of a 10 ms timer on the GUI thread, while the canvas is moved
a little ten times a second, so that it draws; `busy` is how much of it the processor spent on that
thread, which other programs lengthen less. Closing is the time until the window is gone once it
was closed; saving goes on after it, until the project's lock is released.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

TICK_MS = 10
MOVE_MS = 100
STEPS = 40
"""Batches of the trainings that are closed; the weights are checked first at 0.4 of them."""

SILENCE_S = 1.0
"""After so long without a batch, a training is taken to check its weights."""

OLD_PROJECT = Path(__file__).parents[1] / "tests" / "data" / "old_project.synthseg"
IMPORTS = ("napari_synthseg", "napari_synthseg.workflow.session", "napari_synthseg.ui.app.widget")


def import_time(module: str) -> float:
    """Return the least time of three that importing a module takes in a fresh interpreter."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", code]
    times = [
        float(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(3)
    ]
    return round(1e3 * min(times), 1)


class Meter:
    """Measures gaps between timer ticks while the event loop runs."""

    def __init__(self, viewer: Any) -> None:
        from qtpy.QtCore import Qt, QTimer

        self._viewer = viewer
        self._ticks: list[tuple[float, float]] = []
        self._moved = 0
        self._timer, self._mover = QTimer(), QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._mover.timeout.connect(self._move)

    def _tick(self) -> None:
        self._ticks.append((time.perf_counter(), time.thread_time()))

    def _move(self) -> None:
        camera = self._viewer.scene.camera
        self._moved += 1
        z, y, x = camera.center
        camera.center = (z, y, x + (2 if self._moved % 2 else -2))

    def run(self, done: Callable[[], bool], draws: bool = True) -> dict[str, float]:
        """Measure until `done`; return p50, p99 and worst gap.

        The canvas `draws` all the while, unless only the end is waited for.
        """
        from qtpy.QtCore import QEventLoop, QTimer

        self._ticks.clear()
        self._tick()
        loop, check = QEventLoop(), QTimer()
        check.timeout.connect(lambda: loop.quit() if done() else None)
        self._timer.start(TICK_MS)
        if draws:
            self._mover.start(MOVE_MS)
        check.start(50)
        loop.exec_() if hasattr(loop, "exec_") else loop.exec()
        for timer in (check, self._timer, self._mover):
            timer.stop()
        self._tick()  # what was done last may have taken long
        gaps, busy = 1e3 * np.diff(self._ticks, axis=0).T
        p50, p99 = np.percentile(gaps, (50, 99))
        return {
            "p50": round(float(p50), 1),
            "p99": round(float(p99), 1),
            "worst": round(float(gaps.max()), 1),
            "busy_p99": round(float(np.percentile(busy, 99)), 1),
            "busy_worst": round(float(busy.max()), 1),
            "ticks": len(gaps),
        }

    def wait(self, seconds: float) -> dict[str, float]:
        """Measure for some seconds."""
        end = time.monotonic() + seconds
        return self.run(lambda: time.monotonic() > end)


class Window:
    """A viewer with the panel docked."""

    def __init__(self) -> None:
        import napari
        from qtpy.QtWidgets import QApplication

        self.viewer = napari.Viewer()
        self.viewer.window.resize(1280, 800)
        self.meter = Meter(self.viewer)
        self.meter.wait(2)
        started = time.perf_counter()
        _, self.panel = self.viewer.window.add_plugin_dock_widget("napari-synthseg", "SynthSeg")
        QApplication.processEvents()
        self.opened_ms = round(1e3 * (time.perf_counter() - started), 1)
        self.controller = self.panel.controller

    def idle(self) -> bool:
        """Tell whether no work runs."""
        return bool(self.controller.is_idle)

    def open_nuclei(self) -> None:
        """Open the nuclei sample and show the step of training."""
        self.panel.open_sample("nuclei")
        self.meter.run(self.idle)
        self.panel.show_step(3)

    def train(self, **changes: Any) -> Watch:
        """Start a training, and listen to it."""
        form = self.panel.train_page.form
        form.set_model(form.model.model_copy(update=changes))
        self.panel.train_page.start()
        return Watch(self.controller.job("training"))

    def close(self) -> dict[str, float]:
        """Close the window; return how long that takes, and until the project is free again."""
        from qtpy.QtWidgets import QApplication

        folder = self.controller.session.folder
        started = time.perf_counter()
        self.viewer.window._qt_window.close()
        QApplication.processEvents()
        closed = time.perf_counter() - started
        while _is_locked(folder) and time.perf_counter() - started < 60:
            time.sleep(0.05)
        saved = time.perf_counter() - started
        return {"closed_ms": round(1e3 * closed, 1), "saved_ms": round(1e3 * saved, 1)}


class Watch:
    """What a job said so far; filled in the job's own thread."""

    def __init__(self, job: Any) -> None:
        self.batches = 0
        self.is_validated = False
        self.last_batch = 0.0
        self.longest_silence = 0.0
        self._last = time.monotonic()
        self.fraction = 0.0
        job.progressed.connect(self._on_progress)

    def _on_progress(self, news: Any) -> None:
        now = time.monotonic()
        self.longest_silence = max(self.longest_silence, now - self._last)
        self._last = now
        self.fraction = news.fraction
        metrics = dict(getattr(news, "metrics", {}))
        loss = metrics.pop("loss", getattr(news, "loss", float("nan")))
        if np.isfinite(loss):
            self.batches += 1
            self.last_batch = now
        checked = set(metrics) - {"step", "seconds", "best"}
        if checked or getattr(news, "validation", None):
            self.is_validated = True

    def is_checking(self, batches: int) -> bool:
        """Tell whether so many batches are done, and no other follows."""
        return self.batches >= batches and time.monotonic() - self.last_batch > SILENCE_S


STAGES: dict[str, Callable[[Watch], bool]] = {
    "getting_ready": lambda watch: True,
    "first_batch": lambda watch: watch.batches >= 1,
    "before_first_validation": lambda watch: watch.batches >= 0.3 * STEPS,
    "in_first_validation": lambda watch: watch.is_checking(int(0.4 * STEPS) - 1),
    "after_first_validation": lambda watch: watch.is_validated,
    "at_the_end": lambda watch: watch.is_checking(STEPS - 1) or watch.fraction >= 1.0,
}
"""Stage of a training at which the window is closed -> whether it is reached."""


def measure_gaps(seconds: float) -> dict[str, Any]:
    """Open the panel on the nuclei sample, measure idle, train, measure again, cancel."""
    window = Window()
    opened = window.meter.wait(2)  # other pages are laid out
    window.open_nuclei()
    meter, controller = window.meter, window.controller
    meter.wait(2)
    idle = meter.wait(seconds)
    watch = window.train(minutes=seconds / 20, steps=None)
    warm = meter.run(lambda: watch.batches >= 2)
    training = meter.run(lambda: controller.job("training") is None)
    window.train(minutes=None, steps=10_000)
    meter.wait(8)
    asked = time.perf_counter()
    controller.cancel("training")
    stopping = meter.run(lambda: controller.job("training") is None)
    cancelled = 1e3 * (time.perf_counter() - asked)
    run = controller.session.project.runs[0]
    window.close()
    return {
        "widget_open_ms": window.opened_ms,
        "gaps_opened_ms": opened,
        "gaps_idle_ms": idle,
        "gaps_starting_ms": warm,
        "gaps_training_ms": training,
        "gaps_cancelling_ms": stopping,
        "cancel_ms": round(cancelled, 1),
        "batch_ms": round(1e3 * run.seconds / max(1, run.steps), 1),
        "longest_silence_ms": round(1e3 * watch.longest_silence, 1),
        "added_p99_ms": round(training["p99"] - idle["p99"], 1),
        "added_worst_ms": round(training["worst"] - idle["worst"], 1),
    }


def measure_closing() -> dict[str, dict[str, float]]:
    """Close the window at each stage of a training, in a cut, and in a fit of a learned recipe."""
    window = Window()
    window.open_nuclei()
    found = {"idle": window.close()}
    for stage, is_reached in STAGES.items():
        window = Window()
        window.open_nuclei()
        watch = window.train(minutes=None, steps=STEPS)
        window.meter.run(partial(is_reached, watch))
        found[stage] = window.close()
    window = Window()
    window.open_nuclei()
    window.panel.show_step(1)
    found["cutting"] = window.close()
    found["fitting_learned_recipe"] = close_while_fitting()
    return found


def close_while_fitting() -> dict[str, float]:
    """Fit the learned recipe of the tests' project anew; close after a second of it."""
    window = Window()
    folder = Path(tempfile.mkdtemp()) / "fit.synthseg"
    shutil.copytree(OLD_PROJECT, folder)
    shutil.copytree(OLD_PROJECT.parent / "old_project_images", folder.parent / "old_project_images")
    window.panel.files.open_project(folder)
    window.meter.run(lambda: window.controller.session is not None and window.idle())
    session = window.controller.session
    recipe = session.project.recipe.model_copy(update={"seed": 99})
    session.edit(session.project.model_copy(update={"recipe": recipe}), "another seed")
    window.panel.show_step(2)
    window.panel.synthesize_page.start_learning()
    window.meter.wait(1)
    assert window.controller.job("learning") is not None
    return window.close()


def _is_locked(folder: Path) -> bool:
    """Tell whether a program holds the project."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder / "project.lock", timeout=0):
            return False
    except Timeout:
        return True


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each measurement")
    parser.add_argument("--no-closing", action="store_true", help="measure opening and gaps only")
    options = parser.parse_args()
    # as pip does with what it installs; a checkout may be compiled anew whenever it is imported
    compileall.compile_dir(Path(__file__).parents[1] / "napari_synthseg", quiet=1)
    with tempfile.TemporaryDirectory() as projects:
        os.environ["XDG_DATA_HOME"] = projects
        result = measure_gaps(options.seconds)
        result["closing"] = {} if options.no_closing else measure_closing()
    result["import_ms"] = {module: import_time(module) for module in IMPORTS}
    result["cores"] = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    print(json.dumps(result))


if __name__ == "__main__":
    main()
