"""Heat maps of one image by a trained model."""

from __future__ import annotations

from collections.abc import Generator

from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.predictions import HeatMaps
from napari_synthseg.core.progress import Progress
from napari_synthseg.explain.cam import map_classes
from napari_synthseg.explain.model import ExplainedModel
from napari_synthseg.training.class_logits import ClassLogits
from napari_synthseg.training.model import Predictor


def explain_image(
    predictor: Predictor,
    logits: ClassLogits,
    pixels: PixelSource,
    *,
    image: str,
    run: str,
    method: str,
    layer: str = "",
) -> Generator[Progress, None, HeatMaps]:
    """Map where on an image a model finds what speaks for each class.

    Parameters
    ----------
    logits
        The predictor's class logits, from its task.
    pixels
        The image; its region is what is mapped.
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
    model = ExplainedModel(logits, predictor.device, layer or logits.layer)
    maps = yield from map_classes(model, pixels, method)
    return HeatMaps(
        image=image,
        run=run,
        maps=dict(zip(values, maps, strict=True)),
        method=method,
        layer=model.layer,
        region_origin=tuple(start for start, _ in pixels.region),
    )
