"""Labels, regions and intensities keep their rules."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_synthseg.core.geometry import (
    contains,
    intersect,
    region_at,
    region_shape,
    region_slices,
)
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.pixels import ArraySource, Intensity, quarter_turned


def test_semantic_labels_derive_from_ids_and_classes():
    labels = InstanceLabels(np.array([[0, 1, 1], [2, 2, 0]], np.int32), {1: 3, 2: 1})
    assert labels.class_map().tolist() == [[0, 3, 3], [1, 1, 0]]
    assert labels.slices() == {
        1: (slice(0, 1), slice(1, 3)),
        2: (slice(1, 2), slice(0, 2)),
    }
    assert labels.count == 2


def test_labels_may_be_empty():
    labels = InstanceLabels(np.zeros((4, 5), np.int32))
    assert labels.count == 0
    assert not labels.class_map().any()
    assert labels.slices() == {}


spans = st.tuples(st.integers(-20, 20), st.integers(1, 20)).map(lambda t: (t[0], t[0] + t[1]))
regions = st.tuples(spans, spans)


@given(regions, regions)
def test_the_common_part_lies_in_both(first, second):
    common = intersect(first, second)
    assert common == intersect(second, first)
    if common is None:
        return
    corner = tuple(start for start, _ in common)
    assert contains(first, corner)
    assert contains(second, corner)
    assert all(n > 0 for n in region_shape(common))


def test_a_region_is_cut_relative_to_an_origin():
    array = np.arange(30).reshape(5, 6)
    cut = array[region_slices(((12, 14), (23, 25)), origin=(10, 20))]
    assert cut.tolist() == [[15, 16], [21, 22]]
    assert region_at((10, 20), (5, 6)) == ((10, 15), (20, 26))


@given(
    hnp.arrays(np.uint16, st.tuples(st.integers(1, 4), st.integers(2, 9), st.integers(2, 9))),
    st.booleans(),
)
def test_normalizing_can_be_taken_back(stored, joint):
    intensity = Intensity.measure(stored, joint=joint)
    normalized = intensity.normalize(stored)
    assert normalized.dtype == np.float32
    assert np.isfinite(normalized).all()
    span = max(float(stored.max()) - float(stored.min()), 1.0)
    np.testing.assert_allclose(intensity.restore(normalized), stored, atol=1e-3 * span)


def test_joint_normalization_keeps_colors_in_relation():
    gray = np.random.default_rng(0).integers(0, 255, (3, 20, 20)).astype(np.uint8)
    gray[1:] = gray[0]
    gray[2] //= 2
    normalized = Intensity.measure(gray, joint=True).normalize(gray)
    assert np.array_equal(normalized[0], normalized[1])
    assert normalized[2].max() < normalized[0].max()


def test_an_array_source_reads_regions():
    source = ArraySource(np.arange(24, dtype=np.float32).reshape(1, 4, 6), ((0, 4), (2, 6)))
    assert source.region == ((0, 4), (2, 6))
    assert source.read().shape == (1, 4, 4)
    assert source.read(((1, 2), (3, 5))).tolist() == [[[9.0, 10.0]]]


def test_a_flat_image_normalizes_to_zero():
    flat = np.full((1, 4, 4), 7, np.uint8)
    assert Intensity.measure(flat).normalize(flat) == pytest.approx(0.0)


@pytest.mark.parametrize("orientation", range(8))
def test_a_plane_has_four_turns_and_their_mirror_images(orientation):
    planes = np.arange(24).reshape(2, 3, 4)
    turned = np.rot90(planes, orientation % 4, axes=(1, 2))
    wanted = turned[..., ::-1] if orientation >= 4 else turned
    np.testing.assert_array_equal(quarter_turned(planes, orientation), wanted)
    assert np.shares_memory(quarter_turned(planes, orientation), planes)
