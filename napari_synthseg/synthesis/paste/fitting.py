"""From a recipe and a patch library to a synthesizer: what is measured once, and in which order."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

import numpy as np

from napari_synthseg.core.patch import Background, Patch, PatchLibrary
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.patches.canvas_parts import estimate_backgrounds, part_of_patch
from napari_synthseg.synthesis.paste.arrangement import (
    Layout,
    count_touching,
    measure_arrangement,
    paint_layouts,
)
from napari_synthseg.synthesis.paste.canvas import Canvases, smooth_bases
from napari_synthseg.synthesis.paste.cutting import SourceImage
from napari_synthseg.synthesis.paste.objects import Density, ObjectSampler
from napari_synthseg.synthesis.paste.optics import measure_blur
from napari_synthseg.synthesis.paste.parameters import PasteParameters
from napari_synthseg.synthesis.paste.sprite_factory import SpriteFactory
from napari_synthseg.synthesis.paste.synthesizer import PasteSynthesizer

MIN_PATCHES = 5
"""Of a class with fewer patches, ones of lower quality are used, too."""

TRIAL_CLUSTERING, TRIAL_IMAGES = 0.6, 6
"""Clustering that is tried to see how many objects touch, and on how many images."""


def fit_to_library(
    recipe: PasteParameters, library: PatchLibrary
) -> Generator[Progress, None, PasteSynthesizer]:
    """Return the synthesizer of a library that has a usable patch."""
    backgrounds = yield from subprogress(estimate_backgrounds(library), 0.0, 0.6)
    return (yield from subprogress(fit_to_backgrounds(recipe, library, backgrounds), 0.6))


def fit_to_backgrounds(
    recipe: PasteParameters, library: PatchLibrary, backgrounds: Sequence[Background]
) -> Generator[Progress, None, PasteSynthesizer]:
    """Return the synthesizer of a library whose backgrounds are known."""
    yield Progress(0.0, "preparing canvases")
    bases = smooth_bases(backgrounds, library.diameters)
    canvases = Canvases.prepare(backgrounds, recipe, bases)
    yield Progress(0.2, "measuring how objects lie")
    layouts = paint_layouts(library, backgrounds)
    usable = choose_patches(library, recipe.min_quality)
    parts = {p.id: part_of_patch(p, backgrounds) for p in usable}
    chosen = tuple(p for p in usable if parts[p.id] is not None)
    part_numbers = tuple(n for n in parts.values() if n is not None)
    density = Density.measure(library, backgrounds, sorted({p.cls for p in chosen}))
    sources = tuple(
        SourceImage(
            background,
            base,
            layout.ids > 0,
            measure_blur(p for p in library.usable() if p.image == background.image),
        )
        for background, base, layout in zip(backgrounds, bases, layouts, strict=True)
    )
    factory = SpriteFactory(recipe, chosen, part_numbers, sources, library.diameters)
    sampler = ObjectSampler.gather(density, factory)
    yield Progress(0.5, "matching the arrangement of the objects")
    arrangement, notes = measure_arrangement(recipe, library, density)
    notes = (*canvases.notes(), *_left_out(len(usable), len(chosen)), *notes)
    synthesizer = PasteSynthesizer(recipe, canvases, factory, sampler, arrangement, notes)
    if recipe.arrangement == "matched" and recipe.clustering is None:
        yield Progress(0.75, "matching how many objects touch")
        synthesizer = match_clustering(synthesizer, layouts)
    yield Progress(1.0, "ready")
    return synthesizer


def _left_out(usable: int, chosen: int) -> tuple[str, ...]:
    if usable == chosen:
        return ()
    return (
        f"Of {usable} usable patches {chosen} are pasted: the others lie far apart on a large "
        "image. Click where objects lie together, or add parts of it as images of their own.",
    )


def match_clustering(synthesizer: PasteSynthesizer, layouts: Sequence[Layout]) -> PasteSynthesizer:
    """Set the clustering so that about as many objects touch as do on the clicked images.

    Measured by arranging a few images without and with clustering. Images that are not clicked
    exhaustively do not tell; without any that is, no clustering is added.
    """
    real = [count_touching(layout.ids) for layout in layouts if layout.exhaustive]
    if not real:
        return synthesizer
    wanted = sum(t for t, _ in real) / max(sum(n for _, n in real), 1)
    shares = []
    for clustering in (0.0, TRIAL_CLUSTERING):
        trial = _clustered(synthesizer, clustering)
        seen = [count_touching(trial.layout(i)) for i in range(TRIAL_IMAGES)]
        shares.append(sum(t for t, _ in seen) / max(sum(n for _, n in seen), 1))
    low, high = shares
    slope = max(high - low, 1e-3) / TRIAL_CLUSTERING
    return _clustered(synthesizer, float(np.clip((wanted - low) / slope, 0, 0.95)))


def _clustered(synthesizer: PasteSynthesizer, clustering: float) -> PasteSynthesizer:
    arrangement = replace(synthesizer.arrangement, clustering=clustering)
    return replace(synthesizer, arrangement=arrangement)


def choose_patches(library: PatchLibrary, min_quality: float) -> tuple[Patch, ...]:
    """Return the patches to use: good ones that lie whole in their image.

    Where a class has too few of these, ones cut off by the border and then those of lower quality
    join in, best first. Rejected patches never do.
    """
    by_class: dict[int, list[Patch]] = {}
    for patch in library.usable():
        by_class.setdefault(patch.cls, []).append(patch)
    chosen: list[Patch] = []
    for _, mine in sorted(by_class.items()):
        good = [p for p in mine if p.quality >= min_quality and not p.touches_border]
        # In a volume few objects lie whole: up to half of them are cut off, and better than none.
        least = max(MIN_PATCHES, len(mine) // 2) if mine[0].mask.ndim == 3 else MIN_PATCHES
        if len(good) < least:
            rank = sorted(
                (p for p in mine if p not in good),
                key=lambda p: (p.quality < min_quality, -p.quality),
            )
            good += rank[: least - len(good)]
        chosen += good
    return tuple(chosen)
