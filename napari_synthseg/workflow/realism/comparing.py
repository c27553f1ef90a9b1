"""The comparison from end to end: a project's real images against dual images made from them.

It only reads: the project, its recipe and its folder stay as they are.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import ArtifactStore
from napari_synthseg.realism.figure import Comparison
from napari_synthseg.realism.report import Measure, RealismReport, TwoSampleTest
from napari_synthseg.realism.view import FieldView, cut_windows
from napari_synthseg.workflow.fitting import Fitted, fit_recipe
from napari_synthseg.workflow.realism.views import (
    clicked_fields,
    count_objects,
    masked_fields,
    synthetic_field,
)
from napari_synthseg.workflow.truths import masked_images

DEFAULT_PAIRS = 24
"""Dual images that are compared, unless another number is given."""


def compare(
    project: Project,
    folder: Path,
    count: int,
    seed: int,
    fitted: Fitted | None,
    library: PatchLibrary | None,
    artifacts: ArtifactStore,
) -> Generator[Progress, None, Comparison]:
    """Compare a project's real images with dual images of its recipe; yield progress.

    Parameters
    ----------
    project, folder
        The project and where it lies.
    count
        Number of dual images.
    seed
        Which windows and crops are drawn. The recipe has its own seed.
    fitted, library, artifacts
        What is there already; see `fit_recipe`.

    Raises
    ------
    InputError
        If there are no clicks, no usable patches, no true masks where those are learned from, or
        too few dual images.
    """
    if count < 2:
        raise InputError(f"{count} dual image is too few to compare with: make at least 2.")
    fitting = fit_recipe(project, folder, fitted, library, artifacts, working=0.0)
    fitted = yield from subprogress(fitting, 0.0, 0.2)
    if isinstance(fitted.source, PatchLibrary):
        reading = clicked_fields(project, folder, fitted.source)
        fields = yield from subprogress(reading, 0.2, 0.25)
    else:
        fields = masked_fields(
            project, (yield from masked_images(project, folder, project.train_spec))
        )
    pairs = yield from subprogress(fitted.synthesizer.draw(range(count)), 0.25, 0.4)
    made = [synthetic_field(pair, fields.views[0].spacing) for pair in pairs]
    real, synthetic = cut_windows(fields.views, made, seed)
    measuring = _measure(real, synthetic, fields.classes, seed)
    measures = yield from subprogress(measuring, 0.4, 0.6)
    training = _classify(fields.diameter, real, synthetic, seed)
    test = yield from subprogress(
        training, 0.6, 1.0, "training a classifier on real against synthetic crops"
    )
    refs = fields.refs
    report = RealismReport(
        images=tuple(ref.name for ref in refs),
        simulated=any(ref.synthetic for ref in refs),
        real_objects=count_objects(real),
        synthetic_objects=count_objects(synthetic),
        masks=fields.masks,
        pairs=count,
        window=real[0].shape,
        real_windows=len(real),
        synthetic_windows=len(synthetic),
        recipe=fitted.recipe.model_dump(mode="json"),
        seed=seed,
        measures=measures,
        two_sample_test=test,
        notes=tuple(_notes(refs, real, test)) + fitted.notes,
    )
    yield Progress(1.0, "compared")
    return Comparison(report, tuple(real), tuple(synthetic))


def _measure(
    real: Sequence[FieldView], synthetic: Sequence[FieldView], classes: Mapping[int, str], seed: int
) -> Generator[Progress, None, tuple[Measure, ...]]:
    """Compare every quantity on every channel, then the spectra."""
    from napari_synthseg.realism.distance import compare_quantity, compare_spectra
    from napari_synthseg.realism.quantities import (
        QUANTITIES,
        ImageFeatures,
        extract_features,
        region_quantities,
    )

    ours: list[ImageFeatures] = []
    theirs: list[ImageFeatures] = []
    views = (*real, *synthetic)
    for number, view in enumerate(views):
        yield Progress(0.5 * number / len(views), f"measuring window {number + 1}")
        (ours if number < len(real) else theirs).append(extract_features(view))
    found: list[Measure | None] = []
    channels = range(len(real[0].image))
    of_regions = (q for value, name in classes.items() for q in region_quantities(value, name))
    quantities = (*QUANTITIES, *of_regions)
    for number, quantity in enumerate(quantities):
        share = 0.5 + 0.5 * number / len(quantities)
        for channel in channels if quantity.per_channel else (None,):
            yield Progress(share, f"measuring {quantity.title}")
            found.append(compare_quantity(quantity, channel, ours, theirs, seed))
    for channel in channels:
        yield Progress(1.0, "measuring spectra")
        found.append(compare_spectra(channel, real, synthetic, seed))
    return tuple(m for m in found if m is not None)


def _classify(
    diameter: float | None, real: Sequence[FieldView], synthetic: Sequence[FieldView], seed: int
) -> Generator[Progress, None, TwoSampleTest | None]:
    from napari_synthseg.realism.classifier import MAX_CROP_PX, classifier_two_sample_test

    return (yield from classifier_two_sample_test(real, synthetic, diameter or MAX_CROP_PX, seed))


def _notes(
    refs: Sequence[ImageRef], real: Sequence[FieldView], test: TwoSampleTest | None
) -> Iterator[str]:
    """Yield what limits the figures."""
    if any(ref.synthetic for ref in refs):
        yield "Some of the images called real here are simulated."
    partly = [v.name for v in real if not v.complete]
    if partly:
        names = ", ".join(dict.fromkeys(partly))
        if any(v.regions is not None for v in real):
            yield (
                f"Not every pixel of {names} has a class: what has none is no background, and "
                "there density, neighbors and shares of classes are left out."
            )
        else:
            yield (
                f"Not every object is clicked on {names}: left out for density and neighbors, and "
                "its background is only where no object is likely."
            )
    if len({v.source for v in real}) == 1:
        yield (
            "There is one real image: its windows stand in for several images, so that the "
            "differences between images are not part of the floor."
        )
    if test is None:
        yield "The real images are too few or too small for the classifier."
