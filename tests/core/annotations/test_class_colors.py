"""Default class colors are told apart by people of each kind of color vision."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from napari_synthseg.core.annotations import CLASS_COLORS

VISION = {
    "all cones": np.eye(3),
    "no red cones": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no green cones": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no blue cones": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
"""Linear RGB as it is -> as it is seen: Machado, Oliveira and Fernandes (2009), severity 1."""

LEAST_DIFFERENCE = 10.0
"""In CIEDE2000, where 1 can just be told apart side by side."""


def seen(colors, matrix):
    rgb = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colors])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.array(matrix).T, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def least_difference(colors, matrix):
    lab = rgb2lab(seen(colors, matrix)[None])[0]
    differences = deltaE_ciede2000(lab[:, None], lab[None])
    return differences[~np.eye(len(colors), dtype=bool)].min()


@pytest.mark.parametrize("vision", VISION)
def test_class_colors_can_be_told_apart(vision):
    assert least_difference(CLASS_COLORS, VISION[vision]) > LEAST_DIFFERENCE


def test_the_measure_finds_red_and_green_alike_without_green_cones():
    pair = ("#cc5500", "#808000")
    assert least_difference(pair, VISION["all cones"]) > 3 * LEAST_DIFFERENCE
    assert least_difference(pair, VISION["no green cones"]) < LEAST_DIFFERENCE
