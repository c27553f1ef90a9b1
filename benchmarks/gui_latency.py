"""How quick and how live the window is: opening, timer gaps idle and training, cancelling.

Prints one JSON object, times in milliseconds. Run it alone on the machine, with a display or with
``xvfb-run -a -s "-screen 0 1920x1200x24 +extension GLX" python benchmarks/gui_latency.py``.
A gap is the time between two ticks of a 10 ms timer on the GUI thread, while the canvas is moved
a little ten times a second, so that it draws.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

TICK_MS = 10
MOVE_MS = 100


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
        self._ticks: list[float] = []
        self._moved = 0
        self._timer, self._mover = QTimer(), QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(lambda: self._ticks.append(time.perf_counter()))
        self._mover.timeout.connect(self._move)

    def _move(self) -> None:
        camera = self._viewer.scene.camera
        self._moved += 1
        z, y, x = camera.center
        camera.center = (z, y, x + (2 if self._moved % 2 else -2))

    def run(self, done: Callable[[], bool]) -> dict[str, float]:
        """Measure until `done`; return p50, p99 and worst gap."""
        from qtpy.QtCore import QEventLoop, QTimer

        self._ticks.clear()
        loop, check = QEventLoop(), QTimer()
        check.timeout.connect(lambda: loop.quit() if done() else None)
        self._timer.start(TICK_MS)
        self._mover.start(MOVE_MS)
        check.start(50)
        loop.exec_() if hasattr(loop, "exec_") else loop.exec()
        for timer in (check, self._timer, self._mover):
            timer.stop()
        gaps = 1e3 * np.diff(self._ticks)
        p50, p99 = np.percentile(gaps, (50, 99))
        return {
            "p50": round(float(p50), 1),
            "p99": round(float(p99), 1),
            "worst": round(float(gaps.max()), 1),
            "ticks": len(gaps),
        }

    def wait(self, seconds: float) -> dict[str, float]:
        """Measure for some seconds."""
        end = time.monotonic() + seconds
        return self.run(lambda: time.monotonic() > end)


def measure(seconds: float) -> dict[str, Any]:
    """Open the panel on the nuclei sample, measure idle, train, measure again, cancel."""
    import napari
    from qtpy.QtWidgets import QApplication

    viewer = napari.Viewer()
    viewer.window.resize(1280, 800)
    meter = Meter(viewer)
    meter.wait(2)
    started = time.perf_counter()
    _, panel = viewer.window.add_plugin_dock_widget("napari-synthseg", "SynthSeg")
    QApplication.processEvents()
    opened = 1e3 * (time.perf_counter() - started)
    panel.open_sample("nuclei")
    desk = panel.desk
    meter.run(lambda: desk.job("short") is None)
    panel.show_step(3)
    meter.wait(2)
    idle = meter.wait(seconds)
    panel.train_panel.start()
    curve = panel.train_panel.curve
    warm = meter.run(lambda: len(curve._steps) >= 2)
    training = meter.wait(seconds)
    asked = time.perf_counter()
    desk.cancel("training")
    stopping = meter.run(lambda: desk.job("training") is None)
    cancelled = 1e3 * (time.perf_counter() - asked)
    run = desk.session.project.runs[-1]
    viewer.close()
    return {
        "widget_open_ms": round(opened, 1),
        "gaps_idle_ms": idle,
        "gaps_starting_ms": warm,
        "gaps_training_ms": training,
        "gaps_cancelling_ms": stopping,
        "cancel_ms": round(cancelled, 1),
        "batch_ms": round(1e3 * run.seconds / max(1, run.steps), 1),
        "added_p99_ms": round(training["p99"] - idle["p99"], 1),
        "added_worst_ms": round(training["worst"] - idle["worst"], 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each measurement")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as projects:
        os.environ["XDG_DATA_HOME"] = projects
        result = measure(options.seconds)
    result["import_ms"] = import_time("napari_synthseg")
    result["import_session_ms"] = import_time("napari_synthseg.workflow.session")
    result["cores"] = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    print(json.dumps(result))


if __name__ == "__main__":
    main()
