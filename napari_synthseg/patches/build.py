"""From clicked images to a patch library: the order of the steps, and their progress."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from functools import partial

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.patch import ClickedImage, Patch, PatchLibrary
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.patches.cut_images import cut_once
from napari_synthseg.patches.quality.peer_checks import check_patches
from napari_synthseg.patches.quality.size import (
    diameter_in_use,
    equal_diameter,
    measure_diameter,
)
from napari_synthseg.patches.quality.summary import describe_library
from napari_synthseg.patches.settings import PatchSettings

SHARE_OF_IMAGES = 0.9
"""Fraction of all work at which every image is cut; then patches are compared."""


def build_library(
    images: Sequence[ClickedImage],
    classes: Sequence[ObjectClass],
    rejected: frozenset[str] = frozenset(),
    settings: PatchSettings | None = None,
    *,
    accepted: frozenset[str] = frozenset(),
    masks: Mapping[str, InstanceLabels] | None = None,
) -> Generator[Progress, None, PatchLibrary]:
    """Outline, cut and grade a patch for every click.

    Parameters
    ----------
    images
        Images with their clicks.
    classes
        The classes that the clicks name.
    rejected
        Ids of patches that the user does not want used.
    settings
        How to cut; the defaults suit most images.
    accepted
        Ids of patches that the user called good, whatever the check says.
    masks
        Image id -> instance labels of the image's region, made by the user or another tool:
        the labelled object of its class under a click is taken as its mask, as it is.

    Returns
    -------
    PatchLibrary
        With one patch for each click, in the clicks' order.

    Raises
    ------
    InputError
        If a class has a physical diameter and an image no pixel size, or a click lies outside
        its image's region.
    """
    chosen = settings or PatchSettings()
    by_value = {c.value: c for c in classes}
    patches: list[Patch] = []
    given: dict[tuple[str, int], float] = {}
    for number, image in enumerate(images):
        diameter = {
            value: by_value[value].diameter_px(image.ref)
            for value in sorted({c.cls for c in image.clicks})
        }
        work = cut_once(
            image,
            diameter,
            chosen,
            masks.get(image.ref.id) if masks else None,
            {value: by_value[value].mask_method for value in diameter},
        )
        share = SHARE_OF_IMAGES / len(images)
        name = image.ref.name or image.ref.id
        patches += yield from subprogress(work, number * share, (number + 1) * share, name)
        given |= {(image.ref.id, value): length for value, length in diameter.items()}
    mean = _mean_diameters(given)
    spacings = {image.ref.id: image.ref.spacing for image in images}

    def length_of(patch: Patch) -> float:
        """Return the diameter of an object in pixels of an image that is as fine as the mean."""
        own = equal_diameter(patch.area, spacings[patch.image])
        return own * mean[patch.cls] / given[patch.image, patch.cls]

    measured = {value: measure_diameter(patches, value, length_of) for value in mean}
    diameters = {value: diameter_in_use(mean[value], measured[value]) for value in mean}
    scale = {value: diameters[value] / mean[value] for value in mean}
    checking = check_patches(patches, {key: scale[key[1]] * given[key] for key in given})
    return PatchLibrary(
        (yield from subprogress(checking, SHARE_OF_IMAGES, 1.0, "comparing all patches")),
        tuple(images),
        diameters,
        {value: found for value, found in measured.items() if found},
        rejected,
        accepted=accepted,
        describe=partial(
            describe_library, classes=classes, given=mean, least_patches=chosen.least_patches
        ),
    )


def _mean_diameters(given: Mapping[tuple[str, int], float]) -> dict[int, float]:
    """Return the mean diameter of each class over the images that show it, pixels.

    Images differ where the diameter is physical and their pixels are not alike.
    """
    lengths: dict[int, list[float]] = {}
    for (_, value), length in given.items():
        lengths.setdefault(value, []).append(length)
    return {value: sum(some) / len(some) for value, some in lengths.items()}
