"""The objects of an image of any size, decided block by block as in the whole image.

Each block is decided in a window with a margin as wide as a few objects, and an object belongs to
the block that holds its core. What reaches an inner edge of its window, as a long object or a huge
one does, is decided again in a window that is widened until it holds all of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from napari_synthseg.core.geometry import (
    Region,
    contains,
    intersect,
    region_at,
    region_shape,
    region_slices,
    widen_region,
)
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.progress import Progress
from napari_synthseg.tasks.canvas import Canvas
from napari_synthseg.tasks.segment import SegmentRule
from napari_synthseg.tasks.segment.decoding import Decoded, decode
from napari_synthseg.training.volumes import round_up

OutputMaps = tuple[FloatImage, FloatImage]
"""Softmax (1 + classes, [z,] y, x) and inner distance ([z,] y, x)."""

ReadMaps = Callable[[Region], Generator[Progress, None, OutputMaps]]
"""Returns what the network gives for a part of the image, as it does for the whole image."""

OBJECT_MARGIN_DIAMETERS = 2.0
"""Width of the margin in which objects are decided, diameters of the usual object."""

MAX_WINDOW_PX = 2**23
"""Pixels of the largest window that is decided at once, so that memory stays bounded."""


@dataclass(frozen=True, eq=False)
class SeenObject:
    """An object as it is seen in a window, its places in pixels of the image.

    Attributes
    ----------
    mask, box
        Its pixels, and where that array lies.
    core
        A pixel of its core.
    window
        Where it was seen.
    """

    mask: NDArray[np.bool_]
    box: Region
    core: tuple[int, ...]
    cls: int
    score: float
    window: Region

    def covers(self, place: Sequence[int]) -> bool:
        """Tell whether a pixel is one of it."""
        inside = contains(self.box, place)
        return inside and bool(self.mask[tuple(np.subtract(place, [a for a, _ in self.box]))])

    def reaches(self, region: Region) -> bool:
        """Tell whether any pixel of it lies in a region."""
        common = intersect(self.box, region)
        return common is not None and bool(
            self.mask[region_slices(common, [a for a, _ in self.box])].any()
        )

    def cut_sides(self, whole: Region) -> list[tuple[bool, bool]]:
        """Tell at which edges of its window it ends that are none of the whole image's."""
        return [
            (start == a > low, stop == b < high)
            for (start, stop), (a, b), (low, high) in zip(self.box, self.window, whole, strict=True)
        ]

    def is_cut(self, whole: Region) -> bool:
        """Tell whether it ends at any."""
        return any(low or high for low, high in self.cut_sides(whole))


@dataclass(eq=False)
class BlockDecoder:
    """Decides the objects of an image, block after block, and puts them on a canvas.

    Attributes
    ----------
    read
        Gives the network's output.
    whole
        The region of the image.
    multiple
        What edges of windows are multiples of, counted from the image's, pixels along each axis.
    still_cut
        How many objects are so large that no window held them.
    """

    read: ReadMaps
    rule: SegmentRule
    whole: Region
    multiple: tuple[int, ...]
    canvas: Canvas
    still_cut: int = 0
    _seen_again: list[SeenObject] = field(default_factory=list)

    @property
    def margin(self) -> tuple[int, ...]:
        """Width of the margin around a block, pixels along each axis."""
        rule = self.rule
        width = OBJECT_MARGIN_DIAMETERS * rule.largest_diameter
        spacing = rule.spacing or (1.0,) * len(self.multiple)
        return tuple(round_up(width / s, m) for s, m in zip(spacing, self.multiple, strict=True))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know, sentences without a point."""
        if not self.still_cut:
            return ()
        return (
            f"{self.still_cut} object(s) are too large to be outlined in one piece, and may be "
            "divided along straight lines: where they are none, leave out that part of the image",
        )

    def decide(self, block: Region) -> Generator[Progress, None, None]:
        """Put the objects on the canvas whose core lies in a block; row after row of blocks."""
        first = block[0][0] - self.margin[0]  # what ends before is not seen again
        self._seen_again = [known for known in self._seen_again if known.box[0][1] > first]
        window = widen_region(block, self.margin, self.whole)
        decoded = yield from decode(*(yield from self.read(window)), self.rule)
        cut: list[SeenObject] = []
        for seen in _objects(decoded, window):
            if not seen.is_cut(self.whole):
                self._put(seen, block)
            elif seen.reaches(block):
                cut.append(seen)
        yield from self._see_again([seen for seen in cut if self._known(seen) is None])
        held = list[SeenObject]()
        for seen in cut:
            known = self._known(seen)
            if known is not None and known.is_cut(self.whole):
                self._put(seen, block)
            elif known is not None and known not in held:
                held.append(known)
                self._put(known, block)

    def _put(self, seen: SeenObject, block: Region) -> None:
        if contains(block, seen.core):
            corner = [start for start, _ in seen.box]
            self.canvas.put(seen.mask, corner, seen.cls, round(seen.score, 4))

    def _known(self, cut: SeenObject) -> SeenObject | None:
        """Return what an object is a part of, where that was seen again."""
        return next((known for known in self._seen_again if known.covers(cut.core)), None)

    def _see_again(self, cut: list[SeenObject]) -> Generator[Progress, None, None]:
        """See objects in wider windows, until these hold all of them or are as large as allowed."""
        waiting = [(seen.core, self._wider(seen, self._around(seen)), seen) for seen in cut]
        while waiting:
            for _, _, seen in (one for one in waiting if one[1] is None):
                self.still_cut += 1
                self._seen_again.append(seen)
            wider = [(core, window) for core, window, _ in waiting if window is not None]
            waiting = []
            for window in _joined([window for _, window in wider]):
                decoded = yield from decode(*(yield from self.read(window)), self.rule)
                starts = [start for start, _ in window]
                cores = [core for core, own in wider if _span(own, window) == window]
                wider = [one for one in wider if one[0] not in cores]
                numbers = {int(decoded.ids[tuple(np.subtract(c, starts))]): c for c in cores}
                for seen in _objects(decoded, window, numbers):
                    if seen.is_cut(self.whole):
                        core = numbers[int(decoded.ids[tuple(np.subtract(seen.core, starts))])]
                        waiting.append((core, self._wider(seen, window), seen))
                    else:
                        self._seen_again.append(seen)

    def _around(self, seen: SeenObject) -> Region:
        return widen_region(seen.box, self.margin, self.whole)

    def _wider(self, seen: SeenObject, window: Region) -> Region | None:
        """Return a window that shows more where an object is cut; None: it would be too large."""
        sides = seen.cut_sides(self.whole)
        more = [max(n, m) for n, m in zip(region_shape(seen.box), self.margin, strict=True)]
        while True:
            wider = self._aligned(
                tuple(
                    (start - n * low, stop + n * high)
                    for (start, stop), n, (low, high) in zip(window, more, sides, strict=True)
                )
            )
            if math.prod(region_shape(wider)) <= MAX_WINDOW_PX:
                return wider
            if more == list(self.margin):
                return None
            more = [max(n // 2, m) for n, m in zip(more, self.margin, strict=True)]

    def _aligned(self, window: Region) -> Region:
        """Return the smallest window that holds one, inside the image, its edges at multiples."""
        return tuple(
            (max(low + (a - low) // m * m, low), min(low + round_up(b - low, m), high))
            for (a, b), (low, high), m in zip(window, self.whole, self.multiple, strict=True)
        )


def _objects(
    decoded: Decoded, window: Region, numbers: Container[int] | None = None
) -> Iterator[SeenObject]:
    """Yield the objects of a window, or some of them."""
    starts = [start for start, _ in window]
    for index, where in enumerate(find_objects(decoded.ids)):
        if where is None or (numbers is not None and index + 1 not in numbers):
            continue
        mask = decoded.ids[where] == index + 1
        box = region_at([a + s.start for a, s in zip(starts, where, strict=True)], mask.shape)
        core = tuple(np.add(decoded.cores[index], starts).tolist())
        cls, score = int(decoded.classes[index]), float(decoded.scores[index])
        yield SeenObject(mask, box, core, cls, score, window)


def _joined(windows: Iterable[Region]) -> list[Region]:
    """Join windows wherever one that spans two of them has no more pixels than both."""
    joined: list[Region] = []
    for one in windows:
        window, others = one, list(joined)
        while others:
            other = others.pop()
            both = _span(window, other)
            pixels = math.prod(region_shape(both))
            apart = math.prod(region_shape(window)) + math.prod(region_shape(other))
            if pixels <= min(apart, MAX_WINDOW_PX):
                joined.remove(other)
                window, others = both, list(joined)
        joined.append(window)
    return joined


def _span(one: Region, other: Region) -> Region:
    """Return the smallest region that holds two."""
    return tuple((min(a, c), max(b, d)) for (a, b), (c, d) in zip(one, other, strict=True))
