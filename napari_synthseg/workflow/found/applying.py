"""A model applied to many files: each image is written before the next one is looked at."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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
from napari_synthseg.tasks.results import ImageResult, Written
from napari_synthseg.workflow.predicting import (
    Magnification,
    apply_model,
    find_images,
    load_model,
    prediction_files,
    writing_into,
)

if TYPE_CHECKING:
    from napari_synthseg.training.model import Predictor

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
    tables = _Tables(out, task_info(run.task).tables)
    done, files = list[AppliedImage](), 0
    try:
        predictor = yield from subprogress(load_model(folder, run, adapt_to), 0.0, 0.05)
        work = _apply_to_each(predictor, project, folder, run, refs, magnification, tables, done)
        yield from subprogress(work, 0.05, 1.0)
        done += broken
    except Cancelled:
        pass  # what was found so far is kept, and told as such
    finally:  # also of work that fails: without its tables, hours of it could not be used
        if done:
            files = tables.masks + tables.write() + 1
            with writing_into(out):
                _write_summary(out / SUMMARY_FILE, done)
    return Applied(out, tuple(done), files, len(refs) + len(broken))


def _apply_to_each(
    predictor: Predictor,
    project: Project,
    folder: Path,
    run: TrainingRun,
    refs: Sequence[ImageRef],
    magnification: Magnification,
    tables: _Tables,
    done: list[AppliedImage],
) -> Generator[Progress, None, None]:
    """Write what is found on one image after the other; add to `done` what each came to."""
    for number, (ref, name) in enumerate(zip(refs, unique_names(refs), strict=True)):
        part = number / len(refs), (number + 1) / len(refs)
        words = f"image {number + 1} of {len(refs)}, {name}"
        try:
            work = apply_model(predictor, run, ref, folder, magnification)
            found = yield from subprogress(work, *part, words)
        except InputError as error:
            done.append(AppliedImage(name, "", (str(error),), is_failed=True))
            continue
        except Exception as error:
            why = str(error) or type(error).__name__
            done.append(AppliedImage(name, "", (why,), is_failed=True))
            raise
        found = at_score(found, run.least_score)
        written = tables.add(run, ImageResult(ref, found, file_name=name), project.class_names)
        notes = (*found.notes, *written.warnings)
        done.append(AppliedImage(name, describe_found(found, project), notes))


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
    """The files of a task, written for one image at a time; its tables joined into one each.

    Attributes
    ----------
    masks
        How many files there are apart from the tables.
    """

    def __init__(self, out: Path, names: Sequence[str]) -> None:
        self.masks = 0
        self._out, self._names = out, names
        self._rows: dict[str, dict[tuple[str, ...], None]] = {}
        self._columns: dict[str, list[str]] = {}

    def add(self, run: TrainingRun, found: ImageResult, class_names: Mapping[int, str]) -> Written:
        """Write what was found on an image; keep its rows for the tables.

        Beside the folder's own tables, as one of an image alone would look whole there.
        """
        with (
            writing_into(self._out),
            tempfile.TemporaryDirectory(prefix=".", dir=self._out) as name,
        ):
            written = task_info(run.task).write_predictions(Path(name), [found], class_names)
            for path in Path(name).iterdir():
                if path.name in self._names:
                    self._take(path)
                else:
                    path.replace(self._out / path.name)
                    self.masks += 1
        return written

    def _take(self, path: Path) -> None:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            columns = self._columns.setdefault(path.name, [])
            columns += [c for c in reader.fieldnames or () if c not in columns]
            rows = self._rows.setdefault(path.name, {})
            # what is the same for all images, such as the names of classes, is there once
            rows.update({tuple(row.get(c, "") for c in columns): None for row in reader})

    def write(self) -> int:
        """Write the joined tables; return how many."""
        for name, columns in self._columns.items():
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows((*row, *[""] * (len(columns) - len(row))) for row in self._rows[name])
            with writing_into(self._out):
                write_text(self._out / name, text.getvalue())
        return len(self._columns)


def _write_summary(path: Path, images: Sequence[AppliedImage]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("image", "found", "notes"))
    writer.writerows((one.name, one.found, "; ".join(one.notes)) for one in images)
    write_text(path, text.getvalue())
