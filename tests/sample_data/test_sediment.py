import numpy as np
import pytest

from napari_synthseg.sample_data import shapes
from napari_synthseg.sample_data.sediment import OBJECT_COUNTS, SHAPE, simulate_field


@pytest.fixture(scope="module")
def field():
    return simulate_field(7)


def test_each_class_is_there_in_number(field):
    image, labels = field
    assert image.shape == labels.ids.shape == SHAPE
    assert image.dtype == np.uint8
    counts = {v: list(labels.classes.values()).count(v) for v in OBJECT_COUNTS}
    assert all(counts[v] >= 0.9 * OBJECT_COUNTS[v] for v in OBJECT_COUNTS)
    assert set(labels.classes) == set(np.unique(labels.ids).tolist()) - {0}


def test_it_is_not_trivial(field):
    image, labels = field
    ids = labels.ids
    beside = (ids[:, 1:] != ids[:, :-1]) & (ids[:, 1:] > 0) & (ids[:, :-1] > 0)
    touching = set(ids[:, 1:][beside].tolist()) | set(ids[:, :-1][beside].tolist())
    assert len(touching) > 0.25 * labels.count
    # A threshold cannot do it: objects are about as bright as the uneven background.
    background, objects = image[ids == 0].astype(float), image[ids > 0].astype(float)
    assert abs(background.mean() - objects.mean()) < 2 * background.std()
    assert np.ptp(background[:: background.size // 1000]) > 20


def test_masks_lie_where_the_light_changes(field):
    image, labels = field
    from scipy.ndimage import binary_erosion, gaussian_gradient_magnitude

    edges = gaussian_gradient_magnitude(image.astype(float), 1.0)
    inside = labels.ids > 0
    rim = inside & ~binary_erosion(inside, iterations=2)
    assert edges[rim].mean() > 2 * edges[~inside].mean()


def test_seeds_give_different_fields(field):
    other, _ = simulate_field(8)
    assert not np.array_equal(other, field[0])


@pytest.mark.parametrize("make", [shapes.round_cell, shapes.granular_cell, shapes.crystal])
def test_shapes_are_whole_and_fade_to_clear(make):
    for seed in range(20):
        shape = make(np.random.default_rng(seed))
        border = np.concatenate([shape.light[0], shape.light[-1], shape.light.T[0]])
        assert np.allclose(border, 1.0, atol=0.02)
        assert shape.light.min() > 0
        assert shape.inside.any()
        assert not shape.inside[0].any()
        assert not shape.inside[:, 0].any()
