"""Fluorescent nuclei with true masks: a real micrograph that ships in the stardist wheel."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.patches.simulated_clicks import click_masks, cut_labels
from napari_synthseg.sample_data.sample import Sample, SampleContent

DIAMETER = 24
"""Typical diameter of a nucleus in this micrograph, pixels; the gap between the parts, too."""


def read_nuclei() -> SampleContent:
    """Read the micrograph; its left half is clicked, its right half scored.

    A strip one nucleus wide between the halves belongs to neither. Nuclei that a border cuts are
    clicked by what is seen of them.

    Raises
    ------
    InputError
        If the files are not installed.
    """
    import tifffile

    folder = _images_folder()
    image = tifffile.imread(folder / "img2d.tif")
    ids = tifffile.imread(folder / "mask2d.tif").astype(np.int32)
    labels = InstanceLabels(ids, {i: 1 for i in np.unique(ids).tolist() if i})
    height, width = image.shape
    train = ((0, height), (0, width // 2 - DIAMETER))
    test = ((0, height), (width // 2, width))
    return SampleContent(
        image=image,
        axes="yx",
        classes=(ObjectClass(name="nucleus", value=1, diameter=DIAMETER),),
        clicks=tuple(click_masks(cut_labels(labels, train))),
        train=train,
        test=test,
        truth=cut_labels(labels, test),
    )


def _images_folder() -> Path:
    """Find the folder without importing stardist, which would load much more than two files."""
    spec = find_spec("stardist")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "data" / "images"
        if (folder / "img2d.tif").is_file() and (folder / "mask2d.tif").is_file():
            return folder
    raise InputError(
        "The nuclei sample is not installed: run  pip install 'napari-synthseg[samples]'  "
        "(its micrograph ships with stardist), or take the tissue or the sediment sample."
    )


NUCLEI = Sample(
    name="nuclei",
    title="Fluorescence nuclei (real)",
    note=(
        "Fluorescence micrograph of cell nuclei with true masks, 512 x 512 pixels, shipped with "
        "stardist (BSD-3-Clause). The clicks on its left half were derived from the true masks: "
        "innermost point of each nucleus, scattered by a tenth of its diameter. The right half is "
        "scored against its true masks."
    ),
    simulated=False,
    read=read_nuclei,
)
