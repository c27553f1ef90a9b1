"""How large objects are: measured on sure outlines, silent where they do not tell."""

import numpy as np
import pytest

from napari_synthseg.core.patch import MeasuredDiameter, Patch
from napari_synthseg.patches.quality.size import (
    diameter_in_use,
    equal_diameter,
    measure_diameter,
)


def flat(patch):
    return equal_diameter(patch.area, (1.0, 1.0))


def disks(diameters, confidence=0.9, border=False):
    patches = []
    for n, diameter in enumerate(diameters):
        grid = np.indices((101, 101)) - 50
        mask = (grid**2).sum(axis=0) < (diameter / 2) ** 2
        pixels = np.zeros((1, 101, 101), np.float32)
        patches.append(
            Patch(
                str(n), "a", 1, pixels, mask, (0, 0), (50, 50),
                confidence=confidence, touches_border=border,
            )
        )  # fmt: skip
    return patches


def test_the_median_is_taken_with_its_error():
    found = measure_diameter(disks([28, 30, 30, 30, 32, 60]), 1, flat)
    assert found.diameter == pytest.approx(30, abs=0.5)
    assert 0.5 <= found.error < 3
    assert found.objects == 6


@pytest.mark.parametrize(
    "patches",
    [
        disks([30] * 3),
        disks([30] * 9, confidence=0.5),
        disks([30] * 9, border=True),
        [*disks([30] * 4), *disks([30] * 9, confidence=0.3)],
        disks([8, 14, 25, 40, 60, 80]),
    ],
    ids=["too few", "unsure", "cut off", "mostly unsure", "of all sizes"],
)
def test_nothing_is_said_where_outlines_do_not_tell(patches):
    assert measure_diameter(patches, 1, flat) is None


def test_only_the_class_counts():
    assert measure_diameter(disks([30] * 9), 2, flat) is None


def test_a_ball_of_flat_voxels_has_its_diameter():
    z, y, x = np.indices((41, 41, 41)) - 20
    ball = (4 * z) ** 2 + y**2 + x**2 < 15**2
    assert equal_diameter(int(ball.sum()), (4.0, 1.0, 1.0)) == pytest.approx(30, rel=0.03)


@pytest.mark.parametrize(
    ("given", "used"), [(20, 20), (24, 24), (17, 17), (26, 20), (15, 20), (200, 20)]
)
def test_a_diameter_that_is_far_off_is_not_worked_with(given, used):
    assert diameter_in_use(given, MeasuredDiameter(20.0, 1.0, 9)) == used
    assert diameter_in_use(given, None) == given
