"""``python -m benchmarks.peers``: this project beside Cellpose and StarDist, in one table.

The images are those that the study ``fluorescence`` draws: five to train on, its closing images to
score on. What is finished is kept: a run that was cut off goes on with the arm that is missing.
"""

from __future__ import annotations

import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.peers.arms import ARMS, Failed, Setting, synthseg
from benchmarks.peers.folders import Drawn, draw_unit, write_folders
from benchmarks.peers.records import PeerRecord, markdown, medians, read_records, write_records
from benchmarks.study.records import describe_machine
from napari_synthseg.cli import run_app
from napari_synthseg.cli.console import report, say
from napari_synthseg.cli.settings import JsonFlag
from napari_synthseg.core.errors import InputError

PROGRAM = "python -m benchmarks.peers"
BENCHMARKS = Path(__file__).parents[1]
STUDY = BENCHMARKS / "studies" / "fluorescence.toml"
RECORDS = "peers.json"

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def peers(
    minutes: Annotated[
        float, typer.Option("--minutes", min=0.05, help="Of each training, by the clock.")
    ] = 4.0,
    draws: Annotated[
        int, typer.Option("--draws", min=1, help="Draws of images; seeds from 0.")
    ] = 3,
    images: Annotated[int, typer.Option("--images", min=1, help="Most images to score on.")] = 50,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads", min=1, help="Of each program. [default: as many as this project uses]"
        ),
    ] = None,
    cellpose: Annotated[
        Path | None,
        typer.Option("--cellpose", metavar="PYTHON", help="Python of Cellpose's environment."),
    ] = None,
    stardist: Annotated[
        Path | None,
        typer.Option("--stardist", metavar="PYTHON", help="Python of StarDist's environment."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="ARM", help="Run this arm only; repeat for more."),
    ] = None,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help=f"Where {RECORDS} is written and continued."),
    ] = BENCHMARKS / "results",
    as_json: JsonFlag = False,
) -> None:
    """Train this project, Cellpose and StarDist for the same minutes; print a table."""
    given = {"cellpose": cellpose, "stardist": stardist}
    pythons = {name: path for name, path in given.items() if path is not None}
    chosen = _choose(only or list(ARMS), pythons)
    threads = threads or describe_machine().threads
    failures = []
    records: list[PeerRecord] = []
    for seed in range(draws):
        drawn = write_folders(draw_unit(STUDY, seed, images), out / "peers" / f"draw-{seed}")
        setting = Setting(minutes, threads, seed, pythons)
        for arm in chosen:
            try:
                records.append(_result(arm, drawn, setting, out))
            except Failed as error:
                say(f"{arm}, draw {seed}: failed: {error}")
                failures.append(f"{arm}, draw {seed}")
    report(
        {"records": str(out / RECORDS), "median": medians(records)}, [markdown(records)], as_json
    )
    if failures:
        raise InputError(f"{len(failures)} failed: {'; '.join(failures)}. The reasons are above.")


def _choose(names: list[str], pythons: dict[str, Path]) -> list[str]:
    for name in names:
        if name not in ARMS:
            raise InputError(f"There is no arm '{name}'. Arms: {', '.join(ARMS)}.")
        peer = ARMS[name].peer
        if peer and peer not in pythons:
            raise InputError(
                f"The arm '{name}' needs an environment with {peer}: give its Python by --{peer}, "
                "or run it by 'nox -s peers', which makes one."
            )
        if peer and not pythons[peer].is_file():
            raise InputError(f"There is no Python '{pythons[peer]}' (--{peer}).")
    return names


def _result(arm: str, drawn: Drawn, setting: Setting, out: Path) -> PeerRecord:
    """Return the record of an arm, of an earlier run if there is one."""
    path = out / RECORDS
    key = (arm, setting.seed, setting.minutes, setting.threads, drawn.digest)
    for record in read_records(path):
        if record.is_of(*key):
            return record
    say(f"{arm}, draw {setting.seed}: begins")
    work = out / "peers" / f"{arm}-{setting.seed}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    machine = describe_machine()
    started = time.perf_counter()
    outcome = ARMS[arm].run(drawn, work, work / "labels", setting)
    seconds = time.perf_counter() - started
    truth = drawn.test / "masks"
    scores = synthseg(
        *("score", "--task", "segment", "--pred", str(work / "labels"), "--truth", str(truth)),
        setting=setting,
    )
    record = PeerRecord(
        arm=arm,
        seed=setting.seed,
        minutes=setting.minutes,
        threads=setting.threads,
        images=drawn.digest,
        train=drawn.train_names,
        test_images=drawn.test_count,
        objects=drawn.objects,
        outcome=outcome,
        all_seconds=round(seconds, 2),
        measured_on=scores["caption"],
        values={k: v for k, v in scores["values"].items() if v is not None},
        machine=machine,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_records(path, [*read_records(path), record])
    say(f"{arm}, draw {setting.seed}: F1@0.5 {record.values['f1@0.5']:.3f}, {seconds:.0f} s")
    return record


if __name__ == "__main__":
    sys.exit(run_app(app, PROGRAM))
