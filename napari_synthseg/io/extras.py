"""Libraries that only some formats need, and that are not installed with everything else."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from napari_synthseg.core.errors import InputError


def load(module: str, what: str, extra: str, otherwise: str = "") -> Any:
    """Return a library of an extra of this package.

    Parameters
    ----------
    module
        The library.
    what
        What needs it; begins the message.
    extra
        Name of the extra.
    otherwise
        What else the user may do.

    Raises
    ------
    InputError
        If it is not installed; the message says how to install the extra.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise InputError(
            f"{what} needs the library '{error.name or module}': install it by pip install "
            f"'napari-synthseg[{extra}]'{otherwise}."
        ) from None
