"""The prior: what codes come next, from those above and to the left.

A gated PixelCNN (arXiv 1606.05328), as in arXiv 2408.00707. A vertical stack sees all rows above, a
horizontal one what is left in the same row; together they see all earlier codes within reach and
nothing else, so that there is no blind spot.

It looks no farther than half of the grids it learns from. So it learns both what stands at a border
and what has neighbors all round, and a grid of any size can be drawn in one go, without tiles.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import pad

FIRST_REACH = 3
"""How far the first layer looks, codes."""

DILATIONS = (1, 2, 1, 2, 1, 2)
"""How far each further layer looks; in sum, with the first, 12 codes."""

WIDE_DILATIONS = (1, 2, 4, 8, 8, 8)
"""The same where an image and its mask are next to each other, so that one sees the other."""


@dataclass(frozen=True)
class PriorDesign:
    """What the prior looks like.

    `codes` is the size of the codebook, `width` the number of features, `dilations` how far each
    layer looks, `conditions` the number of condition values per position.
    """

    codes: int
    width: int = 64
    dilations: tuple[int, ...] = DILATIONS
    conditions: int = 0
    dropout: float = 0.1

    @property
    def reach(self) -> int:
        """How far up, left and right a code has an influence, codes."""
        return FIRST_REACH + sum(self.dilations)


class CodePrior(nn.Module):
    """Scores of each code at each place of a grid, from the codes before it in reading order."""

    def __init__(self, design: PriorDesign) -> None:
        super().__init__()
        self.design = design
        width = design.width
        self.embed = nn.Embedding(design.codes, width)
        self.above = nn.Conv2d(width, width, (FIRST_REACH, 2 * FIRST_REACH + 1))
        self.before = nn.Conv2d(width, width, (1, FIRST_REACH))
        self.link = nn.Conv2d(width, width, 1)
        self.layers = nn.ModuleList(
            Gated(width, dilation, design.conditions, design.dropout)
            for dilation in design.dilations
        )
        self.head = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 1),
            nn.ReLU(),
            nn.Conv2d(2 * width, design.codes, 1),
        )

    def forward(self, codes: torch.Tensor, conditions: torch.Tensor | None = None) -> torch.Tensor:
        """Return scores (n, codes, y, x).

        Parameters
        ----------
        codes
            (n, y, x), integers.
        conditions
            (n, conditions, y, x), where the design asks for them.
        """
        seen = self.embed(codes).permute(0, 3, 1, 2)
        vertical = self.above(pad(seen, (FIRST_REACH, FIRST_REACH, FIRST_REACH, 0))[:, :, :-1])
        horizontal = self.before(pad(seen, (FIRST_REACH, 0))[..., :-1]) + self.link(vertical)
        for layer in self.layers:
            vertical, horizontal = layer(vertical, horizontal, conditions)
        scores: torch.Tensor = self.head(horizontal)
        return scores


class Gated(nn.Module):
    """One layer of both stacks."""

    def __init__(self, width: int, dilation: int, conditions: int, dropout: float) -> None:
        super().__init__()
        self.dilation = dilation
        self.vertical = nn.Conv2d(width, 2 * width, (2, 3), dilation=dilation)
        self.horizontal = nn.Conv2d(width, 2 * width, (1, 2), dilation=dilation)
        self.link = nn.Conv2d(width, 2 * width, 1, bias=False)
        self.out = nn.Conv2d(width, width, 1)
        # named as in the weights of stored projects
        self.given = nn.Conv2d(conditions, 2 * width, 1, bias=False) if conditions else None
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, vertical: torch.Tensor, horizontal: torch.Tensor, conditions: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what both stacks know after this layer, shapes unchanged."""
        far = self.dilation
        vertical = vertical + gate(self.vertical(pad(vertical, (far, far, far, 0))))
        known = self.horizontal(pad(horizontal, (far, 0))) + self.context(vertical, conditions)
        return vertical, horizontal + self.out(self.dropout(gate(known)))

    def context(self, vertical: torch.Tensor, conditions: torch.Tensor | None) -> torch.Tensor:
        """Return what the vertical stack and the conditions add to the horizontal stack."""
        context: torch.Tensor = self.link(vertical)
        if self.given is not None and conditions is not None:
            context = context + self.given(conditions)
        return context


def gate(features: torch.Tensor) -> torch.Tensor:
    """Return the first half of the channels, let through by the second."""
    signal, opening = features.chunk(2, dim=1)
    return torch.tanh(signal) * torch.sigmoid(opening)
