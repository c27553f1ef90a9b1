"""Images of any size in tiles, each read so far around that its output is that of the whole image.

Everything that walks an image by tiles does it here: prediction of all tasks, validation, and heat
maps.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_synthseg.core.geometry import (
    Region,
    divide_region,
    region_shape,
    widen_region,
)
from napari_synthseg.core.pixels import FloatImage, PixelSource, WantedSource
from napari_synthseg.core.progress import Progress
from napari_synthseg.training.device import channels_last
from napari_synthseg.training.volumes import round_up

TileMaps = TypeVar("TileMaps", "torch.Tensor", NDArray[Any])
"""What a network gives for a tile, (map, [z,] y, x), of any resolution."""


def image_tensor(image: FloatImage, multiple: Sequence[int], device: torch.device) -> torch.Tensor:
    """Return an image (channel, [z,] y, x) as a batch of one, extended to multiples.

    Its values at the far borders are continued. The order of memory is one that the device is fast
    with.
    """
    extra = [(0, 0)] + [(0, -n % m) for n, m in zip(image.shape[1:], multiple, strict=True)]
    padded = np.ascontiguousarray(np.pad(image, extra, mode="edge"))
    return channels_last(torch.from_numpy(padded)[None].to(device))


def run_network(net: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Return the output (channel, ...) of a network for a batch of one, float32."""
    with torch.inference_mode():
        output: torch.Tensor = net(images)[0].float()
    return output


@dataclass(frozen=True, eq=False)
class Tile:
    """One tile.

    Attributes
    ----------
    images
        (1, channel, [z,] y, x): the tile with its halo, extended to the network's multiples.
    core
        What belongs to this tile and to no other, pixels of the whole image.
    window
        What was read: the core with the halo, as far as there is image.
    whole
        The region that is tiled.
    """

    images: torch.Tensor
    core: Region
    window: Region
    whole: Region

    def cut(self, maps: TileMaps, region: Region) -> TileMaps:
        """Return the part of the tile's maps that shows a region."""
        inside: Region = tuple(
            (a - w, b - w) for (a, b), (w, _) in zip(region, self.window, strict=True)
        )
        where: Any = (slice(None), *_places(inside, self.strides(maps)))
        found: TileMaps = maps[where]
        return found

    def places(self, maps: TileMaps) -> tuple[slice, ...]:
        """Return where the core lies in maps of the whole image, of the resolution of `maps`."""
        inside = tuple((a - w, b - w) for (a, b), (w, _) in zip(self.core, self.whole, strict=True))
        return _places(inside, self.strides(maps))

    def strides(self, maps: TileMaps) -> list[int]:
        """Return the edge of a place of the tile's maps (map, ...), pixels along each axis."""
        extents = self.images.shape[2:]
        return [n // m for n, m in zip(extents, maps.shape[1:], strict=True)]


class Tiler:
    """All tiles of an image, one after the other, and how many are done in all passes.

    Of a `WantedSource` tiles are left out that show, with their halo, nothing that is wanted.

    Parameters
    ----------
    block
        Shape of a core, pixels; rounded up to `multiple`.
    halo
        How far around its core a tile is read, pixels along each axis; rounded up to `multiple`.
    multiple
        What the extents that the network takes must be multiples of, pixels.
    passes
        How often all tiles are gone through.
    """

    def __init__(
        self,
        pixels: PixelSource,
        block: Sequence[int],
        halo: Sequence[float],
        multiple: Sequence[int],
        device: torch.device,
        passes: int = 1,
    ) -> None:
        self.pixels, self.multiple, self.device = pixels, tuple(multiple), device
        self.halo = tuple(round_up(h, m) for h, m in zip(halo, multiple, strict=True))
        edges = [round_up(b, m) for b, m in zip(block, multiple, strict=True)]
        every = list(divide_region(pixels.region, edges))
        self.cores = self._wanted(every) or every[:1]
        self._done, self._total = 0, passes * len(self.cores)

    def _wanted(self, cores: list[Region]) -> list[Region]:
        """Return the cores whose tiles, with their halo, show something that is asked for."""
        pixels = self.pixels
        if not isinstance(pixels, WantedSource):
            return cores
        around = (widen_region(core, self.halo, pixels.region) for core in cores)
        return [c for c, wide in zip(cores, around, strict=True) if pixels.is_wanted(wide)]

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape of the image."""
        return region_shape(self.pixels.region)

    def __iter__(self) -> Iterator[Tile]:
        """Read one tile after the other."""
        for core in self.cores:
            window = widen_region(core, self.halo, self.pixels.region)
            images = image_tensor(self.pixels.read(window), self.multiple, self.device)
            yield Tile(images, core, window, self.pixels.region)
            self._done += 1

    def assemble(
        self, read: Callable[[Tile], torch.Tensor]
    ) -> Generator[Progress, None, torch.Tensor]:
        """Return maps of the whole image, (map, [z,] y, x), of those that are read of its tiles.

        The maps of a tile show all that the tile shows, at any resolution. Where tiles are left
        out, see `Tiler`, they are zero.
        """
        whole: torch.Tensor | None = None
        for tile in self:
            maps = read(tile)
            if whole is None:
                extents = zip(self.shape, tile.strides(maps), strict=True)
                whole = maps.new_zeros((len(maps), *(-(-n // s) for n, s in extents)))
            whole[(slice(None), *tile.places(maps))] = tile.cut(maps, tile.core)
            yield self.progress()
        assert whole is not None, "an image has at least one tile"
        return whole

    def progress(self) -> Progress:
        """Return how many tiles are done, the one in work included."""
        done = min(self._done + 1, self._total)
        return Progress(done / self._total, f"tile {done} of {self._total}")


def _places(region: Region, strides: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(a // s, -(-b // s)) for (a, b), s in zip(region, strides, strict=True))
