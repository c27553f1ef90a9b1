"""A network that was trained, small and briefly."""

import pytest

from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.tasks.predict import load_predictor
from tests.helpers.disks import Disks
from tests.helpers.training import train_model


@pytest.fixture(scope="session")
def trained():
    """A predictor that was trained, small and briefly, to find disks of two classes."""
    spec = TrainSpec(
        steps=70,
        batch_size=4,
        crop=64,
        device="cpu",
        learning_rate=1e-2,
        model=ModelSpec(name="unet", width=8, depth=2),
    )
    work = train_model(spec, Disks(), class_names={1: "bright", 2: "dark"}, diameter=12)
    while True:
        try:
            next(work)
        except StopIteration as stop:
            model = stop.value
            break
    return load_predictor(model.record, model.weights, "cpu")
