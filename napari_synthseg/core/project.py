"""What the user has said: images, classes, clicks, truths, verdicts. One immutable value.

A `Project` is never changed in place. Each edit returns a new project that shares everything it
did not touch, so that identity (``old.clicks is new.clicks``) tells what did not change. The edit
functions live here, next to the rules that they must keep.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, model_validator

from napari_synthseg.core.boxes import Boxes, BoxRow
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Region
from napari_synthseg.core.recipe import Recipe
from napari_synthseg.core.training import TrainingRun, TrainSpec

Role = Literal["train", "validate", "test"]
TruthKind = Literal["instance", "semantic", "boxes", "points", "image_labels", "patch_masks"]
VerdictState = Literal["accepted", "rejected"]
MaskMethodName = Literal["auto", "level", "outline", "learned"]

CLASS_COLORS = (
    "#ffb000", "#33bbee", "#ee3377", "#44aa55", "#bb88ff", "#ee7733", "#bbbbbb", "#ccbb44",
)  # fmt: skip
"""Default class colors: distinguishable with color-vision deficiencies and on gray images."""


def new_id() -> str:
    """Return a short random identifier for an image, a click or a run."""
    return uuid.uuid4().hex[:12]


class Frozen(BaseModel):
    """A validated value that cannot be changed in place."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ObjectClass(Frozen):
    """A kind of object that the user clicks.

    `diameter` is the typical diameter of one object, in `unit` ("px", or a length such as "um"
    that is turned into pixels with the image's pixel size). `mask_method` is how the object under
    a click is found: chosen by the program, by brightness level, by outline, or by a classifier of
    pixels.
    """

    name: str = Field(min_length=1, max_length=64)
    value: int = Field(ge=1, le=254)
    color: str = Field(default=CLASS_COLORS[0], pattern=r"^#[0-9a-fA-F]{6}$")
    diameter: float = Field(default=24.0, gt=0, allow_inf_nan=False)
    unit: str = "px"
    mask_method: MaskMethodName = "auto"

    def diameter_px(self, image: ImageRef) -> float:
        """Return the diameter in pixels of `image` (along its finest axis).

        Raises
        ------
        InputError
            If the diameter is physical and the image has no pixel size in that unit.
        """
        if self.unit == "px":
            return self.diameter
        if image.pixel_size is None or image.unit != self.unit:
            raise InputError(
                f"Class '{self.name}' has its diameter in {self.unit}, but image "
                f"'{image.name}' has no pixel size in {self.unit}: "
                "give the image a scale, or the class a diameter in pixels."
            )
        return self.diameter / min(image.pixel_size)


class ImageRef(Frozen):
    """One image, or one region of it, that takes part in the project.

    Attributes
    ----------
    uri
        A path (relative to the project folder where possible), or ``arrays:ID`` for pixels that
        had no file and were copied into the project.
    axes
        The meaning of the stored array's axes, from "tczyx" with each letter at most once. Axes
        other than c, z, y, x are fixed by `plane`.
    plane
        Index on each axis that is not part of the working image, as ``{"t": 3}`` or ``{"z": 5}``
        (a stack used plane by plane).
    channels
        Indices of the channels that are used, or None for all.
    region
        Part of the image that counts, or None for all of it. Two refs may share a uri with
        disjoint regions.
    group
        Field of view or specimen; parts for training and validation never share a group.
    pixel_size, unit
        Size of a pixel along each spatial axis ([z,] y, x) in `unit`.
    exhaustive
        Every object on this image (inside `region`) is clicked.
    synthetic
        Made by a program, not by a microscope: what is measured on it is never called real.
    """

    id: str = Field(default_factory=new_id)
    uri: str
    name: str = ""
    axes: str = "yx"
    plane: dict[str, int] = Field(default_factory=dict)
    channels: tuple[int, ...] | None = None
    region: Region | None = None
    role: Role = "train"
    group: str = ""
    pixel_size: tuple[float, ...] | None = None
    unit: str = "px"
    exhaustive: bool = False
    synthetic: bool = False
    fingerprint: str = ""

    @property
    def ndim(self) -> int:
        """Number of spatial axes that the working image has (2 or 3)."""
        return 3 if "z" in self.axes and "z" not in self.plane else 2

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance of pixels along each spatial axis ([z,] y, x), in units of the shortest.

        All ones where the pixel size is not known.
        """
        size = (self.pixel_size or (1.0,) * self.ndim)[-self.ndim :]
        return tuple(length / min(size) for length in size)


class Click(Frozen):
    """The center of one object; `position` in pixels, order ([z,] y, x), `cls` a class value."""

    id: str = Field(default_factory=new_id)
    image: str
    position: tuple[float, ...] = Field(min_length=2, max_length=3)
    cls: int = Field(ge=1)

    @model_validator(mode="after")
    def _check_finite(self) -> Self:
        if not all(math.isfinite(p) for p in self.position):
            raise ValueError("a click's position must be finite")
        return self


class Truth(Frozen):
    """Ground truth for one image: where it is and of which kind. Never used for training choices.

    The kind "patch_masks" is the exception: masks that the user gives for cutting patches. They
    are input, like clicks, and nothing is scored against them. `source` is a path like
    `ImageRef.uri`, or ``arrays:ID``; that of boxes and of image labels is empty, as the truth
    itself holds them.
    """

    id: str = Field(default_factory=new_id)
    image: str
    kind: TruthKind
    source: str = ""
    classes: dict[int, int] = Field(default_factory=dict)
    """Instance id -> class value; ids that are missing belong to the first class."""
    boxes: tuple[BoxRow, ...] = ()
    """Of the kind "boxes": ymin, xmin, ymax, xmax (see `Boxes`), class value of each object."""
    shown: tuple[int, ...] = ()
    """Of the kind "image_labels": class values that are somewhere on the image."""
    incomplete: tuple[int, ...] = ()
    """Class values of which not every object on the image is in the truth."""

    @classmethod
    def of_boxes(cls, image: str, boxes: Boxes, incomplete: Iterable[int] = ()) -> Truth:
        """Return the truth that an image holds these objects, and no others of other classes."""
        rows = zip(boxes.corners.tolist(), boxes.classes.tolist(), strict=True)
        return cls(
            image=image,
            kind="boxes",
            boxes=tuple((*corners, value) for corners, value in rows),
            incomplete=tuple(sorted(set(incomplete))),
        )

    @classmethod
    def of_shown(cls, image: str, shown: Iterable[int]) -> Truth:
        """Return the truth that an image shows these classes and no others."""
        return cls(image=image, kind="image_labels", shown=tuple(sorted(set(shown))))


class Verdict(Frozen):
    """What the user decided about one patch (`patch` is the id of its click)."""

    patch: str
    state: VerdictState
    reason: str = ""


class Project(Frozen):
    """Everything the user made. Replaced as a whole by each edit."""

    images: tuple[ImageRef, ...] = ()
    classes: tuple[ObjectClass, ...] = ()
    clicks: tuple[Click, ...] = ()
    truths: tuple[Truth, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    recipe: SerializeAsAny[Recipe] | None = None
    train_spec: TrainSpec = TrainSpec()
    runs: tuple[TrainingRun, ...] = ()

    # --- looking things up -------------------------------------------------------------------

    def image(self, image_id: str) -> ImageRef:
        """Return the image with this id; raise `InputError` if there is none."""
        image: ImageRef = _one(self.images, "id", image_id, "image")
        return image

    def object_class(self, value: int) -> ObjectClass:
        """Return the class with this value; raise `InputError` if there is none."""
        cls: ObjectClass = _one(self.classes, "value", value, "class value")
        return cls

    def class_named(self, name: str) -> ObjectClass:
        """Return the class with this name; raise `InputError` if there is none."""
        cls: ObjectClass = _one(self.classes, "name", name, "class")
        return cls

    def run(self, run_id: str) -> TrainingRun:
        """Return the training run with this id or name; the newest wins where names repeat."""
        for run in reversed(self.runs):
            if run_id in (run.id, run.name):
                return run
        known = ", ".join(run.name for run in self.runs) or "none yet"
        raise InputError(f"There is no run '{run_id}' in this project (runs: {known}).")

    def images_of(self, run: TrainingRun) -> tuple[ImageRef, ...]:
        """Return the images that a run was trained on, as far as they are still there."""
        return tuple(i for i in self.images if i.id in run.images)

    def clicks_on(self, image: ImageRef) -> tuple[Click, ...]:
        """Return the clicks on one image."""
        return tuple(c for c in self.clicks if c.image == image.id)

    def masks_of(self, image: ImageRef) -> Truth | None:
        """Return the true instance masks of an image, or None."""
        return self.truth_of(image, "instance")

    def truth_of(self, image: ImageRef, *kinds: TruthKind) -> Truth | None:
        """Return the truth of an image that is of the first of these kinds that it has, or None."""
        mine = {t.kind: t for t in self.truths if t.image == image.id}
        return next((mine[kind] for kind in kinds if kind in mine), None)

    @property
    def patch_masks(self) -> tuple[Truth, ...]:
        """Masks that the user gave for cutting patches."""
        return tuple(t for t in self.truths if t.kind == "patch_masks")

    @property
    def class_values(self) -> tuple[int, ...]:
        """Values of the classes, in ascending order."""
        return tuple(sorted(c.value for c in self.classes))

    def rejected(self) -> frozenset[str]:
        """Return the ids of the patches that the user rejected."""
        return frozenset(v.patch for v in self.verdicts if v.state == "rejected")

    def accepted(self) -> frozenset[str]:
        """Return the ids of the patches that the user called good, whatever the check says."""
        return frozenset(v.patch for v in self.verdicts if v.state == "accepted")

    # --- edits: each returns a new project ---------------------------------------------------

    def with_images(self, *images: ImageRef) -> Project:
        """Add images, or replace those that have the same id."""
        return self.model_copy(update={"images": _merged(self.images, images, "id")})

    def without_image(self, image_id: str) -> Project:
        """Take an image out, with its clicks, truths and verdicts."""
        gone = {c.id for c in self.clicks if c.image == image_id}
        return self.model_copy(
            update={
                "images": tuple(i for i in self.images if i.id != image_id),
                "clicks": tuple(c for c in self.clicks if c.image != image_id),
                "truths": tuple(t for t in self.truths if t.image != image_id),
                "verdicts": tuple(v for v in self.verdicts if v.patch not in gone),
            }
        )

    def with_classes(self, *classes: ObjectClass) -> Project:
        """Add classes, or replace those that have the same value; names stay unique."""
        merged = _merged(self.classes, classes, "value")
        names = [c.name for c in merged]
        if twice := {n for n in names if names.count(n) > 1}:
            raise InputError(f"Two classes are named '{twice.pop()}': give one another name.")
        return self.model_copy(update={"classes": merged})

    def without_class(self, value: int) -> Project:
        """Take a class out, with its clicks and their verdicts."""
        gone = {c.id for c in self.clicks if c.cls == value}
        return self.model_copy(
            update={
                "classes": tuple(c for c in self.classes if c.value != value),
                "clicks": tuple(c for c in self.clicks if c.cls != value),
                "verdicts": tuple(v for v in self.verdicts if v.patch not in gone),
            }
        )

    def next_class(self, name: str, **fields: Any) -> ObjectClass:
        """Return a new class with the next free value and color (not yet added)."""
        value = max((c.value for c in self.classes), default=0) + 1
        fields.setdefault("color", CLASS_COLORS[(value - 1) % len(CLASS_COLORS)])
        return ObjectClass(name=name, value=value, **fields)

    def with_clicks(self, *clicks: Click) -> Project:
        """Add clicks, or replace those that have the same id (a moved or reclassed click)."""
        images, classes = {i.id for i in self.images}, {c.value for c in self.classes}
        for click in clicks:
            if click.image not in images:
                raise InputError(
                    f"A click names image '{click.image}', which is not in the project."
                )
            if click.cls not in classes:
                raise InputError(f"A click names class {click.cls}, which is not in the project.")
        return self.model_copy(update={"clicks": _merged(self.clicks, clicks, "id")})

    def without_clicks(self, ids: Iterable[str]) -> Project:
        """Take clicks out, with their verdicts."""
        gone = frozenset(ids)
        return self.model_copy(
            update={
                "clicks": tuple(c for c in self.clicks if c.id not in gone),
                "verdicts": tuple(v for v in self.verdicts if v.patch not in gone),
            }
        )

    def with_verdicts(self, *verdicts: Verdict) -> Project:
        """Set the user's verdict on patches."""
        return self.model_copy(update={"verdicts": _merged(self.verdicts, verdicts, "patch")})

    def with_truths(self, *truths: Truth) -> Project:
        """Add ground truths; a second truth of the same kind for an image replaces the first."""
        new = {(t.image, t.kind) for t in truths}
        kept = tuple(t for t in self.truths if (t.image, t.kind) not in new)
        return self.model_copy(update={"truths": kept + truths})

    def with_run(self, run: TrainingRun) -> Project:
        """Add a training run, or replace the one with the same id."""
        return self.model_copy(update={"runs": _merged(self.runs, (run,), "id")})


def _one(items: Iterable[Any], key: str, value: object, what: str) -> Any:
    for item in items:
        if getattr(item, key) == value:
            return item
    raise InputError(f"There is no {what} '{value}' in this project.")


def _merged(old: tuple[Any, ...], new: Iterable[Any], key: str) -> tuple[Any, ...]:
    """Return `old` with `new` put in place of items of equal key, the rest appended."""
    by_key = {getattr(item, key): item for item in new}
    kept = tuple(by_key.pop(getattr(item, key), item) for item in old)
    return kept + tuple(by_key.values())
