"""How soon an outline stands on the image after a click, without the window.

Times one more click, from the edit of the project to its outline as lines, with few and many clicks
present, on images of different size. The first click of all loads the network: it is timed alone.
Prints one JSON object, times in milliseconds. Also printed: the time until the classes are known
anew, and the overlap (IoU) of the quick outlines with those that patches are cut by.

``python -m benchmarks.outline_latency [--megapixels 1 200] [--present 1 1000] [--clicks 60]``,
alone on the machine.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import Click, ObjectClass
from napari_synthseg.core.progress import Progress
from napari_synthseg.patches.window import cut_mask
from napari_synthseg.workflow.outlining.live_outlines import OutlineProgress
from napari_synthseg.workflow.session import Session

APART, RADIUS = 24, 7.0
"""Distance and usual radius of the drawn objects, pixels."""


def draw_image(megapixels: float, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return a noisy image of ellipses, and their middles (n, (y, x)) in random order."""
    rng = np.random.default_rng(seed)
    edge = math.ceil(1000 * math.sqrt(megapixels))
    image = rng.integers(30, 60, (edge, edge), np.uint8)
    grid = np.arange(APART, edge - APART, APART)
    places = np.stack(np.meshgrid(grid, grid, indexing="ij"), -1).reshape(-1, 2).astype(float)
    places = rng.permutation(places + rng.uniform(-3, 3, places.shape))[:4000]
    y, x = np.mgrid[-10:11, -10:11]
    for row, column in places.round().astype(int).tolist():
        angle, (long, short) = rng.uniform(0, np.pi), RADIUS * rng.uniform(0.7, 1.3, 2)
        u = (x * np.cos(angle) + y * np.sin(angle)) / long
        v = (y * np.cos(angle) - x * np.sin(angle)) / short
        shown = (90 * (np.hypot(u, v) < 1)).astype(np.uint8)
        image[row - 10 : row + 11, column - 10 : column + 11] += shown
    return image, places


def time_clicks(session: Session, places: NDArray[np.float64]) -> list[float]:
    """Make clicks one by one; return the milliseconds until each has its outline.

    Neighbors whose outlines change with it follow a little later; they are waited for, not timed.
    """
    (ref,) = session.project.images
    times = []
    for place in places.tolist():
        click = Click(image=ref.id, position=tuple(place), cls=1)
        seen: list[float] = []

        def look(step: Progress, ident: str = click.id, seen: list[float] = seen) -> None:
            if isinstance(step, OutlineProgress) and step.outlines.shown[-1].click.id == ident:
                seen.append(time.perf_counter())

        started = time.perf_counter()
        session.edit(session.project.with_clicks(click), "add click")
        job = session.outline_clicks((ref,))
        job.progressed.connect(look)
        job.start().join()
        times.append(1e3 * (seen[0] - started))
    return times


def measure(megapixels: float, present: list[int], clicks: int) -> dict[str, Any]:
    """Return the times on one image."""
    image, places = draw_image(megapixels)
    found: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        Session.create(Path(folder) / "p.synthseg") as session,
    ):
        session.add_images(image, axes="yx", name="drawn").result()
        cls = ObjectClass(name="ellipse", value=1, diameter=2 * RADIUS)
        session.edit(session.project.with_classes(cls), "add class")
        session.prepare_outlines(session.project.images).result()
        found["first_click_ms"] = round(time_clicks(session, places[:1])[0], 1)
        used = 1
        for count in present:
            more = places[used : max(used, count)]
            made = [Click(image=session.project.images[0].id, position=tuple(p), cls=1)
                    for p in more.tolist()]  # fmt: skip
            session.edit(session.project.with_clicks(*made), "add clicks")
            session.outline_clicks(session.project.images, thorough=True).result()
            used = max(used, count)
            times = time_clicks(session, places[used : used + clicks])
            used += clicks
            p50, p99 = np.percentile(times, (50, 99))
            found[f"{count}_present_ms"] = {
                "p50": round(float(p50), 1),
                "p99": round(float(p99), 1),
            }
        found |= compare_with_cut(session)
    return found


def compare_with_cut(session: Session) -> dict[str, float]:
    """Return how well the quick outlines overlap with those that patches are cut by."""
    quick = session.outline_clicks(session.project.images).result()
    started = time.perf_counter()
    session.outline_clicks(session.project.images, thorough=True).result()
    again = 1e3 * (time.perf_counter() - started)
    patches = {p.id: p for p in session.cut_patches().result().patches}
    overlaps = []
    for one in quick.shown:
        patch = patches[one.click.id]
        own = cut_mask(one.outline.mask, one.outline.origin, patch.window)
        overlaps.append((own & patch.mask).sum() / max((own | patch.mask).sum(), 1))
    return {
        "learning_again_ms": round(again, 1),
        "iou_with_cut_median": round(float(np.median(overlaps)), 4),
        "equal_to_cut_share": round(float(np.mean(np.array(overlaps) == 1)), 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[1.0, 200.0])
    parser.add_argument("--present", type=int, nargs="+", default=[1, 1000])
    parser.add_argument("--clicks", type=int, default=60, help="timed clicks for each amount")
    options = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, Session.create(Path(folder) / "p") as session:
        session.prepare_outlines(()).result()
    result: dict[str, Any] = {"loading_ms": round(1e3 * (time.perf_counter() - started), 1)}
    for size in options.megapixels:
        result[f"{size:g}_megapixels"] = measure(size, options.present, options.clicks)
    result["cores"] = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    print(json.dumps(result))


if __name__ == "__main__":
    main()
