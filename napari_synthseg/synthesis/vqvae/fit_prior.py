"""Learning the prior: which codes lie next to which."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.synthesis.vqvae.fit_vqvae import as_pair, decoded
from napari_synthseg.synthesis.vqvae.grids import Grid
from napari_synthseg.synthesis.vqvae.prior import DILATIONS, WIDE_DILATIONS, CodePrior, PriorDesign
from napari_synthseg.synthesis.vqvae.sampling import draw_codes
from napari_synthseg.synthesis.vqvae.vqvae import CoderDesign, PairCoder
from napari_synthseg.training.trainable import Batch, Validation

BATCH_SIZE = 2
"""Grids in one batch: with little time, more steps get further than larger batches."""

MAX_VALIDATED, GRIDS_SHOWN, MAX_SHOWN_CELLS = 16, 4, 32
"""Held-out grids that are validated; grids that are drawn to be shown, and their edge, cells."""


def condition_maps(
    design: CoderDesign, shares: NDArray[np.floating] | None, rows: int, columns: int
) -> FloatImage:
    """Return the conditions of the prior at each place, (condition, y, x).

    These are the share of each class, unless it is None, and side by side on which side a place is.
    `rows` and `columns` are the extents of the pair, cells.
    """
    width = design.grid_width(columns)
    maps = [np.zeros((0, rows, width), np.float32)]
    if shares is not None:
        level = np.asarray(shares, np.float32)[:, None, None]
        maps.append(np.broadcast_to(level, (len(shares), rows, width)))
    if design.side_by_side:
        side = np.repeat(np.array([0, 1], np.float32), columns)
        maps.append(np.broadcast_to(side, (1, rows, width)))
    return np.concatenate(maps)


@dataclass(eq=False)
class PriorStage:
    """Trains the prior; a `Trainable`.

    Attributes
    ----------
    coder
        What codes mean; it does not change.
    train, held
        Grids to learn from, and to validate on.
    cells
        Edge of the grids it learns from, cells.
    on_shares
        Whether the share of each class is a condition.
    class_values
        Class values in ascending order, without the background's 0.
    """

    coder: PairCoder
    train: Sequence[Grid]
    held: Sequence[Grid]
    cells: int
    on_shares: bool
    class_values: Sequence[int]
    seed: int
    learned: frozenset[str] = frozenset()

    @property
    def design(self) -> PriorDesign:
        """What the network looks like."""
        coder = self.coder.design
        shares = coder.classes if self.on_shares else 0
        return PriorDesign(
            self.coder.codes,
            dilations=WIDE_DILATIONS if coder.side_by_side else DILATIONS,
            conditions=shares + int(coder.side_by_side),
        )

    def build_network(self) -> CodePrior:
        """Return the network with fresh weights."""
        return CodePrior(self.design)

    def make_batch(self, number: int) -> Batch:
        """Return random grids of codes, and their conditions."""
        rng = np.random.default_rng((self.seed, number))
        return self._as_batch([self._draw(rng) for _ in range(BATCH_SIZE)])

    def batch_loss(
        self, net: CodePrior, batch: Batch, fraction: float
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the cross-entropy of one batch, in nats, and in bits a code."""
        cost = cross_entropy(net(batch.images, *batch.targets), batch.images)
        return cost, {"bits per code": cost.detach() / np.log(2)}

    def validate(
        self, net: CodePrior, device: torch.device
    ) -> Generator[Progress, None, Validation]:
        """Measure the bits that a held-out code needs, and draw pairs."""
        held = self.held[:MAX_VALIDATED]
        nats = 0.0
        for number, grid in enumerate(held):
            yield Progress(number / len(held) / 2, f"grid {number + 1} of {len(held)}")
            with torch.no_grad():
                cost, _ = self.batch_loss(net, self._as_batch([grid]).to(device), 1.0)
            nats += float(cost) * grid.codes.size
        previews = yield from subprogress(self._previews(net, device), 0.5)
        if not held:
            return Validation({}, None, previews=previews)
        bits = nats / sum(grid.codes.size for grid in held) / float(np.log(2))
        return Validation({"held bits per code": bits}, -bits, previews=previews)

    def _previews(
        self, net: CodePrior, device: torch.device
    ) -> Generator[Progress, None, dict[str, tuple[DualImage, ...]]]:
        """Return pairs that are drawn with what was learned so far, without noise residual."""
        cells = min(self.cells, MAX_SHOWN_CELLS)
        rngs = [np.random.default_rng((self.seed, number, 2)) for number in range(GRIDS_SHOWN)]
        conditions = self._conditions([self._draw(rng) for rng in rngs], (cells, cells))
        shape = cells, self.coder.design.grid_width(cells)
        codes = yield from draw_codes(net, shape, rngs, conditions=conditions.to(device))
        images, masks = decoded(self.coder, torch.from_numpy(codes).to(device))
        pairs = [
            as_pair(image, mask, self.class_values, number)
            for number, (image, mask) in enumerate(zip(images, masks, strict=True))
        ]
        return {"drawn": tuple(pairs)}

    def _draw(self, rng: np.random.Generator) -> Grid:
        grid = self.train[int(rng.integers(len(self.train)))]
        rows, columns = grid.shares.shape[1:]
        if self.coder.design.side_by_side or self.cells >= max(rows, columns):
            return grid
        y, x = (int(rng.integers(n - self.cells + 1)) for n in (rows, columns))
        return grid.cut(y, x, self.cells, self.cells)

    def _conditions(
        self, grids: Sequence[Grid], shape: tuple[int, int] | None = None
    ) -> torch.Tensor:
        """Return the conditions that go with grids, over their extents or others, cells."""
        maps = [
            condition_maps(
                self.coder.design,
                grid.shares.mean(axis=(1, 2)) if self.on_shares else None,
                *(shape or grid.shares.shape[1:]),
            )
            for grid in grids
        ]
        return torch.from_numpy(np.stack(maps))

    def _as_batch(self, grids: Sequence[Grid]) -> Batch:
        codes = torch.from_numpy(np.stack([g.codes for g in grids]))
        return Batch(codes, (self._conditions(grids),))
