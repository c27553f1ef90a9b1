"""``python -m benchmarks.study STUDY.toml``: from a study file to a report.

Results, progress, errors and exit codes are those of the ``napari-synthseg`` command.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.study.figure import FIGURE, SHOWN
from benchmarks.study.report import REPORT, load_records, write_report
from benchmarks.study.runner import run_units, share_units
from benchmarks.study.study_file import load_study
from benchmarks.study.summary import SUMMARY, TABLE, metrics_of, summarize
from benchmarks.study.tables import Study
from benchmarks.study.timing import calibrate, estimate_seconds
from benchmarks.study.units import Unit, choose, plan
from napari_synthseg.cli import run_app
from napari_synthseg.cli.console import report, run_job, say, table
from napari_synthseg.cli.settings import JsonFlag
from napari_synthseg.core.errors import InputError

PROGRAM = "python -m benchmarks.study"
RESULTS = Path(__file__).parents[1] / "results"

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def study(
    file: Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study file.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Where the report goes; the records go to the file DIR.jsonl beside it. "
            "[default: benchmarks/results/STUDY]",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="ARM", help="Run this arm only; repeat for more."),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes that share the work.")] = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the units and an estimate of the time.")
    ] = False,
    calibrate_only: Annotated[
        bool,
        typer.Option("--calibrate", help="Measure how many steps fit in the study's minutes."),
    ] = False,
    report_only: Annotated[
        bool, typer.Option("--report-only", help="Write the report of the finished units.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Run a comparison over arms and seeds, or continue it, and write a report."""
    if sum((dry_run, calibrate_only, report_only)) > 1:
        raise InputError("Give one of --dry-run, --calibrate and --report-only, not several.")
    whole = load_study(file)
    out = out or RESULTS / file.stem
    every = plan(whole)
    units = choose(every, only or ())
    if dry_run:
        return _list_units(units, out, as_json)
    if calibrate_only:
        return _calibrate(whole, units[0], out, as_json)
    failures = []
    if not report_only:
        if jobs > 1:
            failures = share_units(units, out, jobs)
        else:
            failures = run_units(units, out, run_job=run_job, say=say)
    _report(whole, every, out, file, as_json)
    if any(failure.defect for failure in failures):
        raise typer.Exit(1)
    if failures:
        first = failures[0]
        raise InputError(f"{len(failures)} unit(s) failed, {first.unit.label}: {first.message}")
    return None


def _list_units(units: Sequence[Unit], out: Path, as_json: bool) -> None:
    records = load_records(units, out)
    done = {record.unit for record in records}
    left = [unit for unit in units if unit.name() not in done]
    seconds = estimate_seconds(left, records, out)
    result = {
        "units": [
            {
                "unit": unit.name(),
                "arm": unit.arm.name,
                "seed": unit.seed,
                "image_seed": unit.image_seed,
                "training_images": len(unit.train),
                "test_images": len(unit.test),
                "done": unit.name() in done,
            }
            for unit in units
        ],
        "done": len(done),
        "left": len(left),
        "seconds_left": None if seconds is None else round(seconds),
    }
    header = ("unit", "training images", "test images", "state")
    rows = [
        (u.label, len(u.train), len(u.test), "done" if u.name() in done else "to do") for u in units
    ]
    if not left:
        words = "nothing is left to do"
    elif seconds is None:
        words = "how long they take is not known yet: measure it by --calibrate"
    else:
        words = f"about {describe_seconds(seconds)} for one process, at the speed so far"
    lines = [*table(header, rows), f"{len(done)} units are done, {len(left)} to do: {words}."]
    report(result, lines, as_json)


def describe_seconds(seconds: float) -> str:
    """Return a time in hours and minutes."""
    minutes = max(round(seconds / 60), 1)
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02d} min" if hours else f"{rest} min"


def _calibrate(whole: Study, unit: Unit, out: Path, as_json: bool) -> None:
    minutes = whole.train.minutes
    found = calibrate(unit, minutes, out, run_job)
    lines = [
        f"{found.steps} steps of arm '{found.arm}' fit in {minutes:g} minutes here: "
        f"{found.seconds_per_step:.3f} s a step and {found.other_seconds:.1f} s for the rest, "
        f"{found.threads} threads. The study asks for {whole.train.steps}."
    ]
    if not found.idle:
        lines.append(
            f"The machine was not idle (load {found.load_before:g}): it can do more steps."
        )
    report(found.model_dump(mode="json"), lines, as_json)


def _report(whole: Study, every: Sequence[Unit], out: Path, file: Path, as_json: bool) -> None:
    progress = write_report(whole, every, out, file)
    arms = summarize([arm.name for arm in whole.arm], load_records(every, out))
    result: dict[str, Any] = {
        "study": whole.study.title,
        "done": progress.done,
        "wanted": progress.wanted,
        "missing": list(progress.missing),
        "report": str(out / REPORT),
        "table": str(out / TABLE) if arms else None,
        "summary": str(out / SUMMARY) if arms else None,
        "figure": str(out / FIGURE) if arms else None,
        "arms": {
            arm.name: {
                "units": len(arm.records),
                "measured_on": sorted({r.measured_on.caption for r in arm.records}),
                "median": {
                    metric: spread.median
                    for metric in metrics_of(arm.records)
                    if (spread := arm.spread(metric))
                },
            }
            for arm in arms
        },
    }
    rows = [
        (
            arm.name,
            len(arm.records),
            *(spread.median if (spread := arm.spread(m)) else "" for m in SHOWN[whole.train.task]),
        )
        for arm in arms
    ]
    lines = [
        *table(("arm (median)", "units", *SHOWN[whole.train.task]), rows),
        f"{progress.done} of {progress.wanted} units are done. Report: {out / REPORT}",
    ]
    report(result, lines, as_json)


if __name__ == "__main__":
    sys.exit(run_app(app, PROGRAM))
