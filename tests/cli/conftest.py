"""A small simulated field with exact labels, and a way to run commands without a process."""

from __future__ import annotations

import io
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_synthseg.cli import run


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        return json.loads(self.out.splitlines()[-1])


Invoke = Callable[..., Done]


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Let Ctrl-C interrupt, also where the tests were started with it switched off."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def invoke() -> Invoke:
    """Run one command and return its exit code and what it printed."""

    def run_command(*arguments: object) -> Done:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run([str(argument) for argument in arguments])
        return Done(code, out.getvalue(), err.getvalue())

    return run_command


@dataclass(frozen=True)
class Field:
    """Files of a simulated field: image, true labels in a folder of their own, clicks."""

    image: Path
    masks: Path
    clicks: Path
    objects: int


@pytest.fixture(scope="session")
def field(tmp_path_factory: pytest.TempPathFactory) -> Field:
    """Write a field of bright disks of two sizes on a noisy background."""
    folder = tmp_path_factory.mktemp("field")
    (folder / "masks").mkdir()
    rng = np.random.default_rng(5)
    yy, xx = np.mgrid[:160, :160]
    ids = np.zeros((160, 160), np.uint16)
    rows = ["image,class,y,x"]
    for number, (y, x) in enumerate(np.mgrid[20:150:30, 20:150:30].reshape(2, -1).T, start=1):
        large = number % 3 == 0
        y, x = y + int(rng.integers(-4, 5)), x + int(rng.integers(-4, 5))
        ids[(yy - y) ** 2 + (xx - x) ** 2 <= (9 if large else 5) ** 2] = number
        rows.append(f"cells.tif,{'large' if large else 'small'},{y},{x}")
    image = 200 + 1500 * (ids > 0) + rng.normal(0, 60, ids.shape)
    tifffile.imwrite(folder / "cells.tif", image.clip(0).astype(np.uint16))
    tifffile.imwrite(folder / "masks" / "cells.tif", ids)
    (folder / "clicks.csv").write_text("\n".join(rows))
    return Field(folder / "cells.tif", folder / "masks", folder / "clicks.csv", int(ids.max()))
