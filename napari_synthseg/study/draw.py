"""Images with true masks, and how they are divided between training and scoring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_synthseg.core.labels import Labels
from napari_synthseg.store.fingerprint import fingerprint
from napari_synthseg.store.labels import read_label_file


@dataclass(frozen=True)
class Sample:
    """An image file with its label image; `group` names the field of view or specimen."""

    name: str
    image: Path
    masks: Path
    group: str

    def labels(self) -> Labels:
        """Read the true masks."""
        return read_label_file(self.masks)

    def identity(self) -> str:
        """Return what tells this sample from others, wherever its files lie."""
        digests = f"{fingerprint(self.image)} {fingerprint(self.masks)}"
        return f"{self.name} (group {self.group}): {digests}"


@dataclass(frozen=True)
class Draw:
    """Samples to train on, in the order in which arms take them, and samples to score on."""

    train: tuple[Sample, ...]
    test: tuple[Sample, ...]
