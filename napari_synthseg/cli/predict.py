"""What a model finds on images: objects, regions, boxes, or which classes there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_synthseg.cli.output import report
from napari_synthseg.cli.progress import complete, say
from napari_synthseg.cli.settings import (
    AdaptFlag,
    ImageFiles,
    JsonFlag,
    OverwriteFlag,
    ProjectFolder,
    RunName,
)
from napari_synthseg.core.predictions import (
    FoundObject,
    ImageTagsPrediction,
    InstancePrediction,
    RegionPrediction,
)
from napari_synthseg.io.naming import plane_name
from napari_synthseg.io.result_files import (
    AREAS_FILE,
    CANDIDATES_FILE,
    CLASSES_FILE,
    LABELS_FILE,
    OBJECTS_FILE,
    name_targets,
    refuse_existing,
    write_classes,
    write_labels,
    write_regions,
)
from napari_synthseg.io.tables import write_rows
from napari_synthseg.metrics.areas import Area, describe_shares, mean_shares, measure_areas
from napari_synthseg.workflow.predicting import find_images
from napari_synthseg.workflow.session import Session

OBJECT_COLUMNS = ("image", "id", "class", "score", "y", "x", "ymin", "xmin", "ymax", "xmax")
DEPTH_COLUMNS = ("z", "zmin", "zmax")
LABEL_COLUMNS = ("image", "class", "score", "shown")
AREA_COLUMNS = ("image", "class", "value", "pixels", "share", "area", "unit")

TABLES = {
    "segment": (OBJECTS_FILE,),
    "semantic": (AREAS_FILE, CLASSES_FILE),
    "detect": (OBJECTS_FILE, CANDIDATES_FILE),
    "classify": (LABELS_FILE,),
}
"""Task -> the tables that are written for a folder."""


def predict(
    project: ProjectFolder,
    run: RunName,
    images: ImageFiles,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where results go.")],
    adapt: AdaptFlag = False,
    overwrite: OverwriteFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Apply a model to whole images.

    Segmenting models write STEM.tif with instance ids, and objects.csv; semantic ones STEM.tif with
    class values, areas.csv and classes.csv; detectors objects.csv and candidates.csv (boxes of any
    score); classifiers labels.csv.
    """
    with Session.open(project) as session:
        chosen = session.project.run(run)
        task = chosen.task
        refs = find_images(images, session.folder, chosen)
        targets = name_targets(out, refs)
        masks = targets if task in ("segment", "semantic") else []
        refuse_existing([*masks, *(out / name for name in TABLES[task])], overwrite)
        predictions: list[Any] = complete(session, session.predict(chosen, refs, adapt))
        names = session.project.class_names
    out.mkdir(parents=True, exist_ok=True)
    for path, prediction in zip(masks, predictions, strict=bool(masks)):
        match prediction:
            case InstancePrediction(ids=ids):
                write_labels(path, ids)
            case RegionPrediction(values=values):
                write_regions(path, values)
    called = [plane_name(ref) for ref in refs]
    stems = [target.stem for target in targets]
    result: dict[str, Any] = {
        "run": chosen.name, "task": task, "out": str(out), "images": len(targets),
    }  # fmt: skip
    if task == "classify":
        rows = _label_rows(called, predictions, names)
        write_rows(out / LABELS_FILE, LABEL_COLUMNS, rows)
        shown = {stem: _shown(p, names) for stem, p in zip(stems, predictions, strict=True)}
        result["per_image"] = shown
        lines = [f"{stem}: {', '.join(classes) or 'nothing'}" for stem, classes in shown.items()]
    elif task == "semantic":
        areas = [measure_areas(p.values, names, r) for p, r in zip(predictions, refs, strict=True)]
        write_rows(out / AREAS_FILE, AREA_COLUMNS, _area_rows(called, areas))
        write_classes(out, names)
        shares = mean_shares(areas)
        each = {s: {a.name: a.share for a in found} for s, found in zip(stems, areas, strict=True)}
        result |= {"shares": shares, "per_image": each}
        lines = [f"{len(targets)} image(s), written to {out}: {describe_shares(shares)}."]
    else:
        deep = any(ref.ndim == 3 for ref in refs)
        columns = OBJECT_COLUMNS + DEPTH_COLUMNS * deep
        found = [p.objects for p in predictions]
        write_rows(out / OBJECTS_FILE, columns, _object_rows(called, found, names, deep))
        if task == "detect":
            rows = _object_rows(called, [p.candidates for p in predictions], names, deep)
            write_rows(out / CANDIDATES_FILE, columns, rows)
        counts = {stem: len(objects) for stem, objects in zip(stems, found, strict=True)}
        result |= {"objects": sum(counts.values()), "per_image": counts}
        lines = [f"{sum(counts.values())} objects on {len(targets)} image(s), written to {out}."]
        if empty := [stem for stem, count in counts.items() if count == 0]:
            say(f"Warning: no object was found on {', '.join(empty)}.")
    report(result, lines, as_json)


def _shown(prediction: ImageTagsPrediction, names: dict[int, str]) -> list[str]:
    return [names.get(value, str(value)) for value in prediction.class_values_shown()]


def _label_rows(
    called: Sequence[str], predictions: Sequence[ImageTagsPrediction], names: dict[int, str]
) -> list[tuple[object, ...]]:
    return [
        (name, names.get(value, str(value)), score, int(score >= prediction.thresholds[value]))
        for name, prediction in zip(called, predictions, strict=True)
        for value, score in prediction.probabilities.items()
    ]


def _object_rows(
    called: Sequence[str],
    found: Sequence[Sequence[FoundObject]],
    names: dict[int, str],
    deep: bool,
) -> list[tuple[object, ...]]:
    return [
        (
            name,
            one.id,
            names.get(one.cls, str(one.cls)),
            round(one.score, 4),
            *(round(p, 2) for p in one.center[-2:]),
            *(start for start, _ in one.box[-2:]),
            *(stop for _, stop in one.box[-2:]),
            *((round(one.center[0], 2), *one.box[0]) if deep else ()),
        )
        for name, objects in zip(called, found, strict=True)
        for one in objects
    ]


def _area_rows(
    called: Sequence[str], areas: Sequence[Sequence[Area]]
) -> Iterator[tuple[object, ...]]:
    for name, found in zip(called, areas, strict=True):
        for area in found:
            size = "" if area.size is None else f"{area.size:.6g}"
            yield name, area.name, area.value, area.pixels, f"{area.share:.6f}", size, area.unit
