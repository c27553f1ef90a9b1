"""A model meets another image: dimmer, blurred, magnified, empty, with a hot pixel, shaded, noisy.

One drawn image is clicked and trained on; another one of the same look is taken by a camera in
several ways, predicted, and scored at IoU 0.5. Of empty images the false objects are counted. One
line of JSON a way, and a table.

``python -m benchmarks.second_image [--looks bright dark] [--seeds 0 1] [--steps 250] [--keep DIR]``
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.helpers.drawn_cases import Canvas, scatter, texture, wavy_disk
from napari_synthseg.core.annotations import Click, ImageRef, Role
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.predictions import InstancePrediction
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.metrics.instance import score_instances
from napari_synthseg.workflow.session import Session

EDGE_PX, DIAMETER_PX = 448, 22.0
SIGNAL = {"bright": 1500.0, "dark": -1500.0}
"""Look -> how much lighter objects are than the ground, counts of the camera."""
GROUND = {"bright": 300.0, "dark": 3000.0}
NOISE = 60.0
PIXEL_SIZE = 0.5
HOT_RANGES = 1800


@dataclass(frozen=True, eq=False)
class Shot:
    """A picture: what the camera sees, with the truth; `size` is what its file says of a pixel."""

    light: NDArray[np.float64]
    ids: NDArray[np.int32]
    size: float | None = None
    noise: float = NOISE

    def pixels(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return whole counts, as float32 so that a hot pixel fits."""
        noisy = self.light + rng.normal(0, self.noise, self.light.shape)
        return np.maximum(np.round(noisy), 0).astype(np.float32)


def zoomed(shot: Shot, factor: float, size: float | None) -> Shot:
    """Return the picture under another objective."""
    blurred = ndimage.gaussian_filter(shot.light, 0.5 / factor) if factor < 1 else shot.light
    light = ndimage.zoom(blurred, factor, order=1, grid_mode=True, mode="nearest")
    ids = ndimage.zoom(shot.ids, factor, order=0, grid_mode=True, mode="nearest")
    return Shot(light, ids, size)


def shaded(shot: Shot) -> Shot:
    """Return the picture under uneven light: in one corner a fifth of that in the other."""
    ramp = np.linspace(0, 1, EDGE_PX)
    return replace(shot, light=shot.light * (0.2 + 0.8 * (ramp[:, None] + ramp) / 2))


def with_hot_pixel(shot: Shot) -> Shot:
    light = shot.light.copy()
    light[EDGE_PX // 3, EDGE_PX // 3] += HOT_RANGES * np.ptp(shot.light)
    return replace(shot, light=light)


def with_only(shot: Shot, number: int) -> Shot:
    """Return the picture with the ground in place of all objects but one (0: of all)."""
    near = ndimage.binary_dilation(shot.ids == number, iterations=4) & (number > 0)
    ground = np.median(shot.light[shot.ids == 0])
    ids = np.where(shot.ids == number, number, 0).astype(np.int32)
    return replace(shot, light=np.where(near, shot.light, ground), ids=ids)


def dimmed(shot: Shot, factor: float) -> Shot:
    ground = np.median(shot.light[shot.ids == 0])
    return replace(shot, light=ground + factor * (shot.light - ground))


def blurred(shot: Shot, sigma: float) -> Shot:
    return replace(shot, light=ndimage.gaussian_filter(shot.light, sigma))


WAYS: Mapping[str, Callable[[Shot], Shot]] = {
    "same": lambda shot: shot,
    "signal x0.25": lambda shot: dimmed(shot, 0.25),
    "all x0.25": lambda shot: replace(shot, light=shot.light / 4, noise=NOISE / 4),
    "noise x4": lambda shot: replace(shot, noise=4 * NOISE),
    "blur 2 px": lambda shot: blurred(shot, 2),
    "blur 4 px": lambda shot: blurred(shot, 4),
    "x0.5": lambda shot: zoomed(shot, 0.5, None),
    "x0.5, pixel size": lambda shot: zoomed(shot, 0.5, PIXEL_SIZE * 2),
    "x2": lambda shot: zoomed(shot, 2, None),
    "x2, pixel size": lambda shot: zoomed(shot, 2, PIXEL_SIZE / 2),
    "x3": lambda shot: zoomed(shot, 3, None),
    "x3, auto": lambda shot: zoomed(shot, 3, None),
    "x0.3": lambda shot: zoomed(shot, 0.3, None),
    "x0.3, auto": lambda shot: zoomed(shot, 0.3, None),
    "hot pixel": with_hot_pixel,
    "shading": shaded,
    "one object": lambda shot: with_only(shot, 1),
    "empty": lambda shot: with_only(shot, 0),
}


def draw(look: str, seed: int, number: int) -> tuple[Shot, list[tuple[float, float]]]:
    """Draw a picture of cells, some of which touch, and where a user clicks."""
    rng = np.random.default_rng((seed, number, *look.encode()))
    canvas = Canvas((EDGE_PX, EDGE_PX), 0)
    grain = 1 + 0.12 * texture(rng, canvas.ids.shape, 3)
    places = scatter(rng, canvas.ids.shape, 60, gap=34, margin=24)
    places += [(y + 14, x + 14) for y, x in places[::4]]
    for place in places:
        radius = DIAMETER_PX / 2 * rng.uniform(0.85, 1.15)
        cell = wavy_disk(canvas.ids.shape, place, radius, rng) & (canvas.ids == 0)
        canvas.add(cell)
        canvas.light[cell] = rng.uniform(0.7, 1.2) * grain[cell]
    drawn = canvas.finish(rng, 1.0, 0.0)
    light = GROUND[look] + SIGNAL[look] * ndimage.gaussian_filter(canvas.light, 1.0)
    return Shot(light, drawn.ids, PIXEL_SIZE), [thing.click for thing in drawn.objects]


def train(session: Session, look: str, seed: int, steps: int) -> TrainingRun:
    """Click the first image of a look and train on it."""
    shot, places = draw(look, seed, 0)
    image = add(session, shot, "clicked.tif", np.random.default_rng(seed))
    project = session.project
    cls = project.next_class("cell", diameter=DIAMETER_PX)
    clicks = [
        Click(id=str(n), image=image.id, position=place, cls=cls.value)
        for n, place in enumerate(places)
    ]
    exhaustive = project.with_images(image.model_copy(update={"exhaustive": True}))
    session.edit(exhaustive.with_classes(cls).with_clicks(*clicks), "click")
    limit = {"task": "segment", "minutes": None, "steps": steps, "seed": seed}
    return session.train(session.suitable_spec.model_copy(update=limit), "run").result()


def add(session: Session, shot: Shot, name: str, rng: np.random.Generator) -> ImageRef:
    """Add a picture to the project."""
    known: dict[str, Any] = {}
    if shot.size:
        known = {"pixel_size": (shot.size, shot.size), "unit": "µm"}
    role: Role = "train" if name == "clicked.tif" else "test"
    made = session.add_images(shot.pixels(rng), axes="yx", name=name, role=role, **known)
    return made.result().images[0]


def measure(session: Session, run: TrainingRun, look: str, seed: int, way: str) -> dict[str, Any]:
    """Predict the second image, taken in one way; return what was measured."""
    shot = WAYS[way](draw(look, seed, 1)[0])
    ref = add(session, shot, f"{way}.tif", np.random.default_rng((seed, 1)))
    (found,) = session.predict(run, [ref], False, "auto" if "auto" in way else None).result()
    assert isinstance(found, InstancePrediction)
    truth = InstanceLabels(shot.ids, dict.fromkeys(np.unique(shot.ids[shot.ids > 0]).tolist(), 1))
    measured = {"look": look, "seed": seed, "way": way, "found": len(found.objects)}
    measured |= {"true": truth.count, "notes": list(found.notes)}
    if truth.count:
        pair = [(ref.name, truth, found.as_labels())]
        scores = score_instances(pair, {1: "cell"}, measured_on="synthetic")
        measured["f1@0.5"] = round(scores.values["f1@0.5"], 3)
    return measured


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return a line for each way: F1 (or the number of false objects) of each look and seed."""
    arms = list(dict.fromkeys((row["look"], row["seed"]) for row in rows))
    lines = [f"{'way':18}" + "".join(f"{f'{look} {seed}':>16}" for look, seed in arms)]
    for way in dict.fromkeys(row["way"] for row in rows):
        cells = {
            (row["look"], row["seed"]): str(row.get("f1@0.5", f"{row['found']} false"))
            + f" ({row['found']}/{row['true']}){'*' * bool(row['notes'])}"
            for row in rows
            if row["way"] == way
        }
        lines.append(f"{way:18}" + "".join(f"{cells.get(arm, ''):>16}" for arm in arms))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--looks", nargs="+", default=list(SIGNAL), choices=list(SIGNAL))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--keep", type=Path, help="keeps the projects, and uses the runs in them")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for look in options.looks:
            for seed in options.seeds:
                folder = (options.keep or Path(scratch)) / f"{look}-{seed}.synthseg"
                is_new = not folder.exists()
                opened = Session.create(folder) if is_new else Session.open(folder).result()
                with opened as session:
                    known = [run for run in session.project.runs if run.model]
                    run = known[-1] if known else train(session, look, seed, options.steps)
                    for way in options.ways:
                        rows.append(measure(session, run, look, seed, way))
                        print(json.dumps(rows[-1], ensure_ascii=False), flush=True)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
