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

import torch
from click_masks import finish, read

from napari_synthseg.core.annotations import Click, ImageRef, ObjectClass
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.recipe import Synthesizer
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.patches.build import build_library
from napari_synthseg.synthesis import PasteRecipe
from napari_synthseg.training import trainer as train
from napari_synthseg.training.batches import Batch, prefetched

RECIPES = {
    "default": PasteRecipe(),
    "poisson, 100 objects": PasteRecipe(blending="poisson", counts="fixed", count=100),
}
IMAGES = 3


def synthesizer(recipe: PasteRecipe) -> Synthesizer:
    """Return a recipe fitted to a few real images with all objects clicked."""
    cls = ObjectClass(name="nucleus", value=1, diameter=20.0)
    images = []
    for image in read("fluorescence")[:IMAGES]:
        ref = ImageRef(id=image.stem, uri=image.stem, exhaustive=True)
        clicks = tuple(
            Click(id=f"{image.stem} {n}", image=ref.id, position=tuple(p), cls=1)
            for n, p in enumerate(image.positions)
        )
        images.append(ClickedImage(ref, ArraySource(image.pixels[:1]), clicks))
    return finish(recipe.fit(finish(build_library(images, [cls]))))


class Watch:
    """Counts the seconds that are spent waiting for batches after the first."""

    def __init__(self) -> None:
        self.first = 0.0
        self.waited = 0.0
        self.began = 0.0

    @contextmanager
    def prefetched(self, make: Callable[[int], Batch], first: int) -> Iterator[Iterator[Batch]]:
        with prefetched(make, first) as batches:
            yield self._timed(batches)

    def _timed(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        while True:
            before = time.perf_counter()
            batch = next(batches)
            now = time.perf_counter()
            if self.began:
                self.waited += now - before
            else:
                self.first, self.began = now - before, now
            yield batch


def measure(pairs: Synthesizer, steps: int) -> dict[str, float]:
    """Train for some steps; return what was waited for."""
    watch = Watch()
    original, train.prefetched = train.prefetched, watch.prefetched
    try:
        spec = TrainSpec(steps=steps, device="cpu")
        finish(train.train_model(spec, pairs, class_names={1: "nucleus"}, diameter=20.0))
    finally:
        train.prefetched = original
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
