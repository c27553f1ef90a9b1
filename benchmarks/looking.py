"""Images a second of the detectors, and what heat maps cost beside a forward pass.

Run ``python -m nox -s bench -- looking [--seconds S]`` alone on the machine. Images are noise of
416x416 pixels with three channels and boxes of 60 pixels: what they show does not change the time.
Networks are untrained. Detectors learn batches of four made beforehand, so that only the network
and its loss are timed; "yolo, halved" sees images that are reduced by 2 first, as is chosen for
objects of 32 pixels and more. Heat maps are timed against predicting the same image by the same
network.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.labels import BoxLabels, DualImage
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.recipe import Synthesizer
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.explain.cam import METHODS, map_classes
from napari_synthseg.explain.model import ExplainedModel
from napari_synthseg.networks.registry import build_network
from napari_synthseg.tasks.data import TaskData
from napari_synthseg.tasks.train import make_task
from napari_synthseg.training.class_logits import pooled_class_logits
from napari_synthseg.training.tiles import image_tensor, run_network

EDGE, BATCH, NAMES = 416, 4, {1: "a", 2: "b", 3: "c"}
DETECTORS = {
    "yolo": ModelSpec(name="yolo", reduce=1),
    "yolo, halved": ModelSpec(name="yolo", reduce=2),
    "darknet19": ModelSpec(name="darknet19", reduce=1),
    "centers": ModelSpec(name="centers", reduce=1),
}


class Noise(Synthesizer):
    """A source of one noisy image with a few boxes."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        corners = rng.uniform(0, EDGE - 60, (12, 2))
        boxes = Boxes.of(np.hstack([corners, corners + 60]), rng.integers(1, 4, 12))
        labels = BoxLabels(boxes, (EDGE, EDGE))
        image = rng.random((3, EDGE, EDGE), np.float32)
        self._pair = DualImage(image, labels, 0)

    def pair(self, index: int) -> DualImage:
        return replace(self._pair, index=index)


def rate(work: Callable[[], object], seconds: float) -> float:
    """Return how often a second something can be done, its first time not counted."""
    work()
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds or count < 2:
        work()
        count += 1
    return count / (time.perf_counter() - began)


def measure_detector(model: ModelSpec, seconds: float) -> dict[str, float]:
    """Return images a second in training and in prediction."""
    spec = TrainSpec(task="detect", batch_size=BATCH, crop=EDGE, model=model)
    task = exhaust(make_task(TaskData(spec, Noise(), NAMES, diameter=60.0)))
    net = build_network(task.spec.model, 3, task.out_channels)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)
    batch = task.make_batch(0)

    def learn() -> None:
        optimizer.zero_grad()
        torch.autograd.backward(task.loss(net(batch.images), batch.targets))
        optimizer.step()

    training = BATCH * rate(learn, seconds)
    net.eval()
    image = Noise().pair(0).image
    cpu, multiple = torch.device("cpu"), task.spec.model.multiple
    prediction = rate(lambda: run_network(net, image_tensor(image, multiple, cpu)), seconds)
    return {"training": round(training, 2), "prediction": round(prediction, 2)}


def measure_maps(name: str, methods: tuple[str, ...], seconds: float) -> dict[str, float]:
    """Return what each method takes, as a multiple of a forward pass of the same image."""
    spec = ModelSpec(name=name)
    net = build_network(spec, 3, len(NAMES)).eval()
    logits = pooled_class_logits(net, spec)
    model = ExplainedModel(logits, torch.device("cpu"), logits.layer)
    image = Noise().pair(0).image
    batch = torch.from_numpy(image)[None]
    pixels = ArraySource(image)

    def forward() -> None:
        with torch.inference_mode():
            net(batch)

    def explain(method: str) -> None:
        for _ in map_classes(model, pixels, method):
            pass

    once = rate(forward, seconds)
    return {m: round(once / rate(partial(explain, m), seconds), 1) for m in methods}


def main() -> None:
    """Print a table, and JSON on the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="time for each figure")
    seconds = parser.parse_args().seconds
    result: dict[str, object] = {"threads": torch.get_num_threads()}
    for name, model in DETECTORS.items():
        result[name] = figures = measure_detector(model, seconds)
        print(f"{name}: {figures['training']} images/s learned, {figures['prediction']} predicted")
    # ablation takes a pass for each feature map: minutes for one image with ResNet-18
    for name, methods in (("small", tuple(METHODS)), ("resnet18", tuple(METHODS)[:-1])):
        result[f"maps of {name}"] = costs = measure_maps(name, methods, seconds)
        print(f"maps of {name}: {', '.join(f'{m} {c}' for m, c in costs.items())} forward passes")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
