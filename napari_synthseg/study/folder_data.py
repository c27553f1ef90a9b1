"""The data reader "folder": pairs of files in the folders ``images`` and ``masks``."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, field_validator

from napari_synthseg.core.errors import InputError
from napari_synthseg.study.draw import Draw, Sample
from napari_synthseg.study.tables import DataSource

ROOT_VARIABLE = "SYNTHSEG_DATA"
DEFAULT_ROOT = "../shared/data"
SUFFIXES = (".png", ".tif", ".tiff")


class FolderData(DataSource):
    """Image files in ``FOLDER/images``, label images of the same stem in ``FOLDER/masks``.

    Half of the images, fixed by a hash of their names, serve tuning; the other half gives the
    closing figures. Training images are drawn from the tuning half, so that nothing is ever chosen
    by an image of the closing half. Where a closing study needs more of them than there are, the
    rest is drawn from the closing half.
    """

    reader: Literal["folder"] = "folder"
    folder: str = Field(
        min_length=1,
        description="folder with images/ and masks/, below the data folder; or an absolute path",
    )
    files: str = Field(default="*", min_length=1, description="pattern of the images' file names")
    group: str = Field(
        default="stem",
        description="'stem': each image is a group of its own; or a regular expression, what it "
        "finds in the stem (its first bracket, if it has one) is the group",
    )

    @field_validator("files")
    @classmethod
    def _check_files(cls, value: str) -> str:
        if any(mark in value for mark in "/\\:") or ".." in value:
            raise ValueError("it is a pattern of file names, without folders, such as 'fluo_*'")
        return value

    @field_validator("group")
    @classmethod
    def _check_group(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        return value

    def draw(self, count: int, image_seed: int) -> Draw:
        """Draw `count` training images, and the images of the wanted half to score on."""
        order = np.random.default_rng(image_seed)
        samples = self._samples()
        shuffled = [samples[i] for i in order.permutation(len(samples))]
        for_tuning = [s for s in shuffled if is_for_tuning(s.name)]
        for_closing = [s for s in shuffled if not is_for_tuning(s.name)]
        pool = for_tuning if self.part == "tuning" else [*for_tuning, *for_closing]
        if count > len(pool):
            raise InputError(
                f"[data]: {count} training images are wanted, but {self.describe_files()} has "
                f"{len(pool)} to draw from: ask for fewer images."
            )
        train = tuple(pool[:count])
        seen = {s.group for s in train}
        half = for_tuning if self.part == "tuning" else for_closing
        left = sorted((s for s in half if s.group not in seen), key=lambda s: _hash(s.name))
        test = tuple(sorted(left[: self.limit], key=lambda s: s.name))
        if not test:
            raise InputError(
                f"[data]: no image of {self.describe_files()} is left to score on (half "
                f"'{self.part}'): ask for fewer training images, or other groups."
            )
        return Draw(train, test)

    def describe(self) -> str:
        """Return in words which images are scored on."""
        return f"{self.part} half of {self.describe_files()}"

    def describe_files(self) -> str:
        """Return folder and pattern."""
        return f"'{Path(self.folder).name}/images/{self.files}'"

    def _samples(self) -> list[Sample]:
        folder = self.find()
        images = sorted(
            p for p in (folder / "images").glob(self.files) if p.suffix.lower() in SUFFIXES
        )
        if not images:
            raise InputError(
                f"[data] files = '{self.files}': no PNG or TIFF file in '{folder / 'images'}' has "
                "such a name."
            )
        masks: dict[str, Path] = {}
        for path in sorted((folder / "masks").iterdir()):
            if path.suffix.lower() in SUFFIXES:
                masks.setdefault(path.stem, path)
        seen: set[str] = set()
        for path in images:
            if path.stem not in masks:
                raise InputError(
                    f"[data]: image '{path.name}' has no masks: put '{path.stem}.png' or "
                    f"'{path.stem}.tif' into '{folder / 'masks'}', or leave the image out by "
                    "'files'."
                )
            if path.stem in seen:
                raise InputError(f"[data]: two images in '{folder}' are named '{path.stem}'.")
            seen.add(path.stem)
        return [Sample(p.stem, p, masks[p.stem], self._group_of(p.stem)) for p in images]

    def _group_of(self, stem: str) -> str:
        if self.group == "stem":
            return stem
        found = re.search(self.group, stem)
        if found is None:
            raise InputError(f"[data] group = '{self.group}' finds nothing in '{stem}'.")
        return found.group(1) if found.re.groups and found.group(1) else found.group(0)

    def find(self) -> Path:
        """Return the folder of the data.

        Raises
        ------
        InputError
            If it is not there, has no ``images`` and ``masks``, or lies outside the data folder
            though the path is relative.
        """
        if Path(self.folder).is_absolute():
            folder = Path(self.folder)
        else:
            root = Path(os.environ.get(ROOT_VARIABLE) or DEFAULT_ROOT)
            folder = root / self.folder
            if not folder.resolve().is_relative_to(root.resolve()):
                raise InputError(
                    f"[data] folder = '{self.folder}' leads out of the data folder '{root}': give "
                    "an absolute path if you mean it."
                )
        for needed in (folder / "images", folder / "masks"):
            if not needed.is_dir():
                raise InputError(
                    f"[data] folder = '{self.folder}': there is no folder '{needed}'. Put the data "
                    f"there, or set the environment variable {ROOT_VARIABLE} to the folder that "
                    "holds them."
                )
        return folder


def is_for_tuning(stem: str) -> bool:
    """Half of the images, fixed by a hash of the stem, may serve tuning; the rest never does."""
    return int(_hash(stem), 16) % 2 == 0


def _hash(stem: str) -> str:
    return hashlib.sha1(stem.encode(), usedforsecurity=False).hexdigest()
