"""Objects that lie in others come along with them, labels and all."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.progress import exhaust
from napari_synthseg.patches.build import build_library
from napari_synthseg.patches.canvas_parts import estimate_backgrounds
from napari_synthseg.patches.nested import find_nested
from napari_synthseg.synthesis import PasteRecipe
from napari_synthseg.synthesis.paste.arrangement import paint_layouts
from napari_synthseg.synthesis.paste.fitting import fit_to_library
from napari_synthseg.synthesis.paste.synthesizer import PasteSynthesizer
from tests.helpers.clicked_discs import clicked, outlined

CELLS = [(35, 35), (35, 105), (105, 35), (105, 105), (70, 165)]
CLASSES = [
    ObjectClass(name="cell", value=1, diameter=40),
    ObjectClass(name="nucleus", value=2, diameter=14),
]


@pytest.fixture(scope="module")
def library():
    """Return five cells with a nucleus each, and a nucleus without a cell."""
    shape = (140, 220)
    y, x = np.indices(shape)
    lone = (20, 200)
    cells = [np.hypot(y - r, x - c) < 20 for r, c in CELLS]
    nuclei = [np.hypot(y - r - 3, x - c) < 7 for r, c in CELLS]
    nuclei.append(np.hypot(y - lone[0], x - lone[1]) < 7)
    image = 0.1 + 0.4 * np.any(cells, axis=0) + 0.5 * np.any(nuclei, axis=0)
    image += np.random.default_rng(0).normal(0, 0.02, shape)
    places = [*CELLS, *((r + 3, c) for r, c in CELLS), lone]
    source = clicked(image[None].astype(np.float32), places)
    clicks = [c.model_copy(update={"cls": 1 + (n >= 5)}) for n, c in enumerate(source.clicks)]
    return exhaust(build_library([replace(source, clicks=tuple(clicks))], CLASSES))


def test_each_nucleus_is_found_in_its_cell_and_the_lone_one_in_none(library):
    assert find_nested(library.patches) == {n + 5: n for n in range(5)}
    assert find_nested(library.patches[:5]) == {}


@pytest.mark.parametrize("order", [1, -1])
def test_every_nested_object_is_seen_in_the_layout_whichever_was_clicked_first(library, order):
    turned = replace(library, patches=library.patches[::order])
    (layout,) = paint_layouts(turned, exhaust(estimate_backgrounds(turned)))
    assert set(np.unique(layout.ids)) == set(range(12))


def test_a_cell_is_pasted_with_its_nucleus_and_both_are_labeled(library):
    synthesizer = exhaust(PasteRecipe(size=192, canvas="blank", noise=0.0).fit(library))
    whole = inside = 0
    for index in range(8):
        pair = synthesizer.pair(index)
        labels = pair.labels
        assert isinstance(labels, InstanceLabels)
        assert set(np.unique(labels.ids)) - {0} == set(labels.classes)
        for number, cls in labels.classes.items():
            if cls == 2:
                nucleus = labels.ids == number
                around = np.unique(labels.ids[_ring(nucleus)]).tolist()
                if all(labels.classes.get(n) == 1 for n in around):
                    inside += 1
                    assert pair.image[0][nucleus].mean() > 0.75
            whole += cls == 1
    assert whole > 8
    assert inside >= 0.7 * whole  # but for those that the border cuts off


def test_nuclei_that_come_along_are_not_drawn_on_their_own(library):
    synthesizer = exhaust(fit_to_library(PasteRecipe(size=192), library))
    rng = np.random.default_rng(0)
    drawn = [d for _ in range(40) for d in synthesizer.sampler.draw(rng, 0, (192, 192))]
    numbers = {synthesizer.factory.patches[d.number].id for d in drawn if d.cls == 2}
    assert numbers <= {"a-11"}


PLACES = [(y, x) for y in (30, 85, 140) for x in (30, 85, 140)]
LEVELS = [
    ObjectClass(name="cell", value=1, diameter=40),
    ObjectClass(name="nucleus", value=2, diameter=18),
    ObjectClass(name="nucleolus", value=3, diameter=7),
]
RADII = (20, 9, 3)


def nest(levels, rejected=frozenset(), maskless=(), cells=PLACES, shape=(170, 170), clicks=None):
    """Return cells with a nucleus, and a nucleolus in it; ids are "a-1" for the first cell on.

    The clicks of `maskless` are on nuclei and find no outline. Of the cells the first `clicks` are
    clicked; None: all.
    """
    image = np.random.default_rng(0).normal(0, 0.02, (1, *shape)).astype(np.float32)
    y, x = np.indices(shape)
    for row, column in cells:
        for radius, height in zip(RADII[:levels], (0.4, 0.7, 1.0), strict=False):
            image[0][np.hypot(y - row, x - column) <= radius] = height
    kinds = list(enumerate(RADII[:levels], start=1))
    discs = [(at, radius, cls) for cls, radius in kinds for at in cells[:clicks]]
    source = outlined(image, discs, exhaustive=clicks is None)
    library = exhaust(build_library([source], LEVELS[:levels], rejected))
    patches = tuple(
        replace(p, mask=np.zeros_like(p.mask)) if p.id in maskless else p for p in library.patches
    )
    return replace(library, patches=patches)


def fitted(library):
    """Return what pastes the objects of a library, and how."""
    synthesizer = exhaust(PasteRecipe(size=170).fit(library))
    assert isinstance(synthesizer, PasteSynthesizer)
    return synthesizer


def counts(synthesizer, pairs=4):
    every = [synthesizer.pair(index).labels for index in range(pairs)]
    for labels in every:
        assert set(np.unique(labels.ids)) - {0} == set(labels.classes)
    return Counter(cls for labels in every for cls in labels.classes.values())


def test_what_lies_in_an_inner_object_comes_along_too():
    synthesizer = fitted(nest(3))
    assert {p.cls for p in synthesizer.factory.patches} == {1}
    found = counts(synthesizer)
    assert found[1] > 20
    assert found[2] > 0.85 * found[1]
    assert found[3] > 0.85 * found[1]  # but for those that the border cuts off


@pytest.mark.parametrize("how", ["rejected", "maskless"])
def test_an_object_with_an_unknown_one_inside_is_not_pasted(how):
    bad = [f"a-{len(PLACES) + n}" for n in (1, 2, 3)]
    synthesizer = fitted(nest(2, **{how: frozenset(bad)}))
    assert {p.id for p in synthesizer.factory.patches} == {f"a-{n}" for n in range(4, 10)}
    assert any("3 of 9 patches of class 1 are not pasted" in note for note in synthesizer.notes)
    density = synthesizer.sampler.density.images[0]
    assert density.classes.tolist() == [1] * 9
    for index in range(3):
        pair = synthesizer.pair(index)
        nucleus = pair.image[0] > 0.6
        assert np.mean(pair.labels.class_map()[nucleus] == 2) > 0.95


@pytest.mark.parametrize("levels", [1, 2])
def test_inner_objects_change_nothing_of_how_many_there_are(levels):
    """Where few are clicked, the others are guessed from what looks like them."""
    synthesizer = fitted(nest(levels, clicks=3))
    rng = np.random.default_rng(0)
    drawn = [len(synthesizer.sampler.draw(rng, 0, (170, 170))) for _ in range(60)]
    assert np.mean(drawn) == pytest.approx(9, rel=0.25)


def test_an_object_clicked_twice_is_known_where_one_of_both_is_rejected():
    library = nest(2)
    (first, *_) = (p for p in library.patches if p.cls == 2)
    twice = replace(first, id="again", mask=np.zeros_like(first.mask))
    synthesizer = fitted(replace(library, patches=(*library.patches, twice)))
    assert len(synthesizer.factory.patches) == len(PLACES)
    assert not any("not pasted" in note for note in synthesizer.notes)


def test_with_too_few_others_objects_with_unknown_ones_are_pasted_and_a_note_tells():
    bad = frozenset(f"a-{len(PLACES) + n}" for n in range(1, 8))
    synthesizer = fitted(nest(2, bad))
    assert len(synthesizer.factory.patches) == 5
    (note,) = [note for note in synthesizer.notes if "not pasted" in note]
    assert "but for 3, as there are too few others" in note


def test_a_note_tells_how_many_objects_hold_another_one():
    library = nest(2)
    kept = tuple(p for p in library.patches if p.id not in {"a-10", "a-11"})
    synthesizer = fitted(replace(library, patches=kept))
    assert any("7 of the 9 pasted patches of class 1 hold" in note for note in synthesizer.notes)
    assert not any("hold" in note for note in exhaust(PasteRecipe().fit(library)).notes)


def test_a_note_tells_of_pasted_objects_that_the_border_cuts_off():
    synthesizer = exhaust(PasteRecipe().fit(nest(1, cells=[*PLACES[:2], (4, 140), (100, 166)])))
    (note,) = [note for note in synthesizer.notes if "cut off" in note]
    assert note.startswith("2 of the 4 pasted patches of class 1")
    assert not any("cut off" in note for note in exhaust(PasteRecipe().fit(nest(1))).notes)


def _ring(mask):
    from scipy.ndimage import binary_dilation

    return binary_dilation(mask, iterations=2) & ~mask
