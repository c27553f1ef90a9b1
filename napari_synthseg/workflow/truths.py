"""Real images with ground truth, as something to train on.

Those with masks of regions are also what recipes learn from that make image and mask together. They
are split here, in one place: preview and training then share what was learned.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_synthseg.core.annotations import (
    BoxTruth,
    ImageRef,
    ImageTagsTruth,
    InstanceTruth,
    MaskTruth,
    PointTruth,
    RegionTruth,
    Truth,
    TruthKind,
)
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import (
    BoxLabels,
    DualImage,
    InstanceLabels,
    Labels,
    MaskedImages,
    ObjectLabels,
    PixelLabels,
    PointLabels,
    RegionLabels,
    incomplete_classes,
    regions_of,
)
from napari_synthseg.core.pixels import check_alike
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.io.labels import check_classes
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.storage.truths import open_labels
from napari_synthseg.tasks.info import TaskInfo
from napari_synthseg.tasks.registry import task_for
from napari_synthseg.training.split import MIN_CLICKS, Split, Subset, split_regions
from napari_synthseg.workflow.jobs import Job

REGION_KINDS: tuple[TruthKind, ...] = ("semantic", "instance")
"""Kinds of ground truth that say of each pixel what class it is of, what says most first."""

LEAVE_OUT = "Leave one of them out by giving it the role 'test'"
"""What to do where no one network can learn from all images with ground truth."""


def true_parts(project: Project, task: TaskInfo) -> tuple[Subset, ...]:
    """Return the training images whose ground truth teaches a task.

    Raises
    ------
    InputError
        If there is none.
    """
    known = ((ref, project.truth_of(ref, *task.truth_kinds)) for ref in project.images)
    parts = tuple(
        Subset(ref, project.clicks_on(ref), _count_objects(truth))
        for ref, truth in known
        if ref.role == "train" and truth is not None
    )
    if not parts:
        raise InputError(
            f"Training on real images needs {task.truth_words} of at least one training image: "
            "import them with the role 'train', or train on dual images."
        )
    return parts


def true_pairs(
    project: Project, folder: Path, refs: Sequence[ImageRef], kinds: Sequence[TruthKind]
) -> Generator[Progress, None, tuple[DualImage, ...]]:
    """Return those images that have ground truth of some kinds, with the best of it.

    Raises
    ------
    InputError
        If it cannot be read, or names a class that the project does not have.
    """
    pairs: list[DualImage] = []
    for ref in refs:
        truth = project.truth_of(ref, *kinds)
        if truth is not None:
            yield Progress(0.0, f"reading {ref.name}")
            labels = true_labels(project, folder, truth, ref)
            _require_known(_classes_of_objects(labels), project, ref)
            pairs.append(DualImage(open_pixels(ref, folder).read(), labels, 0, is_real=True))
    return tuple(pairs)


def with_background(pairs: Sequence[DualImage]) -> tuple[tuple[DualImage, ...], tuple[str, ...]]:
    """Return pairs of which some tell what is background, and what the user should know.

    Where not every object is marked, what is not marked is unknown. Were it so on all images,
    nothing would tell a model where there is no object: it is then background on all of them.
    """
    if not pairs or not all(incomplete_classes(pair.labels) for pair in pairs):
        return tuple(pairs), ()
    complete = tuple(
        replace(pair, labels=replace(pair.labels, incomplete=frozenset()))
        for pair in pairs
        if isinstance(pair.labels, ObjectLabels)
    )
    told = (
        "there is no image on which all objects are marked, so that what is not marked is taken "
        "for background: import one, or mix real with dual images"
    )
    return complete, (told,)


def true_labels(project: Project, folder: Path, truth: Truth, ref: ImageRef) -> Labels:
    """Read the ground truth of an image; see `open_labels`.

    Raises
    ------
    InputError
        If it cannot be read, or holds regions of a class that the project does not have.
    """
    labels = open_labels(truth, ref, folder)
    if isinstance(truth, RegionTruth) and isinstance(labels, RegionLabels):
        shown = labels.class_values_shown()
        _require_known([v for v in shown if v <= project.highest_removed_class], project, ref)
        check_classes(labels, project.class_values, f"'{truth.source}'")
    return labels


def _require_known(named: Collection[int], project: Project, ref: ImageRef) -> None:
    """Refuse truth that names a class that the project does not have."""
    unknown = set(named) - set(project.class_values)
    if not unknown:
        return
    value, what = min(unknown), f"What is true of '{ref.name}' names a class of value"
    if value <= project.highest_removed_class:  # a new class gets a value of its own
        raise InputError(
            f"{what} {value}, which was removed from the project: undo the removal, or import or "
            "paint the truth again without this class."
        )
    raise InputError(
        f"{what} {value}, which the project does not have: add the class, or import it again with "
        "the classes there are."
    )


def _classes_of_objects(labels: Labels) -> set[int]:
    """Return the values of the classes of all objects, or of those that an image shows."""
    match labels:
        case InstanceLabels(classes=classes):
            return {classes[i] for i in labels.slices() if i in classes}
        case BoxLabels(boxes=boxes):
            return set(boxes.classes.tolist())
        case PointLabels(classes=each):
            return set(each.tolist())
    return set(labels.class_values_shown())


def read_true_masks(project: Project, folder: Path, ref: ImageRef) -> Job[PixelLabels | None]:
    """Read an image's true masks inside its region, of objects or else of regions."""

    def read() -> PixelLabels | None:
        truth = project.truth_of(ref, "instance", "semantic")
        return open_labels(truth, ref, folder) if isinstance(truth, MaskTruth) else None

    return Job.of(f"read the true masks of {ref.name}", read)


@dataclass(frozen=True, eq=False)
class SplitMasks:
    """Images with true masks of regions, which part of which is what, and what is to be known."""

    images: MaskedImages
    split: Split
    notes: tuple[str, ...] = ()


def masked_images(
    project: Project, folder: Path, spec: TrainSpec
) -> Generator[Progress, None, SplitMasks]:
    """Read the training images with true masks, split as for training on regions.

    Images for validation, where there are some with masks, are the held-out part; else it is taken
    from the training images.

    Parameters
    ----------
    project, folder
        The project and where it lies.
    spec
        Says how much is held out, and by its seed, what.

    Raises
    ------
    InputError
        If there are no true masks, they do not fit, or the images cannot be learned from together.
    """
    yield Progress(0.0, "reading true masks")
    refs = [part.ref for part in true_parts(project, task_for("regions"))]
    wanted = tuple(
        ref
        for ref in project.images
        if ref.role == "validate" and project.truth_of(ref, *REGION_KINDS)
    )
    opened = [(ref, open_pixels(ref, folder)) for ref in (*refs, *wanted)]
    check_alike(opened, LEAVE_OUT)
    if wanted:
        split = Split(tuple(refs), wanted, "the images for validation held out")
    else:
        shapes = {ref.id: pixels.shape[1:] for ref, pixels in opened}
        split = split_regions(refs, shapes, fraction=spec.validation_fraction, seed=spec.seed)
    train, notes = yield from _with_regions(project, folder, split.train)
    yield Progress(0.5, notes=notes)
    held, _ = yield from _with_regions(project, folder, split.validation)
    return SplitMasks(MaskedImages(train, held, project.class_values), split, notes)


def masked_alike(one: Project, other: Project) -> bool:
    """Tell whether `masked_images` gives the same for two states of a project, by its own spec."""
    return (
        one.images == other.images
        and one.truths == other.truths
        and one.class_values == other.class_values
        and one.train_spec.validation_fraction == other.train_spec.validation_fraction
        and one.train_spec.seed == other.train_spec.seed
    )


def _with_regions(
    project: Project, folder: Path, refs: Sequence[ImageRef]
) -> Generator[Progress, None, tuple[tuple[DualImage, ...], tuple[str, ...]]]:
    """Return images with regions, and what the user should know."""
    pairs = yield from true_pairs(project, folder, refs, REGION_KINDS)
    known, notes = with_background(pairs)
    return tuple(replace(pair, labels=regions_of(pair.labels)) for pair in known), notes


def _count_objects(truth: Truth) -> int:
    """Return how many objects an image has as far as can be told without reading its masks."""
    match truth:
        case BoxTruth(boxes=rows) | PointTruth(points=rows) | ImageTagsTruth(shown=rows):
            return len(rows)
        case InstanceTruth(classes=classes):
            return max(len(classes), MIN_CLICKS)
    return MIN_CLICKS
