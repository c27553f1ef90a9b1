import json
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import nn

from napari_synthseg.core.pixels import ArraySource, FloatImage
from napari_synthseg.core.progress import exhaust
from napari_synthseg.networks.click_dividing import NetworkOutline
from napari_synthseg.networks.click_net import ClassFit, outline_clicks
from napari_synthseg.networks.click_unet import ClickUNet
from napari_synthseg.networks.click_weights import (
    CALIBRATION,
    WEIGHTS,
    load_network,
    shipped_network,
)


class Bright(nn.Module):
    """Stands in for the network: what is bright is the object, but not near other clicks."""

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        return 6 * windows[:, 0] - 40 * windows[:, 3]


class Nothing(nn.Module):
    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        return torch.full_like(windows[:, 0], -5)


@dataclass
class Recorded:
    """Pixels made on reading, and how many were asked for."""

    shape: tuple[int, ...]
    read_px: int = 0
    reads: list[tuple] = field(default_factory=list)

    @property
    def region(self):
        return tuple((0, n) for n in self.shape[1:])

    def read(self, region=None) -> FloatImage:
        (top, bottom), (left, right) = region or self.region
        self.read_px += (bottom - top) * (right - left)
        y, x = np.ogrid[top:bottom, left:right]
        inside = ((y % 100 - 50) ** 2 + (x % 100 - 50) ** 2) < 10**2
        return inside[None].astype(np.float32)


def disks(shape, places, radius) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.any([np.hypot(y - a, x - b) <= radius for a, b in places], axis=0)


def outline(
    pixels, places, diameter=20.0, net=None, classes=None, negatives=None
) -> list[NetworkOutline]:
    source = pixels if hasattr(pixels, "read") else ArraySource(pixels.astype(np.float32)[None])
    values = np.ones(len(places), np.int64) if classes is None else np.array(classes)
    diameters = diameter if isinstance(diameter, dict) else {1: diameter}
    positions = np.array(places, float)
    return exhaust(
        outline_clicks(source, positions, values, diameters, negatives, net=net or Bright())
    )


def painted(outlines: list[NetworkOutline], shape) -> np.ndarray:
    image = np.zeros(shape, int)
    for made in outlines:
        rows, columns = made.mask.nonzero()
        image[rows + made.origin[0], columns + made.origin[1]] += 1
    return image


def iou(first: np.ndarray, second: np.ndarray) -> float:
    return np.count_nonzero(first & second) / np.count_nonzero(first | second)


@pytest.mark.parametrize("radius", [3, 10, 60])
def test_outline_lies_where_the_object_is(radius: int) -> None:
    true = disks((400, 420), [(180.3, 201.6)], radius)
    (made,) = outline(true, [(181, 200)], 2.0 * radius)
    assert iou(painted([made], true.shape) > 0, true) > (0.85 if radius > 3 else 0.6)
    assert made.diameter == pytest.approx(2 * radius, rel=0.12)
    assert 0.5 < made.sureness <= 1


def test_window_grows_until_it_holds_a_long_object() -> None:
    true = np.zeros((500, 500), bool)
    true[240:262, 20:480] = True
    (made,) = outline(true, [(250, 250)], 30.0)
    assert iou(painted([made], true.shape) > 0, true) > 0.8


def test_object_cut_by_the_border_ends_there() -> None:
    true = disks((100, 100), [(2, 50)], 12)
    (made,) = outline(true, [(3, 50)])
    assert made.origin[0] >= 0
    assert iou(painted([made], true.shape) > 0, true) > 0.85


def test_outlines_of_one_class_share_no_pixel() -> None:
    true = disks((100, 100), [(50, 40), (50, 58)], 12)
    made = outline(true, [(50, 40), (50, 58)])
    covered = painted(made, true.shape)
    assert covered.max() == 1
    sizes = [np.count_nonzero(o.mask) for o in made]
    assert min(sizes) > 0.6 * max(sizes)


def test_an_object_in_one_of_another_class_leaves_it_whole() -> None:
    cell = disks((120, 120), [(60, 60)], 30)
    made = outline(cell, [(60, 60), (60, 60)], {1: 60.0, 2: 20.0}, classes=[1, 2])
    assert np.count_nonzero(made[0].mask) > 0.9 * np.count_nonzero(cell)
    assert made[1].mask.any()


def test_negative_clicks_keep_their_surroundings_out() -> None:
    true = disks((100, 100), [(50, 40), (50, 60)], 12)
    (free,) = outline(true, [(50, 38)])
    (held,) = outline(true, [(50, 38)], negatives=np.array([[50.0, 62.0]]))
    assert painted([free], true.shape)[50, 62] == 1
    assert painted([held], true.shape)[50, 62] == 0


def test_nothing_found_is_an_empty_outline() -> None:
    (made,) = outline(np.zeros((60, 60)), [(30, 30)], net=Nothing())
    assert not made.mask.any()
    assert made.sureness == made.diameter == 0


def test_only_the_windows_of_a_huge_image_are_read() -> None:
    pixels = Recorded((1, 12288, 16384))
    places = [(5050 + 100 * (n // 8), 7050 + 100 * (n % 8)) for n in range(40)]
    made = outline(pixels, places)
    assert pixels.read_px < 0.1 * np.prod(pixels.shape)
    assert all(o.diameter == pytest.approx(20, rel=0.15) for o in made)


def test_what_was_learned_of_a_class_serves_the_next_click() -> None:
    pixels = Recorded((1, 600, 600))
    fits: dict[int, ClassFit] = {}
    places = np.array([(y, x) for y in (150, 250, 350) for x in (150, 250, 350)], float)
    ones = np.ones(9, np.int64)
    exhaust(outline_clicks(pixels, places, ones, {1: 20.0}, fits=fits, net=Bright()))
    known, before = fits[1], pixels.read_px
    (made,) = exhaust(
        outline_clicks(pixels, places[:1], ones[:1], {1: 20.0}, fits=fits, net=Bright())
    )
    assert fits[1] is known
    assert pixels.read_px - before < 70**2
    assert made.diameter == pytest.approx(20, rel=0.15)


def test_outlines_come_in_the_order_of_the_clicks() -> None:
    places = [(80, 20), (20, 80), (50, 50), (20, 20)]
    made = outline(disks((100, 100), places, 8), places, 16.0)
    for place, one in zip(places, made, strict=True):
        assert painted([one], (100, 100))[place] == 1


@pytest.mark.parametrize("channels", [2, 5])
def test_any_number_of_channels(channels: int) -> None:
    true = disks((100, 100), [(50, 50)], 10)
    noise = np.random.default_rng(0).normal(0, 0.1, (channels, 100, 100))
    noise[-1] += true
    source = ArraySource(noise.astype(np.float32))
    (made,) = outline(source, [(50, 50)], net=Discriminant())
    assert iou(painted([made], true.shape) > 0, true) > 0.75


class Discriminant(nn.Module):
    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        return 6 * windows[:, 1]


def test_network_gives_one_logit_a_pixel() -> None:
    with torch.inference_mode():
        assert ClickUNet().eval()(torch.zeros(2, 5, 64, 64)).shape == (2, 64, 64)


def nuclei() -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Return bright disks 20 pixels wide in noise, and their middles."""
    places = [(30 + 45 * (n // 5), 30 + 45 * (n % 5)) for n in range(20)]
    light = disks((200, 250), places, 10) * 4.0
    return light + np.random.default_rng(0).normal(0, 0.4, light.shape), places


@pytest.mark.parametrize("typed", [5.0, 20.0, 60.0, 200.0])
def test_shipped_weights_find_the_size_whatever_was_typed(typed: float) -> None:
    image, places = nuclei()
    made = outline(image, places, typed, net=shipped_network())
    assert np.median([o.diameter for o in made]) == pytest.approx(20, abs=3)
    assert np.median([o.confidence for o in made]) > 0.7


def test_shipped_weights_take_the_dark_rim_for_part_of_the_cell() -> None:
    y, x = np.mgrid[:200, :250]
    _, places = nuclei()
    image = np.random.default_rng(1).normal(0, 3, y.shape)
    for a, b in places:
        away = np.hypot(y - a, x - b)
        image += -34 * np.exp(-((away - 9) ** 2) / 5) + 16 * np.exp(-(away**2) / 25)
    made = outline(image, places[:12], 22.0, net=shipped_network())
    assert np.median([o.diameter for o in made]) == pytest.approx(22, abs=3)


def test_calibration_rises_from_bad_to_good() -> None:
    points = json.loads(CALIBRATION.read_text())
    assert points["sureness"][0] == 0
    assert points["sureness"][-1] == 1
    assert points["iou"] == sorted(points["iou"])
    assert points["iou"][0] < 0.4 < 0.8 < points["iou"][-1] <= 1


def test_shipped_weights_are_small() -> None:
    assert WEIGHTS.stat().st_size <= 2.5e6


def test_the_order_of_clicks_changes_no_outline() -> None:
    places = [(20 + 24 * (n // 6), 20 + 24 * (n % 6)) for n in range(36)]
    true = disks((170, 170), places, 9)
    order = np.random.default_rng(0).permutation(36)
    one = outline(true, places)
    other = outline(true, [places[n] for n in order])
    for place, n in enumerate(order):
        assert np.array_equal(other[place].mask, one[n].mask)
        assert other[place].origin == one[n].origin


def test_loading_the_weights_uses_up_no_random_number() -> None:
    before = torch.get_rng_state()
    load_network(WEIGHTS)
    assert torch.equal(torch.get_rng_state(), before)
