import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.patches.simulated_clicks import click_boxes, click_masks, cut_labels


def crescent():
    y, x = np.indices((60, 60))
    outer = (y - 30) ** 2 + (x - 30) ** 2 < 20**2
    inner = (y - 30) ** 2 + (x - 40) ** 2 < 20**2
    return InstanceLabels((outer & ~inner).astype(np.int32) * 5, {5: 2})


@given(st.integers(0, 1000), st.floats(0, 2))
def test_a_click_never_leaves_its_object(seed, jitter):
    labels = crescent()
    (click,) = click_masks(labels, jitter=jitter, seed=seed)
    assert click.cls == 2
    assert labels.ids[tuple(np.floor(np.array(click.position) + 0.5).astype(int))] == 5


def test_without_jitter_it_is_the_innermost_point():
    ids = np.zeros((40, 50), np.int32)
    ids[10:31, 5:26] = 1
    (click,) = click_masks(InstanceLabels(ids, {1: 1}), jitter=0)
    assert click.position == (20, 15)


def test_the_image_border_counts_as_an_edge():
    ids = np.zeros((40, 50), np.int32)
    ids[:9, 10:40] = 1
    (click,) = click_masks(InstanceLabels(ids, {1: 1}), jitter=0)
    assert click.position[0] == 4


def test_jitter_scales_with_the_object():
    ids = np.zeros((400, 400), np.int32)
    for i in range(100):
        y, x = 20 + 40 * (i // 10), 20 + 40 * (i % 10)
        ids[y - 15 : y + 16, x - 15 : x + 16] = i + 1
    labels = InstanceLabels(ids, dict.fromkeys(range(1, 101), 1))
    moved = np.array([c.position for c in click_masks(labels, jitter=0.1)])
    exact = np.array([c.position for c in click_masks(labels, jitter=0.0)])
    diameter = 2 * 31 / np.sqrt(np.pi)
    assert 0.08 * diameter < (moved - exact).std() < 0.12 * diameter


def test_slivers_get_no_click():
    ids = np.zeros((40, 50), np.int32)
    ids[5:30, 0] = 1
    ids[5:30, 20:30] = 2
    assert len(click_masks(InstanceLabels(ids, {1: 1, 2: 1}))) == 1


def test_cut_labels_keep_only_the_classes_that_are_left():
    ids = np.zeros((10, 10), np.int32)
    ids[:, :4], ids[:, 6:] = 1, 2
    cut = cut_labels(InstanceLabels(ids, {1: 3, 2: 4}), ((2, 8), (5, 10)))
    assert cut.ids.shape == (6, 5)
    assert cut.classes == {2: 4}


def test_where_planes_lie_apart_the_scatter_is_as_wide_in_space():
    ids = np.zeros((100, 60, 60), np.int32)
    for i in range(10):
        z, y = 10 * i + 5, 30
        ids[z - 4 : z + 5, y - 13 : y + 14, 17:44] = i + 1  # 27 wide, 9 planes of 3
    labels = InstanceLabels(ids, dict.fromkeys(range(1, 11), 1))
    spacing = (3.0, 1.0, 1.0)
    exact = np.array([c.position for c in click_masks(labels, jitter=0, spacing=spacing)])
    assert np.allclose(exact[:, 1:], (30, 30), atol=1)
    moved = [click_masks(labels, jitter=0.1, seed=s, spacing=spacing) for s in range(10)]
    away = np.array([[c.position for c in clicks] for clicks in moved]) - exact
    spread = away.std(axis=(0, 1)) * spacing
    assert spread.max() < 1.4 * spread.min()


@given(
    st.lists(
        st.tuples(st.floats(-30, 60), st.floats(-30, 60), st.floats(1, 40), st.floats(1, 40)),
        min_size=1, max_size=8,
    ),
    st.integers(0, 10**6),
)  # fmt: skip
def test_clicks_on_boxes_stay_in_them_and_in_the_image(rows, seed):
    boxes = Boxes.of([(y, x, y + height, x + width) for y, x, height, width in rows])
    for click in click_boxes(boxes, (50, 40), jitter=0.5, seed=seed):
        y, x = click.position
        assert -0.5 <= y < 49.5
        assert -0.5 <= x < 39.5
        pixel = np.array([y, x])
        held = (pixel >= boxes.corners[:, :2] - 0.5) & (pixel <= boxes.corners[:, 2:] - 0.5)
        assert held.all(axis=1).any()


def test_slivers_of_boxes_at_a_border_get_no_click():
    boxes = Boxes.of([(-9, 5, 1, 15), (-9, 5, 4, 15), (10, 35, 20, 50), (60, 0, 70, 10)])
    positions = [c.position for c in click_boxes(boxes, (50, 40), jitter=0.0)]
    assert positions == [(0.0, 9.5), (14.5, 39.0)]
