"""What a model finds on one image of any size, whatever its task."""

from __future__ import annotations

from collections.abc import Generator

from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.predictions import Prediction
from napari_synthseg.tasks.classify.prediction import classify_image
from napari_synthseg.tasks.detect.prediction import detect_in_image
from napari_synthseg.tasks.segment.prediction import find_in_image
from napari_synthseg.tasks.semantic.prediction import find_regions
from napari_synthseg.training.model import Predictor

WORK = {
    "segment": find_in_image,
    "semantic": find_regions,
    "classify": classify_image,
    "detect": detect_in_image,
}
"""Name of the task -> what is done with an image."""


def predict_image(
    predictor: Predictor,
    pixels: PixelSource,
    *,
    image: str,
    run: str,
    block: tuple[int, ...] | None = None,
) -> Generator[float, None, Prediction]:
    """Apply a model to one image; yield the share done; return what it found.

    Parameters
    ----------
    pixels
        The image; its region is what is predicted.
    image, run
        Ids, for the record.
    block
        Shape of the blocks that the image is worked on in, pixels, multiples of what the network
        halves; default: by the kind of image.

    Raises
    ------
    InputError
        If the image has another number of channels than the model was trained with, or is a
        volume where the model is for images, or the other way round.
    """
    predictor.check(pixels)
    work = WORK[predictor.kind]
    return (yield from work(predictor, pixels, image=image, run=run, block=block))
