"""How an image is shown to a model."""

from __future__ import annotations

import numpy as np
import tifffile

from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.runs import LearnedAppearance, ModelRecord
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.tasks.segment import SegmentRule
from napari_synthseg.training.appearance import measure_appearance
from napari_synthseg.workflow.predicting import show
from napari_synthseg.workflow.session import Session
from tests.helpers.sessions import add_file


def test_an_image_of_other_channels_is_compared_with_nothing(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)
    tifffile.imwrite(tmp_path / "color.tif", pixels, photometric="rgb")
    gray = measure_appearance(ArraySource(pixels[None, ..., 0].astype(np.float32)))
    model = ModelRecord(
        spec=ModelSpec(name="unet"), in_channels=1, out_channels=3,
        rule=SegmentRule(class_values=(1,), diameter=12.0),
        learned_from=LearnedAppearance(images=(gray,), ground=(0.0,)),
    )  # fmt: skip
    with Session.create(tmp_path / "p") as session:
        (ref,) = add_file(session, tmp_path / "color.tif")
        view = show(model, ref, session.folder)
    assert (view.notes, view.pixels.shape) == ((), (3, 96, 96))
