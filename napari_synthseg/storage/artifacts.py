"""What recipes learned, kept with the project: ``generators/NAME.safetensors``.

A name stands for a recipe and its source, so that the same is never fitted twice. Unfinished fits
are kept too, and continued.
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
    """The `ArtifactStore` of a folder, that of a project for one.

    A project that is open for reading only gives what it has, and keeps nothing new.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

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
        return load_tensors_with_meta(path, "delete it, and fit the recipe again")

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

    def _path(self, name: str) -> Path:
        return self.folder / FOLDER_NAME / f"{safe_name(name)}.safetensors"
