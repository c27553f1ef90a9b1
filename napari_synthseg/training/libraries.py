"""Loading PyTorch and MONAI, which takes seconds, without keeping others waiting."""

from __future__ import annotations

import threading
from collections.abc import Generator
from functools import cache
from importlib import import_module

from napari_synthseg.core.progress import Progress

TO_PREDICT = ("torch", "monai.networks.nets.unet")

TO_TRAIN = (*TO_PREDICT, "torch._dynamo")
"""PyTorch imports the last, which takes seconds, with its first optimizer."""

WAIT_S = 0.25
"""Seconds of waiting after which progress is yielded."""


@cache
def _start_loading(names: tuple[str, ...] = TO_TRAIN) -> threading.Thread:
    """Load libraries in a thread of their own; return it, at further calls the same one."""
    thread = threading.Thread(target=_load, args=(names,), name="loading libraries", daemon=True)
    thread.start()
    return thread


def _load(names: tuple[str, ...]) -> None:
    for name in names:
        try:
            import_module(name)
        except ImportError:  # said where the library is used
            return


def load_libraries(names: tuple[str, ...] = TO_TRAIN) -> Generator[Progress, None, None]:
    """Load libraries where they are not yet; yield meanwhile."""
    loading = _start_loading(names)
    while loading.is_alive():
        yield Progress(0.0, "loading PyTorch")
        loading.join(WAIT_S)
