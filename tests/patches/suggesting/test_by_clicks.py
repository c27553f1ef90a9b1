"""Objects proposed from clicks alone: found, outlined once, and away from what is known."""

from dataclasses import replace

import numpy as np
import pytest

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import full_region
from napari_synthseg.core.progress import exhaust
from napari_synthseg.networks import click_net
from napari_synthseg.networks.click_weights import run_network
from napari_synthseg.patches.suggesting import by_clicks
from napari_synthseg.patches.suggesting.by_clicks import suggest_by_clicks
from napari_synthseg.patches.suggesting.suggestion import holds, shared
from napari_synthseg.patches.window import cut_mask
from tests.helpers.clicked_discs import clicked, disc_image, finish

PLACES = [(y, x) for y in (24, 64, 104) for x in (24, 60, 98, 134)]
CLICKED = PLACES[:4]


@pytest.fixture(scope="module")
def discs():
    return disc_image(PLACES)


def numbers_found(found, ids):
    """Return the id of the true object that each suggestion covers at an IoU above 0.5, else 0."""
    numbers = []
    for one in found:
        mask = cut_mask(one.outline.mask, one.outline.origin, full_region(ids.shape))
        number = int(np.bincount(ids[mask]).argmax()) if mask.any() else 0
        union = np.count_nonzero(mask | (ids == number))
        common = np.count_nonzero(mask & (ids == number))
        numbers.append(number if number and common / union > 0.5 else 0)
    return numbers


def suggest(image, centers, part=None, **fields):
    source = replace(clicked(image, centers, exhaustive=False), **fields)
    return exhaust(suggest_by_clicks(source, {1: 20.0}, part))


def test_every_object_that_is_not_clicked_is_found_once_and_no_other(discs):
    image, ids = discs
    found = suggest(image, CLICKED)
    assert sorted(numbers_found(found, ids)) == list(range(5, 13))
    assert all(one.confidence > 0.5 for one in found)
    assert all(holds(one.outline, one.position) for one in found)


def test_two_objects_that_touch_are_found_apart():
    places = [*PLACES[:4], (64, 40), (64, 60), (104, 100)]
    image, ids = disc_image(places, radius=10)
    found = suggest(image, CLICKED)
    assert sorted(numbers_found(found, ids)) == [5, 6, 7]
    outlines = [one.outline for one in found]
    assert max(shared(a, b) for a in outlines for b in outlines if a is not b) < 0.1


def test_nothing_is_proposed_on_a_negative_click_nor_beyond_the_part_looked_at(discs):
    image, ids = discs
    found = suggest(image, CLICKED, negatives=((64.0, 24.0),))
    assert 5 not in numbers_found(found, ids)
    below = suggest(image, CLICKED, part=((84, 128), (0, 160)))
    assert sorted(numbers_found(below, ids)) == [9, 10, 11, 12]


def test_what_is_left_out_of_an_image_is_not_searched(discs):
    image, ids = discs
    source = clicked(image, CLICKED, exhaustive=False)
    ring = (((84.0, 0.0), (84.0, 160.0), (128.0, 160.0), (128.0, 0.0)),)
    limited = replace(source, ref=source.ref.model_copy(update={"excluded": (ring,)}))
    found = exhaust(suggest_by_clicks(limited, {1: 20.0}))
    assert sorted(numbers_found(found, ids)) == [5, 6, 7, 8]


def test_what_looks_different_is_less_sure():
    places = [*PLACES, (64, 79)]
    image, ids = disc_image(places, radius=10)
    rows, columns = np.indices(ids.shape)
    speck = np.hypot(rows - 44, columns - 42) < 4
    image[0][speck] = 1.0
    found = suggest(image, CLICKED)
    numbers = numbers_found(found, ids)
    on_speck = [
        s.confidence
        for s, n in zip(found, numbers, strict=True)
        if holds(s.outline, (44, 42)) and n == 0
    ]
    others = [s.confidence for s, n in zip(found, numbers, strict=True) if n]
    assert max(on_speck, default=0.0) < min(others)


def test_pixels_of_other_spacing_are_found_at_their_own_places():
    image, ids = disc_image(PLACES)
    stretched, wide = np.repeat(image, 2, axis=2), np.repeat(ids, 2, axis=1)
    centers = [(y, 2 * x + 0.5) for y, x in CLICKED]
    source = clicked(stretched, centers, exhaustive=False, pixel_size=(2.0, 1.0), unit="um")
    found = exhaust(suggest_by_clicks(source, {1: 40.0}))
    assert sorted(numbers_found(found, wide)) == list(range(5, 13))


def test_progress_rises_and_messages_say_what_goes_on(discs):
    image, _ = discs
    steps, _ = finish(suggest_by_clicks(clicked(image, CLICKED), {1: 20.0}))
    shares = [step.fraction for step in steps]
    assert shares == sorted(shares) and len(shares) > 10
    assert {"looking at the clicked objects", "outlining what was found"} <= {
        step.message.split(":")[0] for step in steps
    }


def test_without_a_click_it_says_what_to_do(discs):
    image, _ = discs
    with pytest.raises(InputError, match="Click a few objects"):
        suggest(image, [])


def test_volumes_are_refused_with_what_to_do_instead():
    volume = np.zeros((1, 4, 32, 32), np.float32)
    with pytest.raises(InputError, match="Train a model"):
        exhaust(suggest_by_clicks(clicked(volume, [(1, 9, 9)], axes="zyx"), {1: 8.0}))


def test_the_clicks_of_another_image_show_what_to_look_for(discs):
    image, ids = discs
    other, _ = disc_image(PLACES, seed=5)
    taught = clicked(other, CLICKED, name="b", exhaustive=False)
    found = exhaust(suggest_by_clicks(clicked(image, ()), {1: 20.0}, example=taught))
    assert sorted(numbers_found(found, ids)) == list(range(1, 13))


def test_only_what_lies_near_is_learned_from_and_outlined_again(discs, monkeypatch):
    image, ids = discs
    seen = []
    run = run_network

    def counted(net, planes):
        seen.append(len(planes))
        return run(net, planes)

    monkeypatch.setattr(click_net, "run_network", counted)
    monkeypatch.setattr(by_clicks, "MOST_TAUGHT", 3)
    found = suggest(image, PLACES[:8], part=((84, 128), (110, 160)))
    assert numbers_found(found, ids) == [12]
    few = sum(seen)
    seen.clear()
    suggest(image, PLACES[:8])
    assert few < sum(seen)
