"""Writing what a project holds into files that other programs read."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np

from napari_synthseg.core.annotations import BoxTruth, Click, ImageRef
from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import DualImage, RegionLabels, boxes_of, instances_of, regions_of
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.io.boxes import box_format
from napari_synthseg.io.boxes.base import FORMATS, NamedBoxes
from napari_synthseg.io.clicks import write_clicks
from napari_synthseg.io.naming import unique_names
from napari_synthseg.io.result_files import (
    CLASSES_FILE,
    OBJECTS_FILE,
    ids_type,
    refuse_existing,
    write_classes,
    write_image,
    write_labels,
    write_regions,
)
from napari_synthseg.io.tables import write_rows
from napari_synthseg.metrics.areas import describe_shares, mean_shares, measure_areas
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.storage.runs import run_files
from napari_synthseg.storage.truths import open_labels

ExportKind = Literal["clicks", "boxes", "pairs", "model"]

DEFAULT_FORMATS: dict[ExportKind, str] = {
    "clicks": "csv", "boxes": "csv", "pairs": "tiff", "model": "safetensors",
}  # fmt: skip
"""What can be exported -> its format where none is asked for; see `export_formats`."""

MAX_LISTED_FILES = 5

PATCH_COLUMNS = (
    "id", "image", "class", "z", "y", "x", "area", "intensity", "confidence", "quality",
    "method", "state", "verdict", "reason", "findings",
)  # fmt: skip


def export_formats(what: ExportKind) -> tuple[str, ...]:
    """Return the formats in which something can be exported, the default first."""
    default = DEFAULT_FORMATS[what]
    others = sorted(FORMATS.keys() - {default}) if what == "boxes" else []
    return (default, *others)


@dataclass(frozen=True)
class Exported:
    """What was written: counts for programs, a sentence for people."""

    figures: dict[str, Any]
    message: str


def export(
    what: ExportKind,
    out: Path,
    project: Project,
    folder: Path,
    *,
    format: str = "",
    run: TrainingRun | None = None,
    pairs: Sequence[DualImage] = (),
    overwrite: bool = False,
) -> Generator[Progress, None, Exported]:
    """Write clicks, true boxes, dual images, or a trained model; see `Session.export`."""
    yield Progress(0.0, f"writing {what}")
    try:
        if what == "clicks":
            return _export_clicks(out, project, overwrite)
        if what == "boxes":
            images = yield from _true_boxes(project, folder)
            kind = box_format(format or DEFAULT_FORMATS["boxes"])
            refuse_existing(kind.files(out, images), overwrite)
            kind.write(out, images, project.class_names)
            count = sum(len(image.boxes) for image in images)
            words = f"{count} boxes of {len(images)} image(s) written to {out} as {kind.title}."
            return Exported({"boxes": count, "images": len(images)}, words)
        if what == "pairs":
            refuse_existing(pair_files(out, len(pairs)), overwrite)
            figures, words = describe_pairs(pairs, project)
            yield from _write_pairs(out, pairs, project)
            return Exported(figures, f"{words} written to {out}.")
        if run is None:
            raise InputError("There is no run to export: choose one.")
        return _export_model(out, run, folder, overwrite)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}.") from None


def _export_clicks(out: Path, project: Project, overwrite: bool) -> Exported:
    count, negatives = len(project.clicks), len(project.negatives)
    if not count + negatives:
        raise InputError("The project has no click yet.")
    refuse_existing([out], overwrite)
    write_clicks(out, project)
    words = f"{count} clicks" + (f" and {negatives} negative clicks" if negatives else "")
    return Exported({"clicks": count, "negatives": negatives}, f"{words} written to {out}.")


def _export_model(out: Path, run: TrainingRun, folder: Path, overwrite: bool) -> Exported:
    run.trained_model()
    files = run_files(folder, run.id)
    targets = [out / file.name for file in files]
    refuse_existing(targets, overwrite)
    out.mkdir(parents=True, exist_ok=True)
    for file, target in zip(files, targets, strict=True):
        shutil.copyfile(file, target)
    names = ", ".join(target.name for target in targets)
    figures = {"files": [str(target) for target in targets]}
    return Exported(figures, f"Run '{run.name}' written to {out}: {names}.")


# --- boxes ---------------------------------------------------------------------------------------


def _true_boxes(project: Project, folder: Path) -> Generator[Progress, None, list[NamedBoxes]]:
    """Return the true boxes of each image file, those of its regions together."""
    by_name: dict[str, list[ImageRef]] = {}
    for image, name in zip(project.images, unique_names(project.images), strict=True):
        if project.truth_of(image, "boxes", "instance") is not None:
            by_name.setdefault(name, []).append(image)
    if not by_name:
        raise InputError(
            "No image of the project has true boxes or masks: import them first, see 'import'."
        )
    found = []
    for number, (name, refs) in enumerate(by_name.items()):
        yield Progress(number / len(by_name), f"looking for the boxes of {name}")
        height, width = open_pixels(refs[0], folder).shape[-2:]
        boxes = Boxes.joined(_boxes_on(ref, project, folder) for ref in refs)
        found.append(NamedBoxes(name, (height, width), boxes))
    return found


def _boxes_on(image: ImageRef, project: Project, folder: Path) -> Boxes:
    truth = project.truth_of(image, "boxes", "instance")
    assert truth is not None
    if isinstance(truth, BoxTruth):
        return truth.as_boxes()
    labels = open_labels(truth, image, folder)
    if len(labels.shape) != 2:
        raise InputError(f"Image '{image.name}' is a volume: boxes are of flat images.")
    start = [first for first, _ in image.region] if image.region else [0, 0]
    return boxes_of(labels).shifted(start)


# --- dual images ---------------------------------------------------------------------------------


def describe_pairs(pairs: Sequence[DualImage], project: Project) -> tuple[dict[str, Any], str]:
    """Return what pairs hold, and which of them nothing should learn from, as figures and words.

    Raises
    ------
    InputError
        If there are none.
    """
    if not pairs:
        raise InputError("There are no dual images yet: make at least one.")
    bad = [_file_name(number) for number, pair in enumerate(pairs) if pair.rejection_reason]
    figures: dict[str, Any] = {"pairs": len(pairs), "faulty": bad}
    some = ", ".join(bad[:MAX_LISTED_FILES]) + (", …" if len(bad) > MAX_LISTED_FILES else "")
    told = f"; {len(bad)} did not pass the gate, leave them out of training: {some}" if bad else ""
    if isinstance(pairs[0].labels, RegionLabels):
        maps = (regions_of(pair.labels).values for pair in pairs)
        areas = [measure_areas(values, project.class_names, ImageRef(uri="")) for values in maps]
        figures["shares"] = mean_shares(areas)
        regions = describe_shares(figures["shares"])
        return figures, f"{len(pairs)} dual images of regions ({regions}){told}"
    classes = [cls for pair in pairs for cls in instances_of(pair.labels).classes.values()]
    figures["objects"] = sum(instances_of(pair.labels).count for pair in pairs)
    figures["per_class"] = {c.name: classes.count(c.value) for c in project.classes}
    return figures, f"{len(pairs)} dual images with {figures['objects']} objects{told}"


def pair_files(out: Path, count: int) -> tuple[Path, ...]:
    """Return the files that exported pairs may need: all images, all labels, the tables."""
    pairs = (out / kind / _file_name(n) for kind in ("images", "labels") for n in range(count))
    return (*pairs, out / OBJECTS_FILE, out / CLASSES_FILE)


def _file_name(number: int) -> str:
    return f"{number:05d}.tif"


def _write_pairs(
    out: Path, pairs: Sequence[DualImage], project: Project
) -> Generator[Progress, None, None]:
    """Write ``images/``, ``labels/``, and the table that says what the labels mean."""
    for kind in ("images", "labels"):
        (out / kind).mkdir(parents=True, exist_ok=True)
    names = project.class_names
    rows: list[tuple[object, ...]] = []
    for number, pair in enumerate(pairs):
        yield Progress(number / len(pairs), f"writing dual image {number + 1}")
        name = _file_name(number)
        write_image(out / "images" / name, pair.image)
        if isinstance(pair.labels, RegionLabels):
            write_regions(out / "labels" / name, pair.labels.values)
            continue
        labels = instances_of(pair.labels)
        write_labels(out / "labels" / name, labels.ids)
        rows += [(name, instance, names[cls]) for instance, cls in sorted(labels.classes.items())]
    if isinstance(pairs[0].labels, RegionLabels):
        write_classes(out, names)
    else:
        write_rows(out / OBJECTS_FILE, ("image", "id", "class"), rows)


# --- patches -------------------------------------------------------------------------------------


def list_patches(library: PatchLibrary, project: Project) -> Iterator[dict[str, Any]]:
    """Yield what is known of each patch: position and area in pixels, findings as dictionaries.

    `verdict` is the user's, `reason` the reason kept with it, `state` the verdict or, where there
    is none, what the check says.
    """
    names = unique_names([i.model_copy(update={"plane": {}}) for i in project.images])
    images = {i.id: name for i, name in zip(project.images, names, strict=True)}
    classes = project.class_names
    verdicts = {v.patch: v for v in project.verdicts}
    for patch in library.patches:
        place = [round(o + c, 2) for o, c in zip(patch.origin, patch.center, strict=True)]
        verdict = verdicts.get(patch.id)
        yield {
            "id": patch.id,
            "image": images[patch.image],
            "class": classes[patch.cls],
            **dict(zip("zyx"[-len(place) :], place, strict=True)),
            "area": patch.area,
            "intensity": round(patch.intensity, 4),
            "confidence": round(patch.confidence, 3),
            "quality": patch.quality,
            "method": patch.method,
            "state": library.state(patch),
            "verdict": verdict.state if verdict else "",
            "reason": verdict.reason if verdict else "",
            "findings": [{**asdict(f), "value": round(float(f.value), 3)} for f in patch.issues],
        }


def write_patch_table(path: Path, library: PatchLibrary, project: Project) -> None:
    """Write one row a patch as CSV; kinds of findings are joined by semicolons.

    Raises
    ------
    InputError
        If the file cannot be written.
    """

    def cells() -> Iterator[list[object]]:
        for row in list_patches(library, project):
            kinds = "; ".join(f["kind"] for f in row["findings"])
            yield [{**row, "findings": kinds}.get(name, "") for name in PATCH_COLUMNS]

    try:
        write_rows(path, PATCH_COLUMNS, cells())
    except OSError as error:
        raise InputError(f"The table '{path}' cannot be written: {error.strerror}.") from None


@dataclass(frozen=True)
class OutlineFile:
    """A label image to be written: of which image, and the click that each id stands for."""

    path: Path
    image: ImageRef
    clicks: tuple[Click, ...]
    """All on the image, whatever region of it they are in, in the order of exported clicks."""


def outline_files(out: Path, project: Project) -> tuple[OutlineFile, ...]:
    """Return the label images of the clicked training images, ``STEM.tif`` in a folder."""
    regions: dict[str, list[ImageRef]] = {}
    for image, name in zip(project.images, unique_names(project.images), strict=True):
        regions.setdefault(name, []).append(image)
    clicked = {click.image for click in project.clicks}
    files = []
    for name, refs in regions.items():
        if any(ref.role == "train" and ref.id in clicked for ref in refs):
            own = {ref.id for ref in refs}
            clicks = tuple(c for c in project.clicks if c.image in own)
            files.append(OutlineFile(out / f"{PurePosixPath(name).stem}.tif", refs[0], clicks))
    return tuple(files)


def write_outlines(files: Sequence[OutlineFile], library: PatchLibrary, folder: Path) -> Exported:
    """Write every patch's mask, whatever its grade, with the number of its click as id.

    Where masks overlap the smaller one is on top.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    patches = {patch.id: patch for patch in library.patches if patch.area}
    for file in files:
        ids = np.zeros(
            open_pixels(file.image, folder).shape[-file.image.ndim :], ids_type(len(file.clicks))
        )
        found = [(patches[c.id], n) for n, c in enumerate(file.clicks, 1) if c.id in patches]
        for patch, number in sorted(found, key=lambda pair: -pair[0].area):
            patch.paint(ids, (0,) * ids.ndim, number)
        try:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            write_labels(file.path, ids)
        except OSError as error:
            raise InputError(f"{file.path} cannot be written: {error.strerror}.") from None
    clicks = [click for file in files for click in file.clicks]
    outlined = sum(click.id in patches for click in clicks)
    missing = len(clicks) - outlined
    words = f"{outlined} outlines on {len(files)} image(s) written as labels."
    if missing:
        words += f" {missing} click(s) have no outline."
    figures = {"outlines": outlined, "without_outline": missing}
    return Exported({"files": [str(file.path) for file in files], **figures}, words)
