"""Train the segmentation network on many kinds of objects: ``... -m pretraining.segmentation OUT``.

It learns at the working scale, in gray, with the loss, the targets and the changes of crops that
users' trainings have, so that these can begin with its weights. What an object is differs from
image to image; what is learned is what edges and insides of objects look like.

Stopped at any time, the same command goes on from the last checkpoint in OUT. At the end
``weights.safetensors`` is written there, in half precision.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from benchmarks.helpers.clicked_images import normalized
from benchmarks.study.halved_data import data_root
from napari_synthseg.core.labels import DualImage, InstanceLabels
from napari_synthseg.core.recipe import Synthesizer
from napari_synthseg.core.runs import TrainedModel
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.patches.scaling import MAX_FACTOR, scaled_pair
from napari_synthseg.storage.artifacts import FolderArtifactStore
from napari_synthseg.tasks.data import TaskData
from napari_synthseg.tasks.train import train_model
from pretraining.micrograph import KINDS, Micrograph, draw_micrograph
from pretraining.real_images import RealImages
from pretraining.train import REAL_SHARE, halved

CROP_PX, BATCH = 192, 8
CHECKPOINT_SECONDS = 240
NUCLEI = ("fluorescent", "stained", "with_nucleus", "nested", "blood")
"""Kinds of drawings that show nuclei."""


class ManyObjects(Synthesizer):
    """Drawn micrographs and real images of all kinds, at the working scale.

    Parameters
    ----------
    mix
        Name of the shares of real images (`REAL_SHARE`).
    without
        Kinds of drawings that are left out.
    diameter
        Of the usual object, pixels.
    """

    def __init__(self, mix: str, seed: int, diameter: float, without: Collection[str] = ()) -> None:
        self.seed, self.diameter = seed, diameter
        self.shares = REAL_SHARE[mix]
        self.real = {name: RealImages(data_root() / name) for name in self.shares}
        self.kinds = [kind for kind in KINDS if kind not in without]
        chances = np.array([KINDS[kind][1] for kind in self.kinds])
        self.chances = chances / chances.sum()

    def pair(self, index: int) -> DualImage:
        """Return a micrograph in gray, and the objects of its first class."""
        rng = np.random.default_rng((self.seed, index))
        while not (made := self._micrograph(rng)).objects:
            pass
        cls = min(drawn.cls for drawn in made.objects)
        ids = np.zeros(made.pixels.shape[1:], np.int32)
        for number, drawn in enumerate((o for o in made.objects if o.cls == cls), start=1):
            height, width = drawn.mask.shape
            there = ids[drawn.row : drawn.row + height, drawn.column : drawn.column + width]
            there[drawn.mask] = number
        classes = {int(number): 1 for number in np.unique(ids) if number}
        mixing = rng.dirichlet(np.ones(len(made.pixels)))
        gray = np.tensordot(mixing, made.pixels, 1)[None].astype(np.float32)
        pair = DualImage(normalized(gray), InstanceLabels(ids, classes), index)
        return scaled_pair(pair, min(self.diameter / made.diameter(cls), MAX_FACTOR))

    def _micrograph(self, rng: np.random.Generator) -> Micrograph:
        chance = rng.random()
        for name, share in self.shares.items():
            if chance < share:
                return self.real[name].draw(rng)
            chance -= share
        kind = str(rng.choice(self.kinds, p=self.chances))
        return draw_micrograph(int(rng.integers(2**62)), kind)


def train(
    out: Path, mix: str, steps: int, seed: int = 0, without: Collection[str] = ()
) -> TrainedModel:
    """Train until `steps` are made; show how far it is."""
    spec = TrainSpec(
        task="segment", steps=steps, minutes=None, batch_size=BATCH, crop=CROP_PX, seed=seed,
        device="cpu",
    )  # fmt: skip
    pairs = ManyObjects(mix, seed, spec.working_diameter, without)
    data = TaskData(spec, pairs, {1: "object"}, spec.working_diameter)
    store = FolderArtifactStore(out, "checkpoints", "delete it")
    while True:
        work, began = train_model(data, store=store), time.monotonic()
        shown = 0.0
        while time.monotonic() - began < CHECKPOINT_SECONDS:
            try:
                news = next(work)
            except StopIteration as end:
                model: TrainedModel = end.value
                return model
            if time.monotonic() - shown > 20 and "loss" in news.metrics:
                shown = time.monotonic()
                print(f"{time.strftime('%X')} {news.message} {dict(news.metrics)}", flush=True)
        work.close()  # which saves a checkpoint


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--mix", choices=sorted(REAL_SHARE), default="nuclei")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--without", nargs="*", default=[], choices=sorted(KINDS))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    model = train(out, options.mix, options.steps, options.seed, options.without)
    save_file(halved(model.weights), out / "weights.safetensors")
    for thread in threading.enumerate():  # one may still be at work on a batch
        if thread is not threading.main_thread():
            thread.join(10)
    size = (out / "weights.safetensors").stat().st_size / 1e6
    print(f"{model.steps} steps, {model.seconds:.0f} s, {size:.2f} MB")


if __name__ == "__main__":
    main()
