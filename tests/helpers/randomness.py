"""The random numbers of the process, which nothing may touch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def numpy_state() -> NDArray[Any]:
    """Return a copy of the state of NumPy's random numbers of the process."""
    state = np.random.get_state(legacy=False)  # noqa: NPY002
    return np.array(state["state"]["key"])
