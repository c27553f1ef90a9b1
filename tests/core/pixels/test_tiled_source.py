"""A source that reads tile by tile gives the same pixels, and refuses the same regions."""

import numpy as np
import pytest

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.pixels import TILE_PX, ArraySource, TiledSource

T = TILE_PX
FLAT = np.random.default_rng(0).random((2, T + 60, 2 * T + 30), np.float32)
VOLUME = np.random.default_rng(1).random((1, 4, T + 20, T + 40), np.float32)


class Counted:
    """A source that remembers what is read from it."""

    def __init__(self, source):
        self.source, self.shape, self.region, self.reads = source, source.shape, source.region, []

    def read(self, region=None):
        self.reads.append(region)
        return self.source.read(region)


def part(array, region):
    return array[(slice(None), *(slice(a, b) for a, b in region))]


@pytest.mark.parametrize(
    ("array", "limit", "wanted"),
    [
        (FLAT, None, ((T - 5, T + 5), (T - 5, T + 5))),
        (FLAT, None, ((T, T + 1), (2 * T, 2 * T + 1))),
        (FLAT, None, ((T - 1, T), (0, T))),
        (FLAT, None, ((T + 59, T + 60), (2 * T + 29, 2 * T + 30))),
        (FLAT, ((7, T + 20), (T - 3, 2 * T + 9)), ((7, 12), (T - 3, T + 3))),
        (FLAT, ((7, T + 20), (T - 3, 2 * T + 9)), None),
        (VOLUME, None, ((1, 3), (T - 4, T + 4), (T - 2, T + 40))),
        (VOLUME, ((2, 4), (5, T + 9), (3, T + 7)), None),
    ],
)
def test_pixels_are_those_of_the_source(array, limit, wanted):
    source = TiledSource(ArraySource(array, limit))
    assert np.array_equal(source.read(wanted), part(array, wanted or source.region))


def test_each_tile_is_read_once():
    counted = Counted(ArraySource(FLAT, ((7, T + 20), (0, 2 * T))))
    source = TiledSource(counted)
    for start in (10, 40, 90):
        source.read(((start, start + 5), (start, start + 5)))
    assert counted.reads == [((7, T), (0, T))]


@pytest.mark.parametrize(
    ("array", "limit", "wanted"),
    [
        (FLAT, None, ((0, T + 61), (0, 5))),
        (FLAT, None, ((-1, 5), (0, 5))),
        (FLAT, None, ((3 * T, 3 * T + 5), (0, 5))),
        (FLAT, None, ((5, 5), (0, 5))),
        (FLAT, None, ((0, 5),)),
        (FLAT, None, ()),
        (FLAT, ((7, 50), (9, 50)), ((6, 20), (9, 20))),
        (VOLUME, None, ((0, 5), (0, 5), (0, 5))),
        (VOLUME, ((2, 4), (0, 50), (0, 50)), ((1, 2), (0, 5), (0, 5))),
    ],
)
def test_what_is_outside_the_region_is_refused(array, limit, wanted):
    with pytest.raises(InputError, match="outside the part of the image that the project uses"):
        TiledSource(ArraySource(array, limit)).read(wanted)
