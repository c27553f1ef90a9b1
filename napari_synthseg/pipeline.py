"""The walk of the data, step by step, headless: each step a function of a project snapshot.

`Session` wraps these generators in jobs. They read the project and its folder and touch no shared
state, so that any of them may run in a worker while the user goes on editing. Training, the
longest, has a file of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.masked_images import MaskedImages
from napari_synthseg.core.patch import ClickedImage, PatchLibrary
from napari_synthseg.core.pixels import check_alike
from napari_synthseg.core.project import ImageRef, Project
from napari_synthseg.core.recipe import Keeper, Recipe, Synthesizer
from napari_synthseg.core.stages import relay
from napari_synthseg.core.training import HeatMaps, Prediction, TrainingRun
from napari_synthseg.patches.split import Part
from napari_synthseg.store import runs
from napari_synthseg.store.images import is_missing, open_pixels
from napari_synthseg.store.labels import open_labels
from napari_synthseg.synth import default_recipe
from napari_synthseg.true_images import masked_alike, masked_images

if TYPE_CHECKING:
    from napari_synthseg.learn.predictor import Predictor


@dataclass(frozen=True)
class Progress:
    """A piece of news from a long step: `fraction` in 0..1, `message` for people.

    `values` and `pictures` are those of a `FitStep`.
    """

    fraction: float
    message: str
    values: Mapping[str, float] = field(default_factory=dict)
    pictures: Mapping[str, tuple[DualImage, ...]] = field(default_factory=dict)


def clicked_parts(project: Project) -> tuple[Part, ...]:
    """Return the training images that carry at least one click, with their clicks.

    Raises
    ------
    InputError
        If there is none.
    """
    parts = tuple(Part(r, project.clicks_on(r)) for r in project.images if r.role == "train")
    parts = tuple(p for p in parts if p.clicks)
    if not parts:
        raise InputError(
            "No training image has a click yet: choose a class and click on the centers of a few "
            "objects."
        )
    return parts


def find_missing(project: Project, folder: Path) -> Generator[Progress, None, tuple[ImageRef, ...]]:
    """Return the images whose files are not, or not unchanged, where the project says."""
    missing = []
    for number, ref in enumerate(project.images):
        yield Progress(number / len(project.images), f"looking for {ref.name}")
        if is_missing(ref, folder):
            missing.append(ref)
    return tuple(missing)


def cut(
    project: Project, folder: Path, parts: Sequence[Part] | None = None
) -> Generator[Progress, None, PatchLibrary]:
    """Cut, mask and grade the patches of the given parts (default: all clicked images)."""
    # here: it loads scipy, and the panel shall open without
    from napari_synthseg.patches.build import build_library

    chosen = clicked_parts(project) if parts is None else parts
    images = [ClickedImage(p.ref, open_pixels(p.ref, folder), p.clicks) for p in chosen]
    check_alike([(i.ref, i.pixels) for i in images], "Delete the clicks on one of them")
    given = {t.image: t for t in project.patch_masks}
    masks = {
        p.ref.id: open_labels(given[p.ref.id], p.ref, folder) for p in chosen if p.ref.id in given
    }
    work = build_library(
        images,
        project.classes,
        rejected=project.rejected(),
        accepted=project.accepted(),
        masks=masks,
    )
    return (yield from relay(work, lambda s: Progress(s.step / max(s.total, 1), s.message)))


def cut_alike(one: Project, other: Project) -> bool:
    """Tell whether two states of a project give the same patches."""
    return (
        one.clicks == other.clicks
        and one.classes == other.classes
        and one.images == other.images
        and one.patch_masks == other.patch_masks
    )


Source = PatchLibrary | MaskedImages
"""What recipes are fitted to."""


def fit(
    recipe: Recipe, source: Source, keeper: Keeper | None = None
) -> Generator[Progress, None, Synthesizer]:
    """Fit a recipe to its source; return its synthesizer.

    What takes long to learn is kept by `keeper`, also when the work is cancelled.
    """
    if isinstance(source, PatchLibrary) and not source.usable():
        raise InputError(
            "No patch is usable: no object was found under any click, or all were rejected. "
            "Check the class diameter and the clicks, or take patches back in."
        )
    synthesizer: Synthesizer | None = None
    work = recipe.fit(source, keeper)
    try:
        for step in work:
            synthesizer = step.synthesizer or synthesizer
            share = step.step / max(step.total, 1)
            message = step.message or "fitting the recipe"
            yield Progress(share, message, step.values, step.pictures)
    finally:
        if isinstance(work, Generator):
            work.close()  # here and now, so that what is half learned is kept
    if synthesizer is None:
        raise RuntimeError(f"recipe '{recipe.kind}' ended without a synthesizer")
    return synthesizer


@dataclass(frozen=True, eq=False)
class Fitted:
    """A synthesizer, the recipe and the source that it was fitted from, and the project then."""

    recipe: Recipe
    source: Source
    synthesizer: Synthesizer
    project: Project | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """Where the recipe could not be followed, in words for the user."""
        notes: tuple[str, ...] = getattr(self.synthesizer, "notes", ())
        return notes

    def is_current(self, project: Project, recipe: Recipe, library: PatchLibrary | None) -> bool:
        """Tell whether it is of this recipe, and of the patches or the masks of now."""
        if self.recipe != recipe:
            return False
        if isinstance(self.source, PatchLibrary):
            return self.source is library
        return self.project is not None and masked_alike(self.project, project)


def refit(
    fitted: Fitted | None, recipe: Recipe, source: Source, keeper: Keeper | None = None
) -> Generator[Progress, None, Fitted]:
    """Return what was fitted already if it is of this recipe and source, else fit anew."""
    if fitted is not None and fitted.recipe == recipe and fitted.source is source:
        return fitted
    return Fitted(recipe, source, (yield from fit(recipe, source, keeper)))


def prepare(
    project: Project,
    folder: Path,
    fitted: Fitted | None,
    library: PatchLibrary | None,
    keeper: Keeper,
) -> Generator[Progress, None, Fitted]:
    """Fit a project's recipe to all that it may learn from, as far as that is not done yet.

    Parameters
    ----------
    project, folder
        The project and where it lies.
    fitted
        What was fitted last.
    library
        The patches of now, where they are cut already.
    keeper
        Keeps what takes long to learn.
    """
    recipe = project.recipe or default_recipe()
    if fitted is not None and fitted.is_current(project, recipe, library):
        return fitted
    source: Source
    if recipe.learns_from == "masks":
        yield Progress(0.0, "reading true masks")
        source = masked_images(project, folder, project.train_spec).images
    else:
        source = library or (yield from cut(project, folder))
    return replace((yield from refit(fitted, recipe, source, keeper)), project=project)


def synthesize(
    synthesizer: Synthesizer, start: int, count: int
) -> Generator[Progress, None, list[DualImage]]:
    """Return pairs `start` to ``start + count - 1``."""
    pairs: list[DualImage] = []
    for index in range(start, start + count):
        pairs.append(synthesizer.pair(index))
        yield Progress(len(pairs) / count, f"dual image {len(pairs)} of {count}")
    return pairs


KEPT_AS: dict[str, type[np.integer[Any]]] = {"segment": np.int32, "semantic": np.uint8}
"""Task whose predictions are kept with the run -> type of their pixels."""


def predict(
    folder: Path,
    run: TrainingRun,
    images: Sequence[ImageRef],
    keep: Container[str] = (),
    adapt_to: Sequence[ImageRef] | None = None,
) -> Generator[Progress, None, list[Prediction]]:
    """Find the objects or regions of each image with a run's model.

    The predictions of images whose id is in `keep` are also saved with the run. With `adapt_to`,
    the network is fitted to these images first; see `learn.adaptation`.
    """
    from napari_synthseg.learn.predict import predict_image

    predictor = yield from _load(folder, run, adapt_to)
    found: list[Prediction] = []
    for number, ref in enumerate(images):
        work = predict_image(predictor, open_pixels(ref, folder), image=ref.id, run=run.id)
        tell = _teller(number, len(images), f"predicting {ref.name}")
        found.append((yield from relay(work, tell)))
        if ref.id in keep and predictor.kind in KEPT_AS:
            ids = found[-1].ids.astype(KEPT_AS[predictor.kind])
            runs.save_prediction(folder, run.id, ref.id, ids)
    return found


def _load(
    folder: Path, run: TrainingRun, adapt_to: Sequence[ImageRef] | None
) -> Generator[Progress, None, Predictor]:
    """Return a run's network, fitted to unlabelled images where they are given."""
    from napari_synthseg.learn.adaptation import adapt_predictor
    from napari_synthseg.learn.predictor import load_predictor

    predictor = load_predictor(run.model, runs.load_weights(folder, run.id), run.spec.device)
    if adapt_to is not None:
        for share in adapt_predictor(predictor, [open_pixels(ref, folder) for ref in adapt_to]):
            yield Progress(share, "fitting the model to the training images")
    return predictor


def explain(
    folder: Path,
    run: TrainingRun,
    images: Sequence[ImageRef],
    method: str = "",
    layer: str = "",
    adapt_to: Sequence[ImageRef] | None = None,
) -> Generator[Progress, None, list[HeatMaps]]:
    """Map where on each image a run's model finds the evidence for each class.

    Parameters
    ----------
    folder
        The project's folder.
    run
        Of a classifier or a segmenting network.
    images
        Images to look at.
    method
        One of `napari_synthseg.learn.cam.METHODS`; default: the plain map for classifiers, else
        the one by gradients.
    layer
        Name of the layer to look at; default: the last before the classes.
    adapt_to
        Images that the network is fitted to first; see `learn.adaptation`.

    Raises
    ------
    InputError
        If the run's network, the method and the layer do not go together.
    """
    from napari_synthseg.learn.explain import explain_image

    predictor = yield from _load(folder, run, adapt_to)
    found: list[HeatMaps] = []
    for number, ref in enumerate(images):
        pixels = open_pixels(ref, folder)
        work = explain_image(
            predictor, pixels, image=ref.id, run=run.id, method=method, layer=layer
        )
        tell = _teller(number, len(images), f"looking at {ref.name}")
        found.append((yield from relay(work, tell)))
    return found


def _teller(number: int, count: int, message: str) -> Callable[[float], Progress]:
    """Return what makes the share of one of several images that is done the share of all."""
    return lambda share: Progress((number + share) / count, message)
