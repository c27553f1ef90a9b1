"""From a recipe and a patch library to a synthesizer: what is measured once, and in which order."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace

import numpy as np

from napari_synthseg.core.patch import Patch, PatchLibrary
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.progress import Progress
from napari_synthseg.synthesis.paste.border import border_for, mean_half, measure_border
from napari_synthseg.synthesis.paste.canvas import Canvases, smooth_bases
from napari_synthseg.synthesis.paste.cast import ObjectSampler
from napari_synthseg.synthesis.paste.cutting import Source
from napari_synthseg.synthesis.paste.density import Density
from napari_synthseg.synthesis.paste.layout import Layout, real_distances, real_layout, touching
from napari_synthseg.synthesis.paste.optics import measure_blur
from napari_synthseg.synthesis.paste.parameters import PasteParameters
from napari_synthseg.synthesis.paste.placement import Arrangement
from napari_synthseg.synthesis.paste.synthesizer import PasteSynthesizer
from napari_synthseg.synthesis.paste.workshop import SpriteFactory, kinds_of


def fit_to_library(
    recipe: PasteParameters, library: PatchLibrary
) -> Generator[Progress, None, PasteSynthesizer]:
    """Return the synthesizer of a library that has a usable patch."""
    yield Progress(0.0, "preparing canvases")
    bases = smooth_bases(library)
    canvases = Canvases.prepare(library, recipe, bases)
    yield Progress(0.25, "measuring how objects lie")
    layouts = real_layout(library)
    chosen = choose_patches(library, recipe.min_quality)
    places = {b.image: n for n, b in enumerate(library.backgrounds)}
    homes = tuple(places[p.image] for p in chosen)
    classes = tuple(p.cls for p in chosen)
    density = Density.measure(library, sorted(set(classes)))
    sources = _sources(library, bases, layouts)
    workshop = SpriteFactory(recipe, chosen, homes, sources, library.diameters)
    blendings = kinds_of(recipe.blending)
    cast = ObjectSampler.gather(recipe, density, classes, homes, workshop.variants, blendings)
    yield Progress(0.5, "matching the arrangement of the objects")
    arrangement, notes = _arrangement(recipe, library, density)
    notes = (*canvases.notes(), *notes)
    synthesizer = PasteSynthesizer(recipe, canvases, workshop, cast, arrangement, notes)
    if recipe.arrangement == "matched" and recipe.clustering is None:
        yield Progress(0.75, "matching how many objects touch")
        synthesizer = match_clustering(synthesizer, layouts)
    yield Progress(1.0, "ready")
    return synthesizer


def _sources(
    library: PatchLibrary,
    bases: tuple[FloatImage, ...],
    layouts: Mapping[str, Layout],
) -> tuple[Source, ...]:
    sources = []
    for background, base in zip(library.backgrounds, bases, strict=True):
        taken = layouts[background.image].ids > 0
        mine = (p for p in library.usable() if p.image == background.image)
        blur = measure_blur(mine)
        sources.append(Source(background, base, taken, blur))
    return tuple(sources)


def _arrangement(
    recipe: PasteParameters, library: PatchLibrary, density: Density
) -> tuple[Arrangement, tuple[str, ...]]:
    """Return how objects are put, and notes where the clicked images do not tell."""
    if recipe.truncation is None:
        border = measure_border(library)
    else:
        border = border_for(recipe.truncation, mean_half(library), (recipe.size, recipe.size))
    clustering = (recipe.clustering or 0.0) if recipe.arrangement == "matched" else 0.0
    distances, notes = None, tuple[str, ...]()
    if recipe.arrangement == "neighbors":
        distances = real_distances(density)
        if distances is None:
            notes = (
                "No image is clicked exhaustively, so that distances to the nearest neighbor are "
                "not known: objects are put anywhere.",
            )
    return Arrangement(recipe.overlap, clustering, border, distances), notes


def match_clustering(
    synthesizer: PasteSynthesizer, layouts: Mapping[str, Layout], trials: int = 6
) -> PasteSynthesizer:
    """Set the clustering so that about as many objects touch as do on the clicked images.

    Measured by arranging a few images without and with clustering. Images that are not clicked
    exhaustively do not tell; without any that is, no clustering is added.
    """
    real = [touching(layout.ids) for layout in layouts.values() if layout.exhaustive]
    if not real:
        return synthesizer
    wanted = sum(t for t, _ in real) / max(sum(n for _, n in real), 1)
    shares = []
    for clustering in (0.0, 0.6):
        trial = _clustered(synthesizer, clustering)
        seen = [touching(trial.layout(i)) for i in range(trials)]
        shares.append(sum(t for t, _ in seen) / max(sum(n for _, n in seen), 1))
    low, high = shares
    slope = max(high - low, 1e-3) / 0.6
    return _clustered(synthesizer, float(np.clip((wanted - low) / slope, 0, 0.95)))


def _clustered(synthesizer: PasteSynthesizer, clustering: float) -> PasteSynthesizer:
    arrangement = replace(synthesizer.arrangement, clustering=clustering)
    return replace(synthesizer, arrangement=arrangement)


LEAST = 5
"""Fewer patches of a class than this, and quality does not count."""


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
        least = max(LEAST, len(mine) // 2) if mine[0].mask.ndim == 3 else LEAST
        if len(good) < least:
            rank = sorted(
                (p for p in mine if p not in good),
                key=lambda p: (p.quality < min_quality, -p.quality),
            )
            good += rank[: least - len(good)]
        chosen += good
    return tuple(chosen)
