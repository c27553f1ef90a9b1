"""How names in a file are understood, and how much of it is left out by them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import ParamSpec

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.io.naming import UnknownNameError

P = ParamSpec("P")


@dataclass(frozen=True, kw_only=True)
class Naming:
    """How names in a file are understood.

    Attributes
    ----------
    rename
        Class name in the file -> name in the project.
    ignored
        Class names, as in the file, that are left out.
    skip_unknown
        Whether images that the project lacks are left out instead of an error.
    """

    rename: Mapping[str, str] = field(default_factory=dict)
    ignored: Collection[str] = ()
    skip_unknown: bool = False

    def renamed(self, cls: str) -> str:
        """Return the name in the project of a class of the file."""
        return self.rename.get(cls, cls)


AS_WRITTEN = Naming()
"""Names are those of the project, and nothing is left out."""


@dataclass(kw_only=True)
class LeftOut:
    """How much was left out because of its name.

    Attributes
    ----------
    unknown_images, ignored
        What is of images that the project lacks, and of ignored classes.
    """

    unknown_images: int = 0
    ignored: int = 0

    def images_of(
        self,
        naming: Naming,
        find: Callable[P, list[ImageRef]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> list[ImageRef]:
        """Return the images that `find` finds; count what is left out, which has none.

        Raises
        ------
        UnknownNameError
            If the project lacks the image, and such images are not left out.
        """
        try:
            return find(*args, **kwargs)
        except UnknownNameError:
            if not naming.skip_unknown:
                raise
        self.unknown_images += 1
        return []

    def ignores(self, naming: Naming, cls: str) -> bool:
        """Return whether what is of a class of the file is left out; count it if it is."""
        is_ignored = cls in naming.ignored
        self.ignored += is_ignored
        return is_ignored
