"""Objects of any size and shape are the same whether an image is decided whole or block by block.

The network is one that says what is true.
"""

import numpy as np
import pytest
import torch
from torch import nn

from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.tasks.segment import SegmentRule, blocks
from napari_synthseg.tasks.segment.prediction import find_in_image
from napari_synthseg.tasks.segment.targets import inner_distance
from napari_synthseg.training.model import Predictor

SPEC = ModelSpec(name="unet", width=4, depth=2)
Y, X = np.indices((300, 420))


class Truth(nn.Module):
    """Gives what an image holds: the logits of its background, objects and inner distance."""

    def forward(self, images):
        return images


def disc(y, x, diameter):
    return (Y - y) ** 2 + (X - x) ** 2 <= (diameter / 2) ** 2


def bar(y, x, thick=9):
    """Return a bar from one place to another along an axis."""
    (top, bottom), (left, right) = y, x
    return (top <= Y) & (bottom + thick > Y) & (left <= X) & (right + thick > X)


def crowd(seed, shape=Y.shape):
    """Return discs of 8 to 150 pixels, some of which touch."""
    rng = np.random.default_rng(seed)
    return [
        disc(rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), diameter)
        for diameter in (150, 90, *rng.uniform(8, 60, 60))
    ]


def find(masks, block, diameter, **rule):
    ids = np.zeros(Y.shape, np.int32)
    for number, mask in enumerate(masks, start=1):
        ids[mask & (ids == 0)] = number
    share = np.clip(inner_distance(ids), 1e-4, 1 - 1e-4)
    inside = np.where(ids > 0, 8, -8)
    image = np.stack([-inside, inside, np.log(share / (1 - share))]).astype(np.float32)
    asked = SegmentRule(class_values=(1,), diameter=diameter, **rule)
    predictor = Predictor(Truth(), SPEC, 3, asked, torch.device("cpu"))
    return exhaust(find_in_image(predictor, ArraySource(image), (block, block)))


def areas(found):
    return sorted(int(np.count_nonzero(found.ids == thing.id)) for thing in found.objects)


HUGE = disc(150, 190, 150)
FIBER = bar((120, 120), (20, 380))
CORNER = bar((10, 280), (100, 100)) | bar((10, 10), (100, 400))
HOOP = disc(150, 210, 260) & ~disc(150, 210, 236)


@pytest.mark.parametrize(
    "masks",
    [[HUGE], [FIBER], [CORNER], [HOOP], [HOOP, disc(150, 210, 20), FIBER & disc(120, 200, 190)],
     [bar((y, y), (5, 400)) for y in range(6, 290, 24)]],
    ids=["huge", "fiber", "corner", "hoop", "nested", "fibers"],
)  # fmt: skip
@pytest.mark.parametrize("block", [64, 128])
def test_objects_that_reach_far_beyond_their_block_are_whole(masks, block):
    whole, tiled = find(masks, 512, 12.0), find(masks, block, 12.0)
    assert areas(tiled) == areas(whole) == sorted(np.count_nonzero(mask) for mask in masks)
    assert tiled.notes == ()


@pytest.mark.parametrize("seed", range(3))
def test_in_a_crowd_of_small_and_large_objects_blocks_give_those_of_the_whole(seed):
    whole, tiled = (find(crowd(seed), block, 10.0) for block in (512, 64))
    assert len(tiled.objects) == len(whole.objects) > 30
    assert np.array_equal(tiled.ids > 0, whole.ids > 0)
    both = np.stack([whole.ids.ravel(), tiled.ids.ravel()])
    pairs, counts = np.unique(both, axis=1, return_counts=True)
    same = pairs[:, counts > 3]  # where two touch, a watershed gives a pixel to either
    assert same.shape[1] == len(whole.objects) + 1
    assert counts.sum() - counts[counts > 3].sum() <= 3


def test_blocks_have_a_margin_for_the_largest_class():
    sizes = {"diameters": (10.0, 60.0)}
    rule = SegmentRule(class_values=(1, 2), diameter=10.0, **sizes)
    region = ((0, 300), (0, 420))
    margins = [
        blocks.BlockDecoder(None, r, region, (4, 4), None).margin
        for r in (rule, rule.model_copy(update={"diameters": ()}))
    ]
    assert margins == [(120, 120), (20, 20)], "the second is a rule of an earlier version"


def test_what_no_window_holds_is_told(monkeypatch):
    monkeypatch.setattr(blocks, "MAX_WINDOW_PX", 150**2)
    found = find([FIBER, disc(220, 200, 20)], 64, 12.0)
    assert len(found.objects) > 2
    (note,) = found.notes
    assert "too large to be outlined in one piece" in note


def test_windows_are_joined_where_that_is_less_to_decide():
    one, beside, far = ((0, 10), (0, 10)), ((2, 12), (0, 10)), ((80, 90), (80, 90))
    assert sorted(blocks._joined([one, far, beside])) == [((0, 12), (0, 10)), far]
