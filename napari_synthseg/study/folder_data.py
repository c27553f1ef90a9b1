"""The data reader "folder": pairs of files in the folders ``images`` and ``masks``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from napari_synthseg.core.errors import InputError
from napari_synthseg.study.draw import MaskSample, Sample
from napari_synthseg.study.halved_data import HalvedData

SUFFIXES = (".png", ".tif", ".tiff")


class FolderData(HalvedData):
    """Image files in ``FOLDER/images``, label images of the same stem in ``FOLDER/masks``."""

    reader: Literal["folder"] = "folder"
    group: str = Field(
        default="stem",
        description="'stem': each image is a group of its own; or a regular expression, what it "
        "finds in the stem (its first bracket, if it has one) is the group",
    )

    @field_validator("group")
    @classmethod
    def _check_group(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        return value

    def samples(self) -> list[Sample]:
        """Return all images with their masks, sorted by name."""
        folder = self.find_folder("images", "masks")
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
        return [MaskSample(p.stem, p, self._group_of(p.stem), masks[p.stem]) for p in images]

    def _group_of(self, stem: str) -> str:
        if self.group == "stem":
            return stem
        found = re.search(self.group, stem)
        if found is None:
            raise InputError(f"[data] group = '{self.group}' finds nothing in '{stem}'.")
        return found.group(1) if found.re.groups and found.group(1) else found.group(0)
