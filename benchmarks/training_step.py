"""How long a training step takes: today's code next to that of an older commit, in one run.

Both train the U-Net of ``segment`` on the same pasted dual images (60 discs on 384 pixels), batches
of four crops of 256 pixels as by default, each in a process of its own; they take turns of some
steps. Printed are medians over the turns, and their range: wall and processor seconds of a step,
in which the batches that a thread makes are contained, and how many times faster today's code is.
The first steps of a turn do not count, as their batches were made while the other one ran.

``python -m nox -s bench -- training_step [--commit HASH] [--threads 1 2] [--turns 9]``, alone on
the machine: where others compute, only the processor seconds of one thread say something.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

BEFORE = "be4fb15"

SKIPPED, COUNTED = 5, 10
"""Steps of a turn."""

DIAMETER, EDGE, OBJECTS = 22.0, 384, 60

Seconds = tuple[float, float]
"""Of a step: wall, processor."""


# --- one process --------------------------------------------------------------------------------


def serve(threads: int) -> None:
    """Train; at each line of the standard input make a turn and print the seconds of a step."""
    import torch

    from benchmarks.pasting import fit, simulate_library
    from napari_synthseg.core.progress import exhaust
    from napari_synthseg.core.specs import Budget, TrainSpec
    from napari_synthseg.tasks.data import TaskData
    from napari_synthseg.tasks.train import AVERAGE_DECAY, MAX_GRADIENT_NORM, make_task
    from napari_synthseg.training.trainer import Trainer, TrainingPlan

    torch.set_num_threads(threads)
    pairs = fit(simulate_library(OBJECTS, EDGE), EDGE, OBJECTS)
    spec = TrainSpec(task="segment", steps=10**6)
    task = exhaust(make_task(TaskData(spec, pairs, {1: "disc"}, DIAMETER)))
    plan = TrainingPlan(
        Budget(1, spec.steps), spec.learning_rate, (), AVERAGE_DECAY,
        max_gradient_norm=MAX_GRADIENT_NORM, mixed_precision=True,
    )  # fmt: skip
    trainer = Trainer(task, plan, torch.device("cpu"))
    steps = trainer.run()

    def learn(count: int) -> None:
        last = trainer.step + count
        while trainer.step < last:
            next(steps)

    print("ready", flush=True)
    for _ in sys.stdin:
        learn(SKIPPED)
        wall, worked = time.perf_counter(), time.process_time()
        learn(COUNTED)
        spent = time.perf_counter() - wall, time.process_time() - worked
        print(json.dumps([seconds / COUNTED for seconds in spent]), flush=True)
    steps.close()


# --- both ---------------------------------------------------------------------------------------


class Worker:
    """A process that trains with the code of a folder."""

    def __init__(self, code: Path, threads: int, stack: ExitStack) -> None:
        command = [sys.executable, "-m", "benchmarks.training_step", "--serve", str(threads)]
        self._process = stack.enter_context(
            subprocess.Popen(
                command, cwd=code, env={**os.environ, "PYTHONPATH": str(code)}, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )
        )  # fmt: skip
        assert self._process.stdin and self._process.stdout
        self._asked: IO[str] = self._process.stdin
        self._told: IO[str] = self._process.stdout
        if self._told.readline() != "ready\n":
            raise SystemExit(f"The code of {code} cannot train.")

    def turn(self) -> Seconds:
        """Make a turn."""
        self._asked.write("\n")
        self._asked.flush()
        wall, worked = json.loads(self._told.readline())
        return wall, worked


def compare(older: Path, newer: Path, threads: int, turns: int) -> list[str]:
    """Return a line for wall and for processor seconds."""
    with ExitStack() as stack:
        workers = [Worker(code, threads, stack) for code in (older, newer)]
        for worker in workers:
            worker.turn()
        before, now = zip(*([w.turn() for w in workers] for _ in range(turns)), strict=True)
    lines = []
    for kind, title in enumerate(("wall", "processor")):
        old, new = [s[kind] for s in before], [s[kind] for s in now]
        ratios = [a / b for a, b in zip(old, new, strict=True)]
        columns = "".join(f"{_shown(values):>26}" for values in (old, new, ratios))
        lines.append(f"{threads:7}  {title:10}{columns}")
    return lines


def _shown(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commit", default=BEFORE, help="the code to compare with")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    from benchmarks.helpers.older_code import ROOT, check_out

    print(f"{'threads':>7}  {'seconds':10}{'before':>26}{'now':>26}{'times faster':>26}")
    with tempfile.TemporaryDirectory() as folder:
        older = check_out(options.commit, "training_step", Path(folder))
        for threads in options.threads:
            print("\n".join(compare(older, ROOT, threads, options.turns)), flush=True)


if __name__ == "__main__":
    main()
