"""Memory of this process."""

from __future__ import annotations

import resource
import sys


def peak_memory_mib() -> float:
    """Return the most memory that this process has had, MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
