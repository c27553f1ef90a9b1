"""Heat maps of one image by a trained model."""

from __future__ import annotations

from collections.abc import Generator

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.predictions import HeatMaps
from napari_synthseg.explain.cam import map_classes
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.tiles import prepare_subject

DEFAULTS = {"classify": "cam", "segment": "gradcam", "semantic": "gradcam"}
"""Name of the task -> the method where none is asked for."""


def explain_image(
    predictor: Predictor,
    pixels: PixelSource,
    *,
    image: str,
    run: str,
    method: str = "",
    layer: str = "",
) -> Generator[float, None, HeatMaps]:
    """Map where on an image a model finds the evidence for each class; yield the share done.

    Parameters
    ----------
    pixels
        The image; its region is what is looked at.
    image, run
        Ids, for the record.
    method, layer
        How; see `napari_synthseg.explain.cam`. Empty: what suits the model.

    Raises
    ------
    InputError
        If the model gives boxes only, or the image, method or layer do not go with it.
    """
    if predictor.kind not in DEFAULTS:
        raise InputError(
            "This model gives boxes, which say themselves where it looks: heat maps are for "
            "classifiers and segmenting models."
        )
    predictor.check(pixels)
    values = predictor.rule.class_values
    subject = prepare_subject(predictor.net, predictor.spec, len(values), predictor.device, layer)
    chosen = method or DEFAULTS[predictor.kind]
    maps = yield from map_classes(subject, pixels, chosen)
    return HeatMaps(
        image,
        run,
        dict(zip(values, maps, strict=True)),
        chosen,
        subject.layer,
        tuple(start for start, _ in pixels.region),
    )
