"""Applying trained models to images: predictions and heat maps, and their files."""

from __future__ import annotations

from collections.abc import Container, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.pixels import PixelSource, ScaledSource
from napari_synthseg.core.predictions import (
    HeatMaps,
    InstancePrediction,
    Prediction,
    RegionPrediction,
)
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import DecodingRule, TrainingRun
from napari_synthseg.io.naming import unique_names
from napari_synthseg.io.result_files import name_targets, write_tiff
from napari_synthseg.storage import runs
from napari_synthseg.storage.images import SeriesChoice, describe, open_pixels
from napari_synthseg.storage.uris import relative_uri
from napari_synthseg.tasks.registry import task_info
from napari_synthseg.tasks.results import ImageResult, Written
from napari_synthseg.training.libraries import TO_PREDICT, load_libraries

if TYPE_CHECKING:
    from napari_synthseg.training.model import Predictor


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
    a file's axes is taken from the project, where it is in there. See `storage.images.look_into`.
    """
    volumes = run.model is not None and run.model.spec.spatial_dims == 3
    known = {ref.uri: ref for ref in project.images}
    found = []
    for path in paths:
        uri = relative_uri(path, folder)
        its_axes = axes or (known[uri].axes if uri in known else None)
        refs = describe(path, its_axes, "volume" if volumes else "planes", series, plane)
        found += [ref.model_copy(update={"uri": uri}) for ref in refs]
    return found


def open_scaled(rule: DecodingRule, ref: ImageRef, folder: Path) -> PixelSource:
    """Open an image at the scale at which a network with this rule sees images."""
    pixels, scale = open_pixels(ref, folder), rule.scale_for(ref)
    return pixels if scale == 1 else ScaledSource(pixels, scale)


def predict(
    folder: Path,
    run: TrainingRun,
    images: Sequence[ImageRef],
    keep: Container[str] = (),
    adapt_to: Sequence[ImageRef] | None = None,
) -> Generator[Progress, None, list[Prediction]]:
    """Find the objects or regions of each image with a run's model.

    The predictions of images whose id is in `keep` are also saved with the run. With `adapt_to`,
    the network is fitted to these images first; see `training.adaptation`.
    """
    predictor = yield from load_model(folder, run, adapt_to)
    found: list[Prediction] = []
    for number, ref in enumerate(images):
        work = apply_model(predictor, run, ref, folder)
        part = number / len(images), (number + 1) / len(images)
        found.append((yield from subprogress(work, *part, f"predicting {ref.name}")))
        if ref.id in keep:
            match found[-1]:
                case InstancePrediction(ids=labels) | RegionPrediction(values=labels):
                    runs.save_prediction(folder, run.id, ref.id, labels)
    return found


def load_model(
    folder: Path, run: TrainingRun, adapt_to: Sequence[ImageRef] | None = None
) -> Generator[Progress, None, Predictor]:
    """Return a run's network, fitted to unlabelled images where they are given."""
    yield from load_libraries(TO_PREDICT)
    from napari_synthseg.tasks.predict import load_predictor
    from napari_synthseg.training.adaptation import adapt_predictor

    predictor = load_predictor(
        run.trained_model(), runs.load_weights(folder, run.id), run.spec.device
    )
    if adapt_to is not None:
        pixels = [open_scaled(predictor.rule, ref, folder) for ref in adapt_to]
        words = "fitting the model to the training images"
        yield from subprogress(adapt_predictor(predictor, pixels), message=words)
    return predictor


def apply_model(
    predictor: Predictor, run: TrainingRun, ref: ImageRef, folder: Path
) -> Generator[Progress, None, Prediction]:
    """Find the objects or regions of one image with a run's network."""
    from napari_synthseg.tasks.predict import predict_image

    pixels = open_scaled(predictor.rule, ref, folder)
    return (yield from predict_image(predictor, pixels, image=ref.id, run=run.id))


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
        One of the task's `heat_map_methods`; default: the first.
    layer
        Name of the layer to look at; default: the last before the classes.
    adapt_to
        Images that the network is fitted to first; see `training.adaptation`.

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
    found: list[HeatMaps] = []
    for number, ref in enumerate(images):
        pixels = open_scaled(predictor.rule, ref, folder)
        work = explain_image(
            predictor, logits, pixels, image=ref.id, run=run.id, method=method, layer=layer
        )
        part = number / len(images), (number + 1) / len(images)
        found.append((yield from subprogress(work, *part, f"looking at {ref.name}")))
    return found


# --- result files --------------------------------------------------------------------------------


def prediction_files(out: Path, run: TrainingRun, images: Sequence[ImageRef]) -> tuple[Path, ...]:
    """Return the files that `write_predictions` makes.

    Raises
    ------
    InputError
        If an image is given twice.
    """
    info = task_info(run.task)
    masks = name_targets(out, images)
    return (*(masks if info.writes_masks else ()), *(out / name for name in info.tables))


def write_predictions(
    out: Path,
    run: TrainingRun,
    images: Sequence[ImageRef],
    found: Sequence[Prediction],
    class_names: Mapping[int, str],
) -> Written:
    """Write what a run found on some images, as its task does.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    named = zip(images, found, unique_names(images), strict=True)
    results = [ImageResult(ref, one, file_name=name) for ref, one, name in named]
    with _writing_into(out):
        return task_info(run.task).write_predictions(out, results, class_names)


def heat_map_files(
    out: Path, run: TrainingRun, images: Sequence[ImageRef], class_names: Mapping[int, str]
) -> list[dict[int, Path]]:
    """Return the file of each class's heat map, of one image after the other.

    Raises
    ------
    InputError
        If an image is given twice.
    """
    values = run.trained_model().rule.class_values
    return [
        {value: path.with_name(f"{path.stem}__{_safe(class_names[value])}.tif") for value in values}
        for path in name_targets(out, images)
    ]


def write_heat_maps(
    out: Path, files: Sequence[Mapping[int, Path]], made: Sequence[HeatMaps]
) -> None:
    """Write heat maps to the files that `heat_map_files` named, as float32.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    with _writing_into(out):
        for paths, heat in zip(files, made, strict=True):
            for value, heat_map in heat.maps.items():
                write_tiff(paths[value], heat_map)


@contextmanager
def _writing_into(out: Path) -> Iterator[None]:
    try:
        out.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}.") from None


def _safe(name: str) -> str:
    """Return a class's name as part of a file's name."""
    return "".join(c if c.isalnum() or c in "-_ " else "_" for c in name)
