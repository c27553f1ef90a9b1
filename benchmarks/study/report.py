"""The report of a study: every figure with what it was measured on."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.study.figure import FIGURE, SHOWN, save_figure
from benchmarks.study.records import ADAPTED, Record, read_records, records_path
from benchmarks.study.summary import (
    SUMMARY,
    TABLE,
    ArmSummary,
    differences,
    range_words,
    summarize,
    write_tables,
)
from benchmarks.study.tables import Study
from benchmarks.study.units import Unit
from napari_synthseg.core.scores import metric_title
from napari_synthseg.io.atomic import replace_file
from napari_synthseg.metrics.areas import BACKGROUND

REPORT = "report.md"
FURTHER: dict[str, tuple[str, ...]] = {
    "segment": (
        "matching_ap@0.5", "matching_ap_mean@0.5", "precision@0.5", "recall@0.5", "count_error",
    ),
    "semantic": (
        "present_miou_pooled", "present_miou_per_image_foreground", "miou_foreground",
        "pixel_accuracy", "absent_rate",
    ),
    "detect": ("precision@0.5", "recall@0.5"),
    "classify": ("f1", "pointing_chance", "energy_chance", "pixel_ap", "max_box_acc_v2"),
}  # fmt: skip
"""Task -> what the table of figures has beside `SHOWN`."""

WITHOUT_CLICKS = {
    "segment": "true masks", "semantic": "true masks", "detect": "true boxes",
    "classify": "true labels",
}  # fmt: skip
"""Task -> what arms without clicks learn from instead."""

OF_CLASSES = {"semantic": ("iou", "boundary_f1")}
"""Task -> the figures of each class, where they are others than `SHOWN`."""

WORDS = {
    "segment": "F1, precision and recall pool the objects of all images; "
    "AP is TP / (TP + FP + FN).",
    "semantic": "IoU is TP / (TP + FP + FN) in pixels, mIoU its mean over classes: those that are "
    "anywhere in truth or prediction, or those present in the truth, by image or over all images; "
    "absent rate is the share of pixels given to classes that their image's truth does not hold.",
    "detect": "F1, precision and recall pool the objects of all images; AP is the mean over the "
    "classes of average precision as COCO defines it.",
    "classify": "AP is average precision, the mean over the classes; pointing, energy and what "
    "follows say where class activation maps point, beside what chance would get.",
}
"""Task -> what the columns mean."""

FEW_UNITS = 3
"""With fewer units in an arm, the report says that chance is not known."""


@dataclass(frozen=True)
class Progress:
    """How much of a study is there."""

    done: int
    wanted: int
    missing: tuple[str, ...]


def load_records(units: Sequence[Unit], out: Path) -> list[Record]:
    """Return the records of those units that are done, in the order of `units`."""
    records = read_records(out)
    return [records[name] for unit in units if (name := unit.name()) in records]


def write_report(study: Study, units: Sequence[Unit], out: Path, file: Path) -> Progress:
    """Write report, tables and figure of what is there; without a record, only the report.

    Parameters
    ----------
    study, units
        The study and all its units.
    out
        The study's folder.
    file
        The study file, for the command that repeats it.
    """
    records = load_records(units, out)
    done = {record.unit for record in records}
    missing = tuple(unit.label for unit in units if unit.name() not in done)
    progress = Progress(len(records), len(units), missing)
    arms = summarize([arm.name for arm in study.arm], records)
    if arms:
        write_tables(out, arms)
        save_figure(out, study.study.title, _caption(records), arms, study.train.task)
    lines = list(_lines(study, arms, progress, out, file))
    text = "\n".join(lines) + "\n"
    replace_file(out / REPORT, lambda path: path.write_text(text, encoding="utf-8"))
    return progress


def _lines(
    study: Study, arms: Sequence[ArmSummary], progress: Progress, out: Path, file: Path
) -> Iterator[str]:
    records = [record for arm in arms for record in arm.records]
    yield f"# {study.study.title}"
    yield ""
    if study.study.question:
        yield from (study.study.question, "")
    yield from _state(progress)
    if records:
        yield from _measured_on(records)
        yield from _cautions(study, arms)
        shown = SHOWN[study.train.task]
        yield from _figures(arms, records, study.train.task)
        yield from _by_class(study, arms, shown)
        yield from _adapted(study, arms, shown)
        yield from _differences(arms, shown)
        yield from _every_unit(arms, shown)
        yield from _made_with(study, records)
    command = f"python -m benchmarks.study {file.name} --out {out.name}"
    yield from ("## Repeat it", "", "```", command, "```", "")
    yield f"Figures of each unit: `{TABLE}`; of each arm: `{SUMMARY}`; records, with the names of"
    yield f"all images, the recipe and the versions: `{records_path(out).name}` beside this folder."


def _state(progress: Progress) -> Iterator[str]:
    if not progress.missing:
        yield f"All {progress.wanted} units are done."
    else:
        yield f"**Unfinished: {progress.done} of {progress.wanted} units are done.** Missing:"
        yield ""
        yield from (f"- {label}" for label in progress.missing)
    yield ""


def _caption(records: Sequence[Record]) -> str:
    images = range_words([len(r.measured_on.images) for r in records])
    objects = range_words([r.measured_on.objects for r in records])
    which = records[0].measured_on.which
    kinds = " and ".join(sorted({r.measured_on.kind for r in records}))
    counted = _counted(records[0])
    return (
        f"Each point was measured on {images} {kinds} images with {objects} {counted} "
        f"({which}), none of them trained on."
    )


def _counted(record: Record) -> str:
    return "true pixels" if record.training.spec.task == "semantic" else "true objects"


def _measured_on(records: Sequence[Record]) -> Iterator[str]:
    yield from ("## Measured on", "")
    counted = _counted(records[0])
    yield from (f"| image seed | scored on | images | {counted} |", "|---|---|---|---|")
    seen = {r.image_seed: r.measured_on for r in records}
    for image_seed, measured in sorted(seen.items()):
        which = f"{measured.kind} images, {measured.which}"
        yield f"| {image_seed} | {which} | {len(measured.images)} | {measured.objects} |"
    yield ""
    yield "All arms of one image seed are scored on the same images, none of which any of them was"
    yield "trained on or chosen by."
    yield ""
    for warning in dict.fromkeys(w for r in records for w in r.warnings):
        yield from (f"> {warning}", "")


def _cautions(study: Study, arms: Sequence[ArmSummary]) -> Iterator[str]:
    """Say what a reader must know before believing small differences."""
    if study.data.part == "tuning":
        yield "Images of the tuning half serve to choose settings: the figures compare arms, they"
        yield from ("promise nothing for other images.", "")
    few = min(len(arm.records) for arm in arms)
    if few < FEW_UNITS:
        yield f"With {few} unit(s) in an arm nothing is known of how much chance matters: small"
        yield from ("differences may be no differences.", "")


def _figures(arms: Sequence[ArmSummary], records: Sequence[Record], task: str) -> Iterator[str]:
    yield from ("## Figures", "", f"![Points: units; bars: medians]({FIGURE})", "")
    metrics = [m for m in (*SHOWN[task], *FURTHER[task]) if any(m in r.values for r in records)]
    titles = " | ".join(metric_title(m) for m in metrics)
    yield f"| arm | training images | clicks | units | {titles} |"
    yield "|---" * (4 + len(metrics)) + "|"
    for arm in arms:
        images = range_words([len(r.trained_on.images) for r in arm.records])
        clicks = range_words([r.trained_on.clicks for r in arm.records])
        if arm.records[0].source == "real" or not any(r.trained_on.clicks for r in arm.records):
            clicks = WITHOUT_CLICKS[task]
        cells = " | ".join(_cell(arm, metric) for metric in metrics)
        yield f"| {arm.name} | {images} | {clicks} | {len(arm.records)} | {cells} |"
    yield ""
    yield f"Median of the units (lowest to highest where there are several). {_caption(records)}"
    yield WORDS[task]
    yield ""


def _by_class(study: Study, arms: Sequence[ArmSummary], shown: Sequence[str]) -> Iterator[str]:
    names = study.data.class_names
    if len(names) < 2 and study.train.task not in OF_CLASSES:
        return
    shown = OF_CLASSES.get(study.train.task, shown)
    if study.train.task == "semantic":
        names = (BACKGROUND, *names)
    titles = " | ".join(metric_title(m) for m in shown)
    yield from ("## By class", "", f"| arm | class | {titles} |", "|---" * (2 + len(shown)) + "|")
    for arm in arms:
        for name in names:
            cells = " | ".join(_cell(arm, f"{metric} [{name}]") for metric in shown)
            yield f"| {arm.name} | {name} | {cells} |"
    yield ""


def _adapted(study: Study, arms: Sequence[ArmSummary], shown: Sequence[str]) -> Iterator[str]:
    adapting = [arm for arm in arms if arm.spread(f"{shown[0]}{ADAPTED}") is not None]
    if not adapting:
        return
    names = study.data.class_names
    kinds = [""] + ([f" [{name}]" for name in names] if len(names) > 1 else [])
    metrics = [f"{metric}{kind}" for metric in shown for kind in kinds]
    yield from ("## Adapted", "", "| arm | figure | as trained | adapted |", "|---|---|---|---|")
    for arm in adapting:
        for metric in metrics:
            if adapted := _cell(arm, f"{metric}{ADAPTED}"):
                yield f"| {arm.name} | {metric} | {_cell(arm, metric)} | {adapted} |"
    yield ""
    yield "Adapted: the same weights, with batch norms fitted to the training images, without"
    yield "labels, before predicting."
    yield ""


def _cell(arm: ArmSummary, metric: str) -> str:
    spread = arm.spread(metric)
    if spread is None:
        return ""
    if len(arm.records) == 1:
        return f"{spread.median:.3f}"
    return f"{spread.median:.3f} ({spread.low:.3f} to {spread.high:.3f})"


def _differences(arms: Sequence[ArmSummary], shown: Sequence[str]) -> Iterator[str]:
    first, *others = arms
    rows = []
    for arm in others:
        if all(pairs := [differences(first, arm, metric) for metric in shown]):
            cells = " | ".join(_difference(values) for values in pairs)
            rows.append(f"| {arm.name} | {len(pairs[0])} | {cells} |")
    if not rows:
        return
    titles = " | ".join(metric_title(m) for m in shown)
    yield from (f"## Differences to '{first.name}'", "", f"| arm | pairs | {titles} |")
    yield "|---" * (2 + len(shown)) + "|"
    yield from rows
    yield ""
    yield "Units of the same seed and images are paired: median of the differences, and how many of"
    yield f"the pairs are above '{first.name}'."
    yield ""


def _difference(values: Sequence[float]) -> str:
    above = sum(value > 0 for value in values)
    return f"{statistics.median(values):+.3f} ({above} of {len(values)} above)"


def _every_unit(arms: Sequence[ArmSummary], shown: Sequence[str]) -> Iterator[str]:
    titles = " | ".join(metric_title(m) for m in shown)
    yield from ("## Every unit", "")
    counted = _counted(arms[0].records[0])
    yield f"| arm | seed | image seed | {titles} | images | {counted} | wall s | processor s |"
    yield "|---" * (7 + len(shown)) + "|"
    for record in (record for arm in arms for record in arm.records):
        values = " | ".join(f"{record.values[m]:.3f}" if m in record.values else "" for m in shown)
        measured, spent = record.measured_on, record.training
        yield (
            f"| {record.arm} | {record.seed} | {record.image_seed} | {values} "
            f"| {len(measured.images)} | {measured.objects} "
            f"| {spent.wall_seconds:.0f} | {spent.cpu_seconds:.0f} |"
        )
    yield ""
    yield "Seconds are those of training with all that it needs. Wall seconds of units that ran"
    yield "side by side, or on a busy machine, are not those of an idle one."
    yield ""


def _made_with(study: Study, records: Sequence[Record]) -> Iterator[str]:
    spec = study.train
    yield from ("## Made with", "")
    crops = f"{spec.batch_size} crops of {spec.crop} pixels"
    yield f"- {spec.steps} steps in every arm, batches of {crops};"
    network = f"'{spec.model.name}'" if spec.model.name else f"the default one to {spec.task}"
    yield f"  network: {network}, width {spec.model.width}, depth {spec.model.depth};"
    yield f"  {spec.validation_fraction:.0%} of the clicks held out to choose the weights"
    facts = {
        "versions": [", ".join(f"{k} {v}" for k, v in sorted(r.versions.items())) for r in records],
        "state of the code": [r.machine.code for r in records],
        "machine": [
            f"{r.machine.processor}, {r.machine.cores} cores, {r.machine.system}, "
            f"Python {r.machine.python}"
            for r in records
        ],
        "device": [r.training.device for r in records],
    }
    for title, values in facts.items():
        distinct = list(dict.fromkeys(values))
        mixed = "" if len(distinct) == 1 else f" **(the units differ: {len(distinct)} of them)**"
        yield f"- {title}{mixed}: {'; or '.join(distinct)}"
    yield ""
