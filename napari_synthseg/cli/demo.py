"""The demo: a sample from clicks to scores, in napari or headless with a figure."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_synthseg.cli.demo_figure import Walk, save_figure
from napari_synthseg.cli.demo_viewer import open_viewer, why_no_viewer
from napari_synthseg.cli.output import report
from napari_synthseg.cli.progress import run_job, say
from napari_synthseg.cli.score import describe_scores
from napari_synthseg.cli.settings import JsonFlag
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import DualImage, instances_of
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.predictions import InstancePrediction
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.scores import Scores
from napari_synthseg.io.result_files import write_labels
from napari_synthseg.sample_data import SAMPLES, Sample, fill
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.workflow.session import Session
from napari_synthseg.workflow.truths import read_true_masks

FIGURE = "figure.png"
MINUTES = 3.5
PAIRS = 3
"""Dual images that the figure shows."""

Limit = dict[str, float | None]
"""Fields of the `TrainSpec` that say when training ends."""


def run_demo(
    sample: Annotated[
        str, typer.Option("--sample", metavar="NAME", help=f"One of: {', '.join(SAMPLES)}.")
    ] = "nuclei",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="New folder for project, labels and figure."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", min=0.05, help=f"Time limit of training; default {MINUTES}."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Limit in batches instead of time.")
    ] = None,
    clicks: Annotated[
        int | None, typer.Option("--clicks", min=1, help="Use only so many of the clicks.")
    ] = None,
    no_viewer: Annotated[
        bool, typer.Option("--no-viewer", help="Work headless and save a figure.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Walk a sample from clicks to a scored prediction."""
    if sample not in SAMPLES:
        raise InputError(f"--sample {sample}: a sample is one of {', '.join(SAMPLES)}.")
    if minutes is not None and steps is not None:
        raise InputError("Give either --minutes or --steps, not both.")
    if not (no_viewer or as_json):
        obstacle = why_no_viewer()
        if not obstacle:
            if out or clicks or minutes or steps:
                say("Of the options, only --sample is for napari; the rest needs --no-viewer.")
            say("Opening napari: the panel on the right walks through the sample.")
            open_viewer(sample)
            return
        say(f"Working headless, because {obstacle}.")
    limit = {"minutes": None if steps else minutes or MINUTES, "steps": steps}
    result, scores = _walk(sample, out or _free_folder(sample), limit, clicks)
    report(result, [*describe_scores(scores), f"Figure: {result['figure']}"], as_json)


@dataclass(frozen=True, eq=False)
class Steps:
    """What each step of the walk made."""

    library: PatchLibrary
    pairs: list[DualImage]
    run: TrainingRun
    predictions: list[InstancePrediction]
    scores: Scores


def _walk(
    sample: str, folder: Path, limit: Limit, clicks: int | None
) -> tuple[dict[str, Any], Scores]:
    """Take every step of the walk; save its results; return what the command reports."""
    started = time.monotonic()
    with Session.create(folder / f"{sample}.synthseg") as session:
        fill(session, sample, clicks=clicks)
        say(f"{SAMPLES[sample].title}: project, labels and figure go to {folder}")
        steps = _take_steps(session, limit)
        say("Drawing the figure ...")
        _save(session, SAMPLES[sample], folder, steps)
        used = sum(session.project.image(c.image).role == "train" for c in session.project.clicks)
    result = {
        "sample": sample,
        "simulated": SAMPLES[sample].simulated,
        "clicks": used,
        "patches": len(steps.library.usable()),
        "steps": steps.run.steps,
        "train_seconds": steps.run.seconds,
        "device": steps.run.device,
        **steps.scores.values,
        "per_class": steps.scores.per_class,
        "measured_on": steps.scores.caption(),
        "seconds": round(time.monotonic() - started, 1),
        "project": str(session.folder),
        "figure": str(folder / FIGURE),
    }
    return result, steps.scores


def _take_steps(session: Session, limit: Limit) -> Steps:
    """Cut patches, make dual images, train, predict the held-out part and score it."""
    library: PatchLibrary = run_job(session.cut_patches())
    pairs: list[DualImage] = run_job(session.synthesize(PAIRS))
    spec = session.project.train_spec.model_copy(update=limit)
    run: TrainingRun = run_job(session.train(spec, "demo"))
    held_out = [ref for ref in session.project.images if ref.role == "test"]
    found = run_job(session.predict(run, held_out))
    predictions = [p for p in found if isinstance(p, InstancePrediction)]
    scores: Scores = run_job(session.score(run, predictions))
    return Steps(library, pairs, run, predictions, scores)


def _save(session: Session, sample: Sample, folder: Path, steps: Steps) -> None:
    """Save the predicted labels, and the figure of the first clicked and first held-out image."""
    project = session.project
    for prediction in steps.predictions:
        name = project.image(prediction.image).name.replace(" ", "_")
        write_labels(folder / f"{name}_predicted.tif", prediction.ids)
    prediction = steps.predictions[0]
    clicked = next(i for i in project.images if i.role == "train" and project.clicks_on(i))
    test = project.image(prediction.image)
    pixels = open_pixels(clicked, session.folder)
    masks = read_true_masks(session.project, session.folder, test).result()
    walk = Walk(
        title=sample.title,
        simulated=sample.simulated,
        classes=project.classes,
        image=pixels.read(),
        image_origin=tuple(start for start, _ in pixels.region),
        clicks=project.clicks_on(clicked),
        patches=steps.library.usable(),
        pairs=tuple(steps.pairs),
        test_image=open_pixels(test, session.folder).read(),
        prediction=prediction,
        true_masks=instances_of(masks) if masks is not None else None,
        true_centers=project.clicks_on(test),
        scores=steps.scores,
    )
    save_figure(folder / FIGURE, walk)


def _free_folder(sample: str) -> Path:
    """Return the first folder of the demo's name that is not there yet."""
    names = (f"demo-{sample}" + (f"-{n}" if n > 1 else "") for n in count(1))
    return next(Path(name) for name in names if not Path(name).exists())
