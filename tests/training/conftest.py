"""Something to train on, and a training of a second."""

import pytest

from napari_synthseg.core.specs import ModelSpec, TrainSpec
from tests.helpers.disks import Disks


@pytest.fixture
def disks():
    return Disks()


@pytest.fixture
def tiny():
    """A spec that trains in a second."""
    return TrainSpec(
        steps=3, batch_size=2, crop=32, device="cpu", model=ModelSpec(name="unet", width=4, depth=2)
    )
