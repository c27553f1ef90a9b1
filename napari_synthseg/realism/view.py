"""What is compared: windows of equal size from real and from synthetic images.

Whatever depends on the size of a field (objects cut by its border, distances to a nearest
neighbor that may lie outside, frequencies) is then the same on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.pixels import FloatImage

MIN_WINDOWS, MIN_WINDOW_PX = 4, 64
"""Windows are halved until there are this many real ones, or their edge has this length."""

MAX_WINDOWS = 48
"""Windows that are compared on either side; more would only take longer."""


@dataclass(frozen=True, eq=False)
class FieldView:
    """A field of a real or a synthetic image, with the objects that are known on it.

    Attributes
    ----------
    name
        Name of the image, or number of the pair.
    source
        Id of the image, or name of the pair: an id in `ids` names one object of it.
    group
        Views of one group show the same specimen and are never divided between two sides.
    image
        Shape (channel, [z,] y, x), float32, normalized intensity.
    ids
        Instance ids, shape ([z,] y, x), 0 where no object is known.
    background
        True where certainly no object is, shape ([z,] y, x).
    maskless_centers
        Centers of objects whose extent is not known, shape (n, ndim), pixels.
    complete
        Every object is in `ids` or `maskless_centers`.
    spacing
        Length of a pixel along each spatial axis; 1 along the finest.
    regions
        Class value of each pixel, 0 background, or `UNKNOWN`, shape ([z,] y, x), where the objects
        are the connected pieces of regions; else None.
    """

    name: str
    source: str
    group: str
    image: FloatImage
    ids: NDArray[np.int32]
    background: NDArray[np.bool_]
    maskless_centers: NDArray[np.float64]
    complete: bool
    spacing: tuple[float, ...]
    regions: NDArray[np.int32] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape ([z,] y, x), pixels."""
        return self.ids.shape

    def cut(self, start: Sequence[int], shape: Sequence[int], group: str) -> FieldView:
        """Return the part of `shape` that begins at `start`, as a view of another group."""
        where = tuple(slice(s, s + n) for s, n in zip(start, shape, strict=True))
        centers = self.maskless_centers - np.asarray(start, float)
        inside = ((centers >= -0.5) & (centers < np.asarray(shape) - 0.5)).all(axis=1)
        return replace(
            self,
            group=group,
            image=np.ascontiguousarray(self.image[(slice(None), *where)]),
            ids=np.ascontiguousarray(self.ids[where]),
            background=np.ascontiguousarray(self.background[where]),
            maskless_centers=centers[inside],
            regions=None if self.regions is None else np.ascontiguousarray(self.regions[where]),
        )

    def centers(self) -> NDArray[np.float64]:
        """Return the centers of all objects, shape (n, ndim), pixels."""
        from scipy.ndimage import center_of_mass

        present = np.unique(self.ids)
        present = present[present > 0]
        found = center_of_mass(self.ids > 0, self.ids, present) if len(present) else []
        masked = np.array(found, float).reshape(-1, self.ids.ndim)
        return np.concatenate([masked, self.maskless_centers])


def cut_windows(
    real: Sequence[FieldView], synthetic: Sequence[FieldView], seed: int
) -> tuple[list[FieldView], list[FieldView]]:
    """Cut both sides into windows of one shape that do not overlap.

    The windows are as large as a synthetic image, or as the smallest real one, or somewhat
    smaller, so that they cover the real images and there are a few. Of very many, some are drawn.
    Windows of a single real image count as groups of their own, because there is nothing else to
    divide.

    Parameters
    ----------
    real, synthetic
        At least one view each, of any sizes.
    seed
        Which windows are drawn.
    """
    most = np.min([v.shape for v in (*real, *synthetic)], axis=0)
    sizes = np.array([v.shape for v in real])
    shape = np.min(sizes // -(-sizes // most), axis=0)  # as many as it takes, and none too narrow
    while min(shape[-2:]) >= 2 * MIN_WINDOW_PX and (
        sum(int(np.prod(np.array(v.shape) // shape)) for v in real) < MIN_WINDOWS
    ):
        shape[-2:] //= 2
    alone = len({v.group for v in real}) == 1
    rng = np.random.default_rng(seed)
    return _cut_all(real, shape, rng, apart=alone), _cut_all(synthetic, shape, rng, apart=False)


def _cut_all(
    views: Sequence[FieldView],
    shape: NDArray[np.integer],
    rng: np.random.Generator,
    *,
    apart: bool,
) -> list[FieldView]:
    places = []
    for view in views:
        grid = np.array(view.shape) // shape
        margin = (np.array(view.shape) - grid * shape) // 2
        places += [(view, margin + np.array(cell) * shape) for cell in np.ndindex(*grid)]
    if len(places) > MAX_WINDOWS:
        places = [places[i] for i in np.sort(rng.choice(len(places), MAX_WINDOWS, replace=False))]
    return [
        view.cut(start.tolist(), shape.tolist(), f"{view.group} {n}" if apart else view.group)
        for n, (view, start) in enumerate(places)
    ]
