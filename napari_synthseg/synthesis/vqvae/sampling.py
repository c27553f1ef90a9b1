"""Drawing grids of codes from the prior, computing nothing twice.

A plain sampler runs the whole network once for each code. Here each layer's features are kept: the
vertical stack is computed once a row, the horizontal one once a code. The scores are those of the
plain network up to rounding, which tests check.

The noise of a grid comes from its own generator, and the code drawn is the one with the largest
sum of score and Gumbel noise. Rounding can change it only where the two largest sums nearly tie,
which is far rarer than near a step of a cumulated distribution.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import conv2d, pad

from napari_synthseg.core.progress import Progress
from napari_synthseg.synthesis.vqvae.prior import FIRST_REACH, CodePrior, Gated, gate


def draw_codes(
    prior: CodePrior,
    shape: tuple[int, int],
    noise: Sequence[np.random.Generator],
    *,
    temperature: float = 1.0,
    conditions: torch.Tensor | None = None,
) -> Generator[Progress, None, NDArray[np.int64]]:
    """Draw one grid for each generator; yield at each row, return the codes (n, y, x).

    Parameters
    ----------
    prior
        In evaluation mode.
    shape
        Of a grid, codes along (y, x).
    noise
        One random generator for each grid; its numbers are used in reading order.
    temperature
        Below 1: likelier, more alike; above 1: bolder.
    conditions
        (n, conditions, y, x), where the prior asks for them.
    """
    cached = _CachedPrior(prior, (len(noise), *shape), conditions)
    codes = np.zeros((len(noise), *shape), np.int64)
    for y in range(shape[0]):
        yield Progress(y / shape[0], f"drawing row {y + 1} of {shape[0]}")
        with torch.inference_mode():
            cached.start_row(y)
            for x in range(shape[1]):
                scores = cached.scores(x).cpu().numpy()
                codes[:, y, x] = _choose(scores, noise, temperature)
                cached.put(torch.from_numpy(codes[:, y, x]))
            cached.finish_row()
    return codes


def _choose(
    scores: NDArray[np.float32], noise: Sequence[np.random.Generator], temperature: float
) -> NDArray[np.int64]:
    waits = np.stack([rng.standard_exponential(scores.shape[1], np.float32) for rng in noise])
    sums = scores / np.float32(temperature) - np.log(np.maximum(waits, 1e-30))
    return np.asarray(sums.argmax(axis=1))


class _CachedPrior:
    """The prior with its features kept: each layer's of the rows above, and of the row drawn now.

    Its weights are matrices (in, out).
    """

    def __init__(
        self, prior: CodePrior, shape: tuple[int, int, int], conditions: torch.Tensor | None
    ) -> None:
        self.prior, self.conditions = prior, conditions
        self.layers: list[Gated] = [cast("Gated", layer) for layer in prior.layers]
        with torch.no_grad():
            self.before = _matrix(prior.before)
            self.steps = [
                (layer.dilation, _matrix(layer.horizontal), _matrix(layer.out), _bias(layer.out))
                for layer in self.layers
            ]
            self.head = [(_bias(layer), _matrix(layer)) for layer in (prior.head[1], prior.head[3])]
        count, _, columns = shape
        self.nothing = prior.embed.weight.new_zeros((count, prior.design.width))
        empty_row = self.nothing[:, :, None].expand(-1, -1, columns)
        self.rows_above = [empty_row] * FIRST_REACH
        self.vertical = [[empty_row] * layer.dilation for layer in self.layers]

    def start_row(self, y: int) -> None:
        """Compute the vertical stack of a row, and what it adds to the horizontal one."""
        prior = self.prior
        above = torch.stack(self.rows_above, dim=2)
        vertical = prior.above(pad(above, (FIRST_REACH, FIRST_REACH)))
        contexts = [prior.link(vertical)[:, :, 0] + _bias(prior.before)[:, None]]
        conditions = None if self.conditions is None else self.conditions[:, :, y : y + 1]
        for layer, rows in zip(self.layers, self.vertical, strict=True):
            far = layer.dilation
            both = torch.stack([rows[0], vertical[:, :, 0]], dim=2)
            rows[:] = [*rows[1:], vertical[:, :, 0]]
            weight, bias = layer.vertical.weight, layer.vertical.bias
            vertical = vertical + gate(
                conv2d(pad(both, (far, far)), weight, bias, dilation=(1, far))
            )
            context = layer.context(vertical, conditions)[:, :, 0]
            contexts.append(context + _bias(layer.horizontal)[:, None])
        self.contexts = [c.permute(2, 0, 1).contiguous() for c in contexts]
        self.embedded = [self.nothing] * FIRST_REACH
        self.features: list[list[torch.Tensor]] = [[] for _ in self.layers]

    def scores(self, x: int) -> torch.Tensor:
        """Return the scores (n, codes) at the next place of the row."""
        before = torch.cat(self.embedded[x : x + FIRST_REACH], dim=1)
        now = torch.addmm(self.contexts[0][x], before, self.before)
        steps = zip(self.steps, self.features, self.contexts[1:], strict=True)
        for (far, join, out, bias), kept, context in steps:
            left = kept[x - far] if x >= far else self.nothing
            kept.append(now)
            known = torch.addmm(context[x], torch.cat([left, now], dim=1), join)
            now = torch.addmm(now + bias, gate(known), out)
        for bias, matrix in self.head:
            now = torch.addmm(bias, torch.relu(now), matrix)
        return now

    def put(self, codes: torch.Tensor) -> None:
        """Take in the codes (n,) drawn at a place."""
        weight = self.prior.embed.weight
        self.embedded.append(weight[codes.to(weight.device)])

    def finish_row(self) -> None:
        """Take in the row that was drawn."""
        row = torch.stack(self.embedded[FIRST_REACH:], dim=2)
        self.rows_above = [*self.rows_above[1:], row]


def _matrix(convolution: torch.nn.Module) -> torch.Tensor:
    """Return a convolution along a row as a matrix over its places, the leftmost first."""
    weight = convolution.weight
    assert isinstance(weight, torch.Tensor)
    return weight[:, :, 0].permute(2, 1, 0).reshape(-1, len(weight)).contiguous()


def _bias(convolution: torch.nn.Module) -> torch.Tensor:
    assert isinstance(convolution.bias, torch.Tensor)
    return convolution.bias
