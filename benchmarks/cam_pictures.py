"""Where classifiers look, side by side: the arms of a study, on the same images.

``python -m benchmarks.cam_pictures STUDY.toml --out DIR`` trains the arms of a study of classifiers
(one seed), maps the evidence for each class on some of the images that the study scores on, and
draws them into ``DIR/cams.png``: the image with its true boxes, then for each class the map of each
arm. Red speaks for the class, blue against it, on one scale a map; the cross is where the map is
highest, green if that is in an object of the class. Images are taken evenly from those that show at
least two classes; none is picked by hand. The projects are kept in ``DIR/work`` and used again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from benchmarks.study.measure import fill_project
from benchmarks.study.study_file import load_study
from benchmarks.study.units import Unit, plan
from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.labels import BoxLabels
from napari_synthseg.core.predictions import HeatMaps
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.storage.truths import open_labels
from napari_synthseg.workflow.session import Session

COLORS = ("#ffd23f", "#3fa7ff", "#ff5fa2", "#5fd35f", "#c58bff", "#ff9f5f")
"""Of the boxes of each class."""


def main() -> None:
    """Train what is not there yet, and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("study", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=6, help="images that are drawn")
    parser.add_argument("--arm", action="append", help="only these arms (repeat it)")
    options = parser.parse_args()
    units = [u for u in plan(load_study(options.study)) if u.seed == options.seed]
    units = [u for u in units if not options.arm or u.arm.name in options.arm]
    looked = {u.arm.name: look(u, options.out / "work" / u.name(), options.count) for u in units}
    path = options.out / "cams.png"
    draw(looked, units[0].class_names).savefig(path, dpi=110)
    print(path)


ImageFeatures = list[tuple[str, np.ndarray, Boxes, HeatMaps]]
"""Of each image: name, pixels (channel, y, x), true boxes, maps."""


def look(unit: Unit, folder: Path, count: int) -> ImageFeatures:
    """Return what a unit's classifier sees on some images; it is trained if it is not there."""
    opened: Any = Session.open(folder).result() if folder.exists() else Session.create(folder)
    with opened as session:
        if not session.project.images:
            fill_project(session, unit)
        done = [run for run in session.project.runs if run.state == "done"]
        run = done[-1] if done else session.train(unit.spec, unit.label).result()
        chosen = choose(session, count)
        maps = session.explain(run, [ref for ref, _ in chosen]).result()
        return [
            (ref.name, open_pixels(ref, session.folder).read(), boxes, found)
            for (ref, boxes), found in zip(chosen, maps, strict=True)
        ]


def choose(session: Session, count: int) -> list[tuple[ImageRef, Boxes]]:
    """Return images that show at least two classes, evenly from all that do."""
    project, found = session.project, []
    for ref in project.images:
        truth = project.truth_of(ref, "boxes") if ref.role == "test" else None
        if truth is not None:
            labels = open_labels(truth, ref, session.folder)
            if isinstance(labels, BoxLabels) and len(labels.class_values_shown()) > 1:
                found.append((ref, labels.boxes))
    places = np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(int)
    return [found[place] for place in places]


def draw(looked: dict[str, ImageFeatures], classes: tuple[str, ...]) -> Figure:
    """Draw a row an image: the image, and for each class the map of each arm."""
    arms = list(looked)
    rows, columns = len(looked[arms[0]]), 1 + len(classes) * len(arms)
    figure = Figure(figsize=(1.75 * columns, 1.75 * rows + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    for row, axes in enumerate(figure.subplots(rows, columns, squeeze=False)):
        name, pixels, boxes, _ = looked[arms[0]][row]
        picture = np.clip(np.moveaxis(pixels[:3], 0, -1), 0, 1)
        picture = picture if picture.shape[-1] == 3 else np.repeat(picture[..., :1], 3, axis=-1)
        _show(axes[0], picture, boxes, range(1, len(classes) + 1))
        axes[0].set_ylabel(name, fontsize=6)
        for place, (value, arm) in enumerate(
            ((v, a) for v in range(1, len(classes) + 1) for a in arms), start=1
        ):
            heat = looked[arm][row][3].maps[value]
            _show(axes[place], picture.mean(axis=-1) * 0.5 + 0.4, boxes, [value])
            _show_heat(axes[place], heat, boxes.of_class(value))
            if not row:
                axes[place].set_title(f"{classes[value - 1]}\n{arm}", fontsize=8)
    return figure


def _show(axes: Any, picture: np.ndarray, boxes: Boxes, values: Any) -> None:
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axes.set_xticks([])
    axes.set_yticks([])
    limits = np.tile(picture.shape[:2], 2)
    for value in values:
        for top, left, bottom, right in np.clip(boxes.of_class(value).corners, 0, limits) - 0.5:
            axes.add_patch(
                Rectangle((left, top), right - left, bottom - top, fill=False, lw=1.2,
                          ec=COLORS[(value - 1) % len(COLORS)])
            )  # fmt: skip


def _show_heat(axes: Any, heat: np.ndarray, boxes: Boxes) -> None:
    most = float(np.abs(heat).max()) or 1.0
    axes.imshow(heat, cmap="RdBu_r", vmin=-most, vmax=most, alpha=0.55)
    y, x = np.unravel_index(int(heat.argmax()), heat.shape)
    corners = boxes.corners
    inside = (corners[:, :2] <= (y, x)).all(axis=1) & (corners[:, 2:] > (y, x)).all(axis=1)
    axes.plot(x, y, "x", ms=7, mew=2, color="#00c853" if inside.any() else "black")


if __name__ == "__main__":
    main()
