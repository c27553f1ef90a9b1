"""What must not change: dual images, patches, trained weights, and what stored runs find.

Each section is a set of records by name, each record a set of arrays by name. Nothing is drawn or
ordered by the names of images and clicks, so these are fixed here.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import math
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from safetensors.numpy import load_file
from scipy import ndimage

from napari_synthseg.core.annotations import Click
from napari_synthseg.core.labels import DualImage, InstanceLabels, RegionLabels, regions_of
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.synthesis.paste.recipe import PasteRecipe
from napari_synthseg.workflow.session import Session
from tests.helpers.old_project import PREDICTED, one_thread, opened_copy, try_run
from tests.helpers.sessions import add_file

Record = dict[str, np.ndarray]
Section = dict[str, Record]

PINNED = (
    "torch", "numpy", "scipy", "scikit-image", "monai", "scikit-learn", "vector-quantize-pytorch",
)  # fmt: skip

PASTES: dict[str, tuple[int, dict[str, Any]]] = {
    "usual": (4, {}),
    "squares": (
        3,
        {
            "cutout": "square", "patch_size_spread": 0.2, "blending": "poisson",
            "canvas": "textured", "arrangement": "neighbors", "counts": "poisson",
        },
    ),
    "mixed": (
        3,
        {
            "blending": "mixed", "canvas": "mixed", "match_blur": True, "decoys": 0.5,
            "brightness": 0.1, "clustering": 0.6, "truncation": 0.2, "rare_boost": 0.5,
        },
    ),
}  # fmt: skip
"""Name -> number of pairs, and parameters that differ from the defaults."""

STEPS = 30

TOLERANCE = 1e-4
"""How far summaries may be apart, as a share of the largest figure of their array."""

LOOSER = {"conv.bias ": 0.1, "running_mean ": 0.1, "weight ": 1e-3, "peak_": 0.05}
"""Part of an array's name -> its tolerance; the first that fits.

Tried with the instruction sets of other processors. A bias before a batch norm has no gradient but
rounding errors, which the optimizer scales up to full steps, and the running mean follows it (0.05
apart; in classifiers and detectors, which have none, all weights are within 1e-5). Other weights
were up to 4e-4 apart. Of heat maps' peaks, one more or less is found where two places are nearly
alike (0.02 apart).
"""

TRAINED: dict[str, dict[str, Any]] = {
    task: {"task": task} for task in ("segment", "semantic", "detect", "classify")
}


# --- sections ------------------------------------------------------------------------------------


def paste(place: Path) -> Section:
    """Return ten pasted dual images."""
    made: Section = {}
    with drawn_project(place) as session:
        for name, (count, fields) in PASTES.items():
            recipe = PasteRecipe(size=96, seed=3, **fields)
            session.edit(session.project.model_copy(update={"recipe": recipe}), "recipe")
            pairs = session.synthesize(count).result()
            made |= {f"{name} {pair.index}": of_pair(pair) for pair in pairs}
    return made


def patches(place: Path) -> Section:
    """Return all patches of one clicked image, by each method of finding masks."""
    made: Section = {}
    with drawn_project(place, images=1) as session:
        for method in ("auto", "level", "outline", "learned"):
            classes = (
                c.model_copy(update={"mask_method": method}) for c in session.project.classes
            )
            session.edit(session.project.with_classes(*classes), "method")
            library = session.cut_patches().result()
            made[f"patches {method}"] = of_library(library)
    return made


def vq(place: Path) -> Section:
    """Return four dual images of the stored recipe."""
    with opened_copy(place) as session:
        pairs = session.synthesize(4).result()
    return {f"vq {pair.index}": of_pair(pair) for pair in pairs}


def weights(place: Path) -> Section:
    """Return weights, and the loss of each step, of short trainings of each task."""
    made: Section = {}
    network = ModelSpec(width=4, depth=2)
    with drawn_project(place) as session:
        recipe = PasteRecipe(size=96)
        session.edit(session.project.model_copy(update={"recipe": recipe}), "recipe")
        for name, fields in TRAINED.items():
            spec = TrainSpec(
                **fields, steps=STEPS, minutes=None, batch_size=2, crop=64, device="cpu",
                model=network,
            )  # fmt: skip
            job = session.train(spec, name)
            losses: list[float] = []
            job.progressed.connect(
                lambda news, to=losses: to.extend(
                    [v for k, v in news.metrics.items() if k == "loss"]
                )
            )
            run = job.result()
            kept = load_file(session.folder / "runs" / run.id / "weights.safetensors")
            record = {f"weight {k}": kept[k].astype(np.float32) for k in sorted(kept)}
            made[f"weights {name}"] = record | {"losses": np.array(losses)}
    return made


def stored(place: Path) -> Section:
    """Return what the stored runs predict, their heat maps and their scores."""
    made: Section = {}
    with opened_copy(place) as session:
        for name in PREDICTED:
            arrays, scores = try_run(session, name)
            made[f"run {name}"] = arrays
            for each in scores:
                made[f"scores {name} {each['task']}"] = dict(numbers_of(each))
    return made


SECTIONS: dict[str, Callable[[Path], Section]] = {
    "paste": paste, "patches": patches, "vq": vq, "weights": weights, "stored": stored,
}  # fmt: skip


def compute(section: str, place: Path) -> Section:
    """Return the records of a section, computed by one thread in the folder `place`."""
    with one_thread():
        return SECTIONS[section](place)


# --- what is computed from ------------------------------------------------------------------------


@contextmanager
def drawn_project(place: Path, images: int = 3) -> Iterator[Session]:
    """Make a project of discs of two classes, all of them clicked."""
    session = Session.create(place / "drawn.synthseg")
    try:
        for name in ("bright", "dark"):
            new = session.project.next_class(name, diameter=13.0)
            session.edit(session.project.with_classes(new), "class")
        for number in range(images):
            image, discs = draw_discs(number)
            path = place / f"drawn-{number}.tif"
            tifffile.imwrite(path, image)
            fields = {"id": f"drawn-{number}", "group": f"group-{number}", "exhaustive": True}
            (ref,) = add_file(session, path, **fields)
            clicks = (
                Click(id=f"{ref.id}-{n}", image=ref.id, position=(y, x), cls=cls)
                for n, (y, x, cls) in enumerate(discs)
            )
            session.edit(session.project.with_clicks(*clicks), "click")
        yield session
    finally:
        session.close().result()


def draw_discs(seed: int) -> tuple[np.ndarray, list[tuple[float, float, int]]]:
    """Return an image of bright and dark discs, some of which touch, and y, x, class of each."""
    rng = np.random.default_rng((77, seed))
    shape = (128, 144)
    yy, xx = np.indices(shape)
    image = 0.45 + 0.15 * np.sin(xx / 30) * np.cos(yy / 25)
    discs: list[tuple[float, float, int]] = []
    for _ in range(400):
        y, x, radius = rng.uniform(2, 126), rng.uniform(2, 142), rng.uniform(5, 7.5)
        if len(discs) == 30 or any(math.hypot(y - v, x - u) < 13.5 for v, u, _ in discs):
            continue
        cls = 1 + len(discs) % 2
        inside = (yy - y) ** 2 + (xx - x) ** 2 < radius**2
        image[inside] += 0.35 if cls == 1 else -0.3
        discs.append((round(float(y + rng.normal()), 2), round(float(x + rng.normal()), 2), cls))
    image = ndimage.gaussian_filter(image, 0.8) + rng.normal(0, 0.02, shape)
    clipped = [(min(max(y, 0), 127), min(max(x, 0), 143), cls) for y, x, cls in discs]
    return np.clip(image * 40000 + 3000, 0, 65535).astype(np.uint16), clipped


# --- records --------------------------------------------------------------------------------------


def of_pair(pair: DualImage) -> Record:
    """Return a dual image as a record."""
    labels = pair.labels
    known = (
        labels.classes if isinstance(labels, InstanceLabels) else _by_themselves(regions_of(labels))
    )
    classes = np.array(sorted(known.items()), np.int64)
    rejection_reason = np.frombuffer(pair.rejection_reason.encode(), np.uint8)
    return {
        "image": pair.image,
        "ids": labels.array,
        "classes": classes,
        "fault": rejection_reason,
    }


def _by_themselves(labels: RegionLabels) -> dict[int, int]:
    """Return the class of each value of regions, which was recorded like that of instance ids."""
    return {value: value for value in labels.class_values_shown()}


def of_library(library: Any) -> Record:
    """Return all that a library says of its patches, backgrounds and counts, as a record."""
    grades = {"good": 0, "suspicious": 1, "doubtful": 2}
    each = library.patches
    record = {
        "class": np.array([p.cls for p in each]),
        "pixels": np.stack([p.pixels for p in each]),
        "mask": np.stack([p.mask for p in each]).astype(np.uint8),
        "origin": np.array([p.origin for p in each]),
        "center": np.array([p.center for p in each]),
        "quality": np.array([p.quality for p in each]),
        "grade": np.array([grades[p.checked] for p in each]),
        "findings": np.array([len(p.issues) for p in each]),
        "touches border": np.array([p.touches_border for p in each], np.uint8),
        "intensity": np.array([p.intensity for p in each]),
        "diameters": np.array(sorted(library.diameters.items())),
    }
    for number, ground in enumerate(library.backgrounds):
        record |= {
            f"background {number}": ground.pixels,
            f"background {number} valid": ground.valid.astype(np.uint8),
            f"background {number} level, noise": np.stack([ground.level, ground.noise]),
        }
    for number, counts in enumerate(library.statistics):
        known = [*(v for _, v in sorted(counts.counts.items())), counts.area, counts.unclicked]
        record[f"counts {number}"] = np.array(known, float)
    return record


def numbers_of(value: Any, name: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Yield the numbers of nested dicts, each under the path to it; texts as bytes."""
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from numbers_of(value[key], f"{name}/{key}" if name else key)
    elif isinstance(value, str | list | tuple):
        yield name, np.frombuffer(repr(value).encode(), np.uint8)
    else:
        yield name, np.array([value], float)


def digest(record: Record) -> str:
    """Return a digest of names, types, shapes and bytes."""
    found = hashlib.sha256()
    for name in sorted(record):
        array = np.ascontiguousarray(record[name])
        found.update(f"{name} {array.dtype.str} {array.shape};".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def summarize(record: Record) -> dict[str, list[float]]:
    """Return, by name and shape of each array, mean, root mean square, and means of blocks."""
    return {f"{n} {record[n].shape}": _summarize(record[n]) for n in sorted(record)}


def _summarize(array: np.ndarray) -> list[float]:
    values = np.asarray(array, float)
    if not values.size:
        return []
    figures = [float(values.mean()), float(np.sqrt((values**2).mean()))]
    if values.ndim >= 2 and min(values.shape[-2:]) >= 24:
        plane = values.reshape(-1, *values.shape[-2:]).mean(axis=0)
        rows = np.array_split(plane, 4, axis=0)
        figures += [float(b.mean()) for row in rows for b in np.array_split(row, 4, axis=1)]
    return [float(f"{f:.9g}") for f in figures]


def alike(found: dict[str, list[float]], recorded: dict[str, list[float]]) -> bool:
    """Tell whether summaries are the same within `TOLERANCE`, or what `LOOSER` says."""
    if found.keys() != recorded.keys():
        return False
    return all(_near(found[name], figures, name) for name, figures in recorded.items())


def _near(found: list[float], recorded: list[float], name: str) -> bool:
    share = next((share for part, share in LOOSER.items() if part in name), TOLERANCE)
    most = share * np.max(np.abs(recorded), initial=0)
    return len(found) == len(recorded) and np.allclose(
        found, recorded, rtol=0, atol=most, equal_nan=True
    )


# --- where it was computed ------------------------------------------------------------------------


def circumstances() -> dict[str, str]:
    """Return what digests depend on: versions of packages, and the processor."""
    import torch

    known = {name: importlib.metadata.version(name) for name in PINNED}
    return known | {"processor": f"{_processor()}, {torch.backends.cpu.get_cpu_capability()}"}


def _processor() -> str:
    """Return what processor this is; models that share a name differ in family and number."""
    facts = Path("/proc/cpuinfo")
    if not facts.exists():
        return platform.processor() or platform.machine()
    first = facts.read_text(encoding="utf-8").split("\n\n")[0]
    lines = (line.partition(":") for line in first.splitlines())
    found = {name.strip(): value.strip() for name, _, value in lines}
    wanted = ("vendor_id", "model name", "cpu family", "model", "stepping")
    return ", ".join(found[name] for name in wanted if name in found) or platform.machine()
