"""Dual images for this program and for others to learn from."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from pathlib import Path
from typing import Any

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import (
    DualImage,
    RegionLabels,
    count_values,
    instances_of,
    regions_of,
)
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.io.exports.pair_record import RECORD_FILE, PairRecord
from napari_synthseg.io.exports.training_pairs import LAYOUTS, pair_layout
from napari_synthseg.io.result_files import (
    CLASSES_FILE,
    OBJECTS_FILE,
    refuse_existing,
    write_classes,
    write_image,
    write_labels,
    write_regions,
)
from napari_synthseg.io.tables import write_rows
from napari_synthseg.metrics.areas import describe_shares, mean_shares, measure_areas
from napari_synthseg.workflow.exporting.exported import Exported

MAX_LISTED_FILES = 5

OWN_FORMAT = "tiff"
"""How this program itself reads pairs; the others are `LAYOUTS`."""


def export_pairs(
    out: Path,
    pairs: Sequence[DualImage],
    project: Project,
    format: str,
    overwrite: bool,
    inputs: Collection[Path],
) -> Generator[Progress, None, Exported]:
    """Write dual images, as this program reads them or in the layout of another.

    They take the place of those that were exported to the same folder before.
    """
    if format == OWN_FORMAT:
        refuse_existing(pair_files(out, len(pairs)), overwrite, inputs)
        figures, words = describe_pairs(pairs, project)
        _replace_last(out, PairRecord(format=format, pairs=len(pairs), channels=1), inputs)
        yield from _write_pairs(out, pairs, project)
        return Exported(figures, f"{words} written to {out}.")
    sound = [pair for pair in pairs if not pair.rejection_reason]
    if pairs and not sound:
        raise InputError(
            f"None of the {len(pairs)} dual images passed the gate, which others are not to learn "
            "from: make others, with another recipe or better patches."
        )
    figures, words = describe_pairs(sound, project)
    layout = pair_layout(format, project.class_values)
    channels = len(sound[0].image)
    names = [_name(number) for number in range(len(sound))]
    refuse_existing([*layout.files(out, names, channels), out / RECORD_FILE], overwrite, inputs)
    _replace_last(out, PairRecord(format=format, pairs=len(sound), channels=channels), inputs)
    for number, (name, pair) in enumerate(zip(names, sound, strict=True)):
        yield Progress(number / len(sound), f"writing dual image {number + 1}")
        layout.write(out, name, pair)
    layout.finish(out, len(sound), channels, project.class_names)
    left = len(pairs) - len(sound)
    note = f" {left} that did not pass the gate were left out." if left else ""
    return Exported(
        {**figures, "left_out": left}, f"{words} written to {out} for {layout.title}.{note}"
    )


def describe_pairs(pairs: Sequence[DualImage], project: Project) -> tuple[dict[str, Any], str]:
    """Return what pairs hold, and which of them nothing should learn from, as figures and words.

    Raises
    ------
    InputError
        If there are none.
    """
    if not pairs:
        raise InputError("There are no dual images yet: make at least one.")
    bad = [_file_name(number) for number, pair in enumerate(pairs) if pair.rejection_reason]
    figures: dict[str, Any] = {"pairs": len(pairs), "faulty": bad}
    some = ", ".join(bad[:MAX_LISTED_FILES]) + (", …" if len(bad) > MAX_LISTED_FILES else "")
    told = f"; {len(bad)} did not pass the gate, leave them out of training: {some}" if bad else ""
    if isinstance(pairs[0].labels, RegionLabels):
        counts = (count_values(regions_of(pair.labels).values) for pair in pairs)
        areas = [measure_areas(each, project.class_names, ImageRef(uri="")) for each in counts]
        figures["shares"] = mean_shares(areas)
        regions = describe_shares(figures["shares"])
        return figures, f"{len(pairs)} dual images of regions ({regions}){told}"
    classes = [cls for pair in pairs for cls in instances_of(pair.labels).classes.values()]
    figures["objects"] = sum(instances_of(pair.labels).count for pair in pairs)
    figures["per_class"] = {c.name: classes.count(c.value) for c in project.classes}
    return figures, f"{len(pairs)} dual images with {figures['objects']} objects{told}"


def pair_files(out: Path, count: int) -> tuple[Path, ...]:
    """Return the files that exported pairs may need: all images, all labels, the tables."""
    pairs = (out / kind / _file_name(n) for kind in ("images", "labels") for n in range(count))
    return (*pairs, out / OBJECTS_FILE, out / CLASSES_FILE, out / RECORD_FILE)


def _replace_last(out: Path, record: PairRecord, inputs: Collection[Path]) -> None:
    """Remove what only the last export to a folder wrote, and note what this one writes.

    The note comes first, so that pairs of an export that is stopped are known, too.
    """
    last = PairRecord.read(out, (OWN_FORMAT, *LAYOUTS))
    if last is not None:
        gone = {*_files_of(last, out)} - {*_files_of(record, out)}
        refuse_existing(gone, overwrite=True, inputs=inputs)
        for path in gone:
            path.unlink(missing_ok=True)
    record.write(out)


def _files_of(record: PairRecord, out: Path) -> list[Path]:
    if record.format == OWN_FORMAT:
        return list(pair_files(out, record.pairs))
    layout, names = pair_layout(record.format, ()), [_name(n) for n in range(record.pairs)]
    beside = [path for name in names for path in layout.sidecars(out, name)]
    return [*layout.files(out, names, record.channels), out / RECORD_FILE, *beside]


def _name(number: int) -> str:
    return f"{number:05d}"


def _file_name(number: int) -> str:
    return f"{_name(number)}.tif"


def _write_pairs(
    out: Path, pairs: Sequence[DualImage], project: Project
) -> Generator[Progress, None, None]:
    """Write ``images/``, ``labels/``, and the table that says what the labels mean."""
    for kind in ("images", "labels"):
        (out / kind).mkdir(parents=True, exist_ok=True)
    names = project.class_names
    rows: list[tuple[object, ...]] = []
    for number, pair in enumerate(pairs):
        yield Progress(number / len(pairs), f"writing dual image {number + 1}")
        name = _file_name(number)
        write_image(out / "images" / name, pair.image)
        if isinstance(pair.labels, RegionLabels):
            write_regions(out / "labels" / name, pair.labels.values)
            continue
        labels = instances_of(pair.labels)
        write_labels(out / "labels" / name, labels.ids)
        rows += [(name, instance, names[cls]) for instance, cls in sorted(labels.classes.items())]
    if isinstance(pairs[0].labels, RegionLabels):
        write_classes(out, names)
    else:
        write_rows(out / OBJECTS_FILE, ("image", "id", "class"), rows)
