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

    `diameter` is in the unit of the class, rounded; `objects` is how many it was measured on.
    """

    cls: ObjectClass
    diameter: float
    objects: int

    @property
    def changed(self) -> ObjectClass:
        """The class with this diameter."""
        return self.cls.model_copy(update={"diameter": self.diameter})


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
    return DiameterOffer(cls, in_unit_of(cls, measured.diameter, ref), measured.objects)


def in_unit_of(cls: ObjectClass, length_px: float, ref: ImageRef) -> float:
    """Return a length in the unit of a class's diameter, rounded as one would type it.

    `length_px` is in pixels along the finest axis of the image.
    """
    if cls.unit == "px" or ref.pixel_size is None:
        return float(round(length_px)) if length_px >= 10 else round(length_px, 1)
    return float(f"{length_px * min(ref.pixel_size):.3g}")
