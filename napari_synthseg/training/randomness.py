"""Random numbers of torch that depend on a seed alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from napari_synthseg.networks.registry import drawing_weights


@contextmanager
def seeded_torch(*seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Let torch draw numbers that depend on `seed` alone; its generators are then as before.

    Initial weights, dropout and the revival of unused codes come from torch's default generator,
    and no other can be passed to them. All threads share it, so one thread at a time has it here.
    Do not yield to others inside.
    """
    number = seed[0] if len(seed) == 1 else int(np.random.SeedSequence(seed).generate_state(1)[0])
    devices = [device] if device is not None and device.type == "cuda" else []
    with drawing_weights, torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(number)
        if devices:
            torch.cuda.manual_seed(number)
        yield
