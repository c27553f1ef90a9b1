"""What the user has said: images, classes, clicks, truths, verdicts. One immutable value.

A `Project` is never changed in place. Each edit returns a new project that shares everything it
did not touch, so that identity (``old.clicks is new.clicks``) tells what did not change. The edit
functions live here, next to the rules that they must keep.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import count
from operator import attrgetter
from typing import Any, Self, TypeVar

from pydantic import SerializeAsAny

from napari_synthseg.core.annotations import (
    MOST_CLASSES,
    NEGATIVE_NAME,
    NOT_AN_OBJECT,
    Click,
    Frozen,
    ImageRef,
    InstanceTruth,
    ObjectClass,
    PatchMasks,
    Truth,
    TruthKind,
    Verdict,
    class_color,
    classes_in,
)
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.recipe import Recipe, load_recipe
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.specs import PRETRAINED, SCRATCH, TrainSpec

Item = TypeVar("Item")


class Project(Frozen):
    """Everything the user made. Replaced as a whole by each edit.

    `clicks` are those on objects; `negatives` are the clicks whose class is `NOT_AN_OBJECT`.
    """

    images: tuple[ImageRef, ...] = ()
    classes: tuple[ObjectClass, ...] = ()
    clicks: tuple[Click, ...] = ()
    negatives: tuple[Click, ...] = ()
    truths: tuple[Truth, ...] = ()
    patch_masks: tuple[PatchMasks, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    recipe: SerializeAsAny[Recipe] | None = None
    train_spec: TrainSpec = TrainSpec()
    runs: tuple[TrainingRun, ...] = ()
    highest_removed_class: int = 0
    """Highest value of a class that was removed: pixels painted with it may still be there."""
    deleted_runs: tuple[str, ...] = ()
    """Ids of the runs that were deleted since the project was opened; not saved."""

    # --- looking things up -------------------------------------------------------------------

    def image(self, image_id: str) -> ImageRef:
        """Return the image with this id; raise `InputError` if there is none."""
        return _one(self.images, "id", image_id, "image")

    def object_class(self, value: int) -> ObjectClass:
        """Return the class with this value; raise `InputError` if there is none."""
        return _one(self.classes, "value", value, "class value")

    def class_named(self, name: str) -> ObjectClass:
        """Return the class with this name; raise `InputError` if there is none."""
        return _one(self.classes, "name", name, "class")

    def run(self, run_id: str) -> TrainingRun:
        """Return the training run with this id or name; the newest wins where names repeat."""
        for run in reversed(self.runs):
            if run_id in (run.id, run.name):
                return run
        known = ", ".join(run.name for run in self.runs) or "none yet"
        raise InputError(f"There is no run '{run_id}' in this project (runs: {known}).")

    def find_run(self, ident: str | None) -> TrainingRun | None:
        """Return a run by its id, or None where there is none (yet, or any more)."""
        return next((run for run in self.runs if run.id == ident), None)

    def images_of(self, run: TrainingRun) -> tuple[ImageRef, ...]:
        """Return the images that a run was trained on, as far as they are still there."""
        return tuple(i for i in self.images if i.id in run.images)

    def clicks_on(self, image: ImageRef) -> tuple[Click, ...]:
        """Return the clicks on the objects of one image, where it counts."""
        return _counting(image, self.clicks)

    def negatives_on(self, image: ImageRef) -> tuple[Click, ...]:
        """Return the negative clicks on one image, where it counts."""
        return _counting(image, self.negatives)

    def masks_of(self, image: ImageRef) -> InstanceTruth | None:
        """Return the true instance masks of an image, or None."""
        truth = self.truth_of(image, "instance")
        return truth if isinstance(truth, InstanceTruth) else None

    def truth_of(self, image: ImageRef, *kinds: TruthKind) -> Truth | None:
        """Return the truth of an image that is of the first of these kinds that it has, or None."""
        mine = {t.kind: t for t in self.truths if t.image == image.id}
        return next((mine[kind] for kind in kinds if kind in mine), None)

    @property
    def class_names(self) -> dict[int, str]:
        """Class value -> name."""
        return {c.value: c.name for c in self.classes}

    @property
    def click_names(self) -> dict[int, str]:
        """Class value -> name, that of negative clicks last."""
        return {**self.class_names, NOT_AN_OBJECT: NEGATIVE_NAME}

    def known_diameters(self, image: ImageRef) -> dict[int, float]:
        """Return class value -> diameter in pixels, of the classes that have one on an image.

        A length has none where the image has no pixel size.
        """
        found = {}
        for cls in self.classes:
            with suppress(InputError):
                found[cls.value] = cls.diameter_px(image)
        return found

    @property
    def class_values(self) -> tuple[int, ...]:
        """Values of the classes, in ascending order."""
        return tuple(sorted(c.value for c in self.classes))

    def rejected(self) -> frozenset[str]:
        """Return the ids of the patches that the user rejected."""
        return frozenset(v.patch for v in self.verdicts if v.state == "rejected")

    def accepted(self) -> frozenset[str]:
        """Return the ids of the patches that the user accepted, also against the check."""
        return frozenset(v.patch for v in self.verdicts if v.state == "accepted")

    # --- edits: each returns a new project ---------------------------------------------------

    def _replace(self, **fields: object) -> Self:
        return self.model_copy(update=fields)

    def with_images(self, *images: ImageRef) -> Project:
        """Add images, or replace those that have the same id."""
        return self._replace(images=_merged(self.images, images, "id"))

    def without_image(self, image_id: str) -> Project:
        """Take an image out, with its clicks, truths and verdicts."""
        every = (*self.clicks, *self.negatives)
        left = self.without_clicks(c.id for c in every if c.image == image_id)
        return left._replace(
            images=tuple(i for i in self.images if i.id != image_id),
            truths=tuple(t for t in self.truths if t.image != image_id),
            patch_masks=tuple(m for m in self.patch_masks if m.image != image_id),
        )

    def with_classes(self, *classes: ObjectClass) -> Project:
        """Add classes, or replace those that have the same value; names stay unique."""
        merged = _merged(self.classes, classes, "value")
        names = [c.name for c in merged]
        if NEGATIVE_NAME in {name.strip() for name in names}:
            raise InputError(
                f"No class can be named '{NEGATIVE_NAME}': negative clicks are called so. Choose "
                "another name."
            )
        if twice := {n for n in names if names.count(n) > 1}:
            raise InputError(f"Two classes are named '{twice.pop()}': give one another name.")
        return self._replace(classes=merged)

    def without_class(self, value: int) -> Project:
        """Take a class out, with its clicks and their verdicts."""
        left = self.without_clicks(c.id for c in self.clicks if c.cls == value)
        kept = tuple(c for c in self.classes if c.value != value)
        removed = (value,) if len(kept) < len(self.classes) else ()
        highest = max(self.highest_removed_class, *removed, 0)
        return left._replace(classes=kept, highest_removed_class=highest)

    def next_class(self, name: str, **fields: Any) -> ObjectClass:
        """Return a new class with the next free value and color (not yet added).

        No class had the value before, so that what is true, painted or found of a class that was
        removed is never taken for the new one. Only where the values are used up, one comes again.

        Raises
        ------
        InputError
            If there are as many classes as there can be.
        """
        used = self._used_class_values()
        value = max(*used, self.highest_removed_class) + 1
        if value > MOST_CLASSES:
            free = (v for v in range(1, MOST_CLASSES + 1) if v not in used)
            value = next(free, 0)
        if not value:
            raise InputError(
                f"The project uses all {MOST_CLASSES} values that classes can have: remove a class "
                "that nothing is marked with."
            )
        fields.setdefault("color", class_color(value))
        return ObjectClass(name=name, value=value, **fields)

    def _used_class_values(self) -> set[int]:
        """Return the values of all classes, and of what is clicked, true or learned of others."""
        used = {NOT_AN_OBJECT, *(c.value for c in self.classes), *(c.cls for c in self.clicks)}
        for known in (*self.truths, *self.patch_masks):
            used |= classes_in(known)
        for run in self.runs:
            used.update(run.model.rule.class_values if run.model is not None else ())
        return used

    def with_clicks(self, *clicks: Click) -> Project:
        """Add clicks, or replace those that have the same id (a moved or reclassed click)."""
        images = {i.id for i in self.images}
        classes = {NOT_AN_OBJECT, *(c.value for c in self.classes)}
        for click in clicks:
            if click.image not in images:
                raise InputError(
                    f"A click names image '{click.image}', which is not in the project."
                )
            if click.cls not in classes:
                raise InputError(f"A click names class {click.cls}, which is not in the project.")
        positive = [c for c in clicks if c.cls != NOT_AN_OBJECT]
        negative = [c for c in clicks if c.cls == NOT_AN_OBJECT]
        left = self.without_clicks(
            _shared(positive, self.negatives) | _shared(negative, self.clicks)
        )
        return left._replace(
            clicks=_merged(left.clicks, positive, "id"),
            negatives=_merged(left.negatives, negative, "id"),
        )

    def without_clicks(self, ids: Iterable[str]) -> Project:
        """Take clicks out, negative ones too, with their verdicts."""
        gone = frozenset(ids)
        return self._replace(
            clicks=_left(self.clicks, gone, "id"),
            negatives=_left(self.negatives, gone, "id"),
            verdicts=_left(self.verdicts, gone, "patch"),
        )

    def with_verdicts(self, *verdicts: Verdict) -> Project:
        """Set the user's verdict on patches."""
        return self._replace(verdicts=_merged(self.verdicts, verdicts, "patch"))

    def with_truths(self, *truths: Truth) -> Project:
        """Add ground truths; a second truth of the same kind for an image replaces the first."""
        new = {(t.image, t.kind) for t in truths}
        kept = tuple(t for t in self.truths if (t.image, t.kind) not in new)
        return self._replace(truths=kept + truths)

    def with_patch_masks(self, masks: PatchMasks) -> Project:
        """Set the masks that patches of an image are cut by."""
        kept = tuple(m for m in self.patch_masks if m.image != masks.image)
        return self._replace(patch_masks=(*kept, masks))

    def with_run(self, run: TrainingRun) -> Self:
        """Add a training run, or replace the one with the same id."""
        return self._replace(runs=_merged(self.runs, (run,), "id"))

    def with_run_renamed(self, run_id: str, name: str) -> Self:
        """Return the project with another name of a run.

        Raises
        ------
        InputError
            If there is no such run, the name is empty, or another run has it.
        """
        run, name = self.run(run_id), name.strip()
        if not name:
            raise InputError(f"A run needs a name: '{run.name}' keeps its own.")
        if any(other.name == name for other in self.runs if other.id != run.id):
            raise InputError(f"Another run is called '{name}': choose another name.")
        return self.with_run(run.model_copy(update={"name": name}))

    def without_run(self, run_id: str) -> Self:
        """Return the project without a run; the next training begins with another start."""
        gone = self.run(run_id)
        rest = tuple(run for run in self.runs if run.id != gone.id)
        spec = self.train_spec
        if spec.start in (gone.id, gone.name):
            spec = spec.model_copy(update={"start": None})
        deleted = (*self.deleted_runs, gone.id)
        return self._replace(runs=rest, deleted_runs=deleted, train_spec=spec)

    def with_settings_of(self, run: TrainingRun) -> Self:
        """Return the project with the settings, and the recipe, that a run was trained with.

        Where it began with a run that is gone, the start is left open.
        """
        recipe, spec = load_recipe(run.recipe) if run.recipe else self.recipe, run.spec
        known = {PRETRAINED, SCRATCH, None, *(other.id for other in self.runs)}
        if spec.start not in known:
            spec = spec.model_copy(update={"start": None})
        return self._replace(train_spec=spec, recipe=recipe)

    def free_run_name(self) -> str:
        """Return a name for a new run."""
        taken = {run.name for run in self.runs}
        numbers = count(len(self.runs) + 1)
        return next(name for name in (f"run {n}" for n in numbers) if name not in taken)


def _counting(image: ImageRef, clicks: tuple[Click, ...]) -> tuple[Click, ...]:
    mine = by_image(clicks).get(image.id, ())
    return tuple(c for c in mine if image.counts_at(c.position)) if image.is_limited else mine


def _shared(some: Sequence[Click], others: Sequence[Click]) -> frozenset[str]:
    """Return the ids that clicks of both have."""
    return frozenset(c.id for c in some).intersection([c.id for c in others] if some else ())


def _one(items: Iterable[Item], key: str, value: object, what: str) -> Item:
    for item in items:
        if getattr(item, key) == value:
            return item
    raise InputError(f"There is no {what} '{value}' in this project.")


# One click is edited among many thousands: the many are gone through as few times as possible.

_grouped: deque[tuple[tuple[Click, ...], dict[str, tuple[Click, ...]]]] = deque(maxlen=8)


def by_image(clicks: tuple[Click, ...]) -> dict[str, tuple[Click, ...]]:
    """Return image id -> the clicks on it; those of a project are grouped once."""
    lately = tuple(reversed(_grouped))
    if (known := next((groups for all_, groups in lately if all_ is clicks), None)) is not None:
        return known
    start, before = (
        lately[0] if lately and clicks[: len(lately[0][0])] == lately[0][0] else ((), {})
    )
    added: dict[str, list[Click]] = {}
    for click in clicks[len(start) :]:
        added.setdefault(click.image, []).append(click)
    groups = before | {image: (*before.get(image, ()), *more) for image, more in added.items()}
    _grouped.append((clicks, groups))
    return groups


def _left(old: tuple[Item, ...], gone: frozenset[str], key: str) -> tuple[Item, ...]:
    """Return `old` without the items of these keys; `old` itself where it has none of them."""
    if gone.isdisjoint(map(attrgetter(key), old) if gone else ()):
        return old
    return tuple([item for item in old if getattr(item, key) not in gone])


def _merged(old: tuple[Item, ...], new: Iterable[Item], key: str) -> tuple[Item, ...]:
    """Return `old` with `new` put in place of items of equal key, the rest appended.

    Where there is nothing new it is `old` itself.
    """
    by_key = {getattr(item, key): item for item in new}
    if not by_key:
        return old
    kept = old
    if not by_key.keys().isdisjoint(map(attrgetter(key), old)):
        kept = tuple([by_key.pop(getattr(item, key), item) for item in old])
    return kept + tuple(by_key.values())
