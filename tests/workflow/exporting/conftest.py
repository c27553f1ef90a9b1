"""A project with two images, one of two channels, with true masks of two classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.workflow.session import Session
from tests.helpers.sessions import add_file, add_masks

CLASSES = (ObjectClass(name="nucleus", value=1), ObjectClass(name="debris", value=2))


@dataclass
class Masked:
    """A session, and the ids that are true of its image ``cells.tif``; ``empty.tif`` has none."""

    session: Session
    ids: np.ndarray
    pixels: np.ndarray


@pytest.fixture
def masked(tmp_path: Path) -> Iterator[Masked]:
    rng = np.random.default_rng(3)
    pixels = rng.integers(100, 60_000, (2, 50, 70), dtype=np.uint16)
    for name, stored in (("cells.tif", pixels), ("empty.tif", pixels[:, :20])):
        tifffile.imwrite(
            tmp_path / name, stored, imagej=True, resolution=(1 / 0.25, 1 / 0.5),
            metadata={"axes": "CYX", "unit": "um"},
        )  # fmt: skip
    ids = np.zeros((50, 70), np.int32)
    ids[2:12, 3:23] = 1
    ids[5:8, 6:10] = 0  # a hole
    ids[20:40, 30:36] = 2
    ids[20:40, 36:45] = 7  # touches the one before
    ids[45:, 60:64] = ids[45:, 66:] = 4  # of two parts, at the border
    with Session.create(tmp_path / "p.synthseg") as session:
        session.edit(session.project.with_classes(*CLASSES), "add classes")
        (cells,) = add_file(session, tmp_path / "cells.tif")
        (empty,) = add_file(session, tmp_path / "empty.tif")
        add_masks(session, cells, InstanceLabels(ids, {1: 1, 2: 1, 7: 2, 4: 2}))
        add_masks(session, empty, InstanceLabels(np.zeros((20, 70), np.int32), {}))
        yield Masked(session, ids, pixels)
