"""Trained models for this program and for others."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Region
from napari_synthseg.core.pixels import FloatImage, Intensity, ScaledSource
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.scores import Scores, metric_title
from napari_synthseg.io.atomic import replace_file, write_text
from napari_synthseg.io.exports.model_card import ModelCard
from napari_synthseg.io.extras import load
from napari_synthseg.io.result_files import refuse_existing
from napari_synthseg.networks.registry import multiple_of
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.storage.runs import run_files
from napari_synthseg.tasks.registry import task_info
from napari_synthseg.workflow.exporting.exported import Exported
from napari_synthseg.workflow.found.stored_pixels import StoredPixels
from napari_synthseg.workflow.predicting import load_model, with_learned_channels

if TYPE_CHECKING:
    from napari_synthseg.training.model import Predictor

T = TypeVar("T")

MODEL_FORMATS = ("safetensors", "onnx", "bioimageio")

EXTRA = "models"
"""The extra with the libraries for the last two."""

MAX_DIFFERENCE = 1e-4
"""Largest difference of the outputs of an ONNX file and of PyTorch."""

SEED = 0
"""Of the test image, where no image of the training is to be read."""

WAIT_S = 0.25
"""Seconds between two signs of progress."""


def export_model(
    out: Path,
    run: TrainingRun,
    project: Project,
    folder: Path,
    format: str,
    overwrite: bool,
    inputs: Collection[Path],
) -> Generator[Progress, None, Exported]:
    """Write a run's model."""
    run.trained_model()
    if format == "safetensors":
        yield Progress(0.0, "copying the weights")
        return _copy_files(out, run, folder, overwrite, inputs)
    title = "A bioimage.io package" if format == "bioimageio" else "An ONNX file"
    libraries = ("bioimageio.spec", "bioimageio.core") if format == "bioimageio" else ()
    for library in ("onnx", "onnxscript", "onnxruntime", *libraries):
        load(library, title, EXTRA)
    info = task_info(run.task)
    if format == "bioimageio":
        if not info.maps:
            raise InputError(
                f"Models of the task {info.name} give no maps of the image, which a bioimage.io "
                "package is of here: choose --format onnx."
            )
        refuse_existing([out], overwrite, inputs)
        return (yield from _write_package(out, run, project, folder))
    targets = [out / name for name in ("model.onnx", "README.md", "run.json")]
    refuse_existing(targets, overwrite, inputs)
    made = yield from _make_onnx(run, project, folder, targets[0])
    write_text(targets[1], made.card.as_markdown())
    _copy(run_files(folder, run.id)[1], targets[2])
    return _told(out, run, [str(target) for target in targets], made.difference)


@dataclass(frozen=True, eq=False)
class _Onnx:
    """An ONNX file that was made: what it is of, and what it gives for a test image."""

    card: ModelCard
    predictor: Predictor
    image: FloatImage
    maps: FloatImage
    difference: float


def _make_onnx(
    run: TrainingRun, project: Project, folder: Path, path: Path
) -> Generator[Progress, None, _Onnx]:
    """Write the network of a run, tried on a part of an image that it learned from."""
    predictor = yield from subprogress(load_model(folder, run), 0.0, 0.2)
    from napari_synthseg.io.exports.bioimageio_package import normalize_as_format
    from napari_synthseg.training.onnx_file import run_onnx, write_onnx

    info = task_info(run.task)
    image, joint = _test_image(predictor, run, project, folder)
    normalized = normalize_as_format(image[None], joint)
    activate = info.load().activate

    def write() -> float:
        found: list[float] = []
        replace_file(
            path, lambda file: found.append(write_onnx(file, predictor, activate, normalized[0]))
        )
        return found[0]

    difference = yield from _in_thread(write, "writing the network as ONNX")
    if not difference <= MAX_DIFFERENCE:
        path.unlink(missing_ok=True)
        raise InputError(
            f"The ONNX file of run '{run.name}' gives other outputs than PyTorch (difference "
            f"{difference:.2g}), so it was not kept: choose --format safetensors."
        )
    card = _describe(predictor, run, project, joint)
    return _Onnx(card, predictor, image[None], run_onnx(path, normalized), difference)


def _write_package(
    out: Path, run: TrainingRun, project: Project, folder: Path
) -> Generator[Progress, None, Exported]:
    from napari_synthseg.io.exports.bioimageio_package import NetworkFiles, write_bioimageio

    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "model.onnx"
        made = yield from _make_onnx(run, project, folder, file)
        from napari_synthseg.training.onnx_file import INPUT, OPSET, OUTPUT

        halo = _halo(made.predictor)
        files = NetworkFiles(file, OPSET, (INPUT, OUTPUT), made.image, made.maps, halo)
        config = {"rule": made.predictor.rule.model_dump(mode="json"), "versions": run.versions}
        yield from _in_thread(
            lambda: write_bioimageio(out, files, made.card, config), "packing and checking"
        )
    return _told(out, run, [str(out)], made.difference)


def _told(out: Path, run: TrainingRun, files: list[str], difference: float) -> Exported:
    figures: dict[str, Any] = {"files": files, "difference": difference}
    told = f"its outputs differ from PyTorch's by {difference:.1g} at most"
    return Exported(figures, f"Run '{run.name}' written to {out}; {told}.")


def _halo(predictor: Predictor) -> tuple[int, ...]:
    """Return how far a flat network sees; tiles of volumes of that size would be too large."""
    from napari_synthseg.networks.receptive_field import receptive_radius

    spec = predictor.spec
    return receptive_radius(spec) if spec.spatial_dims == 2 else ()


def _test_image(
    predictor: Predictor, run: TrainingRun, project: Project, folder: Path
) -> tuple[FloatImage, bool]:
    """Return an image as large as the network takes, and whether its channels belong together.

    It is the middle of an image of the training, with stored intensities at the network's scale,
    or noise where none can be read.
    """
    multiple = multiple_of(predictor.net, predictor.spec)
    halo = _halo(predictor) or (0,) * len(multiple)
    shape = [-(-(2 * h + m) // m) * m + m for h, m in zip(halo, multiple, strict=True)]
    for ref in project.images_of(run):
        try:
            learned = with_learned_channels(run.trained_model(), ref, folder)
            pixels = open_pixels(learned, folder)
            joint = _is_joint(pixels.intensity)
            scaled = ScaledSource(StoredPixels(pixels), predictor.rule.scale_for(ref))
            middle: Region = tuple(
                ((a + b - n) // 2, (a + b - n) // 2 + n)
                for (a, b), n in zip(scaled.region, shape, strict=True)
            )
            image = scaled.read(middle)
        except InputError:
            continue
        if len(image) == predictor.in_channels and np.isfinite(image).all():
            return image, joint
    random = np.random.default_rng(SEED).uniform(0, 255, (predictor.in_channels, *shape))
    return random.astype(np.float32), False


def _is_joint(intensity: Intensity) -> bool:
    """Tell whether all channels share one map, as those of RGB images do."""
    ranges = set(zip(intensity.low, intensity.high, strict=True))
    return len(intensity.low) > 1 and len(ranges) == 1


def _describe(predictor: Predictor, run: TrainingRun, project: Project, joint: bool) -> ModelCard:
    rule, info = predictor.rule, task_info(run.task)
    outputs, reading = info.describe_outputs(rule, project.class_names)
    size, unit = rule.pixel_size, rule.unit
    sizes = {(min(i.pixel_size or (0.0,)), i.unit) for i in project.images_of(run)}
    if size is None and len(sizes) == 1:
        size, unit = next(iter(sizes))
    known = bool(size) and unit not in ("", "px")
    return ModelCard(
        name=run.name,
        title=info.title,
        axes="zyx"[-predictor.spec.spatial_dims :],
        channels=predictor.in_channels,
        joint=joint,
        multiple=multiple_of(predictor.net, predictor.spec),
        scale=rule.scale,
        pixel_size=size / rule.scale if size and known else None,
        unit=unit,
        diameter=rule.diameter,
        outputs=outputs,
        reading=reading,
        measured=[_score_words(scores) for scores in run.scores],
        version=version("napari-synthseg"),
    )


def _score_words(scores: Scores) -> str:
    values = (f"{metric_title(name)} {value:.3g}" for name, value in scores.values.items())
    return f"{', '.join(values)}; {scores.caption()}."


def _in_thread(work: Callable[[], T], message: str) -> Generator[Progress, None, T]:
    """Return what work gives that cannot say how far it is; yield meanwhile."""
    made: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            made.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            failed.append(error)

    thread = threading.Thread(target=run, name=message, daemon=True)
    thread.start()
    while thread.is_alive():
        yield Progress(0.5, message)
        thread.join(WAIT_S)
    if failed:
        raise failed[0]
    return made[0]


def _copy_files(
    out: Path, run: TrainingRun, folder: Path, overwrite: bool, inputs: Collection[Path]
) -> Exported:
    """Copy weights and record as they are kept."""
    files = run_files(folder, run.id)
    targets = [out / file.name for file in files]
    refuse_existing(targets, overwrite, inputs)
    for file, target in zip(files, targets, strict=True):
        _copy(file, target)
    names = ", ".join(target.name for target in targets)
    figures = {"files": [str(target) for target in targets]}
    return Exported(figures, f"Run '{run.name}' written to {out}: {names}.")


def _copy(file: Path, target: Path) -> None:
    replace_file(target, lambda partial: shutil.copyfile(file, partial))
