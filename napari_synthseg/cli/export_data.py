"""Writing what a project holds into files that other programs read."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_synthseg.cli.label_files import refuse_existing
from napari_synthseg.cli.output import JsonFlag, report
from napari_synthseg.cli.progress import complete
from napari_synthseg.cli.project import ProjectFolder
from napari_synthseg.cli.synthesize import describe_pairs, pair_files, write_pairs
from napari_synthseg.core.annotations import BoxTruth, ImageRef
from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import boxes_of
from napari_synthseg.core.project import Project
from napari_synthseg.io.boxes import box_format
from napari_synthseg.io.boxes.base import FORMATS, NamedBoxes
from napari_synthseg.io.clicks import write_clicks
from napari_synthseg.io.naming import plane_name
from napari_synthseg.storage.runs import run_files
from napari_synthseg.workflow.session import Session

KINDS = {
    "clicks": ("csv",),
    "boxes": tuple(sorted(FORMATS, key=lambda name: name != "csv")),
    "pairs": ("tiff",),
    "model": ("safetensors",),
}
"""What can be exported -> formats, the default first."""


def export_data(
    project: ProjectFolder,
    what: Annotated[
        str, typer.Option("--what", metavar="KIND", help=f"One of: {', '.join(KINDS)}.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="PATH", help="File, or folder for voc, yolo, pairs, model."),
    ],
    format_: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help="boxes: csv, voc, coco, yolo.")
    ] = None,
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="RUN", help="model: the run; pairs: those it learned from."),
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="pairs: how many.")] = 8,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files of the same name.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Export clicks, true boxes, dual images (pairs), or a trained model."""
    if what not in KINDS:
        raise InputError(f"--what {what}: what is exported is one of {', '.join(KINDS)}.")
    name = format_ or KINDS[what][0]
    if name not in KINDS[what]:
        raise InputError(
            f"--format {name}: {what} are exported as {', '.join(KINDS[what])}."
            if what != "model"
            else f"--format {name}: a model is exported as safetensors."
        )
    if what == "model" and run is None:
        raise InputError("--what model needs --run RUN.")
    if run is not None and what not in ("model", "pairs"):
        raise InputError("--run belongs to --what model and --what pairs.")
    with Session.open(project) as session:
        try:
            if what == "clicks":
                result = _export_clicks(session, out, overwrite)
            elif what == "boxes":
                result = _export_boxes(session, out, name, overwrite)
            elif what == "pairs":
                result = _export_pairs(session, out, run, count, overwrite)
            else:
                result = _export_model(session, out, run or "", overwrite)
        except OSError as error:
            raise InputError(f"{out} cannot be written: {error.strerror}.") from None
    result = {"what": what, "format": name, "out": str(out), **result}
    report(result, [result["message"]], as_json)


def _export_clicks(session: Session, out: Path, overwrite: bool) -> dict[str, Any]:
    if not session.project.clicks:
        raise InputError("The project has no click yet.")
    refuse_existing([out], overwrite)
    count = write_clicks(out, session.project)
    return {"clicks": count, "message": f"{count} clicks written to {out}."}


def _export_boxes(session: Session, out: Path, name: str, overwrite: bool) -> dict[str, Any]:
    images = list(_boxes_of(session))
    if not images:
        raise InputError(
            "No image of the project has true boxes or masks: import them first, see 'import'."
        )
    kind = box_format(name)
    refuse_existing(kind.files(out, images), overwrite)
    kind.write(out, images, {c.value: c.name for c in session.project.classes})
    count = sum(len(image.boxes) for image in images)
    return {
        "boxes": count,
        "images": len(images),
        "message": f"{count} boxes of {len(images)} image(s) written to {out} as {kind.title}.",
    }


def _export_pairs(
    session: Session, out: Path, run: str | None, count: int, overwrite: bool
) -> dict[str, Any]:
    refuse_existing(pair_files(out, count), overwrite)
    past = None if run is None else session.project.run(run)
    work = session.synthesize(count) if past is None else session.synthesize(count, run=past)
    pairs = complete(session, work)
    write_pairs(out, pairs, session.project)
    figures, words = describe_pairs(pairs, session.project)
    return {**figures, "message": f"{words} written to {out}."}


def _export_model(session: Session, out: Path, run: str, overwrite: bool) -> dict[str, Any]:
    record = session.project.run(run)
    record.trained_model()
    files = run_files(session.folder, record.id)
    targets = [out / file.name for file in files]
    refuse_existing(targets, overwrite)
    out.mkdir(parents=True, exist_ok=True)
    for file, target in zip(files, targets, strict=True):
        shutil.copyfile(file, target)
    return {
        "files": [str(t) for t in targets],
        "message": f"Run '{record.name}' written to {out}: "
        + ", ".join(t.name for t in targets)
        + ".",
    }


def _boxes_of(session: Session) -> Iterable[NamedBoxes]:
    """Yield the true boxes of each image file, those of its regions together."""
    project = session.project
    by_name: dict[str, list[ImageRef]] = {}
    for image in project.images:
        if project.truth_of(image, "boxes", "instance") is not None:
            by_name.setdefault(plane_name(image), []).append(image)
    for name, refs in by_name.items():
        if len({ref.uri for ref in refs}) > 1:
            raise InputError(f"Several images of the project are named '{name}': rename the files.")
        height, width = session.pixels(refs[0]).shape[-2:]
        boxes = Boxes.joined(_true_boxes(session, project, ref) for ref in refs)
        yield NamedBoxes(name, (height, width), boxes)


def _true_boxes(session: Session, project: Project, image: ImageRef) -> Boxes:
    truth = project.truth_of(image, "boxes", "instance")
    assert truth is not None
    if isinstance(truth, BoxTruth):
        return truth.as_boxes()
    labels = session.truth(image)
    if labels is None or len(labels.shape) != 2:
        raise InputError(f"Image '{image.name}' is a volume: boxes are of flat images.")
    start = [first for first, _ in image.region] if image.region else [0, 0]
    return boxes_of(labels).shifted(start)
