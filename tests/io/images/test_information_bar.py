"""The bar that electron microscopes burn in is found by its look, and nothing else is."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from napari_synthseg.io.images.information_bar import find_bar


def micrograph(height=400, width=500, seed=0):
    rng = np.random.default_rng(seed)
    image = ndimage.gaussian_filter(rng.normal(size=(height, width)), 3)
    image = 110 + 40 * image / image.std() + rng.normal(0, 6, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def with_bar(image, rows=40, ground=0, letters=255, line=False):
    picture = Image.fromarray(image.copy())
    draw = ImageDraw.Draw(picture)
    top = image.shape[0] - rows
    draw.rectangle((0, top, image.shape[1], image.shape[0]), fill=ground)
    draw.text((10, top + 12), "15.00 kV  x 5 000  WD 9.8 mm  SE2   10 um", fill=letters)
    draw.rectangle((300, top + 24, 420, top + 28), fill=letters)
    if line:
        draw.line((0, top, image.shape[1], top), fill=letters)
    return np.asarray(picture)


@pytest.mark.parametrize(
    "style",
    [{}, {"ground": 255, "letters": 0}, {"rows": 24}, {"rows": 80, "ground": 60}, {"line": True}],
)
def test_a_bar_is_found_to_the_row(style):
    image = with_bar(micrograph(), **style)
    assert find_bar(image[None]) == 400 - style.get("rows", 40)
    color = np.stack([image] * 3)
    assert find_bar(color) == 400 - style.get("rows", 40)
    assert find_bar((image.astype(np.uint16) * 257)[None]) == 400 - style.get("rows", 40)


def test_a_bar_in_a_jpeg_is_found_to_a_few_rows():
    buffer = io.BytesIO()
    Image.fromarray(with_bar(micrograph())).save(buffer, "JPEG", quality=80)
    found = find_bar(np.asarray(Image.open(buffer))[None])
    assert found is not None
    assert 359 <= found <= 363


def test_what_is_no_bar_is_not_taken_for_one():
    plain = micrograph()
    dark = np.full((400, 500), 3, np.uint8)
    dark[100:140, 100:140] = 200  # objects on a black background
    framed = plain.copy()
    framed[360:] = 0  # a fill without letters
    rows, columns = np.indices((400, 500))
    ball = np.where(np.hypot(rows - 190, columns - 250) < 190, plain, 3)  # ends little by little
    for image in (plain, dark, framed, ball, np.zeros((400, 500), np.uint8), plain[:20]):
        assert find_bar(image[None]) is None
    assert find_bar(np.full((1, 400, 500), np.nan)) is None
