"""What the prior learns from: the real images in many views, as grids of codes."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.progress import Progress
from napari_synthseg.synthesis.vqvae.fit_vqvae import encoded
from napari_synthseg.synthesis.vqvae.views import (
    CELL_PX,
    MaskedView,
    class_shares,
    draw_view,
    mirrored,
)
from napari_synthseg.synthesis.vqvae.vqvae import PairCoder

MAX_FIELD_EDGES = 4
"""Edge of the views that are coded, in training crops, as far as images are that large."""

MAX_CODED_PX = 12_000_000
"""Pixels that are coded in all: enough views that none is seen too often."""


@dataclass(frozen=True, eq=False)
class Grid:
    """The codes of a view.

    Attributes
    ----------
    codes
        (y, x) int64; twice as wide where image and mask are side by side.
    shares
        (class, y, x) float32: share of each class in each cell.
    """

    codes: NDArray[np.int64]
    shares: FloatImage

    def cut(self, y: int, x: int, height: int, width: int) -> Grid:
        """Return a part of a grid that is as wide as its cells."""
        where = (slice(y, y + height), slice(x, x + width))
        return Grid(self.codes[where], self.shares[(slice(None), *where)])


def code_view(coder: PairCoder, view: MaskedView, device: torch.device) -> Grid:
    """Return the codes of a view whose extents are whole cells."""
    codes = encoded(coder, view, device)[0].cpu().numpy()
    return Grid(codes, class_shares(view.mask, coder.design.classes, CELL_PX))


def draw_fields(
    coder: PairCoder,
    views: Sequence[MaskedView],
    edge: int,
    *,
    turns: bool,
    seed: int,
    device: torch.device,
) -> Generator[Progress, None, list[Grid]]:
    """Return the codes of random views of real images; yield at each view.

    Views are larger than a training crop where images are, and cut into crops only as codes: what
    lies at a crop's border was then coded with its surroundings in sight. Side by side, a view is
    one crop.
    """
    smallest = min(min(view.shape) for view in views)
    wanted = edge if coder.design.side_by_side else MAX_FIELD_EDGES * edge
    field = max(min(wanted, smallest) // CELL_PX * CELL_PX, edge)
    sources = [mirrored(view, field) for view in views]
    largest = sum(view.mask.size for view in sources) * (8 if turns else 1) * 4
    count = max(min(MAX_CODED_PX, largest) // field**2, 8)
    grids = []
    for number in range(count):
        yield Progress(number / count, f"coding view {number + 1} of {count}")
        rng = np.random.default_rng((seed, number, 1))
        grids.append(code_view(coder, draw_view(sources, field, rng, turns), device))
    return grids
