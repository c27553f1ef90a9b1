"""Using a trained model: building it again from what a run keeps, and predicting an image."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from pydantic import ValidationError

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.pixels import PixelSource, ScaledSource, where_counted
from napari_synthseg.core.predictions import Prediction
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.runs import ModelRecord, Weights
from napari_synthseg.networks.registry import build_network
from napari_synthseg.tasks.registry import task_info
from napari_synthseg.training.device import choose_device
from napari_synthseg.training.model import Predictor, load_weights


def load_predictor(model: ModelRecord, weights: Weights, device: str = "auto") -> Predictor:
    """Build the network of a run again.

    Raises
    ------
    InputError
        If its task is not installed, or another version of this program, with another network,
        made the model.
    """
    info = task_info(model.rule.kind)
    try:
        rule = model.rule.as_type(info.rule_type)
        net = build_network(model.spec, model.in_channels, model.out_channels)
        load_weights(net, weights)
    except (RuntimeError, ValidationError) as error:  # what does not fit this version
        raise InputError(
            "This model was made by another version of napari-synthseg, with another network: "
            "train it again, or install the version that the run's record names."
        ) from error
    where, _ = choose_device(device)
    return Predictor(net.to(where).eval(), model.spec, model.in_channels, rule, where)


def predict_image(
    predictor: Predictor,
    pixels: PixelSource,
    *,
    image: str,
    run: str,
    block: tuple[int, ...] | None = None,
    ref: ImageRef | None = None,
) -> Generator[Progress, None, Prediction]:
    """Apply a model to one image; return what it found.

    Parameters
    ----------
    pixels
        The image; its region is what is predicted. What is found on a resampled one is given in
        pixels of the image itself.
    image, run
        Ids, for the record.
    block
        Shape of the blocks that the image is worked on in, pixels, multiples of what the network
        halves; default: by the kind of image.
    ref
        Says what of the image counts: blocks far from all that does are left out.

    Raises
    ------
    InputError
        If the image has another number of channels than the model was trained with, or is a
        volume where the model is for images, or the other way round.
    """
    predictor.check(pixels, f"'{ref.name}'" if ref else "The image")
    work = task_info(predictor.rule.kind).load().predict
    found = yield from work(predictor, where_counted(ref, pixels) if ref else pixels, block)
    if isinstance(pixels, ScaledSource):
        pixels = pixels.source
    origin = tuple(start for start, _ in pixels.region)
    return replace(found, image=image, run=run, region_origin=origin)
