"""Outlines by the click network: on flat images at once, in volumes plane after plane.

In a volume every object is outlined in the plane of its click first; from there the outline is
followed up and down, with a click on its middle in each plane, until the network no longer finds
it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_synthseg.core.geometry import Region, region_shape, region_slices
from napari_synthseg.core.patch import Outline
from napari_synthseg.core.pixels import FloatImage, PixelSource
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.networks.click_dividing import NetworkOutline, rivals
from napari_synthseg.networks.click_net import ClassFit, ClickOutliner, outline_clicks
from napari_synthseg.networks.click_weights import shipped_network
from napari_synthseg.patches.masks.clicked_objects import ClickedObjects
from napari_synthseg.patches.quality.size import equal_diameter
from napari_synthseg.patches.window import cut_mask, inner_point, read_window

MIN_PLANE_CONFIDENCE = 0.5
"""An object ends where the outline in the next plane is less sure than this share of the first."""

MIN_PLANE_OVERLAP = 0.4
"""An object ends where less of the smaller of two outlines in neighboring planes is common."""

MIN_PLANE_CONTRAST = 0.6
"""An object ends where it stands out less than this share of what it does in its first plane: what
goes on beyond is the blur of the microscope. Measured on one simulated volume."""

RIM_PX = 4
"""Width of the rim that the contrast of an outline is taken to."""

MOST_RADII = 2.0
"""No object reaches farther from its click along z than this many times half its width."""


def outline_by_network(objects: ClickedObjects) -> Generator[Progress, None, Sequence[Outline]]:
    """Outline the object under every click; see `registry.MaskMethod`."""
    if objects.positions.shape[1] == 3:
        return (yield from _outline_volume(objects))
    return (yield from outline_flat(objects))


def outline_flat(
    objects: ClickedObjects,
    fits: dict[int, ClassFit] | None = None,
    unsure: NDArray[np.bool_] | None = None,
) -> Generator[Progress, None, list[NetworkOutline]]:
    """Outline the objects of a flat image; `fits` and `unsure` are those of `outline_clicks`."""
    return outline_clicks(
        objects.pixels, objects.positions, objects.classes, objects.diameters, objects.negatives,
        spacing=_flat(objects.spacing), fits=fits, unsure=unsure,
    )  # fmt: skip


def click_outliner(objects: ClickedObjects) -> ClickOutliner:
    """Return what outlines some of the objects of a flat image, as they are asked for."""
    return ClickOutliner(
        objects.pixels, objects.positions, objects.classes, objects.negatives,
        _flat(objects.spacing), shipped_network(),
    )  # fmt: skip


def _flat(spacing: Sequence[float]) -> tuple[float, float]:
    y, x = spacing
    return y, x


@dataclass(frozen=True, eq=False)
class PlaneSource:
    """One plane of a volume as a flat image."""

    volume: PixelSource
    z: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (channel, y, x)."""
        channels, _, height, width = self.volume.shape
        return channels, height, width

    @property
    def region(self) -> Region:
        """Part of the plane that may be read."""
        return self.volume.region[1:]

    def read(self, region: Region | None = None) -> FloatImage:
        """Return the pixels of `region`; see `PixelSource.read`."""
        return self.volume.read(((self.z, self.z + 1), *(region or self.region)))[:, 0]


def _outline_volume(objects: ClickedObjects) -> Generator[Progress, None, Sequence[Outline]]:
    follower = _PlaneFollower(objects)
    low, high = objects.pixels.region[0]
    yield from subprogress(follower.start(), 0.0, 0.3, "outlining in the planes of the clicks")
    planes = [(1, z) for z in range(low + 1, high)] + [
        (-1, z) for z in range(high - 2, low - 1, -1)
    ]
    for done, (step, z) in enumerate(planes):
        share = 0.3 + 0.7 * done / len(planes), 0.3 + 0.7 * (done + 1) / len(planes)
        yield from subprogress(follower.follow(z, step), *share, "following objects along z")
    return follower.stacked()


class _PlaneFollower:
    """The outlines of the objects of a volume, plane by plane."""

    def __init__(self, objects: ClickedObjects) -> None:
        self.objects = objects
        low, high = objects.pixels.region[0]
        self.first = np.clip(np.round(objects.positions[:, 0]), low, high - 1).astype(int)
        self.apart, y, x = objects.spacing
        self.in_plane = min(y, x)
        """Distance of planes, and of pixels in a plane, in pixels of the finest axis."""
        self.spacing = y / self.in_plane, x / self.in_plane
        """Distance of pixels in a plane, in units of the shorter."""
        self.fits: dict[int, dict[int, ClassFit]] = {}
        self.contrasts: dict[int, FloatImage] = {}
        self.found: list[dict[int, Outline]] = [{} for _ in range(len(objects))]
        """For each object: plane -> its outline there."""

    def start(self) -> Generator[Progress, None, None]:
        """Outline every object in the plane of its click, the fullest plane first."""
        planes, counts = np.unique(self.first, return_counts=True)
        for done, z in enumerate(planes[np.argsort(-counts, kind="stable")].tolist()):
            mine = np.flatnonzero(self.first == z).tolist()
            work = self._outline(z, mine, self.objects.positions[mine, 1:])
            share = done / len(planes), (done + 1) / len(planes)
            outlines = yield from subprogress(work, *share)
            for n, outline in zip(mine, outlines, strict=True):
                self.found[n][z] = outline

    def follow(self, z: int, step: int) -> Generator[Progress, None, None]:
        """Outline in plane `z` what reaches it from the plane before, `step` planes back."""
        yield Progress(0.0)
        going = [n for n, planes in enumerate(self.found) if self._reaches(n, planes, z, step)]
        if not going:
            return
        places = np.array([inner_point(self.found[n][z - step]) for n in going])
        outlines = yield from self._outline(z, going, places)
        for n, outline in zip(going, outlines, strict=True):
            overlap = _overlap(self.found[n][z - step], outline)
            if overlap >= MIN_PLANE_OVERLAP and self._goes_on(n, z, outline):
                self.found[n][z] = outline

    def _goes_on(self, n: int, z: int, outline: Outline) -> bool:
        """Tell whether an outline in plane `z` shows object `n`, not just its blur."""
        first = int(self.first[n])
        start = self.found[n][first]
        if outline.confidence < MIN_PLANE_CONFIDENCE * start.confidence:
            return False
        if n not in self.contrasts:
            self.contrasts[n] = self._contrast(first, start)
        usual = self.contrasts[n]
        return float(self._contrast(z, outline) @ usual) >= MIN_PLANE_CONTRAST * float(
            usual @ usual
        )

    def _contrast(self, z: int, outline: Outline) -> FloatImage:
        """Return how far each channel of an object lies above (below) its surroundings."""
        window = tuple((a - RIM_PX, b + RIM_PX) for a, b in outline.window)
        pixels = read_window(PlaneSource(self.objects.pixels, z), window)
        mask = np.pad(outline.mask, RIM_PX)
        rim = ndimage.binary_dilation(mask, iterations=RIM_PX) & ~ndimage.binary_dilation(mask)
        # the quarter that is darkest: a rim may lie on other objects
        around = np.percentile(pixels[:, rim], 25, axis=1)
        contrast: FloatImage = np.median(pixels[:, mask], axis=1) - around
        return contrast

    def _reaches(self, n: int, planes: dict[int, Outline], z: int, step: int) -> bool:
        if z in planes or z - step not in planes or not planes[z - step].area:
            return False
        area = planes[int(self.first[n])].area
        half_width = equal_diameter(area, self.objects.spacing[1:]) / 2
        return bool(abs(z - self.first[n]) * self.apart <= MOST_RADII * half_width)

    def _outline(
        self, z: int, numbers: list[int], places: NDArray[np.float64]
    ) -> Generator[Progress, None, Sequence[Outline]]:
        """Outline some objects in a plane, beside the others there."""
        classes, found = self.objects.classes, dict[int, Outline]()
        values = sorted(set(classes[numbers].tolist()))
        for done, value in enumerate(values):
            mine = [i for i, n in enumerate(numbers) if classes[n] == value]
            others = self._others(z, value, {numbers[i] for i in mine})
            work = outline_clicks(
                PlaneSource(self.objects.pixels, z),
                places[mine],
                classes[numbers][mine],
                {value: self.objects.diameters[value] / self.in_plane},
                np.concatenate([others, self._negatives(z, value)]),
                spacing=self.spacing,
                fits=self.fits.setdefault(value, {}),
            )
            share = done / len(values), (done + 1) / len(values)
            found |= zip(mine, (yield from subprogress(work, *share)), strict=True)
        return [found[i] for i in range(len(numbers))]

    def _others(self, z: int, value: int, numbers: set[int]) -> NDArray[np.float64]:
        """Return where other objects of a class, or beside it, lie in a plane, (n, (y, x)).

        Their outline there or one plane away tells, before there is one their click near the plane.
        """
        beside = rivals(value, self.objects.diameters)
        places: list[tuple[float, ...]] = []
        for n, planes in enumerate(self.found):
            if n in numbers or int(self.objects.classes[n]) not in beside:
                continue
            near = [planes[p] for p in (z, z - 1, z + 1) if p in planes and planes[p].area]
            if near:
                places.append(inner_point(near[0]))
            elif not planes and self._is_near(self.first[n], z, value):
                places.append(tuple(self.objects.positions[n, 1:].tolist()))
        return np.array(places).reshape(-1, 2)

    def _negatives(self, z: int, value: int) -> NDArray[np.float64]:
        """Return the negative clicks that hold in a plane, (n, (y, x))."""
        near = [self._is_near(p[0], z, value) for p in self.objects.negatives]
        return self.objects.negatives[near, 1:]

    def _is_near(self, place: float, z: int, value: int) -> bool:
        """Tell whether a place along z says something of a plane: a quarter of a diameter away."""
        away = abs(place - z)
        return bool(away <= 0.5 or away * self.apart <= self.objects.diameters[value] / 4)

    def stacked(self) -> list[Outline]:
        """Return the objects with their planes joined; classes of other size share voxels."""
        classes = self.objects.classes.tolist()
        groups = {v: frozenset(rivals(v, self.objects.diameters)) for v in set(classes)}
        for group in set(groups.values()):
            numbers = [n for n, value in enumerate(classes) if value in group]
            self._divide(numbers, {n for n in numbers if groups[classes[n]] == group})
        return [_join(mine) for mine in self.found]

    def _divide(self, numbers: Sequence[int], changed: set[int]) -> None:
        """Give each voxel of neighbors to the one whose outline in its plane is surer."""
        region = self.objects.pixels.region[1:]
        first = [start for start, _ in region]
        for z in sorted({z for n in numbers for z in self.found[n]}):
            here = [(self.found[n][z], n) for n in numbers if z in self.found[n]]
            owners = np.zeros(region_shape(region), np.int32)
            for outline, n in sorted(here, key=lambda one: one[0].confidence):
                owners[region_slices(outline.window, first)][outline.mask] = n + 1
            for outline, n in here:
                if n not in changed:
                    continue
                own = owners[region_slices(outline.window, first)] == n + 1
                self.found[n][z] = replace(outline, mask=own)


def _join(planes: Mapping[int, Outline]) -> Outline:
    """Return one object from its outlines by plane."""
    first = min(planes)
    windows = np.array([outline.window for outline in planes.values()])
    low, high = windows[..., 0].min(axis=0).tolist(), windows[..., 1].max(axis=0)
    mask = np.zeros((max(planes) + 1 - first, *(high - low)), bool)
    for z, outline in planes.items():
        mask[z - first][region_slices(outline.window, low)] = outline.mask
    areas = [outline.area for outline in planes.values()]
    confidences = [outline.confidence for outline in planes.values()]
    sure = float(np.average(confidences, weights=areas)) if sum(areas) else 0.0
    return Outline(mask, (first, *low), sure)


def _overlap(one: Outline, other: Outline) -> float:
    """Return the common part of two outlines of neighboring planes, of the smaller one."""
    if not one.area or not other.area:
        return 0.0
    common = np.count_nonzero(one.mask & cut_mask(other.mask, other.origin, one.window))
    return common / min(one.area, other.area)
