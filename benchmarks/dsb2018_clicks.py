"""Clicks against drawn masks: the same network, the same images, the same steps.

Trains on five fluorescence images of the 2018 Data Science Bowl, once from clicks alone and once
from the true masks of the same images, and scores both on other images of the set, all through
the calls that the panel and the command line make.

    python benchmarks/dsb2018_clicks.py --steps 480 --arm clicks masks --out benchmarks/results

`--calibrate` says how many steps five minutes hold on this machine when it is idle. Each arm's
figures go to a JSON file of its own; an arm whose file exists is not run again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import tempfile
import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np

from napari_synthseg.core.labels import Labels
from napari_synthseg.core.project import Click
from napari_synthseg.core.training import TrainSpec
from napari_synthseg.patches.clicking import click_masks
from napari_synthseg.session import Session

DATA = Path(os.environ.get("SYNTHSEG_DATA", "../shared/data")) / "dsb2018_nuclei_instances"
TRAINED_ON = 5


def choose_images(image_seed: int) -> tuple[list[Path], list[Path], list[Path]]:
    """Return five images to train on, and of the others those for tuning and for closing."""
    every = sorted((DATA / "images").glob("fluo_*.png"))
    order = np.random.default_rng(image_seed).permutation(len(every))
    chosen = [every[i] for i in order[:TRAINED_ON]]
    rest = [every[i] for i in sorted(order[TRAINED_ON:])]
    for_tuning = [p for p in rest if is_for_tuning(p.stem)]
    return chosen, for_tuning, [p for p in rest if p not in for_tuning]


def is_for_tuning(stem: str) -> bool:
    """Half of the images, fixed by a hash of the stem, may serve tuning; the rest never does."""
    return int(hashlib.sha1(stem.encode()).hexdigest(), 16) % 2 == 0


def build_project(folder: Path, train: list[Path], test: list[Path], clicks: int) -> Session:
    """Make a project: training images with clicks and truth, test images with truth."""
    session = Session.create(folder)
    diameters = []
    marks = {}
    for path in train:
        ids = iio.imread(DATA / "masks" / path.name).astype(np.int32)
        marks[path] = [c.position for c in click_masks(Labels(ids))]
        diameters += list(2 * np.sqrt(np.unique(ids[ids > 0], return_counts=True)[1] / np.pi))
    diameter = round(float(np.median(diameters)), 1)
    nucleus = session.project.next_class("nucleus", diameter=diameter)
    session.edit(session.project.with_classes(nucleus), "add class")
    rng = np.random.default_rng(0)
    for path in (*train, *test):
        training = path in train
        (ref,) = session.add_file(
            path,
            role="train" if training else "test",
            group=path.stem,
            exhaustive=training and not clicks,
        )
        ids = iio.imread(DATA / "masks" / path.name).astype(np.int32)
        session.add_truth(ref, Labels(ids, dict.fromkeys(np.unique(ids[ids > 0]).tolist(), 1)))
        if training:
            points = marks[path]
            if clicks and clicks < len(points):
                points = [points[i] for i in rng.choice(len(points), clicks, replace=False)]
            new = [Click(image=ref.id, position=p, cls=1) for p in points]
            session.edit(session.project.with_clicks(*new), "click")
    return session


def run_arm(arm: str, args: argparse.Namespace) -> dict[str, object]:
    """Train and score one arm; return its record."""
    train, tuning, closing = choose_images(args.image_seed)
    test = {"tuning": tuning, "closing": closing}[args.part][: args.limit]
    spec = TrainSpec(
        source="real" if arm == "masks" else "synthetic",
        steps=args.steps,
        minutes=None,
        seed=args.seed,
        validation_fraction=args.held_out,
    )
    with tempfile.TemporaryDirectory() as folder:
        session = build_project(Path(folder) / "p", train, test, 12 if arm == "clicks12" else 0)
        wall, cpu = time.perf_counter(), time.process_time()
        run = session.complete(session.train(spec, arm))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        refs = [i for i in session.project.images if i.role == "test"]
        predictions = session.complete(session.predict(run, refs))
        scores = session.complete(session.score(run, predictions))
        session.close()
    return {
        "arm": arm,
        "trained_on": [p.name for p in train],
        "measured_on": f"{len(test)} other real images ({args.part} half), {scores.objects} nuclei",
        "steps": args.steps,
        "seed": args.seed,
        "held_out_fraction": args.held_out,
        "selection": run.selection,
        "train_wall_s": round(wall, 1),
        "train_cpu_s": round(cpu, 1),
        "device": run.device,
        "machine": platform.machine(),
        "versions": run.versions,
        "recipe": run.recipe,
        "values": {k: round(v, 4) for k, v in scores.values.items()},
    }


def calibrate() -> None:
    """Print how many steps five minutes hold, from the time of steps 5 to 25."""
    train, _, _ = choose_images(0)
    with tempfile.TemporaryDirectory() as folder:
        session = build_project(Path(folder) / "p", train, [], 0)
        times = []
        job = session.train(TrainSpec(steps=25, minutes=None), "calibrate")
        job.progressed.connect(lambda step: times.append((time.perf_counter(), step)))
        session.complete(job)
        session.close()
    steps = [t for t, s in times if hasattr(s, "loss")]
    each = float(np.median(np.diff(steps[5:])))
    print(json.dumps({"seconds_per_step": round(each, 3), "steps_in_300_s": int(300 / each)}))


def main() -> None:
    """Run the arms that have no result yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arm", nargs="+", default=["clicks", "masks"])
    parser.add_argument("--steps", type=int, default=480)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--image-seed", type=int, default=0)
    parser.add_argument("--held-out", type=float, default=0.2)
    parser.add_argument("--part", choices=["tuning", "closing"], default="tuning")
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--calibrate", action="store_true")
    args = parser.parse_args()
    if args.calibrate:
        return calibrate()
    args.out.mkdir(parents=True, exist_ok=True)
    for arm in args.arm:
        name = f"dsb2018-{arm}-{args.steps}-i{args.image_seed}-s{args.seed}-{args.part}.json"
        target = args.out / name
        if not target.exists():
            target.write_text(json.dumps(run_arm(arm, args), indent=1))
        record = json.loads(target.read_text())
        print(arm, record["measured_on"], record["values"], f"{record['train_wall_s']} s")
    return None


if __name__ == "__main__":
    main()
