"""Loading PyTorch and MONAI, which takes seconds, without keeping others waiting."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Generator
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from napari_synthseg.core.progress import Progress

TO_PREDICT = ("torch", "monai.networks.nets.unet")

TO_TRAIN = (*TO_PREDICT, "torch._dynamo")
"""PyTorch imports the last, which takes seconds, with its first optimizer."""

LARGEST_PARTS = ("libtorch_cpu", "libtorch_cuda")
"""Shared libraries of PyTorch that take hundreds of milliseconds to load each."""

RTLD_LAZY = 1

WAIT_S = 0.25
"""Seconds of waiting after which progress is yielded."""


@cache
def _start_loading(names: tuple[str, ...] = TO_TRAIN) -> threading.Thread:
    """Load libraries in a thread of their own; return it, at further calls the same one."""
    thread = threading.Thread(target=_load, args=(names,), name="loading libraries", daemon=True)
    thread.start()
    return thread


def _load(names: tuple[str, ...]) -> None:
    if "torch" not in sys.modules:
        with suppress(OSError, AttributeError, ValueError):  # then the import itself loads them
            _load_largest_parts()
    for name in names:
        try:
            import_module(name)
        except ImportError:  # said where the library is used
            return


def _load_largest_parts() -> None:
    """Load the largest parts of PyTorch while other threads go on with Python.

    An import loads them, too, but lets no other thread run meanwhile, not even the window's.
    """
    spec = find_spec("torch")
    if os.name != "posix" or spec is None or spec.origin is None:
        return
    open_library = ctypes.CDLL(None).dlopen  # ctypes gives Python free while it calls
    open_library.restype, open_library.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_int]
    for name in LARGEST_PARTS:
        for path in sorted((Path(spec.origin).parent / "lib").glob(f"{name}.*")):
            open_library(os.fsencode(path), RTLD_LAZY)


def load_libraries(names: tuple[str, ...] = TO_TRAIN) -> Generator[Progress, None, None]:
    """Load libraries where they are not yet; yield meanwhile."""
    loading = _start_loading(names)
    while loading.is_alive():
        yield Progress(0.0, "loading PyTorch")
        loading.join(WAIT_S)
