"""Patches stacked into arrays, so that measuring thousands takes seconds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.geometry import region_at
from napari_synthseg.core.patch import Patch
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.patches.window import bounds, cut_image, cut_mask

STEP_PX = 8
"""Windows are enlarged to multiples of this, so that many have the same shape."""

MAX_STACK_PIXELS = 500_000
"""Pixels of one stack, all channels counted, at most: what a processor keeps close."""


@dataclass(frozen=True, eq=False)
class PatchStack:
    """Windows around the objects of some patches, one upon the other.

    Attributes
    ----------
    numbers
        Places of the patches in the sequence they come from, shape (n,).
    masks
        Shape (n, [z,] y, x); no mask touches the window's edge.
    pixels
        Shape (n, channel, [z,] y, x); beyond the patch its edge is repeated.
    """

    numbers: NDArray[np.int64]
    masks: NDArray[np.bool_]
    pixels: FloatImage


def stack_patches(patches: Sequence[Patch], reach: int) -> Iterator[PatchStack]:
    """Yield all patches with an object in stacks, with at least `reach` pixels around each object.

    Of volumes only the planes of the object, and one more on either side, are taken.
    """
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    boxes = {n: np.array(bounds(p.mask)).T for n, p in enumerate(patches) if p.area}
    for number, (start, stop) in boxes.items():
        patch = patches[number]
        margin = np.full(patch.mask.ndim, reach)
        margin[:-2] = 1
        shape = -(-(stop - start + 2 * margin) // STEP_PX) * STEP_PX
        groups[len(patch.pixels), *(int(s) for s in shape)].append(number)
    for (channels, *shape), numbers in groups.items():
        count = max(1, MAX_STACK_PIXELS // (channels * int(np.prod(shape))))
        for first in range(0, len(numbers), count):
            some = numbers[first : first + count]
            yield _stack([patches[n] for n in some], [boxes[n] for n in some], shape, some)


def _stack(
    patches: Sequence[Patch],
    boxes: Sequence[NDArray[np.int64]],
    shape: Sequence[int],
    numbers: Sequence[int],
) -> PatchStack:
    masks = np.zeros((len(patches), *shape), bool)
    pixels = np.empty((len(patches), len(patches[0].pixels), *shape), np.float32)
    for place, (patch, (start, stop)) in enumerate(zip(patches, boxes, strict=True)):
        low = start - (np.array(shape) - (stop - start)) // 2
        window = region_at(low.tolist(), shape)
        origin = (0,) * len(window)
        masks[place] = cut_mask(patch.mask, origin, window)
        pixels[place] = cut_image(patch.pixels, origin, window)
    return PatchStack(np.array(numbers), masks, pixels)
