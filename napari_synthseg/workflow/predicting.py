"""Applying trained models to images: predictions and heat maps."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.pixels import MatchedSource, PixelSource, counted_part, scaled
from napari_synthseg.core.predictions import HeatMaps, Prediction
from napari_synthseg.core.progress import Cancelled, Progress, subprogress
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import ModelRecord, TrainingRun, few_steps
from napari_synthseg.io.images.stacks import StackUse
from napari_synthseg.io.naming import name_some
from napari_synthseg.networks.libraries import TO_PREDICT, load_libraries
from napari_synthseg.storage import runs
from napari_synthseg.storage.images import SeriesChoice, describe, open_pixels
from napari_synthseg.storage.predictions import WITHOUT_EFFECT, KeptPredictions
from napari_synthseg.storage.uris import relative_uri
from napari_synthseg.tasks.registry import describe_task, task_info
from napari_synthseg.training.appearance import compare, measure_appearance
from napari_synthseg.workflow.first_pass import find_magnification
from napari_synthseg.workflow.images.channels import as_learned
from napari_synthseg.workflow.limits import where_it_counts

if TYPE_CHECKING:
    from napari_synthseg.training.model import Predictor


Magnification = float | Literal["auto"] | None
"""How many times larger objects are, in pixels, than on the images that were learned from; "auto":
by what is found on each image at several scales; None: by pixel sizes, where all tell them, else
as "auto" on flat images that were not learned from, by models of one class; else as large."""


def find_images(
    paths: Sequence[Path],
    project: Project,
    folder: Path,
    run: TrainingRun,
    axes: str | None = None,
    series: SeriesChoice = None,
    plane: Mapping[str, int] = MappingProxyType({}),
) -> list[ImageRef]:
    """Return the whole image(s) of each file, which need not be in the project.

    Stacks are taken as what the run learned from: as volumes or plane by plane. What is not said of
    a file's axes is taken from the project, where it is in there, and so is what of it counts, its
    channels and how it is read. Other files are read as those that the run learned from. See
    `storage.images.look_into`.
    """
    volumes = run.model is not None and run.model.spec.spatial_dims == 3
    known = {ref.uri: ref for ref in project.images}
    learned_from = {ref.as_stored for ref in project.images if ref.id in run.images}
    found = []
    for path in paths:
        uri = relative_uri(path, folder)
        its_axes = axes or (known[uri].axes if uri in known else None)
        stack: StackUse = "volume" if volumes else "planes"
        as_stored = known[uri].as_stored if uri in known else learned_from == {True}
        refs = describe(path, its_axes, stack, series, plane, as_stored)
        for ref in refs:
            whole = ref.model_copy(update={"uri": uri})
            same = _same_pixels(whole, project)
            if not same and run.model is not None:
                whole = with_learned_channels(run.model, whole, folder)
            found.append(_as_known(whole, same))
    return found


def with_learned_channels(model: ModelRecord, ref: ImageRef, folder: Path) -> ImageRef:
    """Return an image of which those channels are used that a model learned from."""
    return as_learned(model.learned_channels, model.in_channels, ref, folder)


def _same_pixels(ref: ImageRef, project: Project) -> list[ImageRef]:
    """Return the images of a project that are of the same image of a file, or of parts of it."""
    mine = ref.uri, ref.plane, ref.ndim
    return [r for r in project.images if (r.uri, r.plane, r.ndim) == mine]


def _as_known(ref: ImageRef, same: Sequence[ImageRef]) -> ImageRef:
    """Return an image as a project knows it: its channels, its pixel size, and what of it counts.

    It is that very image where the project has just one of the `same` pixels.
    """
    if not same:
        return ref.model_copy(update={"roi": (), "excluded": ()})
    limits = next(((r.roi, r.excluded) for r in same if r.is_limited), ((), ()))
    known: dict[str, Any] = {"roi": limits[0], "excluded": limits[1]}
    known |= {name: getattr(same[0], name) for name in ("channels", "pixel_size", "unit")}
    if len(same) == 1:
        known["id"] = same[0].id
    return ref.model_copy(update=known)


AS_LEARNED = "that of the images learned from"
TRYING_SHARE = 0.5
"""Of the progress that an image makes, that of trying several magnifications."""

LOOKS_RESIZED = "what it shows looks larger or smaller than on the images learned from"


@dataclass(frozen=True, eq=False)
class View:
    """An image as a model sees it.

    Attributes
    ----------
    pixels
        At the scale of the images learned from; where there is hardly more than noise, with its
        intensity, too.
    notes
        Where the image differs from those; sentences without a point.
    scale
        What its scale was chosen by.
    looks_resized
        Whether what it shows looks larger or smaller there, which the first note says.
    gain, offset
        Of its normalized intensity; see `training.appearance.Comparison`.
    """

    pixels: PixelSource
    notes: tuple[str, ...]
    scale: str
    looks_resized: bool = False
    gain: tuple[float, ...] = ()
    offset: tuple[float, ...] = ()

    def tell(self, image: ImageRef) -> tuple[str, ...]:
        """Return the notes with the name of the image."""
        return tuple(f"{image.name}: {note}" for note in self.notes)


def show(
    model: ModelRecord, ref: ImageRef, folder: Path, magnification: float | None = None
) -> Generator[Progress, None, View]:
    """Open an image as a model sees it, and compare it with those learned from."""
    seen_by_model = with_learned_channels(model, ref, folder)
    rule, pixels = model.rule, open_pixels(seen_by_model, folder)
    told = _tell_channels(seen_by_model, ref)
    factor, scale = rule.scale_for(ref, magnification), AS_LEARNED
    if magnification is not None:
        scale = f"magnification {magnification:.2g}"
    elif ref.id in rule.scales:
        scale = "that which it was learned at"
    elif rule.pixel_size and ref.pixel_size and ref.unit == rule.unit:
        scale = "its pixel size"
    if model.learned_from is None or pixels.shape[0] != model.in_channels:  # the latter is refused
        return View(scaled(pixels, factor), told, scale)
    can_magnify = task_info(rule.kind).scaled
    words = f"looking at {ref.name}"
    yield from subprogress(pixels.measure(), 0.0, 0.5, words)
    work = measure_appearance(scaled(counted_part(ref, pixels), factor))
    seen = yield from subprogress(work, 0.5, 1.0, words)
    found = compare(seen, model.learned_from, can_magnify)
    matched = MatchedSource(pixels, found.gain, found.offset)
    looks_resized = can_magnify and found.magnification != 1
    notes = (*found.notes, *told)
    return View(scaled(matched, factor), notes, scale, looks_resized, found.gain, found.offset)


def _tell_channels(seen: ImageRef, ref: ImageRef) -> tuple[str, ...]:
    """Tell where a model sees other channels of an image than are used of it by now."""
    if seen.channels == ref.channels:
        return ()
    learned, used = (
        "all channels" if channels is None else f"channel(s) {', '.join(map(str, channels))}"
        for channels in (seen.channels, ref.channels)
    )
    return (f"{learned} are looked at, which the model learned from, though {used} are used now",)


def check_magnification(run: TrainingRun, magnification: Magnification) -> None:
    """Refuse a magnification that the run's model cannot be given.

    Raises
    ------
    InputError
        If it is not positive, or the model does not outline objects.
    """
    if magnification is None:
        return
    if not task_info(run.task).scaled:
        raise InputError(
            f"Run '{run.name}' is of the task {run.task}: only models that outline objects see "
            "images enlarged or shrunk. Leave the magnification out."
        )
    if magnification != "auto" and not 0 < magnification < math.inf:
        raise InputError(f"A magnification of {magnification}: give a number above 0, or auto.")


def predict(
    folder: Path,
    run: TrainingRun,
    images: Sequence[ImageRef],
    keep: Container[str] = (),
    adapt_to: Sequence[ImageRef] | None = None,
    magnification: Magnification = None,
    hold: Callable[[Prediction], Prediction] = lambda found: found,
) -> Generator[Progress, None, list[Prediction]]:
    """Find the objects or regions of each image with a run's model.

    The predictions of images whose id is in `keep` are also kept with the run, see `recall`. Each
    is passed through `hold` before the next one is made. With `adapt_to`, the network is fitted to
    these images first; see `training.adaptation`. Where an image differs from those that were
    learned from, it is told before it is predicted, and in its prediction. What is cancelled
    returns those that are whole.
    """
    kept, how = _kept_of(folder, run), _in_words(adapt_to is not None, magnification)
    predictor = yield from load_model(folder, run, adapt_to)
    yield Progress(0.0, notes=tuple(f"{run.name}: {words}" for words in few_steps(run.steps)))
    found: list[Prediction] = []
    for number, ref in enumerate(images):
        work = apply_model(predictor, run, ref, folder, magnification)
        part = number / len(images), (number + 1) / len(images)
        try:
            made = yield from subprogress(work, *part, f"predicting {ref.name}")
        except Cancelled:
            return found
        made = replace(made, how=how)
        if ref.id in keep:
            made = _keep(kept, ref, made)
        found.append(hold(made))
        del made  # its pixels may lie in a file by now: none stay in memory beside the next ones
    return found


def _kept_of(folder: Path, run: TrainingRun) -> KeptPredictions:
    return KeptPredictions(folder, run, describe_task(run.task).finds)


def _keep(kept: KeptPredictions, ref: ImageRef, found: Prediction) -> Prediction:
    """Keep what was found; return it, with a note where it cannot be kept."""
    try:
        kept.save(ref, found)
    except InputError as error:
        why = str(error).rstrip(".")
        note = f"it is gone once the project is closed, as it cannot be kept ({why})"
        return replace(found, notes=(*found.notes, note))
    return found


def is_seen_as(ref: ImageRef, before: ImageRef) -> bool:
    """Tell whether the same would be found on an image as on an earlier state of it."""
    if ref is before:
        return True
    now, then = (one.model_dump(exclude=WITHOUT_EFFECT) for one in (ref, before))
    return now == then


def _in_words(is_adapted: bool, magnification: Magnification) -> str:
    """Return what is chosen otherwise than usual to find something; '': nothing."""
    chosen = ["the model adapted to the images learned from"] if is_adapted else []
    if magnification == "auto":
        chosen.append("several magnifications tried")
    elif magnification is not None:
        chosen.append(f"a magnification of {magnification:g}")
    return f"it was found with {' and '.join(chosen)}" if chosen else ""


def recall(
    folder: Path,
    run: TrainingRun,
    images: Sequence[ImageRef],
    hold: Callable[[Prediction], Prediction] = lambda found: found,
) -> Generator[Progress, None, list[Prediction]]:
    """Read again what a run found last on images of a project, where it would find the same.

    Each is passed through `hold` before the next one is read. What cannot be read is left out, and
    told at the end. What is cancelled returns those that were read.
    """
    kept, found = _kept_of(folder, run), list[Prediction]()
    damaged, why = list[ImageRef](), ""
    with suppress(Cancelled):
        for number, ref in enumerate(images):
            yield Progress(number / len(images), f"reading what was found on {ref.name}")
            try:
                one = kept.load(ref)
            except InputError as error:
                damaged.append(ref)
                why = why or str(error).rstrip(".")
                continue
            if one is not None:
                found.append(hold(one))
            del one  # as in `predict`
        if damaged:
            words = f"{run.name}: what it found on {name_some(damaged)} cannot be read again"
            yield Progress(1.0, notes=(f"{words} ({why}): predict it anew",))
    return found


def load_model(
    folder: Path, run: TrainingRun, adapt_to: Sequence[ImageRef] | None = None
) -> Generator[Progress, None, Predictor]:
    """Return a run's network, fitted to unlabelled images where they are given."""
    yield from load_libraries(TO_PREDICT)
    from napari_synthseg.tasks.predict import load_predictor
    from napari_synthseg.training.adaptation import adapt_predictor

    model = run.trained_model()
    predictor = load_predictor(model, runs.load_weights(folder, run.id), run.spec.device)
    if adapt_to is not None:
        pixels = []
        for ref in adapt_to:
            view = yield from subprogress(show(model, ref, folder), 0.0, 0.0)
            pixels.append(view.pixels)
        words = "fitting the model to the training images"
        yield from subprogress(adapt_predictor(predictor, pixels), message=words)
    return predictor


def _viewed(
    predictor: Predictor,
    run: TrainingRun,
    ref: ImageRef,
    folder: Path,
    magnification: Magnification,
) -> Generator[Progress, None, tuple[View, float]]:
    """Open an image as a model sees it; return how much of its progress that took, too.

    At the best of several magnifications, where that is asked, or where nothing tells its scale and
    `_tries_several`. Where it is another one, the notes say so.
    """
    model = run.trained_model()
    is_asked = magnification == "auto"
    given = None if magnification == "auto" else magnification
    first = yield from subprogress(show(model, ref, folder, given), 0.0, 0.0)
    if not is_asked and (first.scale != AS_LEARNED or not _tries_several(run, ref, first)):
        return first, 0.0
    pixels = open_pixels(with_learned_channels(model, ref, folder), folder)
    predictor.check(pixels, f"'{ref.name}'")
    tries = find_magnification(predictor, ref, MatchedSource(pixels, first.gain, first.offset))
    found = yield from subprogress(tries, 0.0, TRYING_SHARE)
    if found is None:
        words = "nothing is surely found at any of several magnifications"
        is_told = is_asked or first.looks_resized
        notes = (*first.notes, words) if is_told else first.notes
        return replace(first, notes=notes), TRYING_SHARE
    is_as_learned = found == 1 and first.scale == AS_LEARNED  # and was measured already
    view = first
    if not is_as_learned:
        work = show(model, ref, folder, found)
        view = yield from subprogress(work, TRYING_SHARE, TRYING_SHARE)
    scale = f"magnification {found:.2g}, by what is found at several"
    looks_resized = first.looks_resized or view.looks_resized
    words = f"{LOOKS_RESIZED}: " if looks_resized else ""
    words += f"it is predicted with a {scale}"
    words += " (if that is wrong, give one, or give all images their pixel sizes)"
    notes = view.notes[1:] if view.looks_resized else view.notes
    is_told = is_asked or looks_resized or round(found, 1) != 1
    view = replace(view, scale=scale, notes=(words, *notes) if is_told else notes)
    return view, TRYING_SHARE


def _tries_several(run: TrainingRun, ref: ImageRef, view: View) -> bool:
    """Tell whether several magnifications are tried on an image of which nothing tells the scale.

    Not of volumes, nor by models that see images as they are, nor by those of versions that
    compared nothing. By models of several classes only where an image looks resized: how large the
    objects of each are is not known, and scores alone can mislead.
    """
    model = run.trained_model()
    scaled = task_info(run.task).scaled and run.spec.working_diameter > 0
    one_class = len(model.rule.class_values) == 1
    can_try = scaled and model.learned_from is not None and ref.ndim == 2
    return can_try and (one_class or view.looks_resized)


def apply_model(
    predictor: Predictor,
    run: TrainingRun,
    ref: ImageRef,
    folder: Path,
    magnification: Magnification = None,
) -> Generator[Progress, None, Prediction]:
    """Find the objects or regions of one image with a run's network."""
    from napari_synthseg.tasks.predict import predict_image

    view, share = yield from _viewed(predictor, run, ref, folder, magnification)
    yield Progress(share, notes=view.tell(ref))
    work = predict_image(predictor, view.pixels, image=ref.id, run=run.id, ref=ref)
    found = yield from subprogress(work, share, 1.0)
    found, notes = where_it_counts(found, ref)
    return replace(found, notes=(*view.notes, *found.notes, *notes), scale=view.scale)


def explain(
    folder: Path,
    run: TrainingRun,
    images: Sequence[ImageRef],
    method: str = "",
    layer: str = "",
    adapt_to: Sequence[ImageRef] | None = None,
    magnification: Magnification = None,
    hold: Callable[[HeatMaps], HeatMaps] = lambda made: made,
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
        One of the task's `heat_map_methods`; default: the first.
    layer
        Name of the layer to look at; default: the last before the classes.
    adapt_to
        Images that the network is fitted to first; see `training.adaptation`.
    magnification, hold
        As in `predict`.

    Raises
    ------
    InputError
        If the run's network, the method and the layer do not go together.
    """
    info = task_info(run.task)
    method = info.heat_map_method(method)
    predictor = yield from load_model(folder, run, adapt_to)
    from napari_synthseg.explain.cam import explain_image

    logits = info.load().class_logits(predictor)
    found, how = list[HeatMaps](), _in_words(adapt_to is not None, magnification)
    for number, ref in enumerate(images):
        part = number / len(images), (number + 1) / len(images)
        work = _viewed(predictor, run, ref, folder, magnification)
        view, _ = yield from subprogress(work, part[0], part[0])
        yield Progress(part[0], f"looking at {ref.name}", notes=view.tell(ref))
        maps = explain_image(
            predictor, logits, view.pixels, image=ref.id, run=run.id, method=method, layer=layer
        )
        made = yield from subprogress(maps, *part, f"looking at {ref.name}")
        found.append(hold(replace(made, notes=view.notes, scale=view.scale, how=how)))
    return found
