"""Step 5 in words and tables: which images can be scored, and what was found on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.predictions import (
    ImageTagsPrediction,
    ObjectPrediction,
    Prediction,
    RegionPrediction,
    objects_from,
)
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.tasks.registry import describe_task
from napari_synthseg.ui.presenters.tables import Cell, Table, heading

MAX_IMAGE_COLUMNS = 2
"""Images up to which the table of areas has one column an image; the names of classes then fit."""


def can_score(project: Project, run: TrainingRun, images: Iterable[str]) -> bool:
    """Tell whether there is any truth to score a run's predictions on images (ids) with."""
    wanted = set(images)
    refs = [ref for ref in project.images if ref.id in wanted]
    kinds = describe_task(run.task).truth_kinds
    return any(project.truth_of(ref, *kinds) for ref in refs) or any(
        project.clicks_on(ref) for ref in refs if ref.role != "train"
    )


def describe_found(
    found: Sequence[Prediction], project: Project, least: float | None = None
) -> str:
    """Return what a model found, from a score on, for the line above its tables."""
    if any(isinstance(prediction, RegionPrediction) for prediction in found):
        return "Share of each image's area that the model gave to each class:"
    if any(isinstance(prediction, ImageTagsPrediction) for prediction in found):
        return "How likely an image shows each class; bold: reported."
    names = project.class_names
    parts = [one for one in found if isinstance(one, ObjectPrediction)]
    shown = (one.objects if least is None else objects_from(one, least) for one in parts)
    counts = Counter([thing.cls for things in shown for thing in things])
    if not counts:
        best = max((o.score for one in parts for o in objects_from(one, 0.0)), default=None)
        if least is not None and best is not None:
            return (
                f"No object scores {least:.2f} or more; the best has {best:.2f}: move 'Score from' "
                "to the left."
            )
        return (
            "No object was found. Look at the dual images: do they resemble this image? Then "
            "train longer."
        )
    words = (f"{number} ({names.get(cls, f'class {cls}')})" for cls, number in counts.items())
    return f"Found: {', '.join(words)}"


def describe_missing(
    run: TrainingRun, found: Sequence[Prediction], shown: Sequence[ImageRef]
) -> str:
    """Return that nothing is known that a run found, or not on the image shown; else ''."""
    if not found:
        return f"No results of {run.name} are shown: press Predict."
    predicted = {one.image for one in found}
    if not shown or any(ref.id in predicted for ref in shown):
        return ""
    return (
        f"No results of {run.name} on {shown[0].name} are shown: tick it above, then Predict again."
    )


def describe_notes(found: Sequence[Prediction], project: Project) -> str:
    """Return where images differ from those learned from or were seen otherwise, a line each."""
    names = {image.id: image.name for image in project.images}
    told = ((p.image, note) for p in found for note in (*p.notes, p.how) if note)
    return "\n".join(f"{names.get(image, image)}: {note}." for image, note in told)


def prediction_table(found: Sequence[Prediction], project: Project) -> Table | None:
    """Return what was found on images without separate objects; None for objects."""
    regions = [p for p in found if isinstance(p, RegionPrediction)]
    tags = [p for p in found if isinstance(p, ImageTagsPrediction)]
    names = {image.id: image.name for image in project.images}
    if regions:
        return _areas(regions, names, project)
    return _tags(tags, names, project) if tags else None


def _areas(found: Sequence[RegionPrediction], names: Mapping[str, str], project: Project) -> Table:
    """Return shares of the area, background last: one row a class, or of many images one each."""
    classes = [(c.value, heading(c.name, color=c.color)) for c in project.classes]
    classes.append((0, heading("background")))
    cells = [[_area(prediction, value) for value, _ in classes] for prediction in found]
    images = [heading(names.get(p.image, p.image)) for p in found]
    table = Table(images, [words for _, words in classes], cells)
    return table if len(found) > MAX_IMAGE_COLUMNS else table.transposed()


def _area(prediction: RegionPrediction, value: int) -> Cell:
    pixels = int(prediction.pixel_counts[value])
    return Cell(f"{pixels / max(prediction.values.size, 1):.1%}", f"{pixels:,} pixels")


def _tags(
    found: Sequence[ImageTagsPrediction], names: Mapping[str, str], project: Project
) -> Table:
    """Return how likely each image shows each class; bold where the class is reported."""
    values = sorted(found[0].probabilities)
    classes = project.class_names
    rows = [heading(names.get(p.image, p.image)) for p in found]
    columns = [heading(classes.get(value, f"class {value}")) for value in values]
    return Table(rows, columns, [[_tag(p, value) for value in values] for p in found])


def _tag(prediction: ImageTagsPrediction, value: int) -> Cell:
    probability, least = prediction.probabilities[value], prediction.thresholds[value]
    return Cell(f"{probability:.0%}", f"reported from {least:.0%} on", is_bold=probability >= least)
