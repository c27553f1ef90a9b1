"""Visit all targets in turn: ``python -m benchmarks.fuzz [--minutes M] [--target NAME]``.

With atheris, inputs are changed by what code they reach; without it (it is made for Linux and some
versions of Python only), by what answers they give.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from benchmarks.fuzz.targets import TARGETS


def main() -> int:
    """Run the program; return 1 where anything was found."""
    ask = argparse.ArgumentParser(prog="benchmarks.fuzz", description=__doc__)
    ask.add_argument("--minutes", type=float, default=10.0, help="of all targets together")
    ask.add_argument("--target", action="append", choices=sorted(TARGETS), help="only this one")
    ask.add_argument("--out", type=Path, default=Path("fuzz-findings"))
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--round-s", type=float, default=60.0, help="seconds of a target at a time")
    how = ask.parse_args()
    engine = "atheris" if find_spec("atheris") else "mutations"
    print(f"engine: {engine}", file=sys.stderr)
    names = how.target or list(TARGETS)
    end, round_number = time.monotonic() + how.minutes * 60, 0
    totals = {name: {"inputs": 0, "refused": 0, "seconds": 0.0} for name in names}
    while (left := end - time.monotonic()) > 1:
        share = min(how.round_s, how.minutes * 60 / len(names), left)
        name = names[round_number % len(names)]
        found = _visit(name, engine, how.out, share, how.seed + round_number)
        for key, value in found.items():
            totals[name][key] += value
        round_number += 1
    findings = sorted(str(path) for path in how.out.rglob("*.input"))
    print(json.dumps({"engine": engine, "targets": totals, "findings": findings}, indent=1))
    return 1 if findings else 0


def _visit(name: str, engine: str, out: Path, seconds: float, seed: int) -> dict[str, float]:
    """Let a process of its own fuzz a target; what ends it is a finding, too."""
    folder = out / name
    program = [sys.executable, "-m", "benchmarks.fuzz.one_target", name, engine]
    started = time.monotonic()
    done = subprocess.run(
        [*program, str(folder), f"{seconds:.0f}", str(seed)],
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    for running in folder.glob("*.running"):  # it did not come to its end
        trace = running.with_suffix(".trace")
        told = trace.read_text() if trace.exists() else ""
        running.with_suffix(".txt").write_text(f"{told}\n{done.stderr[-4000:]}")
        running.rename(running.with_suffix(".input"))
        trace.unlink(missing_ok=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    figures = json.loads(lines[-1]) if lines else {"inputs": 0, "refused": 0}
    return {**figures, "seconds": time.monotonic() - started}


if __name__ == "__main__":
    sys.exit(main())
