"""From clicks in a volume to objects in another part of it: how well, and in what time.

The volume ships in the stardist wheel. It is *simulated*, small (31 x 61 x 57) and simple: bright
blobs, many of which touch. Its objects are about half as many planes high as they are pixels wide,
so its planes are taken to lie two pixels apart. One half is clicked, the other is scored, and a
gap between them belongs to neither. `--every 2` keeps every second plane, which then lie four
pixels apart; `--along y` divides the volume along y, so that each half keeps all planes.

    python -m benchmarks.volume_clicks --every 1 2 --along z y --steps 600

The figures of all arms go to one JSON file; an arm that is in it is not run again.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
import tifffile

from napari_synthseg.core.annotations import Click, ObjectClass, new_id
from napari_synthseg.core.geometry import Region, full_region
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.patches.simulated_clicks import click_masks, cut_labels
from napari_synthseg.workflow.session import Session

APART = 2.0
"""Distance of the planes as they are, in pixels: makes the median object as high as wide."""

GAP = 12.0
"""Width of the strip between the halves, in pixels of the finest axis: most of an object."""


def read_volume(every: int) -> tuple[np.ndarray, InstanceLabels, tuple[float, ...]]:
    """Return the simulated volume, its masks and its pixel size, with some planes left out."""
    spec = find_spec("stardist")
    if spec is None or spec.submodule_search_locations is None:
        raise SystemExit("The volume ships with stardist: pip install 'napari-synthseg[samples]'.")
    folder = Path(next(iter(spec.submodule_search_locations))) / "data" / "images"
    image = tifffile.imread(folder / "img3d.tif")[::every]
    ids = tifffile.imread(folder / "mask3d.tif")[::every].astype(np.int32)
    labels = InstanceLabels(ids, {i: 1 for i in np.unique(ids).tolist() if i})
    return image, labels, (APART * every, 1.0, 1.0)


def halves(shape: tuple[int, ...], spacing: tuple[float, ...], along: str) -> tuple[Region, Region]:
    """Return the part that is clicked and the part that is scored."""
    axis = "zyx".index(along)
    gap = max(1, round(GAP / spacing[axis]))
    middle = shape[axis] - (shape[axis] - gap) // 2
    first, second = list(full_region(shape)), list(full_region(shape))
    first[axis], second[axis] = (0, middle - gap), (middle, shape[axis])
    return tuple(first), tuple(second)


def median_diameter(labels: InstanceLabels, spacing: tuple[float, ...]) -> float:
    """Return the diameter of the ball of the median object's volume, in pixels along y and x."""
    volumes = np.bincount(labels.ids.ravel())[1:]
    median = float(np.median(volumes[volumes > 0])) * float(np.prod(spacing))
    return round(float(np.cbrt(6 * median / np.pi)), 1)


def build_project(folder: Path, every: int, along: str, masks: bool = False) -> Session:
    """Make a project of the two halves: clicks on the one, true masks on the other."""
    image, labels, spacing = read_volume(every)
    train, test = halves(image.shape, spacing, along)
    session = Session.create(folder)
    cls = ObjectClass(name="blob", value=1, diameter=median_diameter(labels, spacing))
    adding = session.add_images(
        image,
        axes="zyx",
        name="simulated volume, clicked",
        region=train,
        pixel_size=spacing,
        exhaustive=True,
        synthetic=True,
    )
    (clicked,) = adding.result().images
    scored = clicked.model_copy(
        update={
            "id": new_id(),
            "name": "simulated volume, held out",
            "region": test,
            "role": "test",
        }
    )
    start = np.array([a for a, _ in train])
    made = click_masks(cut_labels(labels, train), spacing=spacing)
    clicks = [Click(image=clicked.id, position=tuple(c.position + start), cls=1) for c in made]
    project = session.project.with_images(scored).with_classes(cls).with_clicks(*clicks)
    session.edit(project, "add the volume")
    session.import_labels(scored, cut_labels(labels, test)).result()
    if masks:
        session.import_labels(clicked, cut_labels(labels, train)).result()
    return session


def run_arm(every: int, along: str, source: str, args: argparse.Namespace) -> dict[str, object]:
    """Train and score one arm; return its record."""
    spec = TrainSpec(
        source="real" if source == "masks" else "synthetic",
        steps=args.steps,
        minutes=None,
        seed=args.seed,
        device="cpu",
        validation_fraction=args.held_out,
    )
    with tempfile.TemporaryDirectory() as folder:
        session = build_project(Path(folder) / "p", every, along, source == "masks")
        clicks = len(session.project.clicks)
        wall = time.perf_counter()
        run = session.train(spec, "volume").result()
        wall = time.perf_counter() - wall
        refs = [i for i in session.project.images if i.role == "test"]
        predictions = session.predict(run, refs).result()
        scores = session.score(run, predictions).result()
        session.close().result()
    return {
        "measured_on": f"simulated volume of stardist, other half along {along}",
        "every": every,
        "source": source,
        "held_out_fraction": args.held_out,
        "regions": [list(map(list, r)) for r in halves(*_shape_and_spacing(every), along)],
        "clicks": clicks,
        "objects": scores.objects,
        "steps": args.steps,
        "seed": args.seed,
        "selection": run.selection,
        "model": run.trained_model().spec.model_dump(mode="json"),
        "task": run.trained_model().rule.model_dump(mode="json"),
        "train_wall_s": round(wall, 1),
        "machine": platform.machine(),
        "versions": run.versions,
        "values": {k: round(v, 4) for k, v in scores.values.items()},
    }


def _shape_and_spacing(every: int) -> tuple[tuple[int, ...], tuple[float, ...]]:
    image, _, spacing = read_volume(every)
    return image.shape, spacing


def main() -> None:
    """Run the arms that have no result yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--along", nargs="+", choices=["z", "y", "x"], default=["z"])
    parser.add_argument("--source", nargs="+", choices=["clicks", "masks"], default=["clicks"])
    parser.add_argument("--held-out", type=float, default=0.2)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/volume-clicks.json"))
    args = parser.parse_args()
    records = json.loads(args.out.read_text()) if args.out.exists() else {}
    for every, along, source in product(args.every, args.along, args.source):
        name = f"{source}-every{every}-{along}-{args.steps}-s{args.seed}"
        if name not in records:
            records[name] = run_arm(every, along, source, args)
            lines = ",\n".join(f'"{key}": {json.dumps(arm)}' for key, arm in records.items())
            args.out.write_text(f"{{\n{lines}\n}}\n")
        record = records[name]
        figures = ", ".join(f"{k} {record['values'][k]:.3f}" for k in ("f1@0.5", "f1@0.7"))
        print(
            f"{name}: {record['clicks']} clicks, {record['objects']} objects: {figures}; "
            f"{record['steps']} steps in {record['train_wall_s']} s ({record['measured_on']})"
        )


if __name__ == "__main__":
    main()
