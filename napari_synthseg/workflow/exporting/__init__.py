"""Writing what a project holds, and what its models find, into files that other programs read."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from pathlib import Path
from typing import Literal

from napari_synthseg.core.annotations import ImageRef, TruthKind
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.io.boxes.base import BOX_FORMATS
from napari_synthseg.io.exports.training_pairs import LAYOUTS
from napari_synthseg.io.points.clicks import write_clicks
from napari_synthseg.io.result_files import refuse_existing
from napari_synthseg.storage.uris import named_files
from napari_synthseg.workflow.exporting.boxes import export_boxes
from napari_synthseg.workflow.exporting.exported import Exported
from napari_synthseg.workflow.exporting.figure import FIGURE_FORMATS, export_figure
from napari_synthseg.workflow.exporting.labels import LABEL_FORMATS, export_labels
from napari_synthseg.workflow.exporting.models import MODEL_FORMATS, export_model
from napari_synthseg.workflow.exporting.objects import OBJECT_FORMATS, export_objects
from napari_synthseg.workflow.exporting.pairs import export_pairs
from napari_synthseg.workflow.exporting.sources import ResultSource, RunSource, TruthSource
from napari_synthseg.workflow.predicting import Magnification

ExportKind = Literal["clicks", "boxes", "pairs", "model", "labels", "objects", "figure"]

DEFAULT_FORMATS: dict[ExportKind, str] = {
    "clicks": "csv", "boxes": "csv", "pairs": "tiff", "model": "safetensors",
    "labels": "tiff", "objects": "csv", "figure": "png",
}  # fmt: skip
"""What can be exported -> its format where none is asked for; see `export_formats`."""


def export_formats(what: ExportKind) -> tuple[str, ...]:
    """Return the formats in which something can be exported, the default first."""
    default = DEFAULT_FORMATS[what]
    every = {
        "clicks": (), "boxes": sorted(BOX_FORMATS), "pairs": LAYOUTS, "model": MODEL_FORMATS,
        "labels": LABEL_FORMATS, "objects": (*OBJECT_FORMATS, *sorted(BOX_FORMATS)),
        "figure": FIGURE_FORMATS,
    }  # fmt: skip
    return tuple(dict.fromkeys((default, *every[what])))


def export(
    what: ExportKind,
    out: Path,
    project: Project,
    folder: Path,
    *,
    format: str = "",
    run: TrainingRun | None = None,
    pairs: Sequence[DualImage] = (),
    images: Sequence[ImageRef] = (),
    adapt: bool = False,
    magnification: Magnification = None,
    overwrite: bool = False,
) -> Generator[Progress, None, Exported]:
    """Write what a project holds, or what a run finds; see `Session.export`."""
    format = format or DEFAULT_FORMATS[what]
    if format not in export_formats(what):
        raise InputError(
            f"{what} are not exported as {format}: choose {', '.join(export_formats(what))}."
        )
    yield Progress(0.0, f"writing {what}")
    inputs = named_files(project, folder, images)
    try:
        match what:
            case "clicks":
                return _export_clicks(out, project, overwrite, inputs)
            case "boxes":
                return (yield from export_boxes(out, project, folder, format, overwrite, inputs))
            case "pairs":
                return (yield from export_pairs(out, pairs, project, format, overwrite, inputs))
            case "model":
                if run is None:
                    raise InputError("There is no run to export: choose one.")
                work = export_model(out, run, project, folder, format, overwrite, inputs)
                return (yield from work)
            case "labels" | "objects" | "figure":
                source = _source(what, project, folder, run, images, adapt, magnification)
                write = _WRITERS[what]
                work = write(out, source, project.classes, folder, format, overwrite, inputs)
                return (yield from work)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}.") from None


def _source(
    what: Literal["labels", "objects", "figure"],
    project: Project,
    folder: Path,
    run: TrainingRun | None,
    images: Sequence[ImageRef],
    adapt: bool,
    magnification: Magnification,
) -> ResultSource:
    """Return what a run finds, or without one what is true."""
    if run is None:
        kinds: tuple[TruthKind, ...] = _TRUE_KINDS[what]
        return TruthSource(project, images, folder, kinds)
    fit_to = project.images_of(run) if adapt else None
    return RunSource(run, images or project.images, folder, fit_to, magnification)


_WRITERS = {"labels": export_labels, "objects": export_objects, "figure": export_figure}

_TRUE_KINDS: dict[str, tuple[TruthKind, ...]] = {
    "labels": ("instance", "semantic"),
    "objects": ("instance", "boxes"),
    "figure": ("instance", "semantic", "boxes"),
}
"""What is exported -> kinds of truth that it is of, where no run is given."""


def _export_clicks(
    out: Path, project: Project, overwrite: bool, inputs: Collection[Path]
) -> Exported:
    count, negatives = len(project.clicks), len(project.negatives)
    if not count + negatives:
        raise InputError("The project has no click yet.")
    refuse_existing([out], overwrite, inputs)
    write_clicks(out, project)
    words = f"{count} clicks" + (f" and {negatives} negative clicks" if negatives else "")
    return Exported({"clicks": count, "negatives": negatives}, f"{words} written to {out}.")
