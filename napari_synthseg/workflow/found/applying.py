"""A model applied to many files: each image is written before the next one is looked at."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Sequence
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
from napari_synthseg.core.runs import TrainingRun, few_steps
from napari_synthseg.io.atomic import write_text
from napari_synthseg.io.images.ome_zarr import is_zarr
from napari_synthseg.io.naming import unique_names
from napari_synthseg.io.paths import is_there
from napari_synthseg.io.result_files import name_targets, refuse_existing, writing_into
from napari_synthseg.storage.uris import named_files
from napari_synthseg.tasks.registry import task_info
from napari_synthseg.tasks.results import ImageResult, ResultWriter, Written
from napari_synthseg.workflow.predicting import (
    Magnification,
    apply_model,
    find_images,
    load_model,
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
    """One image: what was found in words, notes on how it differs, or why it was left out.

    `scale` says what its scale was chosen by.
    """

    name: str
    found: str
    notes: tuple[str, ...] = ()
    scale: str = ""
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
    written
        What the task says of what it wrote; None: nothing.
    """

    out: Path
    images: tuple[AppliedImage, ...]
    files: int
    total: int
    written: Written | None = None

    @property
    def failed(self) -> tuple[AppliedImage, ...]:
        """Those that were left out."""
        return tuple(one for one in self.images if one.is_failed)

    @property
    def message(self) -> str:
        """What was written, in a sentence."""
        done = f"{len(self.images)} of {self.total}" if len(self.images) < self.total else ""
        stopped = f" Stopped after {done} images." if done else ""
        left = f" {len(self.failed)} image(s) could not be read." if self.failed else ""
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
        if not is_there(path):
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
    images: Sequence[Path | ImageRef],
    out: Path,
    adapt_to: Sequence[ImageRef] | None,
    magnification: Magnification,
    overwrite: bool,
) -> Generator[Progress, None, Applied]:
    """Find what a run's model finds on each image, or on those of files; write it into a folder.

    A file that cannot be read, or has other channels, is told in the summary and left out.
    """
    yield Progress(0.0, "looking for images")
    refs, broken = _open_all(images, project, folder, run)
    inputs = named_files(project, folder, refs)
    refuse_existing([*prediction_files(out, run, refs), out / SUMMARY_FILE], overwrite, inputs)
    least = run.least_score
    low = () if least is None else (f"objects that score below {least:.2f} are left out",)
    told = tuple(f"{run.name}: {words}" for words in (*few_steps(run.steps), *low))
    writer = task_info(run.task).writer(out, project.class_names)
    done = list[AppliedImage]()
    written: Written | None = None
    try:
        predictor = yield from subprogress(load_model(folder, run, adapt_to), 0.0, 0.05)
        yield Progress(0.05, notes=told)
        work = _apply_to_each(predictor, project, folder, run, refs, magnification, writer, done)
        yield from subprogress(work, 0.05, 1.0)
        done += broken
    except Cancelled:
        pass  # what was found so far is kept, and told as such
    finally:  # also of work that fails: without its tables, hours of it could not be used
        found = [ref for ref, one in zip(refs, done, strict=False) if not one.is_failed]
        if done:
            with writing_into(out):
                written = writer.finish() if found else None
                _write_summary(out / SUMMARY_FILE, done)
    files = len(prediction_files(out, run, found)) if found else 0
    return Applied(out, tuple(done), files + bool(done), len(refs) + len(broken), written)


def prediction_files(out: Path, run: TrainingRun, images: Sequence[ImageRef]) -> tuple[Path, ...]:
    """Return the files that are written of what is found on images; the summary apart.

    Raises
    ------
    InputError
        If an image is given twice.
    """
    info = task_info(run.task)
    masks = name_targets(out, images)
    return (*(masks if info.writes_masks else ()), *(out / name for name in info.tables))


def _apply_to_each(
    predictor: Predictor,
    project: Project,
    folder: Path,
    run: TrainingRun,
    refs: Sequence[ImageRef],
    magnification: Magnification,
    writer: ResultWriter,
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
        with writing_into(writer.out):
            writer.add(ImageResult(ref, found, file_name=name))
        in_words = describe_found(found, project)
        done.append(AppliedImage(name, in_words, found.notes, found.scale))


def _open_all(
    images: Sequence[Path | ImageRef], project: Project, folder: Path, run: TrainingRun
) -> tuple[list[ImageRef], list[AppliedImage]]:
    """Return the images, those of files behind them, and files that cannot be read."""
    refs, broken = [one for one in images if isinstance(one, ImageRef)], list[AppliedImage]()
    paths = [one for one in images if isinstance(one, Path)]
    for path in image_files(paths):
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
        each = (f"{count} ({names.get(cls, cls)})" for cls, count in sorted(counts.items()))
        return ", ".join(each) or "no object"
    if isinstance(found, RegionPrediction):
        size = max(found.values.size, 1)
        shares = ((names[v], found.pixel_counts[v] / size) for v in sorted(names))
        return ", ".join(f"{name} {share:.1%}" for name, share in shares)
    if isinstance(found, ImageTagsPrediction):
        shown = (str(names.get(v, v)) for v in found.class_values_shown())
        return ", ".join(shown) or "none of the classes"
    return ""


def _write_summary(path: Path, images: Sequence[AppliedImage]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("image", "found", "notes"))
    writer.writerows((one.name, one.found, "; ".join(one.notes)) for one in images)
    write_text(path, text.getvalue())
