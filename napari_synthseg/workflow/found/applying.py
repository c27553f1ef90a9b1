"""A model applied to many files: each image is written before the next one is looked at."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.predictions import (
    ImageTagsPrediction,
    ObjectPrediction,
    Prediction,
    RegionPrediction,
    at_score,
)
from napari_synthseg.core.progress import Cancelled, Progress, subprogress
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.io.atomic import write_text
from napari_synthseg.io.images.ome_zarr import is_zarr
from napari_synthseg.io.naming import unique_names
from napari_synthseg.io.result_files import refuse_existing
from napari_synthseg.tasks.registry import task_info
from napari_synthseg.tasks.results import ImageResult
from napari_synthseg.workflow.predicting import (
    Magnification,
    apply_model,
    find_images,
    load_model,
    prediction_files,
    writing_into,
)

SUMMARY_FILE = "summary.csv"
"""What was found on each image, and what there is to know of it."""

ENDINGS = frozenset(
    (
        ".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".czi", ".nd2", ".lif", ".lsm", ".zarr",
    )
)  # fmt: skip
"""Files in a folder that are taken for images; files that are named may be any."""


@dataclass(frozen=True)
class AppliedImage:
    """One image: what was found in words, notes on how it differs, or why it was left out."""

    name: str
    found: str
    notes: tuple[str, ...] = ()
    is_failed: bool = False


@dataclass(frozen=True)
class Applied:
    """What a model did to some files.

    Attributes
    ----------
    out
        The folder with the results.
    images
        One for each that was looked at, in order.
    files
        How many files were written.
    total
        How many images there were to look at; more than `images` where it was stopped.
    """

    out: Path
    images: tuple[AppliedImage, ...]
    files: int
    total: int

    @property
    def message(self) -> str:
        """What was written, in a sentence."""
        done = f"{len(self.images)} of {self.total}" if len(self.images) < self.total else ""
        stopped = f" Stopped after {done} images." if done else ""
        failed = sum(one.is_failed for one in self.images)
        left = f" {failed} image(s) could not be read." if failed else ""
        return f"{self.files} files written to {self.out}.{stopped}{left}"


def image_files(paths: Sequence[Path]) -> list[Path]:
    """Return files, and the image files of folders, by name.

    Raises
    ------
    InputError
        If one does not exist, or a folder holds no image.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise InputError(f"{path} does not exist: choose a file or a folder of images.")
        if path.is_dir() and not is_zarr(path):
            inside = [each for each in sorted(path.iterdir()) if _is_image(each)]
            if not inside:
                raise InputError(
                    f"{path} holds no image file ({', '.join(sorted(ENDINGS))}): choose another "
                    "folder."
                )
            found += inside
        else:
            found.append(path)
    return found


def _is_image(path: Path) -> bool:
    is_named_so = path.suffix.lower() in ENDINGS and not path.name.startswith(".")
    return is_named_so and (path.is_file() or is_zarr(path))


def apply_to_files(
    project: Project,
    folder: Path,
    run: TrainingRun,
    paths: Sequence[Path],
    out: Path,
    adapt_to: Sequence[ImageRef] | None,
    magnification: Magnification,
    overwrite: bool,
) -> Generator[Progress, None, Applied]:
    """Find what a run's model finds on each image of some files; write it into a folder.

    A file that cannot be read, or has other channels, is told in the summary and left out.
    """
    yield Progress(0.0, "looking for images")
    refs, broken = _open_all(image_files(paths), project, folder, run)
    refuse_existing([*prediction_files(out, run, refs), out / SUMMARY_FILE], overwrite)
    names = unique_names(refs)
    tables = _Tables(out, task_info(run.task).tables)
    done = list[AppliedImage]()
    total = len(refs) + len(broken)
    try:
        predictor = yield from subprogress(load_model(folder, run, adapt_to), 0.0, 0.05)
        for number, (ref, name) in enumerate(zip(refs, names, strict=True)):
            start, stop = (0.05 + 0.95 * (number + n) / len(refs) for n in (0, 1))
            words = f"image {number + 1} of {len(refs)}, {name}"
            try:
                work = apply_model(predictor, run, ref, folder, magnification)
                found = yield from subprogress(work, start, stop, words)
            except InputError as error:
                done.append(AppliedImage(name, "", (str(error),), is_failed=True))
                continue
            found = at_score(found, run.least_score)
            with writing_into(out):
                result = ImageResult(ref, found, file_name=name)
                written = task_info(run.task).write_predictions(out, [result], project.class_names)
                tables.take()
            notes = (*found.notes, *written.warnings)
            done.append(AppliedImage(name, describe_found(found, project), notes))
    except Cancelled:
        broken = []  # what was found so far is kept, and told as such
    done += broken
    masks = sum(not one.is_failed for one in done) if task_info(run.task).writes_masks else 0
    files = tables.write() + masks
    with writing_into(out):
        _write_summary(out / SUMMARY_FILE, done)
    return Applied(out, tuple(done), files + 1, total)


def _open_all(
    paths: Sequence[Path], project: Project, folder: Path, run: TrainingRun
) -> tuple[list[ImageRef], list[AppliedImage]]:
    """Return the images of all files, and files that cannot be read."""
    refs, broken = list[ImageRef](), list[AppliedImage]()
    for path in paths:
        try:
            refs += find_images([path], project, folder, run)
        except InputError as error:
            broken.append(AppliedImage(path.name, "", (str(error),), is_failed=True))
    if not refs:
        raise InputError(broken[0].notes[0] if broken else "There is no image to look at.")
    return refs, broken


def describe_found(found: Prediction, project: Project) -> str:
    """Return in words what was found on one image."""
    names = project.class_names
    if isinstance(found, ObjectPrediction):
        counts: dict[int, int] = {}
        for one in found.objects:
            counts[one.cls] = counts.get(one.cls, 0) + 1
        each = (f"{count} {names.get(cls, cls)}" for cls, count in sorted(counts.items()))
        return ", ".join(each) or "no object"
    if isinstance(found, RegionPrediction):
        size = max(found.values.size, 1)
        shares = ((names[v], found.pixel_counts[v] / size) for v in sorted(names))
        return ", ".join(f"{name} {share:.1%}" for name, share in shares)
    if isinstance(found, ImageTagsPrediction):
        shown = (str(names.get(v, v)) for v in found.class_values_shown())
        return ", ".join(shown) or "none of the classes"
    return ""


class _Tables:
    """The tables of a task, which it writes for one image at a time, joined into one each."""

    def __init__(self, out: Path, names: Sequence[str]) -> None:
        self._out, self._names = out, names
        self._rows: dict[str, dict[tuple[str, ...], None]] = {}
        self._columns: dict[str, list[str]] = {}

    def take(self) -> None:
        """Read the tables as they were just written."""
        for name in self._names:
            with (self._out / name).open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file)
                columns = self._columns.setdefault(name, [])
                columns += [c for c in reader.fieldnames or () if c not in columns]
                rows = self._rows.setdefault(name, {})
                # what is the same for all images, such as the names of classes, is there once
                rows.update({tuple(row.get(c, "") for c in columns): None for row in reader})

    def write(self) -> int:
        """Write the joined tables; return how many."""
        for name, columns in self._columns.items():
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows((*row, *[""] * (len(columns) - len(row))) for row in self._rows[name])
            write_text(self._out / name, text.getvalue())
        return len(self._columns)


def _write_summary(path: Path, images: Sequence[AppliedImage]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("image", "found", "notes"))
    writer.writerows((one.name, one.found, "; ".join(one.notes)) for one in images)
    write_text(path, text.getvalue())
