"""What the edge of an image all but cuts off."""

import numpy as np
import pytest

from napari_synthseg.core.patch import Outline
from napari_synthseg.patches.suggesting.suggestion import is_sliver


@pytest.mark.parametrize(
    ("origin", "shape", "spacing", "is_one"),
    [
        ((40, 0), (18, 4), (1, 1), True),
        ((40, 0), (18, 5), (1, 1), False),
        ((40, 97), (18, 3), (1, 1), True),
        ((95, 40), (5, 18), (1, 1), False),
        ((97, 40), (3, 18), (1, 1), True),
        ((40, 1), (18, 3), (1, 1), False),  # thin, but not cut
        ((40, 0), (18, 3), (1, 2), False),  # seen as far as 6 of the finer pixels
        ((0, 40, 0), (1, 18, 3), (4, 1, 1), True),
        ((0, 40, 40), (1, 18, 18), (1, 1, 1), False),  # in the first plane of a volume
    ],
)
def test_less_than_a_quarter_of_the_diameter_from_the_edge(origin, shape, spacing, is_one):
    outline = Outline(np.ones(shape, bool), origin, 1.0)
    region = ((0, 20), (0, 100), (0, 100))[-len(shape) :]
    assert is_sliver(outline, region, 20.0, spacing) is is_one
