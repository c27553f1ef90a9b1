"""Heat maps of one image by a trained model."""

from __future__ import annotations

from collections.abc import Generator

from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.predictions import HeatMaps
from napari_synthseg.explain.cam import map_classes
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.tiles import prepare_subject


def explain_image(
    predictor: Predictor,
    pixels: PixelSource,
    *,
    image: str,
    run: str,
    method: str,
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
        How; see `napari_synthseg.explain.cam`. No layer: the last one before the classes.

    Raises
    ------
    InputError
        If the image, method or layer do not go with the model.
    """
    predictor.check(pixels)
    values = predictor.rule.class_values
    subject = prepare_subject(predictor.net, predictor.spec, len(values), predictor.device, layer)
    maps = yield from map_classes(subject, pixels, method)
    return HeatMaps(
        image,
        run,
        dict(zip(values, maps, strict=True)),
        method,
        subject.layer,
        tuple(start for start, _ in pixels.region),
    )
