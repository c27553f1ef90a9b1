"""The data reader "folder": pairs of files in the folders ``images`` and ``masks``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from benchmarks.study.draw import MaskSample, Sample
from benchmarks.study.halved_data import HalvedData, hash_name
from napari_synthseg.core.annotations import find_specimen
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Region
from napari_synthseg.io.images.files import open_file
from napari_synthseg.workflow.importing import MaskKind

SUFFIXES = (".png", ".tif", ".tiff")


class FolderData(HalvedData):
    """Image files in ``FOLDER/images``, label images of the same stem in ``FOLDER/masks``.

    With `window`, a part of each image is learned from, and whole images are scored on.

    With `apart`, images are slices of stacks, which `group` names; all are of one stack if it does
    not. Those to train on follow one another, and those near them are not scored on.
    """

    reader: Literal["folder"] = "folder"
    kind: MaskKind = Field(
        default="instance",
        description="'instance': one id per object; 'semantic': the value of a class per pixel",
    )
    classes: tuple[str, ...] = Field(
        default=(), description="names of the classes of semantic masks, by their value from 1"
    )
    apart: int = Field(
        default=0,
        ge=0,
        description="least distance of the number of an image to score on from that of any to "
        "train on; the number is the last one in the stem. 0: no matter",
    )
    window: int | None = Field(
        default=None,
        ge=32,
        description="edge of the part of each image that is learned from, pixels; its place "
        "depends on the image's name alone. Empty: whole images",
    )
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

    @model_validator(mode="after")
    def _check_classes(self) -> FolderData:
        if self.regions and not self.classes:
            raise ValueError("semantic masks need 'classes', their names by value from 1")
        if self.classes and not self.regions:
            raise ValueError("'classes' belongs to kind = 'semantic'; use 'class_name'")
        return self

    @property
    def regions(self) -> bool:
        """Whether the ground truth is of regions, without objects."""
        return self.kind == "semantic"

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their values, from 1."""
        return self.classes or super().class_names

    def arrange(self, samples: Sequence[Sample], order: np.random.Generator) -> list[Sample]:
        """Return samples in random order; slices from a random one on, then down from it."""
        if not self.apart:
            return super().arrange(samples, order)
        sliced = sorted(samples, key=lambda s: (s.group, _number(s.name)))
        start = int(order.integers(len(sliced)))
        return [*sliced[start:], *reversed(sliced[:start])]

    def is_apart(self, sample: Sample, train: Sequence[Sample]) -> bool:
        """Tell whether a sample may be scored on: neither of a group to train on, nor near it."""
        if not self.apart:
            return super().is_apart(sample, train)
        near = [s for s in train if s.group == sample.group]
        return all(abs(_number(sample.name) - _number(s.name)) >= self.apart for s in near)

    def training_samples(self, sample: Sample, source: str) -> tuple[Sample, ...]:
        """Return what is learned from instead of an image: its window, where there are such."""
        if self.window is None:
            return (sample,)
        assert isinstance(sample, MaskSample)
        stored = open_file(sample.image)
        shape = stored.size("y"), stored.size("x")
        return (replace(sample, region=place_window(sample.name, shape, self.window)),)

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
        return [
            MaskSample(p.stem, p, self._group_of(p.stem), masks[p.stem], self.kind) for p in images
        ]

    def _group_of(self, stem: str) -> str:
        if self.group == "stem":
            return Path(self.folder).name if self.apart else stem
        found = find_specimen(self.group, stem)
        if found is None:
            raise InputError(f"[data] group = '{self.group}' finds nothing in '{stem}'.")
        return found


def place_window(name: str, shape: Sequence[int], edge: int) -> Region:
    """Return the window of an image: at random, but by its name alone; at most all of it."""
    rng = np.random.default_rng(hash_name(name))
    starts = [int(rng.integers(max(n - edge, 0) + 1)) for n in shape]
    return tuple((start, min(start + edge, n)) for start, n in zip(starts, shape, strict=True))


def _number(stem: str) -> int:
    found = re.findall(r"\d+", stem)
    if not found:
        raise InputError(f"[data] apart: there is no number in '{stem}': leave the key out.")
    return int(found[-1])
