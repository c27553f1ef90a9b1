"""Loading PyTorch and MONAI, which takes seconds, without keeping others waiting."""

from __future__ import annotations

import threading
from collections.abc import Generator
from functools import cache
from importlib import import_module

from napari_synthseg.core.progress import Progress

LIBRARIES = ("torch", "torch._dynamo", "monai.networks.nets.unet")
"""What training and prediction import; PyTorch imports the second with its first optimizer."""

WAIT_S = 0.25
"""Seconds of waiting after which progress is yielded."""


@cache
def start_loading() -> threading.Thread:
    """Load the libraries in a thread of their own; return it, at further calls the same one."""
    thread = threading.Thread(target=_load, name="loading libraries", daemon=True)
    thread.start()
    return thread


def _load() -> None:
    for name in LIBRARIES:
        try:
            import_module(name)
        except ImportError:  # said where the library is used
            return


def load_libraries() -> Generator[Progress, None, None]:
    """Load the libraries where they are not yet; yield meanwhile."""
    loading = start_loading()
    while loading.is_alive():
        yield Progress(0.0, "loading PyTorch")
        loading.join(WAIT_S)
