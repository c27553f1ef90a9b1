"""The outlines of the clicks on one image of a project, brought up to date click by click.

In a volume each object is outlined in the plane of its click. The whole object, over all planes, is
found when patches are cut.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import (
    Click,
    ImageRef,
    MendedOutline,
    ObjectClass,
    PatchMasks,
)
from napari_synthseg.core.geometry import intersect, region_at
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.patch import Outline
from napari_synthseg.core.pixels import TiledSource
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.patches.clicked import meets_limits, touches_border, where_it_counts
from napari_synthseg.patches.masks.given import GivenOutlines
from napari_synthseg.patches.masks.network import PlaneSource
from napari_synthseg.patches.quality.size import equal_diameter
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.storage.truths import open_labels
from napari_synthseg.workflow.outlining.contours import Line, outline_lines
from napari_synthseg.workflow.outlining.plane_outliner import (
    LearnedClass,
    Mark,
    PlaneMarks,
    PlaneOutliner,
)

FLAT = 0
"""Number of the only plane of a flat image."""


@dataclass(frozen=True, eq=False)
class ClickOutline:
    """The outline of the object under one click, as it is shown.

    Attributes
    ----------
    click
        The click.
    outline
        Its object, (y, x); of a volume in the plane of the click.
    plane
        That plane; None on flat images.
    diameter
        Of the disk of equal area, pixels along the finest axis; 0 where nothing was found.
    is_given
        The user gave it: nothing is sure to be better.
    touches_border
        It is cut off by the border of what is used of the image.
    """

    click: Click
    outline: Outline
    plane: int | None
    diameter: float
    is_given: bool
    touches_border: bool

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The closed lines around it, (y, x)."""
        outline = self.outline
        return outline_lines(outline.mask, outline.origin) if outline.area else ()

    @cached_property
    def edges(self) -> NDArray[np.float32]:
        """The edges of these lines, (edge, 2, (y, x)): where each starts, and its step."""
        parts = [np.stack([line, np.roll(line, -1, axis=0) - line], axis=1) for line in self.lines]
        return np.concatenate(parts) if parts else np.zeros((0, 2, 2), np.float32)


class ImageOutliner:
    """The outlines of one image's clicks."""

    def __init__(self, ref: ImageRef, folder: Path) -> None:
        self.ref, self._folder = ref, folder
        self._pixels = TiledSource(open_pixels(ref, folder))
        self._learned: dict[int, LearnedClass] = {}
        self._planes: dict[int, PlaneOutliner] = {}
        self._marks: dict[str, tuple[Click, Mark]] = {}
        self._shown: dict[str, tuple[object, ClickOutline]] = {}
        """Click id -> what its outline was made of, and the outline."""
        self._labels: tuple[PatchMasks, InstanceLabels] | None = None
        self._given = GivenOutlines((), self._pixels.region, {})
        self._mended: set[tuple[MendedOutline, int]] = set()
        """What the user mended, with the class of its click."""

    def warm_up(self) -> None:
        """Measure the intensity, which the first click would wait for."""
        self._pixels.read(tuple((a, a + 1) for a, _ in self._pixels.region))

    def shown(self, clicks: Sequence[Click]) -> list[ClickOutline]:
        """Return the outlines of clicks as far as they are known."""
        known = {z: plane.outlines for z, plane in self._planes.items()}
        shown: list[ClickOutline] = []
        for click in clicks:
            z = self._plane_of(click)
            given = self._given.found.get(click.id)
            outline = given or known.get(z, {}).get(click.id)
            if outline is None:
                continue
            # what is given is made anew with each update, but changes with the click or the masks
            source = outline if given is None else click.mended or self._labels
            before = self._shown.get(click.id)
            if before is None or before[0] is not source or before[1].click is not click:
                made = self._make(click, outline, is_given=given is not None)
                self._shown[click.id] = before = source, made
            shown.append(before[1])
        return shown

    def update(
        self,
        project: Project,
        clicks: Sequence[Click],
        wanted: Collection[str],
        *,
        thorough: bool = False,
    ) -> Generator[Progress, None, None]:
        """Bring the outlines of the wanted clicks up to date.

        Parameters
        ----------
        project
            The project of now.
        clicks
            Its clicks on the image.
        wanted
            Ids of those whose outlines are asked for.
        thorough
            Whether to learn classes anew first whose clicks are others by now.
        """
        negatives = project.negatives_on(self.ref)
        self._take_given(project, clicks)
        planes = self._divide_marks(project, clicks, negatives)
        ask = set(wanted).difference(self._given.found)
        if thorough and planes:
            fullest = max(planes, key=lambda z: len(planes[z].clicks))
            yield from self._plane(fullest).update(planes[fullest], ())
            again = yield from self._plane(fullest).learn_again()
            for plane in self._planes.values():
                plane.forget_classes(again)
        for z, marks in planes.items():
            yield from self._plane(z).update(marks, ask)

    # --- marks -------------------------------------------------------------------------------

    def _plane_of(self, click: Click) -> int:
        if len(click.position) == 2:
            return FLAT
        low, high = self._pixels.region[0]
        return int(np.clip(round(click.position[0]), low, high - 1))

    def _plane(self, z: int) -> PlaneOutliner:
        if z not in self._planes:
            flat = self.ref.ndim == 2
            y, x = self.ref.spacing[-2:]
            spacing = y / min(y, x), x / min(y, x)
            pixels = self._pixels if flat else PlaneSource(self._pixels, z)
            self._planes[z] = PlaneOutliner(pixels, spacing, self._learned)
        return self._planes[z]

    def _marks_of(self, clicks: Sequence[Click]) -> tuple[Mark, ...]:
        """Return the marks of clicks; that of a click is the same as long as it is the same."""
        known = self._marks
        for click in clicks:
            if click.id not in known or known[click.id][0] is not click:
                y, x = click.position[-2:]
                known[click.id] = click, Mark(click.id, (y, x), click.cls)
        return tuple([known[click.id][1] for click in clicks])

    def _divide_marks(
        self, project: Project, clicks: Sequence[Click], negatives: Sequence[Click]
    ) -> dict[int, PlaneMarks]:
        """Return plane -> its marks; planes that had clicks and lost them have none."""
        classes = _clicked_classes(project, clicks)
        in_plane = min(self.ref.spacing[-2:])
        diameters = {c.value: c.diameter_px(self.ref) / in_plane for c in classes}
        methods = {c.value: c.mask_method for c in classes}
        made = {}
        for z, mine in self._by_plane(clicks).items():
            made[z] = PlaneMarks(
                self._marks_of(mine),
                self._marks_of(self._near(clicks, z, diameters, inside=False)),
                self._marks_of(self._near(negatives, z, diameters, inside=True)),
                diameters,
                methods,
            )
        return made

    def _by_plane(self, clicks: Sequence[Click]) -> dict[int, Sequence[Click]]:
        if self.ref.ndim == 2:
            return {FLAT: clicks}
        members: dict[int, list[Click]] = {z: [] for z in self._planes}
        for click in clicks:
            members.setdefault(self._plane_of(click), []).append(click)
        return {**members}

    def _near(
        self, clicks: Sequence[Click], z: int, diameters: dict[int, float], *, inside: bool
    ) -> list[Click]:
        """Return the clicks that say something of a plane, those in it only where `inside`.

        They lie within a quarter of a diameter of it, as when patches are cut.
        """
        if self.ref.ndim == 2:
            return list(clicks) if inside else []
        apart, *in_plane = self.ref.spacing
        reach = max(diameters.values(), default=0.0) * min(in_plane) / 4
        near: list[Click] = []
        for click in clicks:
            if self._plane_of(click) == z:
                if inside:
                    near.append(click)
            elif abs(click.position[0] - z) * apart <= reach:
                near.append(click)
        return near

    # --- outlines that are given -------------------------------------------------------------

    def _take_given(self, project: Project, clicks: Sequence[Click]) -> None:
        """Take over what the user gave, and make what it covers anew."""
        masks = next((m for m in project.patch_masks if m.image == self.ref.id), None)
        if masks is not (self._labels[0] if self._labels else None):
            self._labels = (masks, open_labels(masks, self.ref, self._folder)) if masks else None
            self._shown.clear()
        labels = self._labels[1] if self._labels else None
        diameters = {c.value: c.diameter_px(self.ref) for c in _clicked_classes(project, clicks)}
        given = GivenOutlines(clicks, self._pixels.region, diameters, labels)
        if given.rivals != self._given.rivals:
            self._shown.clear()
        self._given = given
        before = self._mended
        self._mended = {(c.mended, c.cls) for c in clicks if c.mended is not None}
        for mended, _ in before ^ self._mended:
            window = region_at(mended.origin, mended.shape)
            for ident, (_, shown) in list(self._shown.items()):
                if not shown.is_given and intersect(window[-2:], shown.outline.window):
                    del self._shown[ident]

    def _make(self, click: Click, outline: Outline, *, is_given: bool) -> ClickOutline:
        z = None if self.ref.ndim == 2 else self._plane_of(click)
        if not is_given and z is None:
            outline = self._given.beside(outline, click.cls)
            outline = where_it_counts(outline, self.ref, self._pixels)
        elif z is not None and outline.mask.ndim == 3:
            outline = _in_plane(outline, z)
        is_cut = touches_border(outline, self._pixels.region[-2:])
        if z is None and self.ref.is_limited and not is_cut:
            is_cut = meets_limits(outline, self.ref, self._pixels)
        made = ClickOutline(
            click,
            outline,
            z,
            equal_diameter(outline.area, self.ref.spacing[-2:]) if outline.area else 0.0,
            is_given,
            is_cut,
        )
        _ = made.edges  # traced here and now: who shows it has no time for that
        return made


def _clicked_classes(project: Project, clicks: Sequence[Click]) -> list[ObjectClass]:
    values = {click.cls for click in clicks}
    return [cls for cls in project.classes if cls.value in values]


def _in_plane(outline: Outline, z: int) -> Outline:
    """Return what an object of a volume covers of a plane."""
    first, *corner = outline.origin
    inside = 0 <= z - first < len(outline.mask)
    shape = outline.mask.shape[1:]
    mask: NDArray[np.bool_] = outline.mask[z - first] if inside else np.zeros(shape, bool)
    return Outline(mask, tuple(corner), outline.confidence)
