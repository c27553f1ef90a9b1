"""Dual images show as many objects of each class as the clicked images, or a note says so."""

from collections import Counter

import numpy as np
import pytest

from napari_synthseg.core.annotations import ImageRef, ObjectClass
from napari_synthseg.core.progress import exhaust
from napari_synthseg.patches.build import build_library
from napari_synthseg.synthesis import PasteRecipe
from napari_synthseg.synthesis.paste.windows import MOSTLY, draw_window
from tests.helpers.clicked_discs import DISC, outlined

LARGE = ObjectClass(name="large", value=1, diameter=60)
SMALL = ObjectClass(name="small", value=2, diameter=14)


def drawing(shape, discs):
    """Return a one-channel image of discs (center, radius, class)."""
    image = np.random.default_rng(0).normal(0, 0.02, (1, *shape)).astype(np.float32)
    y, x = np.indices(shape)
    for (row, column), radius, _ in discs:
        image[0][np.hypot(y - row, x - column) <= radius] = 1
    return image


def grid(shape, step, radius, cls):
    """Return discs on a grid."""
    rows, columns = (range(step // 2, n, step) for n in shape)
    return [((row, column), radius, cls) for row in rows for column in columns]


def fitted(source, classes, **fields):
    library = exhaust(build_library([source], classes))
    return exhaust(PasteRecipe(**fields).fit(library))


def test_large_objects_find_a_place_among_many_small_ones():
    large = grid((256, 256), 85, 30, 1)
    small = [
        disc
        for disc in grid((256, 256), 17, 7, 2)
        if min(np.hypot(*np.subtract(disc[0], other)) for other, *_ in large) > 38
    ]
    discs = [*large, *small]
    synthesizer = fitted(
        outlined(drawing((256, 256), discs), discs), [LARGE, SMALL], rare_boost=0.0, clustering=0.0
    )
    scenes = [synthesizer.layout(index) for index in range(6)]
    drawn, lost = (sum(map(Counter, c), Counter()) for c in (
        [scene.drawn for scene in scenes], [scene.unplaced for scene in scenes]
    ))  # fmt: skip
    assert drawn[1] >= 6 * 6
    assert lost[1] <= 0.2 * drawn[1]


QUARTER = ((0.0, 0.0), (0.0, 256.0), (256.0, 256.0), (256.0, 0.0))
LOWER_HALF = ((132.0, 0.0), (132.0, 256.0), (256.0, 256.0), (256.0, 0.0))


@pytest.mark.parametrize("exhaustive", [True, False])
@pytest.mark.parametrize(
    ("shape", "limits"),
    [((512, 512), {"roi": ((QUARTER,),)}), ((256, 256), {"excluded": ((LOWER_HALF,),)})],
)
def test_only_what_counts_of_an_image_gives_density_and_canvases(shape, limits, exhaustive):
    """The rest of the image is no empty ground: objects there are not clicked."""
    ref = ImageRef(id="a", uri="a", **limits)
    discs = [d for d in grid(shape, 32, 10, 1) if ref.counts_at(d[0])]
    synthesizer = fitted(
        outlined(drawing(shape, grid(shape, 32, 10, 1)), discs, exhaustive=exhaustive, **limits),
        [DISC], size=128, counts="fixed",
    )  # fmt: skip
    true = (128 / 32) ** 2
    for counts in ("fixed", "empirical"):
        recipe = PasteRecipe(size=128, counts=counts)
        rng = np.random.default_rng(0)
        density = synthesizer.sampler.density
        drawn = [len(density.draw(rng, 0, (128, 128), recipe)) for _ in range(60)]
        assert np.mean(drawn) == pytest.approx(true, rel=0.12)
    (image,) = synthesizer.canvases.images
    windows = [draw_window(rng, image.valid.shape, (128, 128), image.counted) for _ in range(30)]
    counted = ref.counted(image.background.region)
    assert min(counted[window].mean() for window in windows) >= MOSTLY


def test_a_note_tells_how_many_objects_find_no_place():
    discs = grid((128, 128), 32, 10, 1)
    source = outlined(drawing((128, 128), discs), discs)
    crowded = fitted(source, [DISC], size=128, density=4.0)
    (note,) = [note for note in crowded.notes if "no place" in note]
    scenes = [crowded.layout(index) for index in range(8)]
    share = sum(s.unplaced[1] for s in scenes) / sum(s.drawn[1] for s in scenes)
    assert abs(int(note.split("%")[0].split()[-1]) / 100 - share) < 0.08
    assert not any("no place" in n for n in fitted(source, [DISC], size=128).notes)
