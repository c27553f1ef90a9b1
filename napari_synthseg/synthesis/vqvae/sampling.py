"""Drawing grids of codes from the prior, computing nothing twice.

A plain sampler runs the whole network once for each code. Here each layer's features are kept: the
vertical stack is computed once a row, the horizontal one once a code. The scores are those of the
plain network up to rounding, which tests check.

The noise of a grid comes from its own generator, and the code drawn is the one with the largest
sum of score and Gumbel noise. Rounding can change it only where the two largest sums nearly tie,
which is far rarer than near a step of a cumulated distribution. Such ties are counted.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_synthseg.core.progress import Progress
from napari_synthseg.synthesis.vqvae.prior import FIRST, CodePrior, Gated, gate

TIE_MARGIN = 1e-4
"""Two sums that are nearer than that could swap places with another processor's rounding."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """Grids of codes.

    Attributes
    ----------
    codes
        (n, y, x) int64.
    ties
        For each grid, how many codes were drawn although another one was as good up to rounding.
    scores
        (n, codes, y, x) float32, where they were asked for.
    """

    codes: NDArray[np.int64]
    ties: NDArray[np.int64]
    scores: NDArray[np.float32] | None = None


def draw_codes(
    prior: CodePrior,
    shape: tuple[int, int],
    noise: Sequence[np.random.Generator],
    *,
    temperature: float = 1.0,
    conditions: torch.Tensor | None = None,
    keep_scores: bool = False,
) -> Generator[Progress, None, Drawn]:
    """Draw one grid for each generator; yield at each row.

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
    keep_scores
        Whether to return the scores, for tests.
    """
    rows = _Rows(prior, len(noise), shape, conditions)
    codes = np.zeros((len(noise), *shape), np.int64)
    ties = np.zeros(len(noise), np.int64)
    kept = np.zeros((len(noise), prior.design.codes, *shape), np.float32) if keep_scores else None
    for y in range(shape[0]):
        yield Progress(y / shape[0], f"drawing row {y + 1} of {shape[0]}")
        with torch.inference_mode():
            row = rows.start()
            for x in range(shape[1]):
                scores = row.scores(x).cpu().numpy()
                if kept is not None:
                    kept[:, :, y, x] = scores
                chosen, tied = _choose(scores, noise, temperature)
                codes[:, y, x] = chosen
                ties += tied
                row.put(x, torch.from_numpy(chosen))
            rows.finish(row)
    return Drawn(codes, ties, kept)


def _choose(
    scores: NDArray[np.float32], noise: Sequence[np.random.Generator], temperature: float
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    waits = np.stack([rng.standard_exponential(scores.shape[1], np.float32) for rng in noise])
    sums = scores / np.float32(temperature) - np.log(np.maximum(waits, 1e-30))
    chosen = sums.argmax(axis=1)
    best = np.take_along_axis(sums, chosen[:, None], 1)[:, 0]
    np.put_along_axis(sums, chosen[:, None], -np.inf, 1)
    return chosen, best - sums.max(axis=1) < TIE_MARGIN / min(temperature, 1.0)


class _Rows:
    """What is known of the rows above: embedded codes, and each layer's vertical features."""

    def __init__(
        self,
        prior: CodePrior,
        count: int,
        shape: tuple[int, int],
        conditions: torch.Tensor | None,
    ) -> None:
        weight = prior.embed.weight
        self.prior, self.count, self.columns = prior, count, shape[1]
        self.conditions, self.row = conditions, 0
        self.weights = _Weights(prior)

        def empty() -> torch.Tensor:
            return weight.new_zeros((count, prior.design.width, shape[1]))

        self.embedded = [empty() for _ in range(FIRST)]
        self.vertical = [[empty() for _ in range(d)] for d in prior.design.dilations]

    def start(self) -> _Row:
        """Compute the vertical stack of the next row, and what the horizontal one hears of it."""
        prior = self.prior
        above = torch.stack(self.embedded, dim=2)
        vertical = prior.above(torch.nn.functional.pad(above, (FIRST, FIRST)))
        heard = [prior.link(vertical)[:, :, 0] + _bias(prior.before)[:, None]]
        given = None if self.conditions is None else self.conditions[:, :, self.row : self.row + 1]
        for layer, before in zip(self.weights.layers, self.vertical, strict=True):
            far = layer.dilation
            both = torch.stack([before[0], vertical[:, :, 0]], dim=2)
            before[:] = [*before[1:], vertical[:, :, 0]]
            seen = torch.nn.functional.conv2d(
                torch.nn.functional.pad(both, (far, far)),
                layer.vertical.weight,
                layer.vertical.bias,
                dilation=(1, far),
            )
            vertical = vertical + gate(seen)
            heard.append(layer.linked(vertical, given)[:, :, 0] + _bias(layer.horizontal)[:, None])
        return _Row(self, [h.permute(2, 0, 1).contiguous() for h in heard])

    def finish(self, row: _Row) -> None:
        """Take in a row that was drawn."""
        self.embedded = [*self.embedded[1:], torch.stack(row.embedded[FIRST:], dim=2)]
        self.row += 1


class _Row:
    """The row in the making: each layer's horizontal features so far, (n, width) a place."""

    def __init__(self, rows: _Rows, heard: list[torch.Tensor]) -> None:
        self.rows, self.heard, self.weights = rows, heard, rows.weights
        self.nothing = heard[0].new_zeros((rows.count, rows.prior.design.width))
        self.embedded = [self.nothing] * FIRST
        self.features: list[list[torch.Tensor]] = [[] for _ in self.weights.layers]

    def scores(self, x: int) -> torch.Tensor:
        """Return the scores (n, codes) at the next place."""
        weights = self.weights
        before = torch.cat(self.embedded[x : x + FIRST], dim=1)
        now = torch.addmm(self.heard[0][x], before, weights.before)
        steps = zip(weights.steps, self.features, self.heard[1:], strict=True)
        for (far, join, out, bias), kept, heard in steps:
            left = kept[x - far] if x >= far else self.nothing
            kept.append(now)
            known = torch.addmm(heard[x], torch.cat([left, now], dim=1), join)
            now = torch.addmm(now + bias, gate(known), out)
        hidden = torch.relu(torch.addmm(weights.hidden_bias, torch.relu(now), weights.hidden))
        return torch.addmm(weights.last_bias, hidden, weights.last)

    def put(self, x: int, codes: torch.Tensor) -> None:
        """Take in the codes (n,) drawn at a place."""
        weight = self.rows.prior.embed.weight
        self.embedded.append(weight[codes.to(weight.device)])


class _Weights:
    """The prior's weights as matrices (in, out); biases of one step joined."""

    def __init__(self, prior: CodePrior) -> None:
        with torch.no_grad():
            self.before = _matrix(prior.before)
            self.layers: list[Gated] = list(prior.layers)  # type: ignore[arg-type]
            self.steps = []
            for layer in self.layers:
                join = _matrix(layer.horizontal)
                self.steps.append((layer.dilation, join, _matrix(layer.out), _bias(layer.out)))
            hidden, last = prior.head[1], prior.head[3]
            self.hidden, self.hidden_bias = _matrix(hidden), _bias(hidden)
            self.last, self.last_bias = _matrix(last), _bias(last)


def _matrix(convolution: torch.nn.Module) -> torch.Tensor:
    """Return a convolution along a row as a matrix over its places, the leftmost first."""
    weight = convolution.weight
    assert isinstance(weight, torch.Tensor)
    return weight[:, :, 0].permute(2, 1, 0).reshape(-1, len(weight)).contiguous()


def _bias(convolution: torch.nn.Module) -> torch.Tensor:
    assert isinstance(convolution.bias, torch.Tensor)
    return convolution.bias
