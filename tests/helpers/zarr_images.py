"""OME-Zarr folders to read, written plainly as each version of the format says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from numpy.typing import NDArray

NAMES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}


def write_ome_zarr(
    path: Path,
    image: NDArray[Any],
    axes: str,
    version: str = "0.5",
    scale: tuple[float, ...] | None = None,
    unit: str = "micrometer",
    dataset: str = "0",
    chunk: int = 16,
) -> None:
    """Write an image as level 0 of a multiscale image, with a smaller level 1."""
    zarr_format: Literal[2, 3] = 3 if version == "0.5" else 2
    group = zarr.open_group(str(path), mode="w", zarr_format=zarr_format)
    for level, data in (("0", image), ("1", image[..., ::2, ::2])):
        chunks = (1,) * (image.ndim - 2) + (chunk, chunk)
        group.create_array(level, data=np.ascontiguousarray(data), chunks=chunks)
    named: list[Any] = [
        {"name": a, "type": NAMES[a]} | ({"unit": unit} if a in "zyx" and unit else {})
        for a in axes
    ]
    datasets: list[dict[str, Any]] = [{"path": dataset}, {"path": "1"}]
    if version in ("0.4", "0.5"):
        ones = (1.0,) * image.ndim
        datasets[0]["coordinateTransformations"] = [{"type": "scale", "scale": scale or ones}]
    multiscale: dict[str, Any] = {"datasets": datasets, "version": version}
    if version == "0.3":
        named = list(axes)
    if version != "0.1":
        multiscale["axes"] = named
    if version == "0.5":
        group.attrs["ome"] = {"version": version, "multiscales": [multiscale]}
    else:
        group.attrs["multiscales"] = [multiscale]
