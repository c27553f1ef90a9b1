"""What the programs for Cellpose and StarDist share: numpy and tifffile, nothing of this project.

They run in environments of their own, ``PYTHON -m benchmarks.peers.train_cellpose --train DIR ...``
from the folder that holds ``benchmarks``.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)
"""What the libraries of all programs go by, if it is set before they are loaded."""


@dataclass(frozen=True)
class Outcome:
    """What a program says of itself when it is done; times in seconds of the clock.

    Attributes
    ----------
    train_seconds
        From images and masks in memory to the last batch.
    threshold_seconds
        What choosing thresholds took beyond that.
    steps, epochs
        Batches, and epochs as the program counts them; None if it counts none.
    predict_seconds
        Over all images to predict.
    versions
        Of its libraries.
    """

    train_seconds: float
    threshold_seconds: float
    steps: int
    epochs: int | None
    predict_seconds: float
    versions: dict[str, str]


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the options, and limit the threads of all libraries that are loaded from now on."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--train", type=Path, required=True, help="holds images/ and masks/")
    parser.add_argument("--predict", type=Path, required=True, help="images to predict")
    parser.add_argument("--out", type=Path, required=True, help="for label images; STEM.tif")
    parser.add_argument("--work", type=Path, required=True, help="for weights")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args(arguments)
    limit_threads(os.environ, options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    return options


def limit_threads(environment: Any, threads: int) -> None:
    """Let the libraries of a process compute with so many threads."""
    environment.update({name: str(threads) for name in THREAD_VARIABLES})


def read_training(folder: Path) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Return the images (y, x) and their label images, by name."""
    paths = sorted((folder / "images").glob("*.tif"))
    images = [tifffile.imread(path) for path in paths]
    return images, [tifffile.imread(folder / "masks" / path.name) for path in paths]


def predict_all(
    images: Path, out: Path, predict: Callable[[NDArray[Any]], NDArray[np.integer[Any]]]
) -> float:
    """Write a label image for each image of a folder; return the seconds that it took."""
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(images.glob("*.tif")):
        ids = predict(tifffile.imread(path)).astype(np.int32)
        tifffile.imwrite(out / path.name, ids, compression="zlib")
    return time.perf_counter() - started


def tell(outcome: Outcome) -> None:
    """Print the outcome as the last line of stdout."""
    print(json.dumps(asdict(outcome)), flush=True)
