"""Objects that lie in others come along with them, labels and all."""

from dataclasses import replace

import numpy as np
import pytest

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.progress import exhaust
from napari_synthseg.patches.build import build_library
from napari_synthseg.patches.nested import find_nested
from napari_synthseg.synthesis import PasteRecipe
from napari_synthseg.synthesis.paste.fitting import fit_to_library
from tests.helpers.clicked_discs import clicked

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


def _ring(mask):
    from scipy.ndimage import binary_dilation

    return binary_dilation(mask, iterations=2) & ~mask
