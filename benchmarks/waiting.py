"""Share of the training time in which the training waits for dual images.

Run ``python -m nox -s bench -- waiting [--steps N]`` alone on the machine. The first images of the
fluorescence set (real, in the folder named by SYNTHSEG_DATA) are clicked. As in the program, dual
images are made in a thread while the network learns; measured is how long the loop stands still for
the next batch, as a share of its whole time. The first batch, during which there is nothing else to
do, is counted on its own. Each recipe is run with one thread for PyTorch and with all cores.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from unittest.mock import patch

import torch

from benchmarks.helpers.clicked_images import clicked_image, cut, read
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.recipe import Synthesizer
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.synthesis import PasteRecipe
from napari_synthseg.tasks.data import TaskData
from napari_synthseg.tasks.train import train_model
from napari_synthseg.training import trainer
from napari_synthseg.training.batches import Take, prefetched
from napari_synthseg.training.trainable import Batch

RECIPES = {
    "default": PasteRecipe(),
    "poisson, 100 objects": PasteRecipe(blending="poisson", counts="fixed", count=100),
}
IMAGES = 3


def synthesizer(recipe: PasteRecipe) -> Synthesizer:
    """Return a recipe fitted to a few real images with all objects clicked."""
    images = [
        clicked_image(
            image.name,
            image.pixels[:1],
            {f"{image.name} {number}": place for number, place in image.positions.items()},
        )
        for image in islice(read("fluorescence"), IMAGES)
    ]
    return exhaust(recipe.fit(cut(*images, diameter=20.0)))


class Watch:
    """Counts the seconds that are spent waiting for batches after the first."""

    def __init__(self) -> None:
        self.first = 0.0
        self.waited = 0.0
        self.began = 0.0

    @contextmanager
    def prefetched(self, make: Callable[[int], Batch], first: int) -> Iterator[Take]:
        """Stand in for `prefetched`, and look at the clock."""
        with prefetched(make, first) as take:

            def timed(seconds: float) -> Batch | None:
                before = time.perf_counter()
                batch = take(seconds)
                now = time.perf_counter()
                if self.began:
                    self.waited += now - before
                else:
                    self.first += now - before
                    self.began = now if batch is not None else 0.0
                return batch

            yield timed


def measure(pairs: Synthesizer, steps: int) -> dict[str, float]:
    """Train for some steps; return what was waited for."""
    watch = Watch()
    with patch.object(trainer, "prefetched", watch.prefetched):
        spec = TrainSpec(steps=steps, device="cpu")
        exhaust(train_model(TaskData(spec, pairs, {1: "nucleus"}, diameter=20.0)))
    seconds = time.perf_counter() - watch.began
    return {
        "seconds_a_step": round(seconds / steps, 3),
        "first_batch_seconds": round(watch.first, 2),
        "waiting_share": round(watch.waited / seconds, 4),
    }


def main() -> None:
    """Measure and print a line of JSON for each recipe and number of threads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    for name, recipe in RECIPES.items():
        pairs = synthesizer(recipe)
        for threads in sorted({1, os.cpu_count() or 1}):
            torch.set_num_threads(threads)
            found = measure(pairs, options.steps)
            print(json.dumps({"recipe": name, "threads": threads, **found}), flush=True)


if __name__ == "__main__":
    main()
