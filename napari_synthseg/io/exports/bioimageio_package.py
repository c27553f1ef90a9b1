"""A trained network as a package of bioimage.io, which programs such as ilastik and Fiji load."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.pixels import HIGH_PERCENTILE, LOW_PERCENTILE, FloatImage
from napari_synthseg.io.atomic import replace_file
from napari_synthseg.io.exports.model_card import ModelCard
from napari_synthseg.io.images.lengths import UNIT_WORDS

METHOD_DOI = "10.48550/arXiv.2308.04687"
"""Of the paper on networks that learn from patches pasted together."""

EPSILON = 1e-6
"""What the format adds to the range of intensities, so that none is 0."""


@dataclass(frozen=True, eq=False)
class NetworkFiles:
    """What a package is made of.

    Attributes
    ----------
    onnx
        The network.
    opset
        Version of the ONNX operators.
    names
        Of its input and output.
    image
        A test image with stored intensities, (1, channel, [z,] y, x) float32.
    maps
        What the network gives for it, normalized.
    halo
        How far the network sees, pixels along each axis; empty: not told.
    """

    onnx: Path
    opset: int
    names: tuple[str, str]
    image: FloatImage
    maps: FloatImage
    halo: tuple[int, ...]


def normalize_as_format(image: FloatImage, joint: bool) -> FloatImage:
    """Normalize (1, channel, [z,] y, x) as the package says, in float32."""
    axes = tuple(range(1 if joint else 2, image.ndim))
    low, high = np.percentile(image, (LOW_PERCENTILE, HIGH_PERCENTILE), axis=axes, keepdims=True)
    normalized: FloatImage = ((image - low) / (high - low + EPSILON)).astype(np.float32)
    return normalized


def write_bioimageio(
    path: Path, files: NetworkFiles, card: ModelCard, config: Mapping[str, Any]
) -> None:
    """Write the package, a zip, once it is valid and gives its test maps from its test image.

    Parameters
    ----------
    config
        What this program needs to read the outputs.

    Raises
    ------
    InputError
        If the package does not pass the tests of bioimage.io.
    OSError
        If it cannot be written.
    """
    from bioimageio.spec import save_bioimageio_package

    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "package.zip"
        save_bioimageio_package(_describe(Path(folder), files, card, config), output_path=made)
        _test(made)
        replace_file(path, lambda partial: shutil.copyfile(made, partial))


def _test(package: Path) -> None:
    from bioimageio.core import test_model

    summary = test_model(package, weight_format="onnx")
    if summary.status != "passed":
        told = next((e.msg for part in summary.details for e in part.errors), summary.status)
        raise InputError(
            f"The package does not pass the test of bioimage.io ({told}), so it was not kept: "
            "choose --format onnx."
        )


def _describe(folder: Path, files: NetworkFiles, card: ModelCard, config: Mapping[str, Any]) -> Any:
    from bioimageio.spec.model import v0_5 as spec

    np.save(folder / "test_image.npy", files.image)
    np.save(folder / "test_maps.npy", files.maps)
    (folder / "README.md").write_text(card.as_markdown(), "utf-8")
    given, found = files.names
    reduced = (*(("channel",) * card.joint), *card.axes)
    places: list[Any] = []
    spaces: list[Any] = []
    for number, axis in enumerate(card.axes):
        known: dict[str, Any] = {"id": spec.AxisId(axis)}
        if card.pixel_size is not None and card.unit in UNIT_WORDS:
            known |= {"unit": UNIT_WORDS[card.unit], "scale": card.pixel_size}
        halo = files.halo[number] if files.halo else 0
        step = card.multiple[number]
        least = -(-(2 * halo + step) // step) * step
        places.append(
            spec.SpaceInputAxis(size=spec.ParameterizedSize(min=least, step=step), **known)
        )
        like = spec.SizeReference(tensor_id=spec.TensorId(given), axis_id=spec.AxisId(axis))
        spaces.append(
            spec.SpaceOutputAxisWithHalo(size=like, halo=halo, **known)
            if halo
            else spec.SpaceOutputAxis(size=like, **known)
        )
    return spec.ModelDescr(
        name=re.sub(r"[^A-Za-z0-9_ ()-]", "-", f"napari-synthseg {card.name}"),
        description=f"A network that was trained to {card.title}.",
        authors=[spec.Author(name="made with napari-synthseg")],
        cite=[spec.CiteEntry(text="Training on pasted patches", doi=spec.Doi(METHOD_DOI))],
        documentation=spec.FileDescr(source=folder / "README.md"),
        tags=["napari-synthseg", "segmentation"],
        inputs=[
            spec.InputTensorDescr(
                id=spec.TensorId(given),
                axes=[
                    spec.BatchAxis(),
                    spec.ChannelAxis(
                        channel_names=[spec.Identifier(f"c{n}") for n in range(card.channels)]
                    ),
                    *places,
                ],
                test_tensor=spec.FileDescr(source=folder / "test_image.npy"),
                data=spec.IntervalOrRatioDataDescr(type="float32"),
                preprocessing=[
                    spec.ScaleRangeDescr(
                        kwargs=spec.ScaleRangeKwargs(
                            axes=[spec.AxisId(axis) for axis in reduced],
                            min_percentile=LOW_PERCENTILE,
                            max_percentile=HIGH_PERCENTILE,
                            eps=EPSILON,
                        )
                    )
                ],
            )
        ],
        outputs=[
            spec.OutputTensorDescr(
                id=spec.TensorId(found),
                axes=[
                    spec.BatchAxis(),
                    spec.ChannelAxis(channel_names=_identifiers(card.outputs)),
                    *spaces,
                ],
                test_tensor=spec.FileDescr(source=folder / "test_maps.npy"),
                data=spec.IntervalOrRatioDataDescr(type="float32", range=(0.0, 1.0)),
            )
        ],
        weights=spec.WeightsDescr(
            onnx=spec.OnnxWeightsDescr(source=files.onnx, opset_version=files.opset)
        ),
        config=spec.Config(**{"napari_synthseg": dict(config)}),
    )


def _identifiers(names: tuple[str, ...]) -> list[Any]:
    """Return names of channels as the format allows them, each once."""
    made: list[Any] = []
    for name in names:
        plain = re.sub(r"\W", "_", name, flags=re.ASCII)
        plain = plain if re.match("[A-Za-z_]", plain) else f"_{plain}"
        made.append(plain if plain not in made else f"{plain}_{len(made)}")
    return made
