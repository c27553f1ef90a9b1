"""From a recipe and a patch library to a synthesizer: what is measured once, and in which order."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator, Sequence
from dataclasses import replace

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.patch import Background, Patch, PatchLibrary
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.patches.canvas_parts import estimate_backgrounds, parts_of_patches
from napari_synthseg.synthesis.paste.arrangement import (
    Layout,
    count_touching,
    measure_arrangement,
    paint_layouts,
)
from napari_synthseg.synthesis.paste.canvas import Canvases, smooth_bases
from napari_synthseg.synthesis.paste.choosing import choose_patches
from napari_synthseg.synthesis.paste.cutting import SourceImage
from napari_synthseg.synthesis.paste.objects import Density, ObjectSampler
from napari_synthseg.synthesis.paste.optics import measure_blur
from napari_synthseg.synthesis.paste.parameters import PasteParameters
from napari_synthseg.synthesis.paste.sprite_factory import SpriteFactory
from napari_synthseg.synthesis.paste.synthesizer import PasteSynthesizer

TRIAL_CLUSTERING, TRIAL_IMAGES = 0.6, 6
"""Clustering that is tried to see how many objects touch, and on how many images."""

PROBE_IMAGES, MOST_UNPLACED = 4, 0.1
"""Dual images that are arranged to see what finds no place, and the share that is not told."""


def fit_to_library(
    recipe: PasteParameters, library: PatchLibrary
) -> Generator[Progress, None, PasteSynthesizer]:
    """Return the synthesizer of a library that has a usable patch."""
    backgrounds = yield from subprogress(estimate_backgrounds(library), 0.0, 0.6)
    return (yield from subprogress(fit_to_backgrounds(recipe, library, backgrounds), 0.6))


def fit_to_backgrounds(
    recipe: PasteParameters, library: PatchLibrary, backgrounds: Sequence[Background]
) -> Generator[Progress, None, PasteSynthesizer]:
    """Return the synthesizer of a library whose backgrounds are known.

    Raises
    ------
    InputError
        If no usable patch lies on any of the backgrounds.
    """
    usable = library.usable()
    part_of = dict(zip(usable, parts_of_patches(usable, backgrounds), strict=True))
    inside = [p for p in usable if part_of[p] is not None]
    if not inside:
        raise InputError(
            "No usable patch lies on the parts of the images that are read. Click objects there, "
            "or accept patches that you rejected."
        )
    chosen = choose_patches(library, inside, recipe.min_quality)
    part_numbers = tuple(n for p in chosen.patches if (n := part_of[p]) is not None)
    yield Progress(0.0, "preparing canvases")
    smoothing = smooth_bases(backgrounds, library.diameters)
    bases = yield from subprogress(smoothing, 0.0, 0.1)
    canvases = Canvases.prepare(backgrounds, recipe, bases)
    yield Progress(0.2, "measuring how objects lie")
    layouts = paint_layouts(library, backgrounds)
    density = Density.measure(library, backgrounds, chosen.classes, chosen.nested)
    of_image: dict[str, list[Patch]] = defaultdict(list)
    for patch in usable:
        of_image[patch.image].append(patch)
    blurs = {image: measure_blur(mine) for image, mine in of_image.items()}
    sources = tuple(
        SourceImage(background, base, layout.ids > 0, blurs.get(background.image, 0.0))
        for background, base, layout in zip(backgrounds, bases, layouts, strict=True)
    )
    factory = SpriteFactory(
        recipe, chosen.patches, part_numbers, sources, library.diameters, chosen.inner
    )
    sampler = ObjectSampler.gather(density, factory)
    yield Progress(0.5, "matching the arrangement of the objects")
    arrangement, notes = measure_arrangement(recipe, library, density)
    notes = (*canvases.notes(), *_left_out(usable, inside), *chosen.notes, *notes)
    synthesizer = PasteSynthesizer(recipe, canvases, factory, sampler, arrangement, notes)
    if recipe.arrangement == "matched" and recipe.clustering is None:
        work = match_clustering(synthesizer, layouts)
        touching = "matching how many objects touch"
        synthesizer = yield from subprogress(work, 0.75, 0.9, touching)
    unplaced = yield from subprogress(
        _unplaced(synthesizer), 0.9, 1.0, "counting what finds no place"
    )
    synthesizer = replace(synthesizer, notes=(*notes, *unplaced))
    yield Progress(1.0, "ready")
    return synthesizer


def _unplaced(synthesizer: PasteSynthesizer) -> Generator[Progress, None, tuple[str, ...]]:
    """Say how many objects find no place, class by class, as a few dual images show."""
    scenes = []
    for index in range(PROBE_IMAGES):
        yield Progress(index / PROBE_IMAGES)
        scenes.append(synthesizer.layout(index))
    drawn = sum((scene.drawn for scene in scenes), Counter[int]())
    lost = sum((scene.unplaced for scene in scenes), Counter[int]())
    shares = {c: lost[c] / drawn[c] for c in sorted(lost)}
    if max(shares.values(), default=0.0) < MOST_UNPLACED:
        return ()
    of_classes = ", ".join(f"class {value}: {share:.0%}" for value, share in shares.items())
    which = f" ({of_classes})" if len(synthesizer.sampler.density.classes) > 1 else ""
    return (
        f"About {lost.total() / drawn.total():.0%} of the objects that are drawn find no place"
        f"{which}: dual images show fewer than the density asks for. Allow more overlap, or lower "
        "the density.",
    )


def _left_out(usable: Sequence[Patch], inside: Sequence[Patch]) -> tuple[str, ...]:
    """Say how many usable patches lie outside the parts that are read, class by class."""
    every = Counter(p.cls for p in usable)
    lost = every - Counter(p.cls for p in inside)
    if not lost:
        return ()
    counts = ", ".join(f"class {value}: {lost[value]} of {every[value]}" for value in sorted(lost))
    which = f" ({counts})" if len(every) > 1 else ""
    return (
        f"Of {len(usable)} usable patches {lost.total()} are left out{which}: they lie far apart "
        "on large images, of which only as much is held as fits into memory. Click where objects "
        "lie together, or on fewer images, or set regions of interest.",
    )


def match_clustering(
    synthesizer: PasteSynthesizer, layouts: Sequence[Layout]
) -> Generator[Progress, None, PasteSynthesizer]:
    """Set the clustering so that about as many objects touch as do on the clicked images.

    Measured by arranging a few images without and with clustering. Images that are not clicked
    exhaustively do not tell; without any that is, no clustering is added.
    """
    real = []
    for layout in (one for one in layouts if one.exhaustive):
        yield Progress(0.0)
        real.append(count_touching(layout.ids))
    if not real:
        return synthesizer
    wanted = sum(t for t, _ in real) / max(sum(n for _, n in real), 1)
    shares = list[float]()
    for clustering in (0.0, TRIAL_CLUSTERING):
        trial = _clustered(synthesizer, clustering)
        seen = []
        for index in range(TRIAL_IMAGES):
            yield Progress((len(shares) + index / TRIAL_IMAGES) / 2)
            seen.append(count_touching(trial.layout(index).ids))
        shares.append(sum(t for t, _ in seen) / max(sum(n for _, n in seen), 1))
    low, high = shares
    slope = max(high - low, 1e-3) / TRIAL_CLUSTERING
    return _clustered(synthesizer, float(np.clip((wanted - low) / slope, 0, 0.95)))


def _clustered(synthesizer: PasteSynthesizer, clustering: float) -> PasteSynthesizer:
    arrangement = replace(synthesizer.arrangement, clustering=clustering)
    return replace(synthesizer, arrangement=arrangement)
