"""The demo: a sample from clicks to scores, in napari or headless with a figure."""

from __future__ import annotations

import os
import sys
import time
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_synthseg.cli.console import report, run_job, say
from napari_synthseg.cli.demo_figure import DemoWalk, save_figure
from napari_synthseg.cli.score import describe_scores
from napari_synthseg.cli.settings import JsonFlag
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.predictions import InstancePrediction
from napari_synthseg.core.scores import Scores
from napari_synthseg.io.result_files import write_labels
from napari_synthseg.sample_data import SAMPLES, Sample, fill
from napari_synthseg.workflow.choosing import GOOD_START
from napari_synthseg.workflow.session import Session

FIGURE = "figure.png"
FIGURE_PAIRS = 3
DEFAULT_MINUTES = 3.5

WHY_ALL = (
    "All objects of one part are clicked, as it is the only image to learn from. On images of your "
    "own begin with a dozen of each class (--clicks {} tries so few here)."
)
"""Why the sample has so many more clicks than users are advised to make."""

QT_BINDINGS = ("PyQt5", "PyQt6", "PySide6", "PySide2")

TrainingLimit = dict[str, float | None]
"""Fields of the `TrainSpec` that say when training ends."""


def run_demo(
    sample: Annotated[
        str, typer.Option(metavar="NAME", help=f"One of: {', '.join(SAMPLES)}.")
    ] = "nuclei",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="New folder for project, labels and figure.")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0.05, help=f"Time limit of training; default {DEFAULT_MINUTES}."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Limit in batches instead of time.")
    ] = None,
    clicks: Annotated[
        int | None, typer.Option(min=1, help="Use only so many of the clicks.")
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
            _open_viewer(sample)
            return
        say(f"Working headless, because {obstacle}.")
    limit = {"minutes": None if steps else minutes or DEFAULT_MINUTES, "steps": steps}
    result, scores = _walk(sample, out or _free_folder(sample), limit, clicks)
    lines = [f"Weights: {result['selection']}", *describe_scores(scores)]
    report(result, [*lines, f"Figure: {result['figure']}"], as_json)


def _walk(
    sample: str, folder: Path, limit: TrainingLimit, clicks: int | None
) -> tuple[dict[str, Any], Scores]:
    """Take every step of the walk; save its results; return what the command reports."""
    started = time.monotonic()
    with Session.create(folder / f"{sample}.synthseg") as session:
        fill(session, sample, clicks=clicks)
        say(f"{SAMPLES[sample].title}: project, labels and figure go to {folder}")
        if clicks is None:
            say(WHY_ALL.format(GOOD_START * len(session.project.classes)))
        walk = _take_steps(session, SAMPLES[sample], limit)
    say("Drawing the figure ...")
    for prediction in walk.predictions:
        name = walk.project.image(prediction.image).name.replace(" ", "_")
        write_labels(folder / f"{name}_predicted.tif", prediction.ids)
    save_figure(folder / FIGURE, walk)
    used = sum(walk.project.image(c.image).role == "train" for c in walk.project.clicks)
    result = {
        "sample": sample,
        "simulated": walk.sample.simulated,
        "clicks": used,
        "patches": len(walk.library.usable()),
        "steps": walk.run.steps,
        "train_seconds": walk.run.seconds,
        "device": walk.run.device,
        "selection": walk.run.selection,
        **walk.scores.values,
        "per_class": walk.scores.per_class,
        "measured_on": walk.scores.caption(),
        "seconds": round(time.monotonic() - started, 1),
        "project": str(walk.folder),
        "figure": str(folder / FIGURE),
    }
    return result, walk.scores


def _take_steps(session: Session, sample: Sample, limit: TrainingLimit) -> DemoWalk:
    """Cut patches, make dual images, train, predict the held-out part and score it."""
    library = run_job(session.cut_patches())
    pairs = run_job(session.synthesize(FIGURE_PAIRS))
    spec = session.project.train_spec.model_copy(update=limit)
    run = run_job(session.train(spec, "demo"))
    held_out = [ref for ref in session.project.images if ref.role == "test"]
    found = run_job(session.predict(run, held_out))
    predictions = [p for p in found if isinstance(p, InstancePrediction)]
    scores = run_job(session.score(run, predictions))
    return DemoWalk(
        sample, session.project, session.folder, library, pairs, run, predictions, scores
    )


def why_no_viewer() -> str:
    """Return in words why no window can be opened here, or ''."""
    if not any(find_spec(name) for name in QT_BINDINGS):
        return "no Qt binding is installed (pip install 'napari-synthseg[pyqt5]')"
    has_desktop = sys.platform in ("win32", "darwin")
    if not (has_desktop or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no display"
    return ""


def _open_viewer(sample: str) -> None:
    """Open napari on a sample, let the panel take the tour, and return when it is closed.

    The panel is reached the way a user reaches it, through napari's plugin menu, so that the
    command line knows nothing of how panels are made.
    """
    import napari

    viewer = napari.Viewer(title="napari-synthseg demo")
    _, panel = viewer.window.add_plugin_dock_widget("napari-synthseg", "SynthSeg")
    panel.open_sample(sample, tour=True)
    napari.run()


def _free_folder(sample: str) -> Path:
    """Return the first folder of the demo's name that is not there yet."""
    names = (f"demo-{sample}" + (f"-{n}" if n > 1 else "") for n in count(1))
    return next(Path(name) for name in names if not Path(name).exists())
