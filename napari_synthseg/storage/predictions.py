"""What a run found last on each image, kept with it: ``runs/ID/predictions/``.

::

    IMAGE.json     what was found, and a digest of the model and the image that it was found with
    IMAGE.tif      instance ids, or class values of regions; of predictions that have pixels

What was found with another model, or on another state of the image, is not given again. Projects of
strangers are read, too: nothing is executed, and what does not fit together is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, TypeAdapter

from napari_synthseg.core.annotations import Frozen, ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Region, region_shape
from napari_synthseg.core.predictions import (
    BoxPrediction,
    FoundObject,
    FoundPoint,
    ImageTagsPrediction,
    InstancePrediction,
    PointPrediction,
    Prediction,
    RegionPrediction,
)
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.io.images.files import open_file
from napari_synthseg.io.labels import read_whole
from napari_synthseg.io.result_files import write_tiff
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.storage.runs import run_folder
from napari_synthseg.storage.tensors import safe_name, write_file, writing
from napari_synthseg.storage.uris import ARRAYS_PREFIX

FORMAT = 1
"""Of the files; a part of the digest, so that those of other formats are found anew."""

WITHOUT_EFFECT = {"id", "name", "role", "group", "exhaustive", "synthetic", "content"}
"""Fields of an image that change nothing in what is found on it."""


class _Made(BaseModel):
    """What is read of any record, also of one of another format."""

    made_from: str


class _Record(Frozen):
    """What the records of all kinds of predictions hold."""

    made_from: str
    notes: tuple[str, ...]
    scale: str


class _Instances(_Record):
    kind: Literal["instance"] = "instance"
    objects: tuple[FoundObject, ...]


class _Regions(_Record):
    kind: Literal["semantic"] = "semantic"


class _Boxes(_Record):
    kind: Literal["boxes"] = "boxes"
    objects: tuple[FoundObject, ...]
    candidates: tuple[FoundObject, ...]


class _Points(_Record):
    kind: Literal["points"] = "points"
    objects: tuple[FoundPoint, ...]


class _Tags(_Record):
    kind: Literal["image_labels"] = "image_labels"
    probabilities: dict[int, float]
    thresholds: dict[int, float]


_AnyRecord = Annotated[
    _Instances | _Regions | _Boxes | _Points | _Tags, Field(discriminator="kind")
]
_RECORD: TypeAdapter[_AnyRecord] = TypeAdapter(_AnyRecord)


class KeptPredictions:
    """What one run found last on each image of a project.

    Parameters
    ----------
    folder
        The project's folder.
    run
        With a trained model.
    """

    def __init__(self, folder: Path, run: TrainingRun) -> None:
        model = run.trained_model()
        self._folder, self._run = folder, run.id
        self._values = set(model.rule.class_values)
        made_by = FORMAT, model.model_dump(mode="json"), run.steps, run.seconds
        self._made_by = hashlib.sha256(_text(made_by)).hexdigest()
        self._place = run_folder(folder, run.id) / "predictions"

    def save(self, ref: ImageRef, found: Prediction, how: Sequence[str] = ()) -> None:
        """Keep what was found on an image, in place of what was found before.

        `how` are notes on the way it was found, which are told once it is read again.

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
        made = {
            "made_from": self._digest(ref),
            "notes": (*found.notes, *how),
            "scale": found.scale,
        }
        # tasks of others may give numbers of NumPy
        text = _record_of(found, made).model_dump_json(fallback=lambda number: number.item())
        write_file(self._folder, record, lambda path: path.write_text(text, "utf-8"))

    def load(self, ref: ImageRef) -> Prediction | None:
        """Return what was found on an image; None where nothing was, or other things would be now.

        Raises
        ------
        InputError
            If its files are damaged, or do not fit the image.
        """
        record, pixels = self._files(ref)
        if not record.is_file():
            return None
        try:
            text = record.read_bytes()
            if _Made.model_validate_json(text).made_from != self._digest(ref):
                return None
            kept = _RECORD.validate_json(text)
        except (OSError, ValueError) as error:
            raise InputError(f"'{record}' is damaged.") from error
        try:
            region = open_pixels(ref, self._folder).region
        except InputError:  # it is gone or changed, which is told where it is looked at
            return None
        made: dict[str, Any] = {
            "image": ref.id,
            "run": self._run,
            "region_origin": tuple(start for start, _ in region),
            "notes": kept.notes,
            "scale": kept.scale,
        }
        match kept:
            case _Instances(objects=objects):
                _check_objects(record, objects, region)
                ids: NDArray[np.int32] = _read_labels(pixels, region, np.dtype(np.int32))
                known = sorted(one.id for one in objects)
                # ids above the number of pixels would fill the memory
                if ids.max() > ids.size or _ids_in(ids) != known:
                    raise InputError(f"'{pixels}' does not hold the objects of '{record.name}'.")
                return InstancePrediction(ids=ids, objects=objects, **made)
            case _Regions():
                values: NDArray[np.uint8] = _read_labels(pixels, region, np.dtype(np.uint8))
                return RegionPrediction(values=values, **made)
            case _Boxes(objects=objects, candidates=candidates):
                _check_objects(record, (*objects, *candidates), region)
                return BoxPrediction(objects=objects, candidates=candidates, **made)
            case _Points(objects=points):
                _check_objects(record, points, region)
                return PointPrediction(objects=points, **made)
            case _Tags(probabilities=probabilities, thresholds=thresholds):
                if not self._values == probabilities.keys() == thresholds.keys():
                    raise InputError(f"'{record}' is not of the classes that its model knows.")
                return ImageTagsPrediction(
                    probabilities=probabilities, thresholds=thresholds, **made
                )

    def _files(self, ref: ImageRef) -> tuple[Path, Path]:
        name = safe_name(ref.id)
        return self._place / f"{name}.json", self._place / f"{name}.tif"

    def _digest(self, ref: ImageRef) -> str:
        """Return a digest of the model, and of all that decides what it sees of an image."""
        image = ref.model_dump(mode="json", exclude=WITHOUT_EFFECT)
        if ref.fingerprint and not ref.uri.startswith(ARRAYS_PREFIX):
            del image["uri"]  # the same file may lie elsewhere by now
        return hashlib.sha256(_text((self._made_by, image))).hexdigest()


def _text(values: Any) -> bytes:
    return json.dumps(values, sort_keys=True).encode()


def _record_of(found: Prediction, made: dict[str, Any]) -> _AnyRecord:
    match found:
        case InstancePrediction(objects=objects):
            return _Instances(objects=objects, **made)
        case RegionPrediction():
            return _Regions(**made)
        case BoxPrediction(objects=objects, candidates=candidates):
            return _Boxes(objects=objects, candidates=candidates, **made)
        case PointPrediction(objects=points):
            return _Points(objects=points, **made)
        case ImageTagsPrediction(probabilities=probabilities, thresholds=thresholds):
            return _Tags(probabilities=probabilities, thresholds=thresholds, **made)


def _check_objects(record: Path, objects: Sequence[FoundPoint], region: Region) -> None:
    """Refuse objects without a score, or that do not lie on the image."""
    for one in objects:
        is_placed = len(one.center) == len(region)
        if isinstance(one, FoundObject):
            is_placed = len(one.box) == len(one.center) == len(region) and all(
                low <= start <= stop <= high
                for (start, stop), (low, high) in zip(one.box, region, strict=True)
            )
        if not is_placed or not np.isfinite((*one.center, one.score)).all():
            raise InputError(f"'{record}' holds an object that cannot be on its image.")


def _ids_in(ids: NDArray[np.int32]) -> list[int]:
    is_there = np.zeros(int(ids.max()) + 1, bool)
    is_there[ids] = True
    found: list[int] = (np.flatnonzero(is_there[1:]) + 1).tolist()
    return found


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
