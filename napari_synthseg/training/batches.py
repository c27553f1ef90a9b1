"""Batches for training, made ahead of time in a thread of their own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NotRequired, TypedDict, Unpack

import numpy as np
import torch
from numpy.typing import NDArray

from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.recipe import Synthesizer
from napari_synthseg.training.augmentation import Augmentation, Crop, random_crop
from napari_synthseg.training.trainable import Batch

TargetMaker = Callable[[Crop, DualImage], tuple[NDArray[Any], ...]]
"""Gives what is learned from a crop of a dual image."""

Take = Callable[[float], Batch | None]
"""Waits for the next batch for some seconds at most; None: it is not ready yet."""

MAX_JOIN_S = 0.2
"""Seconds that the end of training waits for the thread that makes batches."""


class CropOptions(TypedDict):
    """How crops are cut and varied, and what is learned from them.

    `crop` is their spatial shape, as high as wide; `spacing` the distance of pixels along each
    axis of a volume.
    """

    crop: tuple[int, ...]
    make_targets: TargetMaker
    augmentation: Augmentation
    seed: int
    spacing: NotRequired[tuple[float, ...]]


def draw_batch(
    pairs: Synthesizer, number: int, *, size: int, **options: Unpack[CropOptions]
) -> Generator[Progress, None, Batch]:
    """Return batch `number`: the same one at every call with the same arguments.

    Each crop is of a dual image of its own; dual volumes take longer to make, and one of them
    gives the crops of a whole batch.
    """
    first = number * size
    if len(options["crop"]) == 2:
        chosen = yield from pairs.draw(range(first, first + size))
    else:
        chosen = (yield from pairs.draw([number])) * size
    return (yield from batch_of(chosen, first, **options))


def batch_of(
    pairs: Sequence[DualImage], first: int = 0, **options: Unpack[CropOptions]
) -> Generator[Progress, None, Batch]:
    """Return a crop of each of some dual images, varied by their numbers from `first` on."""
    rows = []
    for index, pair in enumerate(pairs, start=first):
        rng = np.random.default_rng((options["seed"], index))
        spacing = options.get("spacing", ())
        cut = random_crop(pair, options["crop"], options["augmentation"], rng, spacing)
        rows.append((cut.image, *options["make_targets"](cut, pair)))
        yield Progress(1.0)
    images, *targets = (torch.from_numpy(np.stack(part)) for part in zip(*rows, strict=True))
    return Batch(images, tuple(targets), tuple(pair.is_real for pair in pairs))


@contextmanager
def prefetched(make: Callable[[int], Batch], first: int, ahead: int = 4) -> Iterator[Take]:
    """Make ``make(first), make(first + 1), ...`` in a thread; give what takes the next one.

    It waits for some seconds and returns None if none is ready by then. What fails in the thread is
    raised there. The thread ends with the context, or as soon as the batch in work is made.
    """
    ready: queue.Queue[Batch | BaseException] = queue.Queue(maxsize=ahead)
    stop = threading.Event()

    def work() -> None:
        number = first
        while not stop.is_set():
            made: Batch | BaseException
            try:
                made = make(number)
            except BaseException as error:  # noqa: BLE001 - handed to the consumer, who raises it
                made = error
            while not stop.is_set():
                try:
                    ready.put(made, timeout=0.1)
                    break
                except queue.Full:
                    continue
            if isinstance(made, BaseException):
                return
            number += 1

    def take(seconds: float) -> Batch | None:
        try:
            made = ready.get(timeout=seconds)
        except queue.Empty:
            return None
        if isinstance(made, BaseException):
            raise made
        return made

    thread = threading.Thread(target=work, name="training batches", daemon=True)
    thread.start()
    try:
        yield take
    finally:
        stop.set()
        thread.join(MAX_JOIN_S)
