"""The stored project of an old version: a copy to work on, and what its runs find and score."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from napari_synthseg.core.predictions import InstancePrediction
from napari_synthseg.workflow.session import Session

DATA = Path(__file__).parents[1] / "data"
EXPECTED_ARRAYS = DATA / "old_project_expected.npz"
EXPECTED_SCORES = DATA / "old_project_expected.json"

PREDICTED = {
    "objects": ("field-c", "stack-2"),
    "boxes": ("field-c", "field-d"),
    "labels": ("field-c", "field-d", "regions-1", "regions-4"),
    "regions": ("regions-1", "regions-4"),
}
"""Name of the run -> images that it is tried on."""

EXPLAINED = {"objects": ("field-c",), "labels": ("field-c", "field-d"), "regions": ("regions-4",)}
"""Name of the run -> images of which heat maps are made."""

LAYERS_THEN = dict.fromkeys(("segment", "semantic"), "model.1.submodule.1.submodule.0.conv")
"""Task -> the layer that its heat maps were of; that is another one now where none is asked for."""

POINTED = ("objects", "labels")
"""Runs of which it is scored where heat maps point."""

SCORED = ("task", "measured_on", "images", "objects", "truth", "values", "per_class", "confusion")
"""What is compared of scores; warnings are words, and may be said better."""


@contextmanager
def opened_copy(place: Path) -> Iterator[Session]:
    """Copy the project and its images to `place`, and open it."""
    for name in ("old_project.synthseg", "old_project_images"):
        shutil.copytree(DATA / name, place / name)
    session = Session.open(place / "old_project.synthseg").result()
    try:
        yield session
    finally:
        session.close().result()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch and all else that computes use one thread, so that sums are always the same."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def try_run(session: Session, name: str) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
    """Return what a stored run finds on stored images, as arrays by name, and its scores."""
    run = session.project.run(name)
    refs = [session.project.image(i) for i in PREDICTED[name]]
    found = session.predict(run, refs).result()
    arrays: dict[str, np.ndarray] = {}
    for each in found:
        key = f"{name}/{each.image}"
        if run.task in ("segment", "semantic"):
            found_ids = each.ids if isinstance(each, InstancePrediction) else each.values
            arrays[f"{key}/ids"] = found_ids.astype(np.int32)
        if run.task in ("segment", "detect"):
            arrays[f"{key}/objects"] = _table(each.objects)
        if run.task == "detect":
            arrays[f"{key}/candidates"] = _table(each.candidates)
        if run.task == "classify":
            said = [[v, p, each.thresholds[v]] for v, p in sorted(each.probabilities.items())]
            arrays[f"{key}/shown"] = np.array(said)
    scores = [session.score(run, found).result()]
    if name in EXPLAINED:
        refs = [session.project.image(i) for i in EXPLAINED[name]]
        layer = LAYERS_THEN.get(run.task, "")
        maps = session.explain(run, refs, layer=layer).result()
        for heat in maps:
            arrays[f"{name}/{heat.image}/heat"] = np.stack(
                [m for _, m in sorted(heat.maps.items())]
            )
        if name in POINTED:
            scores.append(session.score(run, maps).result())
    return arrays, [score.model_dump(mode="json", include=set(SCORED)) for score in scores]


def _table(objects: Any) -> np.ndarray:
    """Return found objects as rows: id, class, score, center, box."""
    rows = [[o.id, o.cls, o.score, *o.center, *np.ravel(o.box)] for o in objects]
    return np.array(rows, float).reshape(len(rows), -1)


def draw_pairs(session: Session) -> dict[str, np.ndarray]:
    """Return a pair of the fitted recipe, and one that each kind of run was trained on."""
    made = {
        "vq": session.synthesize(1),
        "objects": session.synthesize(1, run=session.project.run("objects")),
        "regions": session.synthesize(1, run=session.project.run("regions")),
    }
    arrays: dict[str, np.ndarray] = {}
    for name, job in made.items():
        (pair,) = job.result()
        arrays[f"pair/{name}/image"] = pair.image
        arrays[f"pair/{name}/ids"] = pair.labels.array
    return arrays


def expected() -> tuple[dict[str, np.ndarray], dict[str, list[dict[str, Any]]]]:
    """Return arrays by name, and the scores of each run, as they were when it was made."""
    with np.load(EXPECTED_ARRAYS) as file:
        arrays = dict(file)
    return arrays, json.loads(EXPECTED_SCORES.read_text(encoding="utf-8"))
