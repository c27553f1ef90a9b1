"""True masks are read as far as an image needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.annotations import InstanceTruth
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.labels import read_part
from napari_synthseg.storage import truths
from napari_synthseg.storage.images import describe


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """Write a movie of four frames, and masks of which frame n holds the id n + 1."""
    shape = (4, 20, 30)
    frames = np.random.default_rng(0).integers(0, 200, shape, dtype=np.uint8)
    tifffile.imwrite(tmp_path / "movie.tif", frames, metadata={"axes": "TYX"})
    ids = np.arange(1, 5, dtype=np.uint16)[:, None, None] * np.ones(shape, np.uint16)
    tifffile.imwrite(tmp_path / "masks.tif", ids, metadata={"axes": "TYX"})
    return tmp_path


def test_masks_of_one_frame_are_read_alone(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[slice, ...]] = []

    def note(stored: Any, name: str, part: tuple[slice, ...]) -> Any:
        asked.append(part)
        return read_part(stored, name, part)

    monkeypatch.setattr(truths, "read_part", note)
    frames = describe(stack / "movie.tif")
    assert len(frames) == 4
    cut = frames[2].model_copy(update={"region": ((5, 15), (0, 12))})
    for ref, shape in ((frames[2], (20, 30)), (cut, (10, 12))):
        truth = InstanceTruth(image=ref.id, source="masks.tif", classes={3: 1})
        labels = truths.open_labels(truth, ref, stack)
        assert labels.shape == shape
        assert set(np.unique(labels.ids)) == {3}
    assert [part[0] for part in asked] == [slice(2, 3)] * 2
    assert asked[1][1:] == (slice(5, 15), slice(0, 12))


def test_masks_without_the_frame_are_refused(stack: Path) -> None:
    ref = describe(stack / "movie.tif")[3]
    ids = np.ones((3, 20, 30), np.uint16)
    tifffile.imwrite(stack / "few.tif", ids, metadata={"axes": "TYX"})
    truth = InstanceTruth(image=ref.id, source="few.tif")
    with pytest.raises(InputError, match="give masks for each plane"):
        truths.open_labels(truth, ref, stack)
