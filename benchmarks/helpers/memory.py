"""Memory of this process."""

from __future__ import annotations

import ctypes
import resource
import sys


def trim_heap() -> None:
    """Give back to the system what the allocator keeps free; does nothing without glibc."""
    if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def peak_memory_mib() -> float:
    """Return the most memory that this process has had, MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
