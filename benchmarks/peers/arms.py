"""What is compared: this project by its command line, and other programs by scripts of their own.

Each is a process of its own with the same number of threads, trains for the same minutes on the
same images, and leaves label images of the test images.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.peers.folders import Drawn
from benchmarks.peers.peer import Outcome, limit_threads

ROOT = Path(__file__).parents[2]
OURS = (sys.executable, "-c", "from napari_synthseg.cli import main; main()")
RUN = "run"


class Failed(Exception):
    """A program ended with an error; says which and how."""


@dataclass(frozen=True)
class Setting:
    """What all arms share.

    Attributes
    ----------
    minutes, threads, seed
        Of each training.
    pythons
        Name of a peer -> Python of its environment.
    """

    minutes: float
    threads: int
    seed: int
    pythons: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Arm:
    """One thing compared.

    Attributes
    ----------
    title, learns_from
        For people.
    peer
        Which of the pythons it needs; empty for this project.
    run
        Trains and predicts: drawn images, folder to work in, folder for label images, setting.
    """

    title: str
    learns_from: str
    peer: str
    run: Callable[[Drawn, Path, Path, Setting], Outcome]


def _from_clicks(drawn: Drawn, work: Path, out: Path, setting: Setting) -> Outcome:
    return _ours(drawn, work, out, setting, (str(drawn.clicks),), "synthetic")


def _from_masks(drawn: Drawn, work: Path, out: Path, setting: Setting) -> Outcome:
    masks = ("--masks", str(drawn.train / "masks"), "--instance")
    return _ours(drawn, work, out, setting, masks, "real")


def _ours(
    drawn: Drawn, work: Path, out: Path, setting: Setting, marks: tuple[str, ...], source: str
) -> Outcome:
    project = str(work / "project.synthseg")
    cls = f"{drawn.class_name}:{drawn.diameter}"
    synthseg("new", project, *_images(drawn.train), "--class", cls, "--exhaustive", setting=setting)
    synthseg("import", project, *marks, setting=setting)
    trained = synthseg(
        *("train", project, "--task", "segment", "--source", source, "--start", "scratch"),
        *("--minutes", str(setting.minutes), "--seed", str(setting.seed), "--name", RUN),
        setting=setting,
    )
    started = os.times().elapsed
    synthseg("predict", project, RUN, *_images(drawn.test), "--out", str(out), setting=setting)
    return Outcome(
        train_seconds=round(trained["seconds"], 2),
        threshold_seconds=0.0,
        steps=trained["steps"],
        epochs=None,
        predict_seconds=round(os.times().elapsed - started, 2),
        versions={name: version(name) for name in ("napari-synthseg", "torch", "numpy")},
    )


def _images(folder: Path) -> list[str]:
    return [str(path) for path in sorted((folder / "images").glob("*.tif"))]


def synthseg(*arguments: str, setting: Setting) -> dict[str, Any]:
    """Run a command of this project; return its result."""
    return _last_line([*OURS, *arguments, "--json"], setting)


def _peer(name: str, drawn: Drawn, work: Path, out: Path, setting: Setting) -> Outcome:
    command = [
        *(str(setting.pythons[name]), "-m", f"benchmarks.peers.train_{name}"),
        *("--train", str(drawn.train), "--predict", str(drawn.test / "images")),
        *("--out", str(out), "--work", str(work), "--minutes", str(setting.minutes)),
        *("--seed", str(setting.seed), "--threads", str(setting.threads)),
    ]
    return Outcome(**_last_line(command, setting))


def _last_line(command: list[str], setting: Setting) -> dict[str, Any]:
    """Run a program; return the JSON object in the last line that it prints."""
    environment = dict(os.environ)
    limit_threads(environment, setting.threads)
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        told = (done.stderr or done.stdout).strip()[-2000:]
        raise Failed(f"{' '.join(command[:4])} ... ended with {done.returncode}:\n{told}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


ARMS = {
    "synthseg-clicks": Arm("napari-synthseg", "clicks", "", _from_clicks),
    "synthseg-masks": Arm("napari-synthseg", "true masks", "", _from_masks),
    "cellpose": Arm(
        "Cellpose 3, from scratch", "true masks", "cellpose", partial(_peer, "cellpose")
    ),
    "stardist": Arm("StarDist, from scratch", "true masks", "stardist", partial(_peer, "stardist")),
}
