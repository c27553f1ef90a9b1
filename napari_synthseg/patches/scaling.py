"""The working scale: images resampled so that usual objects are as large as networks expect.

Small and huge objects then cost and learn alike: a dual image and a crop show several of them, and
what surrounds an object lies within what a network sees. Volumes are only reduced: enlarging them
twice costs eight times the work, for nothing more to see.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.geometry import region_shape
from napari_synthseg.core.labels import DualImage, InstanceLabels
from napari_synthseg.core.patch import ClickedImage, Patch, PatchLibrary
from napari_synthseg.core.pixels import (
    LEAVE_RATIO,
    MAX_FACTOR,
    ArraySource,
    Factor,
    ScaledSource,
    TiledSource,
    factors_of,
    resample,
    resized,
    scaled_position,
    scaled_region,
)
from napari_synthseg.patches.quality.size import MIN_OBJECTS, equal_diameter, measure_diameter
from napari_synthseg.patches.window import read_window

MAX_SIZE_RATIO = 8.0
"""Classes that differ more in size do not share a scale well."""

SAME_RATIO = 1.25
"""Images whose objects differ in size by less have one factor."""

UNLIKE_RATIO = 2.0
"""Where outlines differ more from the diameter of their class, unsure ones tell the scale, too."""


@dataclass(frozen=True)
class WorkingScale:
    """How far images are resampled.

    Attributes
    ----------
    usual
        Pixels of the resampled image for one of the image, where nothing else is known.
    images
        Image id -> its own factor, where it is another one.
    known
        Ids of the images whose factor was measured, equal or not.
    outlined
        Class value -> diameter of its outlines, pixels, where that of the class is quite another.
    diameter
        Of the usual object that this was measured by, pixels of the image.
    spacing
        Distance of a resampled volume's pixels along (z, y, x), in units of the shortest; empty:
        images are flat.
    """

    usual: float = 1.0
    images: Mapping[str, float] = field(default_factory=dict)
    diameter: float = 0.0
    spacing: tuple[float, ...] = ()
    known: frozenset[str] = frozenset()
    outlined: Mapping[int, float] = field(default_factory=dict)

    def of(self, image: ImageRef) -> Factor:
        """Return the factor of an image, of a volume for each axis."""
        factor = self.images.get(image.id, self.usual)
        if not self.spacing or self.is_one:
            return factor
        return axis_factors(factor, image.spacing, self.spacing)

    def spacing_of(self, image: ImageRef) -> tuple[float, ...]:
        """Return the spacing of an image's pixels once it is resampled."""
        return image.spacing if self.is_one or not self.spacing else self.spacing

    @property
    def is_one(self) -> bool:
        """Whether nothing is resampled."""
        return self.usual == 1 and not self.images

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of it, a sentence without a point."""
        if self.is_one:
            return ()
        words = "left at their size" if self.usual == 1 else resized(self.usual)
        others = f", {len(self.images)} of them by a factor of their own" if self.images else ""
        return (f"images are {words} before the network sees them{others}",)


UNSCALED = WorkingScale()


def clicked_diameters(library: PatchLibrary) -> dict[int, float]:
    """Return the diameters of the classes that are clicked, by value, pixels."""
    clicked = {patch.cls for patch in library.patches}
    return {value: d for value, d in library.diameters.items() if value in clicked}


def unequal_sizes(diameters: Mapping[int, float], names: Mapping[int, str]) -> tuple[str, ...]:
    """Return what to do where classes differ too much in size, a sentence without a point.

    Parameters
    ----------
    diameters
        Class value -> diameter, pixels.
    names
        Class value -> name.
    """
    if not diameters:
        return ()
    small, large = (choose(diameters, key=lambda v: diameters[v]) for choose in (min, max))
    ratio = diameters[large] / diameters[small]
    if ratio <= MAX_SIZE_RATIO:
        return ()
    return (
        f"objects of '{names[large]}' are {ratio:.0f} times as large as those of '{names[small]}', "
        "which set how much images are enlarged or shrunk, and hardly fit into what the network "
        f"sees: train a model of their own, in a project with '{names[large]}' alone",
    )


def axis_factors(
    factor: float, spacing: Sequence[float], wanted: Sequence[float]
) -> tuple[float, ...]:
    """Return the factor along each axis that gives a volume's pixels the wanted spacing.

    `factor` is that along the finest axis; both spacings are in units of their shortest.
    """
    return tuple(factor * s / w for s, w in zip(spacing, wanted, strict=True))


def measure_scale(
    library: PatchLibrary, working: float, held: PatchLibrary | None = None
) -> WorkingScale:
    """Return the scale at which objects of the smallest class have the working diameter.

    Parameters
    ----------
    working
        Pixels; 0: images stay as they are.
    held
        Of held-out images: what is usual is not measured on them, but they may differ from it.
    """
    if not working or not library.patches:
        return UNSCALED
    unlike = _outlined_diameters(library)
    diameters = {**library.diameters, **unlike}
    smallest = min(diameters, key=lambda value: diameters[value])
    spacings = [image.ref.spacing for image in library.images]
    measured, of_held = (_own_diameters(some, smallest) for some in (library, held))
    scale = scale_for(diameters[smallest], measured, working, spacings, of_held)
    return replace(scale, outlined=unlike)


def _own_diameters(library: PatchLibrary | None, smallest: int) -> dict[str, float]:
    """Return how large objects of a class are on each image where that can be measured, pixels."""
    if library is None:
        return {}
    patches: dict[str, list[Patch]] = {image.ref.id: [] for image in library.images}
    for patch in library.usable():
        patches[patch.image].append(patch)
    length_of = _length_in(library)
    own = {image: measure_diameter(p, smallest, length_of) for image, p in patches.items()}
    return {image: found.diameter for image, found in own.items() if found}


def _outlined_diameters(library: PatchLibrary) -> dict[int, float]:
    """Return how large the outlines of a class are, by value, where that is quite unlike it.

    Long objects have no sure diameter, and the typed one may be their width or their length: what
    is learned is what was outlined.
    """
    length_of, unlike = _length_in(library), {}
    for value, given in library.diameters.items():
        mine = [p for p in library.usable() if p.cls == value and p.area and not p.touches_border]
        if len(mine) >= MIN_OBJECTS:
            outlined = float(np.median([length_of(patch) for patch in mine]))
            if not given / UNLIKE_RATIO <= outlined <= given * UNLIKE_RATIO:
                unlike[value] = outlined
    return unlike


def _length_in(library: PatchLibrary) -> Callable[[Patch], float]:
    """Return what gives the diameter of a patch's object, pixels along the finest axis."""
    spacings = {image.ref.id: image.ref.spacing for image in library.images}
    return lambda patch: equal_diameter(patch.area, spacings[patch.image])


def measure_scale_of_pairs(
    pairs: Mapping[str, DualImage],
    usual: float,
    working: float,
    spacings: Mapping[str, tuple[float, ...]],
    held: Collection[str] = (),
) -> WorkingScale:
    """Return the scale by the true masks of images, by image id; see `measure_scale`.

    As there, one class is measured on all images: those without it have the usual scale. `usual`
    is the diameter of images that show no object, pixels; `held` are the held-out images.
    """
    found = {}
    for image, pair in pairs.items():
        if not working or not isinstance(pair.labels, InstanceLabels):
            return UNSCALED
        found[image] = true_diameters(pair.labels, spacings[image])
    of_all = usual_diameters(own for image, own in found.items() if image not in held)
    of_all = of_all or usual_diameters(found.values())
    smallest = min(of_all, key=lambda value: of_all[value], default=0)
    measured = {image: own[smallest] for image, own in found.items() if smallest in own}
    of_held = {image: measured.pop(image) for image in held if image in measured}
    apart = [spacing for image, spacing in spacings.items() if image not in held]
    return scale_for(usual, measured, working, apart, of_held)


def true_diameters(labels: InstanceLabels, spacing: Sequence[float]) -> dict[int, float]:
    """Return the usual diameter of the objects of each class on an image, by value, pixels.

    `spacing` is the distance of the image's pixels along each axis, in units of the shortest.
    """
    areas = np.bincount(np.maximum(labels.ids, 0).ravel())
    lengths: dict[int, list[float]] = {}
    for number, value in labels.classes.items():
        if number < len(areas) and areas[number]:
            lengths.setdefault(value, []).append(equal_diameter(int(areas[number]), spacing))
    return {value: float(np.median(some)) for value, some in lengths.items()}


def usual_diameters(of_images: Iterable[Mapping[int, float]]) -> dict[int, float]:
    """Return the median of what the images that show a class measure, by its value."""
    lengths: dict[int, list[float]] = {}
    for own in of_images:
        for value, length in own.items():
            lengths.setdefault(value, []).append(length)
    return {value: float(np.median(some)) for value, some in lengths.items()}


def scale_for(
    usual: float,
    measured: Mapping[str, float],
    working: float,
    spacings: Sequence[Sequence[float]] = (),
    held: Mapping[str, float] = MappingProxyType({}),
) -> WorkingScale:
    """Return the scale for a typed diameter, and those that some images measure, pixels.

    Those that `held` images measure tell nothing of what is usual. `spacings` are those of the
    images. Planes that lie further apart than the resampled pixels in them stay as they are.
    """
    volumes = [s for s in spacings if len(s) == 3]
    most = 1.0 if volumes else MAX_FACTOR
    usual = float(np.median(list(measured.values()))) if measured else usual
    others = {
        image: _factor(diameter, working, most)
        for image, diameter in {**held, **measured}.items()
        if not usual / SAME_RATIO < diameter < usual * SAME_RATIO
    }
    common = _factor(usual, working, most)
    apart: list[float] = np.median(volumes, axis=0).tolist() if volumes else []
    spacing = tuple(max(s * common, 1.0) for s in apart)
    own = {image: factor for image, factor in others.items() if factor != common}
    return WorkingScale(common, own, usual, spacing, frozenset({*measured, *held}))


def _factor(diameter: float, working: float, most: float) -> float:
    factor = working / diameter
    return 1.0 if 1 / LEAVE_RATIO <= factor <= LEAVE_RATIO else min(factor, most)


def scaled_library(library: PatchLibrary, scale: WorkingScale) -> PatchLibrary:
    """Return a library as if it had been cut from resampled images, without notes."""
    own = {value: scale.outlined.get(value, d) for value, d in library.diameters.items()}
    if scale.is_one:
        return replace(library, diameters=own) if scale.outlined else library
    factors = {image.ref.id: scale.of(image.ref) for image in library.images}
    images = {i.ref.id: scaled_clicked(i, factors[i.ref.id]) for i in library.images}
    sources = {i: TiledSource(image.pixels) for i, image in images.items()}
    times = scale.usual * scale.diameter / min(own.values())
    patches = tuple(_scaled(p, sources[p.image], factors[p.image]) for p in library.patches)
    return replace(
        library,
        patches=patches,
        images=tuple(images.values()),
        diameters={value: d * times for value, d in own.items()},
        measured={
            value: replace(m, diameter=m.diameter * scale.usual, error=m.error * scale.usual)
            for value, m in library.measured.items()
        },
        describe=None,  # it compares with the sizes before
    )


def scaled_clicked(image: ClickedImage, factor: Factor) -> ClickedImage:
    """Return a clicked image, resampled."""
    if factor == 1:
        return image
    factors = factors_of(factor, image.ref.ndim)
    sizes = [s / f for s, f in zip(image.ref.spacing, factors, strict=True)]
    finest = 1 / min(sizes)  # pixels along the finest axis for one of those before
    return replace(
        image,
        ref=image.ref.model_copy(update={"pixel_size": tuple(sizes), "unit": "px"}),
        pixels=ScaledSource(image.pixels, factor),
        clicks=tuple(
            c.model_copy(update={"position": scaled_position(c.position, factor), "mended": None})
            for c in image.clicks
        ),
        negatives=tuple(scaled_position(place, factor) for place in image.negatives),
        rejected=tuple(
            (scaled_position(place, factor), reach * finest) for place, reach in image.rejected
        ),
    )


def _scaled(patch: Patch, source: TiledSource, factor: Factor) -> Patch:
    if factor == 1:
        return patch
    window = scaled_region(patch.window, factor)
    mask = resample(patch.mask[None].astype(np.float32), patch.origin, window, factor)[0] > 0.5
    place = np.add(patch.center, patch.origin).tolist()
    center = np.subtract(scaled_position(place, factor), [a for a, _ in window])
    return replace(
        patch,
        pixels=read_window(source, window),
        mask=mask,
        origin=tuple(a for a, _ in window),
        center=tuple(center.tolist()),
    )


def scaled_pair(pair: DualImage, factor: Factor) -> DualImage:
    """Return an image and its instance labels, resampled; an object that vanishes is gone."""
    labels = pair.labels
    if factor == 1 or not isinstance(labels, InstanceLabels):
        return pair
    source = ScaledSource(ArraySource(pair.image), factor)
    places = [
        np.clip(np.round((np.arange(n) + 0.5) / f - 0.5).astype(int), 0, there - 1)
        for n, there, f in zip(
            region_shape(source.region), labels.shape, source.factors, strict=True
        )
    ]
    ids = labels.ids[np.ix_(*places)]
    present = set(np.unique(ids).tolist())
    classes = {i: c for i, c in labels.classes.items() if i in present}
    return replace(pair, image=source.read(), labels=replace(labels, ids=ids, classes=classes))
