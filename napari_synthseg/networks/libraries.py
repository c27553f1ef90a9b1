"""Loading PyTorch and MONAI, which takes seconds, without keeping others waiting."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from psygnal import SignalInstance

from napari_synthseg.core.progress import Progress

TO_PREDICT = ("torch", "monai.networks.nets.unet")

TO_TRAIN = (*TO_PREDICT, "torch._dynamo")
"""PyTorch imports the last, which takes seconds, with its first optimizer."""

TO_OUTLINE = ("torch",)

WAIT_S = 0.25
"""Seconds of waiting after which progress is yielded."""

loaded = SignalInstance(name="loaded")
"""Emitted once libraries are loaded, in the thread that loads them, before garbage is searched."""


def are_loaded() -> bool:
    """Tell whether PyTorch is loaded, and nothing else is being loaded just now."""
    return "torch" in sys.modules and not _turn.locked()


@cache
def _start_loading(names: tuple[str, ...] = TO_TRAIN) -> threading.Thread:
    """Load libraries in a thread of their own; return it, at further calls the same one."""
    thread = threading.Thread(target=_load, args=(names,), name="loading libraries", daemon=True)
    thread.start()
    return thread


def _load(names: tuple[str, ...]) -> None:
    with _turn, _no_search_for_garbage():
        if "torch" not in sys.modules:
            with suppress(OSError, AttributeError, ValueError):  # then the import itself loads them
                _load_shared_libraries()
        for name in names:
            try:
                import_module(name)
            except ImportError:  # said where the library is used
                return


_turn = threading.Lock()


@contextmanager
def _no_search_for_garbage() -> Iterator[None]:
    """Let Python search for no garbage meanwhile.

    Imports make hundreds of thousands of objects, all of which stay, and Python would look through
    everything there is again and again for them, for up to a third of a second, in which no other
    thread runs.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():
            gc.freeze()  # and back again: all is old then, and not searched at once as what is new
            gc.unfreeze()
        loaded.emit()
        if was_enabled:
            gc.enable()


def _load_shared_libraries() -> None:
    """Load the hundreds of megabytes that PyTorch is while other threads go on with Python.

    An import loads them, too, but lets no other thread run meanwhile, not even the window's.
    """
    spec = find_spec("torch")
    if os.name != "posix" or spec is None or spec.origin is None:
        return
    open_library = ctypes.CDLL(None).dlopen  # ctypes gives Python free while it calls
    open_library.restype, open_library.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_int]
    for path in (Path(spec.origin).parent / "lib").glob("libtorch_python.*"):
        open_library(os.fsencode(path), os.RTLD_LAZY)  # with all that it needs


def load_libraries(names: tuple[str, ...] = TO_TRAIN) -> Generator[Progress, None, None]:
    """Load libraries where they are not yet; yield meanwhile."""
    loading = _start_loading(names)
    while loading.is_alive():
        yield Progress(0.0, "loading PyTorch")
        loading.join(WAIT_S)
