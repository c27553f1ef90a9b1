"""Whole images with true masks: what a recipe that learns image and mask together is fitted to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from napari_synthseg.core.labels import DualImage


@dataclass(frozen=True, eq=False)
class MaskedImages:
    """Real images, or parts of them, with masks of regions.

    Attributes
    ----------
    train
        What is learned from; `DualImage.labels` are regions (see `Labels.regions`).
    held
        What learning is stopped by and thresholds are chosen on: other fields of view, or other
        parts of the images. Never what is scored on.
    class_values
        Class values in ascending order, without the background's 0.
    """

    train: tuple[DualImage, ...]
    held: tuple[DualImage, ...]
    class_values: tuple[int, ...]

    @property
    def channels(self) -> int:
        """Number of image channels."""
        return len(self.train[0].image)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of all pixels and masks, whatever the files are called."""
        digest = hashlib.sha256(repr(self.class_values).encode())
        for part in (self.train, self.held):
            digest.update(str(len(part)).encode())
            _add(digest, part)
        return digest.hexdigest()[:20]


def _add(digest: hashlib._Hash, pairs: Sequence[DualImage]) -> None:
    for pair in pairs:
        for array in (pair.image, pair.labels.ids):
            digest.update(str(array.shape).encode())
            digest.update(np.ascontiguousarray(array).data)
