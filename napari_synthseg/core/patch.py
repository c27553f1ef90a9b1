"""Patches cut around clicks, and the library of all that synthesis needs from real images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_synthseg.core.annotations import Click, ImageRef
from napari_synthseg.core.geometry import Region, region_at
from napari_synthseg.core.pixels import FloatImage, PixelSource

IssueKind = Literal[
    "no object", "off the object", "duplicate", "merged objects", "faint", "unsure outline",
    "too small", "too large", "blurred", "saturated", "odd size", "odd intensity", "ragged",
    "off center", "cut off",
]  # fmt: skip
"""In words that are shown as they are, the gravest first."""

Severity = Literal["note", "warning", "reject"]
"""`note`: good to know. `warning`: have a look. `reject`: the check suggests not to use the patch;
the user decides."""


@dataclass(frozen=True)
class QualityIssue:
    """One thing about a patch that the user should know.

    Attributes
    ----------
    kind
        What was found.
    reason
        The same in words for the user.
    value
        The measure that it rests on; what it is depends on the kind.
    severity
        How grave it is.
    """

    kind: IssueKind
    reason: str
    value: float = 0.0
    severity: Severity = "warning"


@dataclass(frozen=True, eq=False)
class ClickedImage:
    """One image (or the part of it that counts) with its clicks: what patches are cut from.

    The `pixels` show only the part's own region, and `clicks` lie inside it. So do `negatives`,
    the positions of negative clicks; all are in pixels of the whole image. `rejected` are those of
    the negative clicks that say how far around them no object is, with that radius in pixels along
    the finest axis.
    """

    ref: ImageRef
    pixels: PixelSource
    clicks: tuple[Click, ...]
    negatives: tuple[tuple[float, ...], ...] = ()
    rejected: tuple[tuple[tuple[float, ...], float], ...] = ()


@dataclass(frozen=True, eq=False)
class Outline:
    """The object under one click.

    Attributes
    ----------
    mask
        Shape ([z,] y, x); all False where no object was found.
    origin
        Full-image pixel coordinates of the mask's first pixel.
    confidence
        The overlap (IoU) with the true object that is to be expected, 0..1.
    """

    mask: NDArray[np.bool_]
    origin: tuple[int, ...]
    confidence: float

    @property
    def window(self) -> Region:
        """Where the mask's array lies, in full-image pixels."""
        return region_at(self.origin, self.mask.shape)

    @cached_property
    def area(self) -> int:
        """Number of pixels in the mask."""
        return int(np.count_nonzero(self.mask))


@dataclass(frozen=True)
class MeasuredDiameter:
    """The usual diameter of a class's objects, from outlines that are sure.

    Attributes
    ----------
    diameter
        Of the disk (ball) of equal size, pixels along the finest axis; the median.
    error
        How far off it may be, pixels.
    objects
        How many outlines it was measured on.
    """

    diameter: float
    error: float
    objects: int


GIVEN = "given"
"""Stands for the method where the mask was made by the user or another tool."""

PatchState = Literal["good", "suspicious", "doubtful", "accepted", "rejected"]
"""The user's verdict on a patch if there is one, else what the check says: rejecting `doubtful`
patches is suggested, looking at `suspicious` ones."""

CHECKED: Mapping[Severity, PatchState] = {
    "note": "good", "warning": "suspicious", "reject": "doubtful",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Patch:
    """A cut-out around one click.

    Attributes
    ----------
    id
        The id of the click it was cut around.
    image
        Id of the image it was cut from.
    cls
        Class value.
    pixels
        Shape (channel, [z,] y, x), float32; always full size, edge-padded where the window
        leaves the region.
    mask
        The object's pixels, bool, shape ([z,] y, x); all False where no object was found.
    origin
        Full-image pixel coordinates of the window's first pixel (may be negative at a border).
    center
        Position of the click inside the window, pixels.
    confidence
        The overlap (IoU) of the mask with the true object that is to be expected, 0..1.
    quality
        Between 0 (useless) and 1 (sure): the confidence, less what the check found.
    issues
        What the check found, the gravest first.
    touches_border
        The object is cut off by the border of the region, or of what counts of it: good for placing
        at borders only.
    method
        How the mask was found: the name of a mask method, or `GIVEN`.
    intensity
        Median normalized intensity of the object, mean over channels; measured with the issues.
    """

    id: str
    image: str
    cls: int
    pixels: FloatImage
    mask: NDArray[np.bool_]
    origin: tuple[int, ...]
    center: tuple[float, ...]
    confidence: float = 1.0
    quality: float = 1.0
    issues: tuple[QualityIssue, ...] = ()
    touches_border: bool = False
    method: str = ""
    intensity: float = 0.0

    @property
    def window(self) -> Region:
        """What it was cut with, in full-image pixels."""
        return region_at(self.origin, self.mask.shape)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The issues in words for the user."""
        return tuple(f.reason for f in self.issues)

    @property
    def checked(self) -> PatchState:
        """What the check says: good, suspicious or doubtful."""
        return CHECKED[self.issues[0].severity] if self.issues else "good"

    def paint(self, ids: NDArray[np.integer], origin: ArrayLike, number: int) -> None:
        """Write `number` on the mask's pixels of a label map that begins at `origin`."""
        pixels = np.argwhere(self.mask) + self.origin - np.asarray(origin)
        pixels = pixels[((pixels >= 0) & (pixels < ids.shape)).all(axis=1)]
        ids[tuple(pixels.T)] = number

    @cached_property
    def area(self) -> int:
        """Number of pixels in the mask."""
        return int(np.count_nonzero(self.mask))


def paint_numbers(
    numbered: Iterable[tuple[Patch, int]], ids: NDArray[np.integer], origin: ArrayLike
) -> None:
    """Write the numbers of patches on their pixels of a label map that begins at `origin`.

    Where masks overlap, as those of a cell and its nucleus, the smaller one is on top.
    """
    for patch, number in sorted(numbered, key=lambda pair: -pair[0].area):
        patch.paint(ids, origin, number)


@dataclass(frozen=True, eq=False)
class Background:
    """What of one image, or of a part of it, holds no object.

    Attributes
    ----------
    image
        Id of the image.
    pixels
        Shape (channel, [z,] y, x), float32, with the objects filled in from their surroundings.
    valid
        True where the pixel is real background, untouched, shape ([z,] y, x). None is where objects
        that nobody clicked look like all else: then the pixels are even.
    level
        Median background per channel, shape (channel,).
    noise
        Standard deviation of the background's noise residual per channel, shape (channel,).
    origin
        Full-image pixel coordinates of the first pixel.
    exhaustive
        Every object that it shows is clicked, so that clicks can be trusted as a density.
    unclicked
        How many objects nobody clicked there are per clicked one, estimated from what looks like
        the clicked ones.
    spacing
        Distance of a volume's pixels along each axis, in units of the shortest; empty: all alike.
    counted
        Which pixels count, shape ([z,] y, x): those in the image's regions of interest, not in what
        is left out, and not in the fill of a mosaic; None: all.
    """

    image: str
    pixels: FloatImage
    valid: NDArray[np.bool_]
    level: FloatImage
    noise: FloatImage
    origin: tuple[int, ...]
    exhaustive: bool = True
    unclicked: float = 0.0
    spacing: tuple[float, ...] = ()
    counted: NDArray[np.bool_] | None = None

    @property
    def region(self) -> Region:
        """The part of the image that it shows, in full-image pixels."""
        return region_at(self.origin, self.valid.shape)

    @property
    def valid_share(self) -> float:
        """The share of valid pixels among those that count."""
        counted = self.valid.size if self.counted is None else np.count_nonzero(self.counted)
        return float(np.count_nonzero(self.valid) / counted)


@dataclass(frozen=True, eq=False)
class PatchLibrary:
    """The patches of a set of clicked images.

    Attributes
    ----------
    patches
        One a click, rejected ones too; `usable` gives those that synthesis may use.
    images
        What they were cut from.
    diameters
        Class value -> diameter in pixels of the finest axis: as the user gave it or, where sure
        outlines show that it is far off, as they measure.
    measured
        Class value -> what sure outlines measure; classes without enough of them are missing.
    rejected, accepted
        The user's verdicts, as ids of patches.
    describe
        What `notes` are made by; None: there are none.
    """

    patches: tuple[Patch, ...]
    images: tuple[ClickedImage, ...]
    diameters: Mapping[int, float]
    measured: Mapping[int, MeasuredDiameter] = field(default_factory=dict)
    rejected: frozenset[str] = frozenset()
    accepted: frozenset[str] = frozenset()
    describe: Callable[[PatchLibrary], tuple[str, ...]] | None = None

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of the whole set with the verdicts of now, in words for the user."""
        return self.describe(self) if self.describe else ()

    def usable(self) -> tuple[Patch, ...]:
        """Return the patches that have a mask and were not rejected.

        What the user accepted counts as sure, whatever the check says: its quality is 1.
        """
        return self._usable

    @cached_property
    def _usable(self) -> tuple[Patch, ...]:
        return tuple(
            replace(p, quality=1.0) if p.id in self.accepted else p
            for p in self.patches
            if p.id not in self.rejected and p.area
        )

    def state(self, patch: Patch) -> PatchState:
        """Return the user's verdict on a patch, else what the check says."""
        if patch.id in self.rejected:
            return "rejected"
        return "accepted" if patch.id in self.accepted else patch.checked

    def suggested(self) -> tuple[Patch, ...]:
        """Return the patches that should be rejected and that the user has not judged yet."""
        return tuple(p for p in self.patches if self.state(p) == "doubtful")

    def with_verdicts(
        self, rejected: frozenset[str], accepted: frozenset[str] = frozenset()
    ) -> PatchLibrary:
        """Return the same library with other verdicts; this one, where they are the same."""
        if (rejected, accepted) == (self.rejected, self.accepted):
            return self  # what was fitted to it stays current
        return replace(self, rejected=rejected, accepted=accepted)

    @property
    def channels(self) -> int:
        """Number of image channels."""
        return len(self.patches[0].pixels) if self.patches else 1
