"""Stained tissue with nuclei clicked by eye: a real micrograph that ships with scikit-image."""

from __future__ import annotations

import csv
from importlib.resources import files

import numpy as np

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.geometry import Region
from napari_synthseg.metrics.localization import Centers
from napari_synthseg.patches.simulated_clicks import SimulatedClick
from napari_synthseg.sample_data.sample import Sample, SampleContent

TRAIN: Region = ((160, 315), (88, 404))
TEST: Region = ((344, 512), (150, 290))

NUCLEUS = ObjectClass(name="stromal nucleus", value=1, diameter=14)


def read_tissue() -> SampleContent:
    """Read the micrograph and the tables of nuclei that were marked in it by eye."""
    from skimage.data import immunohistochemistry

    image = np.asarray(immunohistochemistry())
    centers = _read_table("tissue_truth.csv")
    return SampleContent(
        image=image,
        axes="yxc",
        classes=(NUCLEUS,),
        clicks=_read_table("tissue_clicks.csv"),
        train=TRAIN,
        test=TEST,
        truth=Centers.of([c.position for c in centers], [c.cls for c in centers]),
    )


def _read_table(name: str) -> tuple[SimulatedClick, ...]:
    """Read a table that ships with the package, in the columns that ``import`` reads, too."""
    text = files("napari_synthseg.sample_data").joinpath(name).read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(SimulatedClick(NUCLEUS.value, (float(row["y"]), float(row["x"]))) for row in rows)


TISSUE = Sample(
    name="tissue",
    title="Stained tissue (real)",
    note=(
        "Colon tissue in bright field, brown by immunohistochemistry, nuclei blue by hematoxylin, "
        "512 x 512 pixels RGB, shipped with scikit-image (from the Center for Microscopy and "
        "Molecular Imaging; no known copyright restrictions). The blue nuclei of the tissue "
        "between the glands were marked by eye, all of them in the clicked part and in the "
        "held-out part; nuclei inside the brown glands were left out. How faint a nucleus may be "
        "and still count was judged by eye, too. There are no masks: a nucleus counts as found if "
        "a predicted center lies within half a diameter."
    ),
    simulated=False,
    read=read_tissue,
)
