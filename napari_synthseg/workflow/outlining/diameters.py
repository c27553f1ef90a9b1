"""How large the objects of a class look, by the outlines of its clicks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_synthseg.core.annotations import ImageRef, ObjectClass
from napari_synthseg.core.errors import InputError

if TYPE_CHECKING:
    from napari_synthseg.workflow.outlining.live_outlines import Outlines


@dataclass(frozen=True)
class DiameterOffer:
    """A diameter that fits the objects of a class better than the one that was given.

    `changed` is the class with that diameter; `objects` is how many it was measured on.
    """

    cls: ObjectClass
    changed: ObjectClass
    objects: int


def offer_diameter(outlines: Outlines, cls: ObjectClass, ref: ImageRef) -> DiameterOffer | None:
    """Return the diameter that sure outlines measure, where it is far from the given one.

    Parameters
    ----------
    outlines
        Of clicks on one image.
    cls
        The class.
    ref
        The image.
    """
    from napari_synthseg.patches.quality.size import (
        SURE_CONFIDENCE,
        diameter_in_use,
        usual_diameter,
    )

    try:
        given = cls.diameter_px(ref)
    except InputError:  # a length, but no pixel size
        return None
    mine = [o for o in outlines.shown if o.click.cls == cls.value and not o.touches_border]
    sure = [o for o in mine if o.outline.area and o.outline.confidence >= SURE_CONFIDENCE]
    measured = usual_diameter([o.diameter for o in sure], len(mine))
    if measured is None or diameter_in_use(given, measured) == given:
        return None
    return DiameterOffer(cls, with_diameter(cls, measured.diameter, ref), measured.objects)


def with_diameter(cls: ObjectClass, length_px: float, ref: ImageRef) -> ObjectClass:
    """Return a class with a diameter that was measured on an image, rounded as one would type it.

    It is in the unit of the class; in pixels where the image has no pixel size in that unit.

    Parameters
    ----------
    cls
        The class.
    length_px
        The diameter, pixels along the finest axis of the image.
    ref
        The image.
    """
    if cls.unit != "px" and ref.pixel_size is not None and ref.unit == cls.unit:
        length = float(f"{length_px * min(ref.pixel_size):.3g}")
        return cls.model_copy(update={"diameter": length})
    length = float(round(length_px)) if length_px >= 10 else round(length_px, 1)
    return cls.model_copy(update={"diameter": length, "unit": "px"})
