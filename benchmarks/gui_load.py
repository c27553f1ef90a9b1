"""How live the window stays with much in it: 50,000 clicks, 100,000 patches, 17 megapixels, hours.

Prints one JSON object, times in milliseconds. Run it alone on the machine, with a display or with
``xvfb-run -a -s "-screen 0 1920x1200x24 +extension GLX" python -m benchmarks.gui_load``. Gaps are
those of `benchmarks.gui_latency`; mouse and keys are events of Qt, as from a user. `memory` repeats
rounds in one window (click, undo, all pages, a training, a prediction, suggestions that are
answered, an improved model and its prediction; trainings of a few batches). It prints a line for
each round on stderr, and compares the memory at the end with that after a third of the time.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import psutil

from benchmarks.gallery import draw_patches
from benchmarks.gui_latency import Window
from napari_synthseg.core.annotations import Click
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.project import Project
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.workflow.choosing import improving_spec
from napari_synthseg.workflow.jobs import give_back_memory

SHAPE = (4160, 4176)
SPACING_PX = 16
DISTINCT_PATCHES = 1000
STEPS = 20
"""Batches of a training that is only there to be predicted with."""

ROUND_STEPS, ANSWERS = 3, 4
"""Batches of each training, and answered suggestions, of a round that is repeated."""

IMPROVING = "napari_synthseg.ui.pages.suggesting.improve_box.improving_spec"

EVERY_MS = 250
"""Time between two clicks, and between two steps of scrolling."""


def make_image() -> np.ndarray:
    """Return bright discs on a grid in noise, 8 bits."""
    rng = np.random.default_rng(0)
    rows, columns = np.indices((SPACING_PX * 2,) * 2) % (SPACING_PX * 2) - SPACING_PX
    disc = 120.0 * (np.hypot(rows, columns) < SPACING_PX / 2)
    repeats = [-(-n // len(disc)) for n in SHAPE]
    tiled = np.tile(disc, repeats)[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    return np.clip(tiled + rng.normal(40, 10, SHAPE), 0, 255).astype(np.uint8)


def open_image(window: Window) -> Any:
    """Open the image; return the session."""
    layer = window.viewer.add_image(make_image(), name="large")
    window.panel.files.use_layer(layer)
    window.meter.run(lambda: window.controller.session is not None and window.idle())
    return window.controller.session


def repeat(window: Window, action: Callable[[int], object], times: int) -> dict[str, float]:
    """Measure gaps while something is done again and again."""
    from qtpy.QtCore import QTimer

    done = [0]
    timer = QTimer()

    def step() -> None:
        if done[0] < times:
            action(done[0])
            done[0] += 1

    timer.timeout.connect(step)
    timer.start(EVERY_MS)
    gaps = window.meter.run(lambda: done[0] >= times)
    timer.stop()
    return gaps


def measure_clicking(present: int, clicks: int) -> dict[str, Any]:
    """Click on the canvas among many clicks; undo as often."""
    from qtpy.QtCore import QPoint, Qt
    from qtpy.QtTest import QTest

    window = Window()
    session = open_image(window)
    (ref,) = session.project.images
    rng = np.random.default_rng(1)
    places = rng.uniform(0, np.array(SHAPE) - 1, (present, 2))
    marks = [Click(image=ref.id, position=tuple(p), cls=1) for p in places.tolist()]
    session.edit(session.project.with_clicks(*marks), "add clicks")
    window.meter.wait(5)
    idle = window.meter.wait(8)
    canvas = window.viewer.window._qt_window._qt_viewer.canvas.native
    camera = window.viewer.scene.camera
    camera.zoom = 4.0
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier

    def click(number: int) -> None:
        place = QPoint(60 + 37 * number % (canvas.width() - 120), 60 + 53 * number % 400)
        QTest.mouseMove(canvas, place)
        QTest.mouseClick(canvas, left, none, place)

    clicking = repeat(window, click, clicks)
    added = len(session.project.clicks) - present
    undoing = repeat(window, lambda _: window.controller.undo(), clicks // 2)
    window.close()
    return {
        "present": present, "clicks_added": added, "gaps_idle_ms": idle,
        "gaps_clicking_ms": clicking, "gaps_undoing_ms": undoing,
    }  # fmt: skip


def measure_scrolling(count: int) -> dict[str, Any]:
    """Scroll through many patches, sort and filter them."""
    window = Window()
    session = open_image(window)
    (ref,) = session.project.images
    drawn = draw_patches(DISTINCT_PATCHES)
    patches = [
        replace(drawn[n % DISTINCT_PATCHES], id=f"p{n}", image=ref.id, cls=1) for n in range(count)
    ]
    marks = [
        Click(id=p.id, image=ref.id, cls=1, position=tuple(np.add(p.origin, p.center)))
        for p in patches
    ]
    session.edit(session.project.with_clicks(*marks), "add clicks")
    session.library = PatchLibrary(tuple(patches), (), {1: 18.0})
    session._cut_from = session.project
    window.panel.show_step(1)
    window.meter.wait(5)
    idle = window.meter.wait(8)
    gallery = window.panel.patches_page.gallery
    bar = gallery.verticalScrollBar()
    scrolling = repeat(window, lambda n: bar.setValue(int(bar.maximum() * (n % 40) / 40)), 80)
    paging = repeat(window, lambda _: bar.setValue(bar.value() + bar.pageStep()), 40)
    window.close()
    return {
        "patches": count, "gaps_idle_ms": idle, "gaps_scrolling_ms": scrolling,
        "gaps_paging_ms": paging,
    }  # fmt: skip


def measure_predicting() -> dict[str, Any]:
    """Train for a moment on a large image, then predict it and look on."""
    window = Window()
    session = open_image(window)
    (ref,) = session.project.images
    grid = [(16.0 + 32 * row, 16.0 + 32 * column) for row in range(1, 6) for column in range(1, 6)]
    marks = [Click(image=ref.id, position=place, cls=1) for place in grid]
    session.edit(session.project.with_clicks(*marks), "add clicks")
    window.panel.show_step(3)
    idle = window.meter.wait(8)
    window.train(minutes=None, steps=STEPS)
    training = window.meter.run(lambda: window.controller.job("training") is None)
    started = time.perf_counter()
    window.panel.show_step(4)
    predicting = window.meter.run(window.idle)
    seconds = time.perf_counter() - started
    showing = window.meter.wait(2)
    closed = window.close()
    return {
        "shape": SHAPE, "gaps_idle_ms": idle, "gaps_training_ms": training,
        "gaps_predicting_ms": predicting, "gaps_showing_ms": showing,
        "predict_s": round(seconds, 1), "closing": closed,
    }  # fmt: skip


def improve_shortly(project: Project) -> TrainSpec:
    """Return the training of a correction round, of a few batches."""
    changes = {"minutes": None, "steps": ROUND_STEPS}
    return improving_spec(project).model_copy(update=changes)


def go_round(window: Window) -> None:
    """Click, undo, look at all pages, train, predict, correct, and improve the model."""
    panel, controller = window.panel, window.controller
    page, review = panel.results_page, panel.layers.suggestions

    def settle() -> None:
        window.meter.run(window.idle, draws=False)

    for step in range(3):
        panel.show_step(step)
        settle()
    panel.show_step(0)
    for place in ((40.0, 40.0), (80.0, 60.0)):
        panel.layers.clicks.layer.add(np.array([place]))
        window.meter.wait(0.2)
        controller.undo()
    panel.show_step(3)
    window.train(minutes=None, steps=ROUND_STEPS)
    settle()
    panel.show_step(4)
    settle()
    page.predict()
    settle()
    page.suggest.ask()
    settle()
    for number in range(min(ANSWERS, len(review.open))):
        (review.reject if number % 2 else review.accept)()
        window.meter.wait(0.2)
    settle()
    with patch(IMPROVING, improve_shortly):
        page.improve.improve()
    settle()


def measure_memory(minutes: float) -> dict[str, Any]:
    """Repeat rounds; return megabytes after a third of the time and at its end.

    Last is what is left once the allocator has given back what it kept free.
    """
    window = Window()
    window.open_nuclei()
    process = psutil.Process()
    started, readings = time.monotonic(), list[dict[str, int]]()
    while not readings or readings[-1]["seconds"] < 60 * minutes:
        go_round(window)
        gc.collect()
        reading = {
            "seconds": round(time.monotonic() - started),
            "mb": round(process.memory_info().rss / 2**20),
            "layers": len(window.viewer.layers),
            "objects": len(gc.get_objects()),
        }
        print(json.dumps(reading), file=sys.stderr, flush=True)
        readings.append(reading)
    give_back_memory()
    trimmed = process.memory_info().rss / 2**20
    window.close()
    first = next(each["mb"] for each in readings if each["seconds"] >= 20 * minutes)
    last = readings[-1]["mb"]
    return {
        "rounds": len(readings), "after_a_third_mb": first, "at_the_end_mb": last,
        "ratio": round(last / first, 3), "trimmed_mb": round(trimmed),
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "what", nargs="*", default=["clicking", "scrolling", "predicting"],
        choices=["clicking", "scrolling", "predicting", "memory"],
    )  # fmt: skip
    parser.add_argument("--present", type=int, default=50_000, help="clicks that are there")
    parser.add_argument("--clicks", type=int, default=40, help="clicks that are made")
    parser.add_argument("--patches", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=15.0, help="length of the memory walk")
    options = parser.parse_args()
    measures: dict[str, Callable[[], dict[str, Any]]] = {
        "clicking": lambda: measure_clicking(options.present, options.clicks),
        "scrolling": lambda: measure_scrolling(options.patches),
        "predicting": measure_predicting,
        "memory": lambda: measure_memory(options.minutes),
    }
    with tempfile.TemporaryDirectory() as projects:
        os.environ["XDG_DATA_HOME"] = projects
        result = {name: measures[name]() for name in options.what}
    result["cores"] = {"count": len(os.sched_getaffinity(0)), "load": os.getloadavg()}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
