"""From clicks to a scored model on drawn images of hard kinds: outlines and F1, case by case.

Each case (nested classes, parasites in cells, spots of 4 pixels, objects of 400, a rare class, dark
rims, crossing fibers) is drawn twice with one look: one image is clicked and trained on, the other
is predicted and scored. One line of JSON a case and seed, and a table.

``python -m benchmarks.click_cases [CASE ...] [--seeds 0 1 2] [--steps 300] [--clicks 12]``
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.helpers.drawn_cases import CASES, DrawnImage, DrawnObject, draw
from napari_synthseg.core.annotations import Click, Role
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.patch import Patch
from napari_synthseg.core.predictions import InstancePrediction
from napari_synthseg.metrics.instance import score_instances
from napari_synthseg.workflow.session import Session

ROLES: tuple[Role, Role] = ("train", "test")


def walk(case: str, seed: int, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Click one image, train on it, predict the other one; return what was measured."""
    clicked, scored = draw(case, seed, 2)
    names = dict(enumerate(CASES[case].diameters, start=1))
    with Session.create(folder / f"{case}-{seed}.synthseg") as session:
        image, other = (
            session.add_images(shown.pixels, axes="yx", name=f"{role}.tif", role=role)
            .result()
            .images[0]
            for shown, role in ((clicked, ROLES[0]), (scored, ROLES[1]))
        )
        project = session.project
        for name, diameter in CASES[case].diameters.items():
            cls = project.next_class(name, diameter=diameter * options.scale)
            project = project.with_classes(cls)
        chosen = {} if options.true_outlines else choose(clicked, options.clicks)
        clicks = {
            str(number): Click(id=str(number), image=image.id, position=thing.click, cls=thing.cls)
            for number, thing in chosen.items()
        }
        session.edit(project.with_clicks(*clicks.values()), "click")
        if options.true_outlines:  # each object gets a click of its own
            masks = InstanceLabels(clicked.ids, clicked.classes)
            session.import_labels(image, masks, "patch_masks").result()
        seconds = {}
        started = time.perf_counter()
        library = session.cut_patches().result()
        seconds["outlines"] = time.perf_counter() - started
        measured: dict[str, Any] = {
            "case": case,
            "seed": seed,
            "steps": options.steps,
            "clicks": len(library.patches),
            "outline_iou": per_class(
                {p.id: overlap(p, chosen[int(p.id)]) for p in library.patches if p.id in clicks},
                {key: names[click.cls] for key, click in clicks.items()},
            ),
        }
        if options.steps:
            limit = {"task": "segment", "source": "synthetic", "minutes": None}
            spec = session.suitable_spec.model_copy(
                update={**limit, "steps": options.steps, "seed": seed}
            )
            started = time.perf_counter()
            run = session.train(spec, "run").result()
            seconds["training"] = time.perf_counter() - started
            started = time.perf_counter()
            (found,) = session.predict(run, [other]).result()
            seconds["prediction"] = time.perf_counter() - started
            assert isinstance(found, InstancePrediction)
            truth = InstanceLabels(scored.ids, scored.classes)
            scores = score_instances(
                [(other.name, truth, found.as_labels())], names, measured_on="synthetic"
            )
            measured |= {
                "true": len(scored.objects),
                "found": len(found.objects),
                "f1@0.5": round(scores.values["f1@0.5"], 3),
                "f1@0.5 of": {k: round(v["f1@0.5"], 3) for k, v in scores.per_class.items()},
            }
    return measured | {"seconds": {key: round(value, 1) for key, value in seconds.items()}}


def choose(image: DrawnImage, most: int | None) -> dict[int, DrawnObject]:
    """Return the objects that are clicked, by id: all, or the first of each class."""
    numbered = dict(enumerate(image.objects, start=1))
    chosen: dict[int, DrawnObject] = {}
    for cls in sorted(set(image.classes.values())):
        chosen |= dict([(n, thing) for n, thing in numbered.items() if thing.cls == cls][:most])
    return dict(sorted(chosen.items()))


def overlap(patch: Patch, thing: DrawnObject) -> float:
    """Return the IoU of a patch's mask with the object's."""
    index = np.argwhere(patch.mask) + patch.origin
    found = np.count_nonzero(thing.mask[tuple(index.T)])
    return float(found / (len(index) + np.count_nonzero(thing.mask) - found))


def per_class(values: dict[str, float], classes: dict[str, str]) -> dict[str, float]:
    """Return the mean value of each class."""
    return {
        name: round(float(np.mean([v for key, v in values.items() if classes[key] == name])), 3)
        for name in dict.fromkeys(classes.values())
    }


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return a line for each class of each case: medians over the seeds, and their range."""
    lines = [f"{'case':10}{'class':12}{'seeds':>6}{'outline IoU':>24}{'F1@0.5':>24}"]
    for case in dict.fromkeys(row["case"] for row in rows):
        mine = [row for row in rows if row["case"] == case]
        for name in CASES[case].diameters:
            outlines = [row["outline_iou"][name] for row in mine if row["outline_iou"]]
            f1 = [row["f1@0.5 of"].get(name, 0.0) for row in mine if "f1@0.5 of" in row]
            lines.append(f"{case:10}{name:12}{len(mine):6}{_median(outlines):>24}{_median(f1):>24}")
    return lines


def _median(values: list[float]) -> str:
    if not values:
        return ""
    return f"{np.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=list(CASES), help=", ".join(CASES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--steps", type=int, default=300, help="0: only the outlines")
    parser.add_argument("--clicks", type=int, help="most clicks of a class; default: all objects")
    parser.add_argument(
        "--true-outlines", action="store_true", help="cut by the truth: what outlines could give"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="type diameters this much off")
    options = parser.parse_args()
    if unknown := set(options.cases).difference(CASES):
        parser.error(f"there is no case {unknown.pop()}: choose of {', '.join(CASES)}")
    rows = []
    for case in options.cases:
        for seed in options.seeds:
            with tempfile.TemporaryDirectory() as folder:
                rows.append(walk(case, seed, options, Path(folder)))
            print(json.dumps(rows[-1]), flush=True)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
