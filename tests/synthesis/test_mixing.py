"""What training draws its pairs from: shares are kept, and real images carry the masks found."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_synthseg.core.annotations import Click, MendedOutline, ObjectClass
from napari_synthseg.core.labels import UNKNOWN, DualImage, InstanceLabels
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.recipe import Synthesizer
from napari_synthseg.patches.build import build_library
from napari_synthseg.patches.canvas_parts import estimate_backgrounds
from napari_synthseg.synthesis.datasets import (
    MAX_SKIPPED,
    CachedDataset,
    FilteredDataset,
    MixedDataset,
    label_clicked,
)
from tests.helpers.clicked_discs import CENTERS, DISC, clicked, disc_image, finish


class Numbered(Synthesizer):
    """Pairs that carry nothing but a mark of where they come from, and a fault if they have one."""

    def __init__(self, mark, bad=()):
        self.mark, self.bad = mark, bad

    def pair(self, index):
        image = np.full((1, 4, 4), self.mark, np.float32)
        rejection_reason = "bad" if index in self.bad else ""
        return DualImage(image, InstanceLabels(np.zeros((4, 4), np.int32)), index, rejection_reason)


def real(count):
    return [Numbered(10.0 + n).pair(0) for n in range(count)]


@given(st.floats(0, 0.9), st.integers(1, 5))
def test_the_share_of_real_images_is_kept_and_all_come_in_turn(share, count):
    pairs = MixedDataset(Numbered(0.0), real(count), share).pairs(range(200))
    marks = [float(p.image[0, 0, 0]) for p in pairs]
    shown = [m for m in marks if m]
    assert marks[0] == 0
    assert abs(len(shown) - 200 * share) <= 1
    assert shown == [10.0 + n % count for n in range(len(shown))]
    assert [p.index for p in pairs] == list(range(200))


@given(st.floats(0, 0.9), st.integers(1, 5), st.sets(st.integers(0, 199)))
def test_pairs_with_a_fault_give_way_to_real_images_that_come_equally_often(share, count, bad):
    plain = MixedDataset(Numbered(0.0), real(count), share).pairs(range(200))
    pairs = MixedDataset(Numbered(0.0, bad), real(count), share).pairs(range(200))
    drawn = 0
    for index, (before, now) in enumerate(zip(plain, pairs, strict=True)):
        assert now.index == index
        assert not now.rejection_reason
        if before.image[0, 0, 0] or drawn not in bad:
            np.testing.assert_array_equal(now.image, before.image)
        else:
            assert now.image[0, 0, 0] >= 10
        drawn += not before.image[0, 0, 0]


class Counting(Numbered):
    """Pairs that carry their number."""

    def pair(self, index):
        return DualImage(
            np.full((1, 4, 4), -1.0 - index, np.float32),
            InstanceLabels(np.zeros((4, 4), np.int32)),
            index,
        )


@given(st.floats(0, 0.9), st.integers(1, 8))
def test_all_dual_images_come_in_turn_however_many_are_real(share, count):
    pairs = MixedDataset(CachedDataset(Counting(0.0), count), real(3), share).pairs(range(200))
    marks = [-1 - float(p.image[0, 0, 0]) for p in pairs if p.image[0, 0, 0] < 0]
    assert marks == [n % count for n in range(len(marks))]


def test_kept_pairs_are_drawn_as_they_are_made_one_by_one():
    class Drawing(Counting, Synthesizer):
        """Pairs that are made by drawing only."""

        def __init__(self):
            super().__init__(0.0)
            self.drawn = []

        def draw(self, indices):
            self.drawn += indices
            return (yield from super().draw(indices))

    source = Drawing()
    pairs = CachedDataset(source, 3, 2 * Counting(0.0).pair(0).nbytes)
    found = exhaust(pairs.draw([4, 0, 1, 7]))
    assert [(p.index, -1 - float(p.image[0, 0, 0])) for p in found] == [
        (4, 1), (0, 0), (1, 1), (7, 1),
    ]  # fmt: skip
    assert source.drawn == [1, 0]
    assert [p.image[0, 0, 0] for p in pairs.pairs([0, 1, 2])] == [-1, -2, -3]
    exhaust(pairs.draw([0, 1, 2]))
    assert source.drawn == [1, 0, 2], "what fits no more is drawn again"


def test_if_all_pairs_have_a_fault_each_real_image_is_seen_equally_often():
    pairs = MixedDataset(Numbered(0.0, range(200)), real(4), 0.5).pairs(range(200))
    marks = [float(p.image[0, 0, 0]) for p in pairs]
    assert [marks.count(10.0 + n) for n in range(4)] == [50] * 4


@given(st.sets(st.integers(0, 40)), st.integers(0, 20))
def test_the_next_pair_without_a_fault_is_taken(bad, index):
    pair = FilteredDataset(Numbered(0.0, bad)).pair(index)
    assert pair.index == index
    reached = set(range(index, index + MAX_SKIPPED))
    assert pair.rejection_reason == ("bad" if reached <= bad else "")


def library_and_image(rejected=frozenset(), **kwargs):
    image, ids = disc_image(CENTERS)
    part = clicked(image, CENTERS, **kwargs)
    ids_of = [c.id for c in part.clicks]
    chosen = frozenset(ids_of[i] for i in rejected)
    return finish(build_library([part], [DISC], chosen))[1], part, ids


def labelled(library):
    images = {image.ref.id: image for image in library.images}
    backgrounds = finish(estimate_backgrounds(library))[1]
    return [label_clicked(library, b, images[b.image]) for b in backgrounds]


def test_a_fully_clicked_image_carries_the_masks_found_on_it():
    library, part, ids = library_and_image()
    (pair,) = labelled(library)
    np.testing.assert_array_equal(pair.image, part.pixels.read())
    assert pair.labels.count == len(CENTERS)
    overlap = ((pair.labels.ids > 0) & (ids > 0)).sum() / ((pair.labels.ids > 0) | (ids > 0)).sum()
    assert overlap > 0.8
    assert set(pair.labels.classes.values()) == {DISC.value}


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_nuclei_lie_on_their_cells_whichever_was_clicked_first(order):
    image, _ = disc_image(CENTERS)
    part = clicked(image, CENTERS[1:2])
    radii, place = {1: 10, 2: 4}, CENTERS[1]
    clicks = [
        Click(id=f"{n}", image="a", position=place, cls=cls, mended=square(place, radii[cls]))
        for n, cls in enumerate((*order, order[0]))  # the first is clicked twice
    ]
    classes = [ObjectClass(name=f"{v}", value=v, diameter=2 * r) for v, r in radii.items()]
    library = finish(build_library([replace(part, clicks=tuple(clicks))], classes))[1]
    (pair,) = labelled(library)
    values, counts = np.unique(pair.labels.class_map(), return_counts=True)
    assert dict(zip(values.tolist(), counts.tolist(), strict=True)) | {0: 0} == {
        0: 0, 1: 21**2 - 9**2, 2: 9**2,
    }  # fmt: skip
    assert set(pair.labels.classes) == set(np.unique(pair.labels.ids).tolist()) - {0}


def square(place, radius):
    return MendedOutline.of(np.ones([2 * radius + 1] * 2, bool), [p - radius for p in place])


def test_objects_without_a_usable_mask_are_unknown_not_background():
    bad = range(len(CENTERS) // 2)
    library, _, ids = library_and_image(rejected=bad)
    found = labelled(library)[0].labels
    for number, (y, x) in enumerate(CENTERS):
        assert (found.ids[y, x] == UNKNOWN) == (number in bad)
    assert found.count == len(CENTERS) - len(bad)
    assert not ((found.ids == 0) & (ids > 0) & ~near_edges(ids)).any()


def near_edges(ids):
    from scipy.ndimage import binary_erosion

    return ~binary_erosion(ids > 0, iterations=2)


def test_where_few_are_clicked_only_sure_background_is_known():
    image, ids = disc_image(CENTERS)
    few = CENTERS[::3]
    library = finish(build_library([clicked(image, few, exhaustive=False)], [DISC]))[1]
    (background,) = finish(estimate_backgrounds(library))[1]
    (pair,) = labelled(library)
    for y, x in CENTERS:
        assert pair.labels.ids[y, x] > 0 if (y, x) in few else pair.labels.ids[y, x] == UNKNOWN
    np.testing.assert_array_equal(pair.labels.ids == 0, background.valid)
    assert 0.3 < background.valid.mean() < 1 - (ids > 0).mean()


def test_only_the_used_part_of_an_image_is_learned_from(tmp_path):
    import tifffile

    from napari_synthseg.storage.images import describe, open_pixels

    image, _ = disc_image(CENTERS)
    tifffile.imwrite(tmp_path / "discs.tif", image[0])
    (ref,) = describe(tmp_path / "discs.tif")
    ref = ref.model_copy(update={"region": ((0, 128), (20, 160)), "exhaustive": True})
    inside = [c for c in CENTERS if c[1] >= 20]
    pixels = open_pixels(ref, tmp_path)
    part = replace(clicked(image, inside, name=ref.id), ref=ref, pixels=pixels)
    library = finish(build_library([part], [DISC]))[1]
    (pair,) = labelled(library)
    assert pair.image.shape[1:] == pair.labels.ids.shape == (128, 140)
    for number, (y, x) in enumerate(inside, start=1):
        assert pair.labels.ids[y, x - 20] == number
