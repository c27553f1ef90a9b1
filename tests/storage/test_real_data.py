"""Real micrographs, a few of each dataset; skipped where the data is not there."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from napari_synthseg.core.annotations import InstanceTruth, RegionTruth
from napari_synthseg.core.labels import RegionLabels
from napari_synthseg.storage.images import describe, open_pixels
from napari_synthseg.storage.truths import open_labels

DATA = Path(os.environ.get("SYNTHSEG_DATA") or Path(__file__).parents[3] / "shared" / "data")
PER_DATASET = 2
SUFFIXES = {".tif", ".png", ".jpg"}


def images_of(dataset: Path) -> list[Path]:
    folder = dataset / "images" if (dataset / "images").is_dir() else dataset
    found = sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES and "label" not in p.name)
    return found[:: max(1, len(found) // PER_DATASET)][:PER_DATASET]


DATASETS = sorted(p for p in DATA.iterdir() if p.is_dir()) if DATA.is_dir() else []
IMAGES = [path for dataset in DATASETS for path in images_of(dataset)]
MASKS = {path: path.parents[1] / "masks" / f"{path.stem}.png" for path in IMAGES}
MASKED = [path for path, masks in MASKS.items() if masks.exists()]
needs_data = pytest.mark.skipif(not IMAGES, reason=f"no data in {DATA}: set SYNTHSEG_DATA")


@needs_data
@pytest.mark.parametrize("path", IMAGES or [Path()], ids=lambda p: "/".join(p.parts[-3:]))
def test_images_are_read(path: Path, tmp_path: Path) -> None:
    for ref in describe(path)[:2]:
        pixels = open_pixels(ref, tmp_path)
        assert len(pixels.shape) == 1 + ref.ndim
        assert pixels.shape[0] in (1, 3)
        assert min(pixels.shape[-2:]) > 50
        image = pixels.read()
        assert image.shape == pixels.shape
        assert image.dtype == np.float32
        assert np.isfinite(image).all()
        assert image.std() > 0.01
        inside = (image > -0.01) & (image < 1.01)
        assert inside.mean() > 0.9
        planes = [(2, 7)] if ref.ndim == 3 else []
        part = pixels.read((*planes, (10, 30), (20, 50)))
        where = [slice(*limits) for limits in (*planes, (10, 30), (20, 50))]
        np.testing.assert_array_equal(part, image[:, *where])


@needs_data
@pytest.mark.parametrize("path", MASKED or [Path()], ids=lambda p: "/".join(p.parts[-3:]))
def test_true_masks_fit_their_images(path: Path, tmp_path: Path) -> None:
    semantic = any(word in str(path) for word in ("semantic", "membranes", "cytoplasm"))
    (ref,) = describe(path)
    truth = (RegionTruth if semantic else InstanceTruth)(image=ref.id, source=str(MASKS[path]))
    describe(MASKS[path])  # the user gives it
    labels = open_labels(truth, ref, tmp_path)
    assert labels.shape == open_pixels(ref, tmp_path).shape[1:]
    if isinstance(labels, RegionLabels):
        assert labels.class_values_shown()
    else:
        assert labels.count == len(labels.classes) > 0
