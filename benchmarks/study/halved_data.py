"""Data of which half serves tuning, and the other half gives the closing figures."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import Field, field_validator

from benchmarks.study.draw import Draw, Sample
from benchmarks.study.tables import DataSource
from napari_synthseg.core.errors import InputError

ROOT_VARIABLE = "SYNTHSEG_DATA"
DEFAULT_ROOT = "../shared/data"


class HalvedData(DataSource):
    """Files in a folder below the data folder, divided into halves.

    Half of the images, fixed by a hash of their names, serve tuning; the other half gives the
    closing figures. Training images are drawn from the tuning half, so that nothing is ever chosen
    by an image of the closing half. Where a closing study needs more of them than there are, the
    rest is drawn from the closing half.
    """

    folder: str = Field(
        min_length=1, description="folder of the data, below the data folder; or an absolute path"
    )
    files: str = Field(default="*", min_length=1, description="pattern of the images' file names")

    @field_validator("files")
    @classmethod
    def _check_files(cls, value: str) -> str:
        if any(mark in value for mark in "/\\:") or ".." in value:
            raise ValueError("it is a pattern of file names, without folders, such as 'fluo_*'")
        return value

    def samples(self) -> Sequence[Sample]:
        """Return all images with their ground truth, sorted by name."""
        raise NotImplementedError

    def arrange(self, samples: Sequence[Sample], order: np.random.Generator) -> list[Sample]:
        """Return samples in the order in which they are drawn to train on."""
        return [samples[i] for i in order.permutation(len(samples))]

    def is_apart(self, sample: Sample, train: Sequence[Sample]) -> bool:
        """Tell whether a sample may be scored on: it is of no group that is trained on."""
        return sample.group not in {s.group for s in train}

    def draw(self, count: int, image_seed: int) -> Draw:
        """Draw `count` training images, and the images of the wanted half to score on."""
        order = np.random.default_rng(image_seed)
        arranged = self.arrange(self.samples(), order)
        for_tuning = [s for s in arranged if is_for_tuning(s.name)]
        for_closing = [s for s in arranged if not is_for_tuning(s.name)]
        pool = for_tuning if self.part == "tuning" else [*for_tuning, *for_closing]
        if count > len(pool):
            raise InputError(
                f"[data]: {count} training images are wanted, but {self.describe_files()} has "
                f"{len(pool)} to draw from: ask for fewer images."
            )
        train = tuple(pool[:count])
        half = for_tuning if self.part == "tuning" else for_closing
        left = sorted((s for s in half if self.is_apart(s, train)), key=lambda s: hash_name(s.name))
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

    def find_folder(self, *needed: str) -> Path:
        """Return the folder of the data.

        Parameters
        ----------
        needed
            Names of files and folders that must be in it.

        Raises
        ------
        InputError
            If it is not there or lacks one of them, or lies outside the data folder though the
            path is relative.
        """
        if Path(self.folder).is_absolute():
            folder = Path(self.folder)
        else:
            root = data_root()
            folder = root / self.folder
            if not folder.resolve().is_relative_to(root.resolve()):
                raise InputError(
                    f"[data] folder = '{self.folder}' leads out of the data folder '{root}': give "
                    "an absolute path if you mean it."
                )
        for name in needed:
            kind = "file" if "." in name else "folder"
            if not ((folder / name).is_file() if kind == "file" else (folder / name).is_dir()):
                raise InputError(
                    f"[data] folder = '{self.folder}': there is no {kind} '{folder / name}'. Put "
                    f"the data there, or set the environment variable {ROOT_VARIABLE} to the "
                    "folder that holds them."
                )
        return folder


def data_root() -> Path:
    """Return the folder that holds all data."""
    return Path(os.environ.get(ROOT_VARIABLE) or DEFAULT_ROOT)


def is_for_tuning(stem: str) -> bool:
    """Half of the images, fixed by a hash of the stem, may serve tuning; the rest never does."""
    return hash_name(stem) % 2 == 0


def hash_name(stem: str) -> int:
    """Return a number that depends on a name alone."""
    return int(hashlib.sha1(stem.encode(), usedforsecurity=False).hexdigest(), 16)
