"""What a run found last on each image, kept with it: ``runs/ID/predictions/``.

::

    IMAGE.safetensors   what was found, its objects as columns of numbers, with a digest of the
                        model and the image that it was found with
    IMAGE.tif           instance ids, or class values of regions; of predictions that have pixels

What was found with another model, or on another state of the image, is not given again. Projects of
strangers are read, too: nothing is executed, and what does not fit together is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, FiniteFloat

from napari_synthseg.core.annotations import Frozen, ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Region, region_shape
from napari_synthseg.core.predictions import (
    BoxPrediction,
    ImageTagsPrediction,
    InstancePrediction,
    PointPrediction,
    Prediction,
    PredictionKind,
    RegionPrediction,
)
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.io.images.files import open_file
from napari_synthseg.io.labels import read_whole
from napari_synthseg.io.result_files import write_tiff
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.storage.object_columns import columns_of, objects_of, read_columns
from napari_synthseg.storage.runs import RUNS_FOLDER, run_folder
from napari_synthseg.storage.tensors import Arrays, safe_name, save_tensors, writing
from napari_synthseg.storage.uris import ARRAYS_PREFIX

FORMAT = 2
"""Of the files; a part of the digest, so that those of other formats are found anew."""

WITHOUT_EFFECT = {"id", "name", "role", "group", "exhaustive", "synthetic", "content"}
"""Fields of an image that change nothing in what is found on it."""

RECORD, PIXELS = ".safetensors", ".tif"
"""How names of the files of an image end."""

MAX_HEADER_BYTES = 2**20
"""Of what stands before the columns, in files of strangers, too."""

TABLES: Mapping[PredictionKind, tuple[str, ...]] = {
    "instance": ("objects",),
    "semantic": (),
    "boxes": ("objects", "candidates"),
    "points": ("objects",),
    "image_labels": (),
}
"""Kind of a prediction -> the tables of objects that it has."""


TYPES: Mapping[PredictionKind, type[Prediction]] = {
    type_.kind: type_
    for type_ in (
        InstancePrediction, RegionPrediction, BoxPrediction, PointPrediction, ImageTagsPrediction,
    )
}  # fmt: skip
"""Kind of a prediction -> its type."""


class _Header(Frozen):
    """What is kept of a prediction beside its pixels and objects."""

    kind: PredictionKind
    notes: tuple[str, ...]
    scale: str
    how: str
    probabilities: dict[int, FiniteFloat] = Field(default_factory=dict)
    thresholds: dict[int, FiniteFloat] = Field(default_factory=dict)


class KeptPredictions:
    """What one run found last on each image of a project.

    Parameters
    ----------
    folder
        The project's folder.
    run
        With a trained model.
    kind
        Of what its task finds; None: of any.
    """

    def __init__(self, folder: Path, run: TrainingRun, kind: PredictionKind | None = None) -> None:
        model = run.trained_model()
        self._folder, self._run, self._kind = folder, run.id, kind
        self._values = set(model.rule.class_values)
        made_by = FORMAT, model.model_dump(mode="json"), run.steps, run.seconds
        self._made_by = hashlib.sha256(_text(made_by)).hexdigest()
        self._place = run_folder(folder, run.id) / "predictions"

    def save(self, ref: ImageRef, found: Prediction) -> None:
        """Keep what was found on an image, in place of what was found before.

        Raises
        ------
        InputError
            If it cannot be written, or the id of the image could lead out of the folder.
        """
        record, pixels = self._files(ref)
        with writing(self._folder, record):  # first: it never stands beside other pixels
            record.unlink(missing_ok=True)
        match found:
            case InstancePrediction(ids=labels) | RegionPrediction(values=labels):
                with writing(self._folder, pixels):
                    write_tiff(pixels, labels)
        columns: Arrays = {}
        for table in TABLES[found.kind]:
            objects, has_boxes = getattr(found, table), found.kind != "points"
            columns |= columns_of(table, objects, ref.ndim, boxes=has_boxes)
        texts = {"made_from": self._digest(ref), "header": _header_of(found)}
        save_tensors(self._folder, record, columns, texts)

    def load(self, ref: ImageRef) -> Prediction | None:
        """Return what was found on an image; None where nothing was, or other things would be now.

        Raises
        ------
        InputError
            If its files cannot be read, are damaged, or do not fit the image or the model.
        """
        from safetensors import SafetensorError, safe_open

        record, pixels = self._files(ref)
        try:
            if not record.is_file():
                return None
            _check_size_of_header(record)
            with safe_open(record, "numpy") as file:
                texts = file.metadata() or {}
                if texts.get("made_from") != self._digest(ref):
                    return None
                if (region := self._region_of(ref)) is None:
                    return None
                header = _Header.model_validate_json(texts["header"])
                tables, has_boxes = TABLES[header.kind], header.kind != "points"
                columns = read_columns(file, tables, region, boxes=has_boxes)
        except PermissionError as error:
            raise InputError(f"'{record}' cannot be read ({error.strerror}).") from error
        except (OSError, SafetensorError, ValueError, KeyError) as error:
            raise InputError(f"'{record}' is damaged.") from error
        if self._kind not in (None, header.kind):
            raise InputError(f"'{record}' is not of the kind that its model finds.")
        made: dict[str, Any] = {
            "image": ref.id,
            "run": self._run,
            "region_origin": tuple(start for start, _ in region),
            "notes": header.notes,
            "scale": header.scale,
            "how": header.how,
        }
        try:
            made |= {name: objects_of(name, columns, region, self._values) for name in tables}
        except InputError as error:
            raise InputError(f"'{record}' holds {error}.") from None
        type_ = TYPES[header.kind]
        if type_ is InstancePrediction:
            ids: NDArray[np.int32] = _read_labels(pixels, region, np.dtype(np.int32))
            known = np.sort(columns["objects.id"])
            # ids above the number of pixels would fill the memory
            if ids.max() > ids.size or not np.array_equal(_ids_in(ids), known):
                raise InputError(f"'{pixels}' does not hold the objects of '{record.name}'.")
            made["ids"] = ids
        elif type_ is RegionPrediction:
            values: NDArray[np.uint8] = _read_labels(pixels, region, np.dtype(np.uint8))
            made["values"] = values
        elif type_ is ImageTagsPrediction:
            probabilities, thresholds = header.probabilities, header.thresholds
            if not self._values == probabilities.keys() == thresholds.keys():
                raise InputError(f"'{record}' is not of the classes that its model knows.")
            made |= {"probabilities": probabilities, "thresholds": thresholds}
        found = type_(**made)
        if isinstance(found, RegionPrediction):
            present = np.flatnonzero(found.pixel_counts[1:]) + 1
            if not self._values.issuperset(present.tolist()):
                raise InputError(f"'{pixels}' holds classes that its model does not know.")
        return found

    def _files(self, ref: ImageRef) -> tuple[Path, Path]:
        name = safe_name(ref.id)
        return self._place / f"{name}{RECORD}", self._place / f"{name}{PIXELS}"

    def _region_of(self, ref: ImageRef) -> Region | None:
        try:
            return open_pixels(ref, self._folder).region
        except InputError:  # it is gone or changed, which is told where it is looked at
            return None

    def _digest(self, ref: ImageRef) -> str:
        """Return a digest of the model, and of all that decides what it sees of an image."""
        image = ref.model_dump(mode="json", exclude=WITHOUT_EFFECT)
        if ref.fingerprint and not ref.uri.startswith(ARRAYS_PREFIX):
            del image["uri"]  # the same file may lie elsewhere by now
        return hashlib.sha256(_text((self._made_by, image))).hexdigest()


def remove_strays(folder: Path, known: Collection[str]) -> None:
    """Remove what runs found on images that are in the project no more (`known` are ids of all)."""
    for path in (folder / RUNS_FOLDER).glob("*/predictions/*"):
        is_ours = not (path.parent.is_symlink() or path.parent.parent.is_symlink())
        if is_ours and path.suffix in (RECORD, PIXELS) and path.stem not in known:
            with suppress(OSError):  # it harms nobody
                path.unlink()


def _text(values: Any) -> bytes:
    return json.dumps(values, sort_keys=True).encode()


def _header_of(found: Prediction) -> str:
    tags: dict[str, Any] = {}
    if isinstance(found, ImageTagsPrediction):  # tasks of others may give numbers of NumPy
        for name in ("probabilities", "thresholds"):
            numbers: Mapping[int, float] = getattr(found, name)
            tags[name] = {int(value): float(number) for value, number in numbers.items()}
    told = {name: getattr(found, name) for name in ("kind", "notes", "scale", "how")}
    return _Header(**told, **tags).model_dump_json()


def _check_size_of_header(record: Path) -> None:
    with record.open("rb") as file:  # safetensors: its length comes first
        if int.from_bytes(file.read(8), "little") > MAX_HEADER_BYTES:
            raise ValueError("too large a header")


def _ids_in(ids: NDArray[np.int32]) -> NDArray[np.intp]:
    is_there = np.zeros(int(ids.max()) + 1, bool)
    is_there[ids] = True
    return np.flatnonzero(is_there[1:]) + 1


def _read_labels(path: Path, region: Region, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the label image of a region."""
    shape, stored = region_shape(region), open_file(path, as_ids=True)
    long_axes, expected = ([n for n in extents if n > 1] for extents in (stored.shape, shape))
    if stored.dtype.kind not in "iu" or long_axes != expected:
        raise InputError(f"'{path}' is no label image of {' x '.join(map(str, shape))} pixels.")
    labels = read_whole(stored, f"'{path}'").reshape(shape)
    if labels.min() < 0 or labels.max() > np.iinfo(dtype).max:
        raise InputError(f"'{path}' holds numbers that are no labels.")
    return np.ascontiguousarray(labels, dtype)
