"""Loading torch beside a live window.

Importing torch loads libraries of hundreds of megabytes. The import system keeps Python to itself
meanwhile, so that a window stands still for up to a second. A call through ctypes does not.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from pathlib import Path


def load_torch_libraries() -> None:
    """Load the libraries of torch while other threads go on; `import torch` then finds them there.

    Does nothing where that is not known to work: the import loads them itself.
    """
    found = importlib.util.find_spec("torch")
    if "torch" in sys.modules or sys.platform != "linux" or found is None or found.origin is None:
        return
    library = Path(found.origin).parent / "lib" / "libtorch_python.so"
    dlopen = getattr(ctypes.CDLL(None), "dlopen", None)
    if library.exists() and dlopen is not None:
        dlopen.argtypes, dlopen.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
        dlopen(bytes(library), os.RTLD_NOW)
