"""Where exported results come from: a run that finds them, or the truth that the project holds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import BoxTruth, ImageRef, MaskTruth, Truth, TruthKind
from napari_synthseg.core.boxes import BoxRow, center_of
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import full_region, region_shape, region_slices
from napari_synthseg.core.labels import InstanceLabels, RegionLabels
from napari_synthseg.core.predictions import (
    BoxPrediction,
    FoundObject,
    InstancePrediction,
    Prediction,
    RegionPrediction,
    at_score,
)
from napari_synthseg.core.progress import Progress, in_turn, subprogress
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.io.labels import (
    MAX_TABLE_ID,
    UNKNOWN_VALUE,
    as_instances,
    encode_regions,
)
from napari_synthseg.io.naming import ImageNames, plane_name
from napari_synthseg.io.paths import is_there
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.storage.truths import open_labels
from napari_synthseg.storage.uris import relative_uri
from napari_synthseg.workflow.predicting import (
    Magnification,
    apply_model,
    check_magnification,
    find_images,
    load_model,
)

if TYPE_CHECKING:
    from napari_synthseg.training.model import Predictor


R = TypeVar("R")

UseFound = Callable[[int, Prediction], Generator[Progress, None, R]]
"""Work on what was found on an image, by the image's number in its source."""

FINDING = 0.9
"""Share of an export that finding takes; the rest is written in."""


class ResultSource(ABC):
    """What is on whole images.

    Attributes
    ----------
    name
        For messages: "run 'NAME'" or "the truth".
    images
        Each once, without a region.
    notes
        What a user should know of all that was found so far, as sentences.
    """

    name: str
    images: tuple[ImageRef, ...]
    notes: tuple[str, ...] = ()

    @abstractmethod
    def find(self, image: ImageRef) -> Generator[Progress, None, Prediction]:
        """Return what is on one of the images, in its pixels."""

    def find_all(self, use: UseFound[R]) -> Generator[Progress, None, list[R]]:
        """Hand what is on each image to `use`, one after the other; return what that makes of it.

        Nothing that was found is held beyond that.
        """

        def work(number: int, image: ImageRef) -> Generator[Progress, None, R]:
            found = yield from subprogress(self.find(image), 0.0, FINDING)
            return (yield from subprogress(use(number, found), FINDING, 1.0))

        works = [work(number, image) for number, image in enumerate(self.images)]
        return (yield from in_turn(works, names=[image.name for image in self.images]))


class RunSource(ResultSource):
    """What a run finds. The model is loaded for the first image.

    With `adapt_to`, it is fitted to these images first. `magnification` is that of `predict`.
    """

    def __init__(
        self,
        run: TrainingRun,
        images: Iterable[ImageRef],
        folder: Path,
        adapt_to: Sequence[ImageRef] | None,
        magnification: Magnification = None,
    ) -> None:
        run.trained_model()
        check_magnification(run, magnification)
        self.name = f"run '{run.name}'"
        self.images = tuple(
            {_key(ref): ref.model_copy(update={"region": None}) for ref in images}.values()
        )
        if not self.images:
            raise InputError("The project has no image: name image files.")
        self._run, self._folder, self._adapt_to = run, folder, adapt_to
        self._magnification: Magnification = magnification
        self._predictor: Predictor | None = None
        if run.least_score is not None:
            self.notes = (f"Objects that score below {run.least_score:.2f} were left out.",)

    def find(self, image: ImageRef) -> Generator[Progress, None, Prediction]:
        """Predict one image."""
        if self._predictor is None:
            self._predictor = yield from load_model(self._folder, self._run, self._adapt_to)
        found = yield from apply_model(
            self._predictor, self._run, image, self._folder, self._magnification
        )
        self.notes += tuple(f"{image.name}: {note}." for note in found.notes)
        return at_score(found, self._run.least_score)


class TruthSource(ResultSource):
    """What is true, of the first of some kinds that an image has.

    Parameters
    ----------
    images
        Those to take; none: all.
    """

    name = "the truth"

    def __init__(
        self,
        project: Project,
        images: Sequence[ImageRef],
        folder: Path,
        kinds: Sequence[TruthKind],
    ) -> None:
        asked = {_key(ref) for ref in images}
        self._parts: dict[tuple[str, str], list[tuple[ImageRef, Truth]]] = {}
        for ref in project.images:
            truth = project.truth_of(ref, *kinds)
            if truth is not None and (not asked or _key(ref) in asked):
                self._parts.setdefault(_key(ref), []).append((ref, truth))
        if not self._parts:
            words = " or ".join(
                dict.fromkeys("boxes" if kind == "boxes" else "masks" for kind in kinds)
            )
            raise InputError(
                f"None of these images has true {words}: name a run with --run to export what it "
                "finds, or import them first, see 'import'."
            )
        self.images = tuple(
            parts[0][0].model_copy(update={"region": None}) for parts in self._parts.values()
        )
        self._folder = folder

    def find(self, image: ImageRef) -> Generator[Progress, None, Prediction]:
        """Read the truth of all parts of one image."""
        yield Progress(0.0, "reading the truth")
        parts = self._parts[_key(image)]
        if len({truth.kind for _, truth in parts}) > 1:
            raise InputError(
                f"Parts of '{image.name}' have truth of different kinds: import one kind for all."
            )
        shape = open_pixels(image, self._folder).shape[1:]
        known = sum(int(np.prod(region_shape(r.region or full_region(shape)))) for r, _ in parts)
        if known < np.prod(shape):
            self.notes += (f"Only a part of '{image.name}' has a truth.",)
        if isinstance(parts[0][1], BoxTruth):
            rows = [row for _, truth in parts if isinstance(truth, BoxTruth) for row in truth.boxes]
            return BoxPrediction(objects=tuple(map(_box_object, range(1, len(rows) + 1), rows)))
        return _join_masks(parts, shape, self._folder)


def choose_images(
    paths: Sequence[Path], project: Project, folder: Path, run: TrainingRun | None
) -> list[ImageRef]:
    """Return the images that a user names: files, or images of the project by their names.

    A file that the project has is taken as it has it, with its channels and pixel size.

    Raises
    ------
    InputError
        If one is neither a file nor an image of the project; or, without a run, not of the project.
    """
    names = ImageNames(project.images)
    chosen: list[ImageRef] = []
    for path in paths:
        uri = relative_uri(path, folder) if is_there(path) else None
        own = [ref for ref in project.images if ref.uri == uri]
        if own:
            chosen += own
        elif run is None or uri is None:
            chosen += names.find("IMAGES", str(path))
        else:
            chosen += find_images([path], project, folder, run)
    return chosen


def _key(ref: ImageRef) -> tuple[str, str]:
    return ref.uri, plane_name(ref)


def _box_object(number: int, row: BoxRow) -> FoundObject:
    ymin, xmin, ymax, xmax, cls = row
    center = center_of((ymin, xmin, ymax, xmax))
    return FoundObject(number, cls, 1.0, center, ((ymin, ymax), (xmin, xmax)))


def _join_masks(
    parts: Sequence[tuple[ImageRef, Truth]], shape: tuple[int, ...], folder: Path
) -> Prediction:
    """Return the masks of the parts of an image; of regions, the rest of it is unknown."""
    values = np.full(shape, UNKNOWN_VALUE, np.uint8)
    ids = np.zeros(shape, np.int32)
    classes: dict[int, int] = {}
    offsets: dict[str, int] = {}
    numbers: dict[str, dict[int, int]] = {}  # of ids that no table shall be as long as
    regions = False
    masks = [(ref, truth) for ref, truth in parts if isinstance(truth, MaskTruth)]
    order = list(dict.fromkeys(truth.source for _, truth in masks))  # parts of one file together
    for ref, truth in sorted(masks, key=lambda part: order.index(part[1].source)):
        labels = open_labels(truth, ref, folder)
        place = region_slices(ref.region or full_region(shape))
        if isinstance(labels, RegionLabels):
            values[place], regions = encode_regions(labels.values), True
        elif isinstance(labels, InstanceLabels):
            # parts of one file share their ids; those of another file are numbered after them
            offset = offsets.setdefault(truth.source, max(classes, default=0))
            large = numbers.setdefault(truth.source, {})
            table = np.zeros(max(labels.classes, default=0) + 1, np.int32)
            for ident, cls in labels.classes.items():
                own = labels.stored_id(ident)
                if own > MAX_TABLE_ID:
                    own = MAX_TABLE_ID + large.setdefault(own, len(large) + 1)
                table[ident] = own + offset
                classes[own + offset] = cls
            ids[place] = table[np.maximum(labels.ids, 0)]
    if regions:
        return RegionPrediction(values=values)
    joined = as_instances(ids, classes) if any(numbers.values()) else InstanceLabels(ids, classes)
    return InstancePrediction(ids=joined.ids, objects=_objects_of(joined.ids, joined.classes))


def _objects_of(ids: NDArray[np.int32], classes: Mapping[int, int]) -> tuple[FoundObject, ...]:
    from scipy.ndimage import center_of_mass

    objects = []
    for ident, box in InstanceLabels(ids).slices().items():
        center = np.add(center_of_mass(ids[box] == ident), [s.start for s in box])
        sides = tuple((s.start, s.stop) for s in box)
        objects.append(FoundObject(ident, classes[ident], 1.0, tuple(center.tolist()), sides))
    return tuple(objects)
