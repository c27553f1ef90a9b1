"""Whether the magnification that is found by itself is a good one, beside others.

A few objects of two tuning images are clicked, and a model is trained for a moment; eight other
tuning images are outlined in their middle at eleven magnifications, from 0.18 to 5.7, and
`find_magnification` is asked which one it takes. F1 at IoU 0.5 of the objects of all images of a
draw ("pooled"), and the mean of that of each image. A line of JSON for each draw, then medians.

``python -m benchmarks.magnifications [--datasets emps stained ...] [--seeds 0 1 2]``
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.correction_rounds import Plan, User, add, train
from benchmarks.helpers.clicked_images import DATASETS, ClickedObjects, read
from napari_synthseg.core.annotations import ImageRef, ObjectClass
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.pixels import (
    MatchedSource,
    WindowSource,
    counted_part,
    factors_of,
    scaled,
)
from napari_synthseg.core.predictions import InstancePrediction
from napari_synthseg.core.progress import exhaust
from napari_synthseg.metrics.instance import score_instances
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.tasks.predict import predict_image
from napari_synthseg.training.model import Predictor
from napari_synthseg.workflow.first_pass import WINDOW_PX, find_magnification
from napari_synthseg.workflow.predicting import load_model, show
from napari_synthseg.workflow.runs.live_view import middle_of
from napari_synthseg.workflow.session import Session

IMAGES, OTHERS = 2, 8
"""Images that are clicked, and those that are outlined."""

LEAST_OBJECTS = 6
"""Images with fewer are left out."""

EFFORTS = ((8, 60), (12, 100), (24, 200))
"""Clicks and batches of draws 0, 1, 2; then again."""

TRIED = tuple(2 ** (half / 2) for half in range(-5, 6))

Pair = tuple[str, InstanceLabels, InstanceLabels]


def f1(pairs: Sequence[Pair]) -> float:
    """Return F1 at IoU 0.5 of the objects of all pairs of true and found labels."""
    return float(score_instances(pairs, {1: "object"}, measured_on="real").values["f1@0.5"])


def outline(
    predictor: Predictor, ref: ImageRef, image: ClickedObjects, pixels: Any, times: float
) -> Pair:
    """Return what is true, and found, of the middle of an image at a magnification."""
    factors = factors_of(predictor.rule.scale_for(ref, times), ref.ndim)
    region = middle_of(pixels.region, factors, WINDOW_PX)
    shown = scaled(WindowSource(pixels, region), factors)
    found = exhaust(predict_image(predictor, shown, image=ref.id, run="", ref=ref))
    assert isinstance(found, InstancePrediction)
    ids = image.ids[tuple(slice(*extent) for extent in region)]
    truth = InstanceLabels(ids, {n: 1 for n in np.unique(ids).tolist() if n})
    return ref.name, truth, found.as_labels()


def measure(dataset: str, seed: int, folder: Path) -> dict[str, Any]:
    """Return F1 of a draw at the magnifications as learned, found, and best of each image."""
    rng = np.random.default_rng((seed, *dataset.encode(), 7))
    enough = [i for i in read(dataset, "tuning") if len(i.positions) >= LEAST_OBJECTS]
    drawn = [enough[i] for i in rng.permutation(len(enough))[: IMAGES + OTHERS]]
    clicks, steps = EFFORTS[seed % len(EFFORTS)]
    taken: dict[str, list[Pair]] = {"as learned": [], "found": [], "best": []}
    with Session.create(folder) as session:
        teaching = [(add(session, i, "train"), i) for i in drawn[:IMAGES]]
        tests = [(add(session, i, "test"), i) for i in drawn[IMAGES:]]
        diameter = float(np.median([i.diameter for _, i in teaching]))
        cls = ObjectClass(name="object", value=1, diameter=diameter)
        marks = User(teaching, rng).click(clicks)
        session.edit(session.project.with_classes(cls).with_clicks(*marks), "click")
        run = train(session, Plan(start_steps=steps), seed, None)
        predictor = exhaust(load_model(session.folder, run))
        for ref, image in tests:
            view = exhaust(show(run.trained_model(), ref, session.folder))
            whole = MatchedSource(open_pixels(ref, session.folder), view.gain, view.offset)
            part = counted_part(ref, whole)
            tries = {t: outline(predictor, ref, image, part, t) for t in TRIED}
            found = exhaust(find_magnification(predictor, ref, whole)) or 1.0
            taken["as learned"].append(tries[1.0])
            taken["found"].append(tries[min(TRIED, key=lambda t: abs(math.log(t / found)))])
            taken["best"].append(max(tries.values(), key=lambda pair: f1([pair])))
    return {
        "dataset": dataset, "seed": seed, "clicks": clicks, "steps": steps,
        **{name: figures(pairs) for name, pairs in taken.items()},
    }  # fmt: skip


def figures(pairs: Sequence[Pair]) -> dict[str, float]:
    """Return F1 of all objects, the mean of images, and that of the worst image."""
    single = [f1([pair]) for pair in pairs]
    return {
        "pooled": round(f1(pairs), 4),
        "mean": round(float(np.mean(single)), 4),
        "worst": round(min(single), 4),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", nargs="+", default=list(DATASETS), choices=list(DATASETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args()
    for dataset in options.datasets:
        rows = []
        for seed in options.seeds:
            with tempfile.TemporaryDirectory() as folder:
                rows.append(measure(dataset, seed, Path(folder) / "p.synthseg"))
            print(json.dumps(rows[-1]), flush=True)
        for name in ("as learned", "found", "best"):
            pooled, mean = (np.median([row[name][of] for row in rows]) for of in ("pooled", "mean"))
            print(f"{dataset}, {name}: {pooled:.3f} pooled, {mean:.3f} mean; median of draws")


if __name__ == "__main__":
    main()
