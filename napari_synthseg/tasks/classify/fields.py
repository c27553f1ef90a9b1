"""Reading a large image field by field: it shows what any field of the training size shows.

Averaged over the whole image, the evidence for a few objects would be too weak.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.networks.classifiers import PooledClassifier


def read_classes(net: PooledClassifier, evidence: torch.Tensor, field: Sequence[int]) -> FloatImage:
    """Return the probability (class,) that an image shows each class, by its strongest field.

    Parameters
    ----------
    evidence
        For each place, (class, [z,] y, x).
    field
        Extents of a field, pixels; empty: the whole is one field.
    """
    cells = [-(-n // net.stride) for n in field]
    logits = strongest_field(evidence, cells) + net.head.bias
    found: FloatImage = torch.sigmoid(logits.float()).cpu().numpy()
    return found


def strongest_field(evidence: torch.Tensor, cells: Sequence[int]) -> torch.Tensor:
    """Return for each class the largest mean over fields that overlap by half.

    Parameters
    ----------
    evidence
        For each place, (class, [z,] y, x).
    cells
        Extents of a field in places, [z,] y, x; empty: the whole is one field. Where the whole is
        smaller, it is one field along that axis.
    """
    extents = list(evidence.shape[1:])
    sizes = [min(c, n) for c, n in zip(cells or extents, extents, strict=True)]
    # sums of all before a place, so that a field of any size costs the same
    sums = evidence.double()
    for axis, (size, extent) in enumerate(zip(sizes, extents, strict=True), start=1):
        before = torch.zeros_like(sums.narrow(axis, 0, 1))
        running = torch.cat([before, sums.cumsum(axis)], dim=axis)
        starts = torch.tensor(_starts(extent, size), device=sums.device)
        ends = running.index_select(axis, starts + size)
        sums = (ends - running.index_select(axis, starts)) / size
    return sums.flatten(1).max(dim=1).values.to(evidence.dtype)


def _starts(extent: int, size: int) -> list[int]:
    """Return where fields begin: every half of one, and one that ends at the end."""
    return [*range(0, extent - size, max(size // 2, 1)), extent - size]
