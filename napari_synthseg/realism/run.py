"""The comparison from end to end: a project's clicked images against dual images made of them.

It only reads: the project, its recipe and its folder stay as they are.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_synthseg import pipeline
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.project import ImageRef, Project
from napari_synthseg.core.recipe import Recipe
from napari_synthseg.core.stages import relay
from napari_synthseg.realism.report import Measure, RealismReport, Telling
from napari_synthseg.realism.view import View, cut_windows
from napari_synthseg.store.images import open_pixels
from napari_synthseg.store.labels import open_labels

PAIRS = 24
"""Dual images that are compared, where nothing else is said."""

CUT, FIT, MADE, MEASURED = 0.15, 0.2, 0.4, 0.6
"""Share of the work that is done after each step."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """The report, and the windows that it was measured on, for showing them."""

    report: RealismReport
    real: tuple[View, ...]
    synthetic: tuple[View, ...]


def compare(
    project: Project,
    folder: Path,
    recipe: Recipe,
    count: int = PAIRS,
    seed: int = 0,
    fitted: pipeline.Fitted | None = None,
) -> Generator[pipeline.Progress, None, Comparison]:
    """Compare a project's real images with dual images; yield progress.

    Parameters
    ----------
    project, folder
        The project and where it lies.
    recipe
        What makes the dual images; need not be the project's own.
    count
        Number of dual images.
    seed
        Which windows and crops are drawn. The recipe has its own seed.
    fitted
        What is fitted already, so that patches need not be cut again; used as far as it fits.

    Raises
    ------
    InputError
        If there are no clicks, no usable patches, or too few dual images.
    """
    if count < 2:
        raise InputError(f"{count} dual image is too few to compare with: make at least 2.")
    if recipe.learns_from != "patches":
        raise InputError(
            f"Realism is measured of recipes that paste patches, and '{recipe.kind}' does not: "
            "choose another recipe."
        )
    if fitted is None or not isinstance(fitted.source, PatchLibrary):
        library: PatchLibrary = yield from _scaled(pipeline.cut(project, folder), 0, CUT)
    else:
        library = fitted.source
    fitted = yield from _scaled(pipeline.refit(fitted, recipe, library), CUT, FIT)
    work = pipeline.synthesize(fitted.synthesizer, 0, count)
    pairs: list[DualImage] = yield from _scaled(work, FIT, MADE)
    views, masks = _real_views(project, folder, library)
    made = [_synthetic_view(pair, views[0].spacing) for pair in pairs]
    real, synthetic = cut_windows(views, made, seed)
    measures: tuple[Measure, ...] = yield from _measure(real, synthetic, seed)
    telling: Telling | None = yield from _tell_apart(library, real, synthetic, seed)
    refs = [project.image(b.image) for b in library.backgrounds]
    report = RealismReport(
        images=tuple(ref.name for ref in refs),
        simulated=any(ref.synthetic for ref in refs),
        real_objects=_count(real),
        synthetic_objects=_count(synthetic),
        masks=masks,
        pairs=count,
        window=real[0].shape,
        real_windows=len(real),
        synthetic_windows=len(synthetic),
        recipe=recipe.model_dump(mode="json"),
        seed=seed,
        measures=measures,
        telling=telling,
        notes=tuple(_notes(refs, real, telling)) + fitted.notes,
    )
    yield pipeline.Progress(1.0, "compared")
    return Comparison(report, tuple(real), tuple(synthetic))


def _scaled(
    work: Generator[pipeline.Progress, None, Any], start: float, stop: float
) -> Generator[pipeline.Progress, None, Any]:
    """Turn a piece of the work, its progress fitted between two shares."""
    span = stop - start
    return (
        yield from relay(work, lambda s: pipeline.Progress(start + span * s.fraction, s.message))
    )


def _real_views(project: Project, folder: Path, library: PatchLibrary) -> tuple[list[View], str]:
    """Return the clicked images with their objects, and where the masks come from."""
    complete = {s.image: s.exhaustive for s in library.statistics}
    views, true = [], 0
    for background in library.backgrounds:
        ref = project.image(background.image)
        image = open_pixels(ref, folder).read()
        truth = project.masks_of(ref)
        loose: list[Any] = []
        if truth is not None:
            ids, true = open_labels(truth, ref, folder).ids, true + 1
        else:
            ids = np.zeros(background.valid.shape, np.int32)
            usable = {p.id for p in library.usable()}
            mine = [p for p in library.patches if p.image == background.image]
            for number, patch in enumerate(mine, start=1):
                if patch.id not in usable:
                    loose.append(np.add(patch.origin, patch.center) - background.origin)
                    continue
                inside = np.argwhere(patch.mask) + patch.origin - background.origin
                inside = inside[((inside >= 0) & (inside < ids.shape)).all(axis=1)]
                ids[tuple(inside.T)] = number
        known = truth is not None or (complete[ref.id] and not loose)
        views.append(
            View(
                name=ref.name,
                source=ref.id,
                group=ref.group or ref.uri,
                image=image,
                ids=ids,
                background=ids == 0 if known else background.valid & (ids == 0),
                loose=np.array(loose, float).reshape(len(loose), ids.ndim),
                complete=truth is not None or complete[ref.id],
                spacing=_spacing(ref),
            )
        )
    whole = "true masks" if true else "masks found under the clicks"
    return views, whole if true in (0, len(views)) else "true masks or masks found under clicks"


def _spacing(ref: ImageRef) -> tuple[float, ...]:
    size = (ref.pixel_size or (1.0,) * ref.ndim)[-ref.ndim :]
    return tuple(length / min(size) for length in size)


def _synthetic_view(pair: DualImage, spacing: tuple[float, ...]) -> View:
    ids = pair.labels.ids
    name = f"pair {pair.index}"
    return View(
        name=name,
        source=name,
        group=name,
        image=pair.image,
        ids=ids,
        background=ids == 0,
        loose=np.zeros((0, ids.ndim)),
        complete=True,
        spacing=spacing,
    )


def _measure(
    real: Sequence[View], synthetic: Sequence[View], seed: int
) -> Generator[pipeline.Progress, None, tuple[Measure, ...]]:
    """Compare every quantity on every channel, then the spectra."""
    from napari_synthseg.realism.distance import compare_quantity, compare_spectra
    from napari_synthseg.realism.quantities import QUANTITIES, Looked, look

    ours: list[Looked] = []
    theirs: list[Looked] = []
    for number, view in enumerate((*real, *synthetic)):
        yield pipeline.Progress(MADE, f"looking at window {number + 1}")
        (ours if number < len(real) else theirs).append(look(view))
    found: list[Measure | None] = []
    channels = range(len(real[0].image))
    for number, quantity in enumerate(QUANTITIES):
        share = MADE + (MEASURED - MADE) * number / len(QUANTITIES)
        for channel in channels if quantity.per_channel else (None,):
            yield pipeline.Progress(share, f"measuring {quantity.title}")
            found.append(compare_quantity(quantity, channel, ours, theirs, seed))
    for channel in channels:
        yield pipeline.Progress(MEASURED, "measuring spectra")
        found.append(compare_spectra(channel, real, synthetic, seed))
    return tuple(m for m in found if m is not None)


def _tell_apart(
    library: PatchLibrary, real: Sequence[View], synthetic: Sequence[View], seed: int
) -> Generator[pipeline.Progress, None, Telling | None]:
    from napari_synthseg.realism.classifier import tell_apart

    diameter = float(np.mean(list(library.diameters.values())))
    message = "teaching a classifier to tell real from synthetic"
    return (
        yield from relay(
            tell_apart(real, synthetic, diameter, seed),
            lambda share: pipeline.Progress(MEASURED + (1 - MEASURED) * share, message),
        )
    )


def _count(views: Sequence[View]) -> int:
    """Return the number of objects seen; one that two windows share counts once."""
    return len({(v.source, i) for v in views for i in np.unique(v.ids).tolist() if i})


def _notes(
    refs: Sequence[ImageRef], real: Sequence[View], telling: Telling | None
) -> Iterator[str]:
    """Tell what limits the figures."""
    if any(ref.synthetic for ref in refs):
        yield "Some of the images called real here are simulated."
    partly = [v.name for v in real if not v.complete]
    if partly:
        names = ", ".join(dict.fromkeys(partly))
        yield (
            f"Not every object is clicked on {names}: left out for density and neighbors, and "
            "its background is only where no object is likely."
        )
    if len({v.source for v in real}) == 1:
        yield (
            "There is one real image: its windows stand in for several images, so that the "
            "differences between images are not part of the floor."
        )
    if telling is None:
        yield "The real images are too few or too small for the classifier."
