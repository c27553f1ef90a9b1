"""Box annotations of other programs: the formats by name.

Importing this imports every module of this folder, and defining a `BoxFormat` registers it.
"""

from __future__ import annotations

from napari_synthseg.io.boxes.base import BOX_FORMATS, BoxFormat
from napari_synthseg.io.modules import import_modules

import_modules(__name__, __path__)


def box_format(name: str) -> BoxFormat:
    """Return a format by its name.

    Raises
    ------
    InputError
        If there is none; the message lists those there are.
    """
    return BOX_FORMATS.lookup(name)
