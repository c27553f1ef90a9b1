"""Images and their labels in the folders from which other programs learn."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import UNKNOWN, DualImage, InstanceLabels, regions_of
from napari_synthseg.io.atomic import write_text
from napari_synthseg.io.result_files import ids_type, write_tiff


class PairLayout(ABC):
    """How a program wants its training data.

    Attributes
    ----------
    name, title
        On the command line, and in messages.
    objects
        Whether it learns separate objects; else the class of each pixel.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    objects: ClassVar[bool] = True

    def files(self, out: Path, names: Sequence[str], channels: int) -> list[Path]:
        """Return the files of pairs of these names."""
        return [path for name in names for path in self.paths(out, name, channels)]

    @abstractmethod
    def paths(self, out: Path, name: str, channels: int) -> list[Path]:
        """Return the files of one pair: those of the image, then that of the labels."""

    def sidecars(self, out: Path, name: str) -> list[Path]:
        """Return what else some pairs need."""
        return []

    def write(self, out: Path, name: str, pair: DualImage) -> None:
        """Write one pair; unknown pixels are background.

        Raises
        ------
        InputError
            If the labels are no separate objects, and the program learns these.
        OSError
            If it cannot be written.
        """
        if not isinstance(pair.labels, InstanceLabels):
            raise InputError(
                f"{self.title} learns separate objects, and these labels are regions: choose "
                "--format nnunet or tiff."
            )
        image, masks = self.paths(out, name, len(pair.image))
        ids = np.maximum(pair.labels.ids, 0)
        write_tiff(image, self.arrange(pair.image))
        write_tiff(masks, ids.astype(ids_type(int(ids.max(initial=0)))))

    def arrange(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return an image (channel, [z,] y, x) with its axes as the program reads them."""
        return image[0] if len(image) == 1 else image

    def finish(self, out: Path, count: int, channels: int, names: Mapping[int, str]) -> None:
        """Write what belongs to all pairs together; `names` are those of the class values."""
        return  # most programs need nothing else


class CellposeLayout(PairLayout):
    """Cellpose: ``NAME.tif`` and ``NAME_masks.tif`` side by side."""

    name = "cellpose"
    title = "Cellpose"

    def paths(self, out: Path, name: str, channels: int) -> list[Path]:
        """Return image and masks."""
        return [out / f"{name}.tif", out / f"{name}_masks.tif"]


class StarDistLayout(PairLayout):
    """StarDist: ``images/NAME.tif`` and ``masks/NAME.tif``, channels last."""

    name = "stardist"
    title = "StarDist"

    def paths(self, out: Path, name: str, channels: int) -> list[Path]:
        """Return image and masks."""
        return [out / "images" / f"{name}.tif", out / "masks" / f"{name}.tif"]

    def arrange(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the channels as the last axis."""
        return image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)


class NnunetLayout(PairLayout):
    """nnU-Net v2: a file for each channel, the class of each pixel, and ``dataset.json``.

    Its classes are numbered from 1 without gaps, and pixels that are unknown have the number after
    the last, which it calls "ignore".
    """

    name = "nnunet"
    title = "nnU-Net"
    objects = False

    def __init__(self, class_values: Sequence[int]) -> None:
        values = sorted(class_values)
        self._numbers = {value: number for number, value in enumerate(values, start=1)}
        self._unknown = False
        self._deep = False

    def files(self, out: Path, names: Sequence[str], channels: int) -> list[Path]:
        """Return the files of pairs of these names, and ``dataset.json``."""
        return [*super().files(out, names, channels), out / "dataset.json"]

    def paths(self, out: Path, name: str, channels: int) -> list[Path]:
        """Return a file for each channel, and the labels."""
        images = [out / "imagesTr" / f"{name}_{channel:04d}.tif" for channel in range(channels)]
        return [*images, out / "labelsTr" / f"{name}.tif"]

    def sidecars(self, out: Path, name: str) -> list[Path]:
        """Return what tells the distance of the pixels of a volume, for image and labels."""
        return [out / folder / f"{name}.json" for folder in ("imagesTr", "labelsTr")]

    def write(self, out: Path, name: str, pair: DualImage) -> None:
        """Write one pair; volumes with the distance of their pixels, which is not known here."""
        values = regions_of(pair.labels).values
        *images, labels = self.paths(out, name, len(pair.image))
        for path, channel in zip(images, pair.image, strict=True):
            write_tiff(path, channel)
        table = np.zeros(257, np.uint8)
        for value, number in self._numbers.items():
            table[value] = number
        table[UNKNOWN] = len(self._numbers) + 1
        self._unknown |= bool((values == UNKNOWN).any())
        self._deep = values.ndim == 3
        write_tiff(labels, table[values])
        if self._deep:
            for path in self.sidecars(out, name):
                write_text(path, json.dumps({"spacing": [1.0] * values.ndim}))

    def finish(self, out: Path, count: int, channels: int, names: Mapping[int, str]) -> None:
        """Write ``dataset.json``."""
        taken = ("background", "ignore")
        labels = {"background": 0}
        for value, number in self._numbers.items():
            name = names[value]
            labels[f"{name} class" if name in taken else name] = number
        if self._unknown:
            labels["ignore"] = len(self._numbers) + 1
        described = {
            "channel_names": {str(channel): f"channel {channel}" for channel in range(channels)},
            "labels": labels,
            "numTraining": count,
            "file_ending": ".tif",
            "overwrite_image_reader_writer": "Tiff3DIO" if self._deep else "NaturalImage2DIO",
        }
        write_text(out / "dataset.json", json.dumps(described, indent=1))


def pair_layout(name: str, class_values: Sequence[int]) -> PairLayout:
    """Return a layout by its name; the project's class values number the classes of some."""
    if name == NnunetLayout.name:
        return NnunetLayout(class_values)
    return {"cellpose": CellposeLayout, "stardist": StarDistLayout}[name]()


LAYOUTS = (CellposeLayout.name, StarDistLayout.name, NnunetLayout.name)
"""Names of the layouts."""
