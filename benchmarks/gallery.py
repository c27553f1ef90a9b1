"""How long the gallery of the patches holds up the window, with 10,000 patches in it.

Run it with a display, or with
``xvfb-run -a -s "-screen 0 1920x1200x24 +extension GLX" python -m benchmarks.gallery``.
Everything is done by the page of the patches itself, as by a user; a measured time is how long the
GUI thread was busy with one thing, the painting it caused included. The patches are drawn by the
program (noisy discs); what is measured does not depend on their content.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from napari_synthseg.core.annotations import Click, ImageRef, ObjectClass, Verdict
from napari_synthseg.core.patch import Patch, PatchLibrary
from napari_synthseg.core.progress import exhaust
from napari_synthseg.patches.quality.peer_checks import check_patches
from napari_synthseg.workflow.session import Session

EDGE, PER_IMAGE = 45, 100


def draw_patches(count: int) -> list[Patch]:
    """Return noisy discs; some are large, some blurred, some clicked twice."""
    rng = np.random.default_rng(0)
    rows, columns = np.indices((EDGE, EDGE)) - EDGE // 2
    away = np.hypot(rows, columns)
    patches = []
    for number in range(count):
        radius = rng.normal(9, 1) * (1.6 if number % 50 == 0 else 1.0)
        soft = 3.0 if number % 40 == 0 else 1.0
        disc = 1 / (1 + np.exp(np.clip((away - radius) / soft, -30, 30)))
        pixels = (disc + rng.normal(0, 0.05, disc.shape)).astype(np.float32)[None]
        last = number % PER_IMAGE == PER_IMAGE - 1  # on the object before it
        grid = divmod(number % PER_IMAGE - last, 10)
        patches.append(
            Patch(
                id=f"p{number}",
                image=f"i{number // PER_IMAGE}",
                cls=1 + (number - last) % 3,
                pixels=pixels,
                mask=away < radius,
                origin=(grid[0] * 60, grid[1] * 60),
                center=(EDGE // 2, EDGE // 2),
                quality=float(rng.uniform(0.4, 1)),
                method="level",
            )
        )
    return patches


def make_session(folder: Path, patches: list[Patch]) -> tuple[Session, PatchLibrary, float]:
    """Return a session, its library of checked patches, and the seconds that the check took."""
    session = Session.create(folder)
    project = session.project.with_classes(
        *(ObjectClass(name=n, value=v, diameter=18) for v, n in enumerate("abc", start=1))
    )
    images = sorted({p.image for p in patches})
    project = project.with_images(*(ImageRef(id=i, uri=i, name=i) for i in images))
    project = project.with_clicks(
        *(
            Click(id=p.id, image=p.image, cls=p.cls, position=tuple(np.add(p.origin, p.center)))
            for p in patches
        )
    )
    session.edit(project, "make")
    start = time.perf_counter()
    checked = exhaust(check_patches(patches, {(i, c): 18.0 for i in images for c in (1, 2, 3)}))
    seconds = time.perf_counter() - start
    for patch in checked:  # as the notes about the whole set do where patches are cut
        _ = patch.area
    session.library = library = PatchLibrary(checked, (), {1: 18.0, 2: 18.0, 3: 18.0})
    session._cut_from = session.project
    return session, library, seconds


def measure(count: int) -> dict[str, float]:
    import napari
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest
    from qtpy.QtWidgets import QApplication

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1920, 1200)
    from napari_synthseg.ui.app.widget import SynthSegWidget
    from napari_synthseg.ui.presenters.steps import PATCHES

    widget = SynthSegWidget(viewer)
    viewer.window.add_dock_widget(widget, area="right")
    panel = widget.patches_page
    times: dict[str, float] = {}

    def run(name: str, action: Callable[[], object]) -> None:
        QApplication.processEvents()
        longest = 0.0
        start = time.perf_counter()
        action()
        longest = time.perf_counter() - start
        for _ in range(12):  # what it left for later: paintings, thumbnails
            start = time.perf_counter()
            QApplication.processEvents()
            longest = max(longest, time.perf_counter() - start)
        times[name] = max(times.get(name, 0.0), round(1e3 * longest, 1))

    with tempfile.TemporaryDirectory() as folder:
        session, library, seconds = make_session(Path(folder) / "g.synthseg", draw_patches(count))
        widget.controller.show(session)
        run("show", partial(widget.show_step, PATCHES))
        gallery, bar = panel.gallery, panel.gallery.verticalScrollBar()
        for value in np.linspace(0, bar.maximum(), 60).astype(int):
            run("scroll", partial(bar.setValue, int(value)))
        for index in range(panel.order.count()):
            run("sort", partial(panel.order.setCurrentIndex, index))
        for index in range(panel.filter.count()):
            run("filter", partial(panel.filter.setCurrentIndex, index))
        panel.filter.setCurrentIndex(0)
        cell = gallery.visualRect(gallery.model().index(0, 0)).center()
        none, left = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
        run("select one", lambda: QTest.mouseClick(gallery.viewport(), left, none, cell))
        gallery.setFocus()

        def reject_one() -> None:
            """Show one more verdict, without what other parts of the window do about it."""
            patch = gallery.selected()[0]
            session.library = library.with_verdicts(frozenset({patch.id}))
            session.library_changed.emit()

        run("show a verdict", reject_one)
        run("select all", gallery.selectAll)
        gallery.clearSelection()
        doubtful = library.suggested()
        verdicts = [Verdict(patch=p.id, state="rejected") for p in doubtful]
        new = session.project.with_verdicts(*verdicts)
        session.library = library
        run("reject all suggested", lambda: session.edit(new, "reject"))
        times["suggested"] = len(doubtful)
        viewer.close()
        session.close().result()
    return {"patches": count, "check_seconds": round(seconds, 2), **times}


def main() -> None:
    """Measure and print one line of JSON: milliseconds, where nothing else is said."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patches", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as projects:
        os.environ["XDG_DATA_HOME"] = projects
        print(json.dumps(measure(options.patches)))


if __name__ == "__main__":
    main()
