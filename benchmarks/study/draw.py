"""Images with ground truth, and how they are divided between training and scoring."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path

from napari_synthseg.core.annotations import (
    BoxTruth,
    ImageRef,
    ImageTagsTruth,
)
from napari_synthseg.core.boxes import Boxes, BoxRow
from napari_synthseg.core.geometry import Region, full_region, region_slices
from napari_synthseg.core.labels import BoxLabels, InstanceLabels, RegionLabels
from napari_synthseg.io.images.files import open_file
from napari_synthseg.io.labels import label_boxes, read_label_file, read_region_file
from napari_synthseg.patches.simulated_clicks import cut_labels
from napari_synthseg.storage.fingerprint import fingerprint
from napari_synthseg.workflow.importing import MaskKind
from napari_synthseg.workflow.session import Session


@dataclass(frozen=True)
class Sample(ABC):
    """An image file, or a region of it, with its ground truth.

    Attributes
    ----------
    group
        Names the field of view or specimen.
    region
        Part of the image that counts, or None for all of it.
    """

    name: str
    image: Path
    group: str
    region: Region | None = field(default=None, kw_only=True)

    @property
    def place(self) -> str:
        """Name, group and region in words."""
        where = "" if self.region is None else f" {self.region}"
        return f"{self.name} (group {self.group}){where}"

    @property
    def labels_only(self) -> bool:
        """Whether only is told which classes it shows."""
        return False

    @property
    def marks_all(self) -> bool:
        """Whether every object is in the ground truth."""
        return True

    @abstractmethod
    def labels(self) -> InstanceLabels | RegionLabels | BoxLabels:
        """Read the ground truth."""

    @abstractmethod
    def identity(self) -> str:
        """Return what tells this sample from others, wherever its files lie."""

    @abstractmethod
    def add_truth(self, session: Session, image: ImageRef) -> None:
        """Put the ground truth into a project that the image is in."""


@dataclass(frozen=True)
class MaskSample(Sample):
    """An image file with its label image; `kind` says what masks hold."""

    masks: Path
    kind: MaskKind = "instance"

    def labels(self) -> InstanceLabels | RegionLabels:
        """Read the true masks."""
        if self.kind == "semantic":
            regions = read_region_file(self.masks)
            if self.region is None:
                return regions
            return RegionLabels.of(regions.values[region_slices(self.region)])
        whole = read_label_file(self.masks)
        return whole if self.region is None else cut_labels(whole, self.region)

    def identity(self) -> str:
        """Return name, group, region, and digests of both files."""
        digests = f"{fingerprint(self.image)} {fingerprint(self.masks)}"
        of_regions = " semantic" if self.kind == "semantic" else ""
        return f"{self.place}: {digests}{of_regions}"

    def add_truth(self, session: Session, image: ImageRef) -> None:
        """Add the true masks."""
        session.import_labels(image, self.masks, self.kind).result()


@dataclass(frozen=True)
class BoxSample(Sample):
    """An image file with a table of boxes.

    Attributes
    ----------
    boxes
        ymin, xmin, ymax, xmax and class value of each, pixels of the whole image.
    incomplete
        Class values of which not every object has a box.
    as_labels
        See `labels_only`: the classes of boxes at least half inside.
    """

    boxes: tuple[BoxRow, ...]
    incomplete: tuple[int, ...] = ()
    as_labels: bool = False

    @property
    def labels_only(self) -> bool:
        """Whether only is told which classes it shows."""
        return self.as_labels

    @property
    def marks_all(self) -> bool:
        """Whether no class is incomplete."""
        return not self.incomplete

    def labels(self) -> BoxLabels:
        """Return the boxes as labels."""
        stored = open_file(self.image)
        return label_boxes(
            Boxes.of_rows(self.boxes),
            self.region or full_region((stored.size("y"), stored.size("x"))),
        )

    def identity(self) -> str:
        """Return name, group, region, boxes and a digest of the image."""
        known = "labels of " if self.as_labels else ""
        digest = fingerprint(self.image)
        return f"{self.place}: {digest} {known}{sorted(self.boxes)}"

    def add_truth(self, session: Session, image: ImageRef) -> None:
        """Add the boxes, or what the region shows."""
        truth = (
            ImageTagsTruth.of(image.id, self.shown())
            if self.as_labels
            else BoxTruth.of(image.id, Boxes.of_rows(self.boxes), self.incomplete)
        )
        session.edit(session.project.with_truths(truth), "add boxes")

    def shown(self) -> frozenset[int]:
        """Return the classes of the boxes that lie at least half in the region."""
        return classes_inside(self.boxes, self.region)


def classes_inside(boxes: tuple[BoxRow, ...], window: Region | None) -> frozenset[int]:
    """Return the classes of the boxes of which at least half lies in a window."""
    if window is None:
        return frozenset(b[4] for b in boxes)
    return label_boxes(Boxes.of_rows(boxes), window).class_values_shown()


@dataclass(frozen=True)
class Draw:
    """Samples to train on, in the order in which arms take them, and samples to score on."""

    train: tuple[Sample, ...]
    test: tuple[Sample, ...]
