"""The images that a study draws, as folders that any program reads."""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

from benchmarks.study.clicks import ClickedMasks, make_clicks
from benchmarks.study.draw import Sample
from benchmarks.study.measure import typical_diameter
from benchmarks.study.study_file import load_study
from benchmarks.study.units import Unit, plan
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.io.images.files import open_file
from napari_synthseg.io.labels import read_whole


@dataclass(frozen=True)
class Drawn:
    """One draw of a study in a folder.

    Attributes
    ----------
    train, test
        Folders that hold ``images`` and ``masks``, TIFF files of the same names.
    clicks
        Table of the clicks on the training images, on all their objects.
    class_name, diameter
        What the objects are called, and their typical diameter in pixels.
    digest
        Of names and content of all images and masks.
    train_names, test_count, objects
        Names of the training images, number of test images, objects to find on these.
    """

    train: Path
    test: Path
    clicks: Path
    class_name: str
    diameter: float
    digest: str
    train_names: tuple[str, ...]
    test_count: int
    objects: int


def draw_unit(study: Path, seed: int, limit: int) -> Unit:
    """Return the unit of a study's arm of clicks for a seed, with at most `limit` test images.

    The test images are those that no arm of the study trains on, as in the study.

    Raises
    ------
    InputError
        If the data are missing, or the study has no arm that clicks everything.
    """
    whole = load_study(study)
    data = whole.data.model_copy(update={"limit": limit})
    train = whole.train.model_copy(update={"seeds": (seed,)})
    for unit in plan(whole.model_copy(update={"data": data, "train": train})):
        if unit.arm.source == "clicks" and unit.arm.clicks == "all":
            return unit
    raise InputError(f"{study.name}: no arm has the source 'clicks' with all clicks.")


def write_folders(unit: Unit, folder: Path) -> Drawn:
    """Write the images, masks and clicks of a unit; what is in the folder already goes."""
    shutil.rmtree(folder, ignore_errors=True)
    masks = [_write(sample, folder / "train") for sample in unit.train]
    objects = sum(_write(sample, folder / "test").count for sample in unit.test)
    clicked = make_clicks(
        masks,
        jitter=unit.arm.jitter,
        each=unit.arm.clicks,
        in_all=unit.arm.clicks_in_all,
        seeds=(unit.seed, unit.image_seed),
    )
    clicks = folder / "clicks.csv"
    _write_clicks(clicks, unit, clicked)
    identities = "\n".join(sample.identity() for sample in (*unit.train, *unit.test))
    return Drawn(
        train=folder / "train",
        test=folder / "test",
        clicks=clicks,
        class_name=unit.class_names[0],
        diameter=round(typical_diameter(masks), 1),
        digest=hashlib.sha256(identities.encode()).hexdigest()[:12],
        train_names=tuple(sample.name for sample in unit.train),
        test_count=len(unit.test),
        objects=objects,
    )


def _write(sample: Sample, folder: Path) -> InstanceLabels:
    """Write an image and its masks; return these."""
    labels = sample.labels()
    assert isinstance(labels, InstanceLabels)
    pixels = np.squeeze(read_whole(open_file(sample.image), sample.name))
    if pixels.ndim != 2:
        raise InputError(f"'{sample.image.name}' is not a gray image: its shape is {pixels.shape}.")
    for kind, array in (("images", pixels), ("masks", labels.ids.astype(np.uint16))):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / kind / f"{sample.name}.tif", array, compression="zlib")
    return labels


def _write_clicks(path: Path, unit: Unit, clicked: Sequence[ClickedMasks]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(("image", "class", "y", "x"))
        for sample, marks in zip(unit.train, clicked, strict=True):
            for click in marks.clicks:
                name = unit.class_names[click.cls - 1]
                rows.writerow((f"{sample.name}.tif", name, *(f"{p:.3f}" for p in click.position)))
