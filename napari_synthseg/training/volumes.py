"""What changes where the images are volumes: a smaller network, smaller crops, other blocks.

A volume holds far more pixels than an image of the same edge, and its planes often lie further
apart than the pixels in them. Everything that follows from this is decided here, from the number
of axes and the distance of pixels along each, so that the rest works on either alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from napari_synthseg.core.geometry import ball
from napari_synthseg.core.specs import ModelSpec, TrainSpec

MAX_HALVINGS = 3
"""Most halvings of a network for volumes: more would see further than most stacks are deep."""

BLOCK_PX, VOLUME_BLOCK_PX = 1024, 128
"""Edge of the tiles that are predicted, without their halo, along the finest axis: what bounds the
memory."""

VALIDATION_BLOCK_PX = 512
"""The same in validation, where each tile must be done in less than half a second."""

Spacing = tuple[float, ...]
"""Distance of pixels along each axis ([z,] y, x), in units of the shortest; empty: all alike."""


def fit_spec(spec: TrainSpec, spacing: Spacing) -> TrainSpec:
    """Return the spec that images of this spacing (one length an axis) are trained with.

    A network for volumes leaves z alone in as many halvings as it takes until the planes lie no
    further apart than the pixels in them.
    """
    if len(spacing) == 2:
        return spec.model_copy(update={"model": _changed(spec.model, spatial_dims=2, flat=0)})
    depth = min(spec.model.depth, MAX_HALVINGS)
    apart = spacing[0] / min(spacing[1:])
    flat = min(max(round(math.log2(apart)), 0), depth)
    model = _changed(spec.model, spatial_dims=3, depth=depth, flat=flat)
    return spec.model_copy(update={"model": model})


def _changed(model: ModelSpec, **fields: int) -> ModelSpec:
    return model.model_copy(update=fields)


def batch_size(spec: TrainSpec) -> int:
    """Return how many crops make a batch."""
    size = spec.batch_size if spec.model.spatial_dims == 2 else spec.volume_batch
    assert size is not None, "the task's default is filled in before"
    return size


def crop_shape(spec: TrainSpec, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the spatial shape of training crops from dual images of a spatial `shape`.

    A crop of a volume is as deep as the volume, up to `spec.volume_planes`, rounded up to what
    the network can halve.
    """
    if spec.model.spatial_dims == 2:
        assert spec.crop is not None, "the task's default is filled in before"
        return spec.crop, spec.crop
    planes = min(spec.volume_planes, shape[0])
    wanted = (planes, spec.volume_crop, spec.volume_crop)
    return tuple(round_up(n, m) for n, m in zip(wanted, spec.model.multiple, strict=True))


def block_shape(model: ModelSpec, spacing: Spacing, edge_px: int = BLOCK_PX) -> tuple[int, ...]:
    """Return the shape of the tiles that an image is predicted in; `edge_px` is for flat images."""
    if model.spatial_dims == 2:
        return edge_px, edge_px
    along = spacing or (1.0,) * len(model.multiple)
    return tuple(
        round_up(VOLUME_BLOCK_PX / s, m) for s, m in zip(along, model.multiple, strict=True)
    )


def round_up(length: float, multiple: int) -> int:
    """Return the smallest multiple that is at least `length`."""
    return int(-(-length // multiple)) * multiple


def smallest_area(diameter: float, spacing: Spacing, share: float) -> int:
    """Return a share of the area (volume) of an object, in pixels."""
    return round(share * ball([diameter / 2] * len(spacing)) / math.prod(spacing))
