"""Learning the prior: which codes lie next to which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.synthesis.vqvae.fit_vqvae import as_pair, decoded
from napari_synthseg.synthesis.vqvae.grids import Grid
from napari_synthseg.synthesis.vqvae.loop import Pictures, own_noise
from napari_synthseg.synthesis.vqvae.prior import FAR, NEAR, CodePrior, PriorDesign
from napari_synthseg.synthesis.vqvae.sampling import draw_codes
from napari_synthseg.synthesis.vqvae.vqvae import Joining, PairCoder

BATCH = 2
"""Grids in one batch: with little time, more steps get further than larger batches."""

JUDGED, SHOWN, DRAWN = 16, 4, 32
"""Held-out grids that are judged; grids that are drawn to be shown, and their largest edge."""


def design_prior(coder: PairCoder, on_shares: bool) -> PriorDesign:
    """Return the prior for a codebook; `on_shares`: it is told the share of each class."""
    beside = coder.design.joining == "side by side"
    conditions = (coder.design.classes if on_shares else 0) + int(beside)
    return PriorDesign(coder.codes, dilations=FAR if beside else NEAR, conditions=conditions)


def given(
    joining: Joining, shares: NDArray[np.floating] | None, rows: int, columns: int
) -> FloatImage | None:
    """Return what the prior is told at each place (condition, y, x), or None.

    Parameters
    ----------
    joining
        Side by side, it is told on which side a place is.
    shares
        Share of each class, or None.
    rows, columns
        Extents of the pair, cells.
    """
    beside = joining == "side by side"
    maps = []
    width = 2 * columns if beside else columns
    if shares is not None:
        level = np.asarray(shares, np.float32)[:, None, None]
        maps.append(np.broadcast_to(level, (len(shares), rows, width)))
    if beside:
        side = np.repeat(np.array([0, 1], np.float32), columns)
        maps.append(np.broadcast_to(side, (1, rows, width)))
    return np.concatenate(maps) if maps else None


@dataclass(eq=False)
class PriorStage:
    """What `loop.Learning` learns: the prior.

    Attributes
    ----------
    coder
        What codes mean; it does not change.
    train, held
        Grids to learn from, and to judge by.
    cells
        Edge of the grids it learns from, cells.
    on_shares
        Whether it is told the share of each class.
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
    device: torch.device

    def __post_init__(self) -> None:
        """Build the network."""
        with own_noise(self.seed, 2**32, torch.device("cpu")):
            self.net = CodePrior(design_prior(self.coder, self.on_shares))
        self.net.to(self.device)

    def loss(self, step: int, fraction: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the cross-entropy of one batch, in nats, and in bits a code."""
        rng = np.random.default_rng((self.seed, step))
        cost = self._cost(self.net, [self._draw(rng) for _ in range(BATCH)])
        return cost, {"bits per code": cost.detach() / np.log(2)}

    def judge(self, net: nn.Module) -> tuple[float | None, dict[str, float]]:
        """Return the bits a held-out code needs."""
        assert isinstance(net, CodePrior)
        if not self.held:
            return None, {}
        costs = [(float(self._cost(net, [g])), g.codes.size) for g in self.held[:JUDGED]]
        bits = sum(c * n for c, n in costs) / sum(n for _, n in costs) / np.log(2)
        return bits, {"held bits per code": float(bits)}

    def pictures(self, net: nn.Module) -> Pictures:
        """Return pairs that are drawn with what was learned so far, without grain."""
        assert isinstance(net, CodePrior)
        cells = min(self.cells, DRAWN)
        rngs = [np.random.default_rng((self.seed, number, 2)) for number in range(SHOWN)]
        told = [self._told(self._draw(rng), cells) for rng in rngs]
        conditions = None if told[0] is None else self._tensor(np.stack(told))  # type: ignore[arg-type]
        beside = self.coder.design.joining == "side by side"
        shape = (cells, cells * 2 if beside else cells)
        drawn = draw_codes(net, shape, rngs, conditions=conditions)
        images, marks = decoded(self.coder, torch.from_numpy(drawn.codes).to(self.device))
        pairs = [
            as_pair(image, mark, self.class_values, number)
            for number, (image, mark) in enumerate(zip(images, marks, strict=True))
        ]
        return {"drawn": tuple(pairs)}

    def _draw(self, rng: np.random.Generator) -> Grid:
        grid = self.train[int(rng.integers(len(self.train)))]
        rows, columns = grid.shares.shape[1:]
        if self.coder.design.joining == "side by side" or self.cells >= max(rows, columns):
            return grid
        y, x = (int(rng.integers(n - self.cells + 1)) for n in (rows, columns))
        return grid.cut(y, x, self.cells, self.cells)

    def _told(self, grid: Grid, cells: int | None = None) -> FloatImage | None:
        shares = grid.shares.mean(axis=(1, 2)) if self.on_shares else None
        shape = grid.shares.shape[1:] if cells is None else (cells, cells)
        return given(self.coder.design.joining, shares, *shape)

    def _cost(self, net: CodePrior, grids: Sequence[Grid]) -> torch.Tensor:
        codes = torch.from_numpy(np.stack([g.codes for g in grids])).to(self.device)
        told = [self._told(g) for g in grids]
        conditions = None if told[0] is None else self._tensor(np.stack(told))  # type: ignore[arg-type]
        return cross_entropy(net(codes, conditions), codes)

    def _tensor(self, array: FloatImage) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self.device)
