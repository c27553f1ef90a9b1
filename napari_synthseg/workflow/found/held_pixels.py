"""The label images of predictions: in memory up to a limit, beyond it in temporary files.

A file is mapped, so that its pixels are an array like any other, which the system reads where they
are asked for and drops where memory is short. It has no name and is gone with the array.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.predictions import InstancePrediction, Prediction, RegionPrediction

Pixels = TypeVar("Pixels", bound=NDArray[Any])

HELD_BYTES = 64 << 20
"""What all label images of a session's predictions may take in memory: 16 of 1024 x 1024 pixels.

Each round of corrections adds some, and hardly any is looked at again.
"""

logger = logging.getLogger(__name__)


class HeldPixels:
    """Keeps the pixels of predictions from filling the memory.

    Parameters
    ----------
    folder
        Where temporary files go; where it cannot be written to, the system's folder for them.
    limit_bytes
        Bytes of pixels that may be in memory.
    """

    def __init__(self, folder: Path, limit_bytes: int = HELD_BYTES) -> None:
        self._folder, self._limit_bytes = folder, limit_bytes
        self._nbytes = 0
        # a prediction may be collected, which gives room back, while this thread takes some
        self._lock = threading.RLock()

    @property
    def nbytes(self) -> int:
        """Bytes of the pixels in memory that somebody still has."""
        return self._nbytes

    def hold(self, prediction: Prediction) -> Prediction:
        """Return a prediction with its pixels in memory, if there is room, else in a file.

        Pixels in a file cannot be written to.
        """
        match prediction:
            case InstancePrediction(ids=ids):
                return replace(prediction, ids=self._held(ids))
            case RegionPrediction(values=values):
                return replace(prediction, values=self._held(values))
        return prediction

    def _held(self, pixels: Pixels) -> Pixels:
        if self._take(pixels.nbytes):
            weakref.finalize(pixels, self._take, -pixels.nbytes).atexit = False
            return pixels
        for folder in self._folders():
            try:
                return _mapped(pixels, folder)
            except OSError as error:
                logger.info("No temporary file in %s: %s.", folder, error)
        logger.warning(
            "What was found on an image stays in memory, as no temporary file of %d MB can be "
            "written: make room on the disk of the project.", pixels.nbytes >> 20,
        )  # fmt: skip
        return pixels

    def _take(self, nbytes: int) -> bool:
        """Take so many bytes of the limit, or give them back; return whether there are as many."""
        with self._lock:
            fits = self._nbytes + nbytes <= self._limit_bytes
            if fits:
                self._nbytes += nbytes
            return fits

    def _folders(self) -> Iterator[Path]:
        yield self._folder
        yield Path(tempfile.gettempdir())


def _mapped(pixels: Pixels, folder: Path) -> Pixels:
    with tempfile.TemporaryFile(dir=folder) as file:
        np.ascontiguousarray(pixels).tofile(file)
        file.flush()
        mapped = np.memmap(file, pixels.dtype, "r", shape=pixels.shape)
        return cast("Pixels", np.asarray(mapped))
