"""The label images of predictions: in memory up to a limit, beyond it in temporary files.

A file is mapped, so that its pixels are arrays like any others, which the system reads where they
are asked for and drops where memory is short. It has no name and is gone with its last array.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.predictions import (
    InstancePrediction,
    Prediction,
    RegionPrediction,
    ValueCounts,
)

Pixels = TypeVar("Pixels", bound=NDArray[Any])

HELD_BYTES = 64 << 20
"""What all label images of a session's predictions may take in memory: 16 of 1024 x 1024 pixels.

Each round of corrections adds some, and hardly any is looked at again.
"""

FILE_BYTES = (64 if sys.platform == "win32" else 512) << 20
"""Size of a temporary file.

Each stays open, and systems let a program open a few hundred files: so one holds many images. The
disk holds what is written only, but Windows fills the whole file with zeros: there it is smaller.
"""

ALIGNED_BYTES = 1 << 16
"""Label images begin at multiples of this: no two share a page of the file."""

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
        self._files: dict[Path, _PixelFile] = {}
        self._file_lock = threading.Lock()
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
                held = self._held(values)
                return replace(
                    prediction, values=held, counts=ValueCounts(held, prediction.pixel_counts)
                )
        return prediction

    def _held(self, pixels: Pixels) -> Pixels:
        if self._take(pixels.nbytes):
            weakref.finalize(pixels, self._take, -pixels.nbytes).atexit = False
            return pixels
        for folder in self._folders():
            try:
                return self._in_file(pixels, folder)
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

    def _in_file(self, pixels: Pixels, folder: Path) -> Pixels:
        """Write pixels into the file that was begun in a folder, or into a new one."""
        with self._file_lock:
            # one of each folder: of a full disk that of the other folder is used again and again
            file = self._files.get(folder)
            if file is None or file.room < pixels.nbytes:
                file = self._files[folder] = _PixelFile(folder, max(FILE_BYTES, pixels.nbytes))
            return file.add(pixels)

    def _folders(self) -> Iterator[Path]:
        yield self._folder
        yield Path(tempfile.gettempdir())


class _PixelFile:
    """A temporary file with label images one after the other."""

    def __init__(self, folder: Path, nbytes: int) -> None:
        self._end = 0
        file = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115 - closed with this
        weakref.finalize(self, file.close)
        file.truncate(nbytes)
        self._file = file
        self._bytes = np.asarray(np.memmap(file, np.uint8, "r", shape=(nbytes,)))

    @property
    def room(self) -> int:
        """Bytes of an image that fits in."""
        return self._bytes.size - self._end

    def add(self, pixels: Pixels) -> Pixels:
        """Write pixels; return them as they lie in the file."""
        raw = np.ascontiguousarray(pixels).reshape(-1).view(np.uint8)
        start, done = self._end, 0
        self._file.seek(start)
        while done < raw.size:  # not into the mapped bytes: a full disk would end the program
            done += self._file.write(raw[done:].data)
        self._end = -(-(start + done) // ALIGNED_BYTES) * ALIGNED_BYTES
        mapped = self._bytes[start : start + done].view(pixels.dtype).reshape(pixels.shape)
        return cast("Pixels", mapped)
