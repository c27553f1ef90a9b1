"""Libraries that only some formats need, and that are not installed with everything else."""

from __future__ import annotations

from importlib import import_module

from napari_synthseg.core.errors import InputError


def need(what: str, extra: str, *modules: str) -> None:
    """Import the libraries of an extra of this package.

    Raises
    ------
    InputError
        If one is not installed; the message says how to install the extra.
    """
    for module in modules:
        try:
            import_module(module)
        except ImportError as error:
            raise InputError(
                f"{what} needs the library '{error.name or module}': install it by pip install "
                f"'napari-synthseg[{extra}]'."
            ) from None
