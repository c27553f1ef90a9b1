"""What was learned, or is being learned, kept with the project: ``FOLDER/NAME.safetensors``.

What recipes learned lies in the folder ``generators``; a name stands for a recipe and its source,
so that the same is never fitted twice. Unfinished fits are kept too, and continued. A run keeps its
checkpoint in its own folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.errors import ReadOnlyError
from napari_synthseg.core.recipe import Artifact
from napari_synthseg.storage.tensors import (
    load_tensors_with_meta,
    safe_name,
    save_tensors_with_meta,
)

FOLDER_NAME = "generators"


class FolderArtifactStore:
    """An `ArtifactStore` in a folder of a project.

    A project that is open for reading only gives what it has, and keeps nothing new.

    Parameters
    ----------
    folder
        The project's folder.
    subfolder
        Where in it the files lie.
    remedy
        What to do where a file is damaged.

    Attributes
    ----------
    is_empty
        Whether nothing was kept yet.
    """

    def __init__(
        self,
        folder: Path,
        subfolder: str = FOLDER_NAME,
        remedy: str = "delete it, and fit the recipe again",
    ) -> None:
        self.folder, self._remedy = folder, remedy
        self._place = folder / subfolder
        self.is_empty = not any(self._place.glob("*"))

    def load(self, name: str) -> Artifact | None:
        """Return what was kept, or None.

        Raises
        ------
        InputError
            If the name could lead out of the folder, or the file is damaged.
        """
        path = self._path(name)
        if not path.exists():
            return None
        return load_tensors_with_meta(path, self._remedy)

    def has(self, name: str) -> bool:
        """Tell whether something was kept under a name."""
        return self._path(name).exists()

    def save(
        self, name: str, arrays: Mapping[str, NDArray[np.generic]], meta: Mapping[str, Any]
    ) -> None:
        """Keep arrays and JSON types, in place of what had the name before.

        Raises
        ------
        InputError
            If the name could lead out of the folder, or the disk cannot take it.
        """
        with suppress(ReadOnlyError):
            save_tensors_with_meta(self.folder, self._path(name), arrays, meta)
            self.is_empty = False

    def _path(self, name: str) -> Path:
        return self._place / f"{safe_name(name)}.safetensors"
