"""Stained tissue with nuclei clicked by eye: a real micrograph that ships with scikit-image."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from importlib.resources import files

import numpy as np

from napari_synthseg.core.geometry import Region
from napari_synthseg.core.project import ObjectClass
from napari_synthseg.sample_data.sample import Sample, SampleClick, SampleContent
from napari_synthseg.score.localization import Centers

TRAIN: Region = ((0, 256), (0, 512))
TEST: Region = ((320, 512), (0, 512))


def read_tissue() -> SampleContent:
    """Read the micrograph and the tables of nuclei marked in it."""
    from skimage.data import immunohistochemistry

    image: np.ndarray = immunohistochemistry()
    nucleus = ObjectClass(name="nucleus", value=1, diameter=14)
    clicks = _read_table("tissue_clicks.csv", nucleus)
    centers = _read_table("tissue_truth.csv", nucleus)
    return SampleContent(
        image=image,
        axes="yxc",
        classes=(nucleus,),
        clicks=tuple(clicks),
        train=TRAIN,
        test=TEST,
        truth=Centers.of([c.position for c in centers], [c.cls for c in centers]),
    )


def _read_table(name: str, cls: ObjectClass) -> list[SampleClick]:
    """Read a table that ships with the package, in the columns that ``import`` reads."""
    text = files("napari_synthseg.sample_data").joinpath(name).read_text(encoding="utf-8")
    rows: Iterable[dict[str, str]] = csv.DictReader(text.splitlines())
    return [SampleClick(cls.value, (float(row["y"]), float(row["x"]))) for row in rows]


TISSUE = Sample(
    name="tissue",
    title="Stained tissue (real)",
    note="",
    simulated=False,
    read=read_tissue,
)
