"""What is left in a folder to which dual images were exported before."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pytest

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import DualImage, InstanceLabels
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.project import Project
from napari_synthseg.io.exports.training_pairs import LAYOUTS
from napari_synthseg.workflow.exporting.pairs import OWN_FORMAT, export_pairs

FORMATS = (OWN_FORMAT, *LAYOUTS)


def export(
    out: Path,
    count: int,
    format: str,
    channels: int = 1,
    depth: int = 0,
    overwrite: bool = True,
    inputs: Collection[Path] = (),
) -> None:
    shape = (*(depth,) * bool(depth), 6, 5)
    labels = InstanceLabels(np.ones(shape, np.int32), {1: 1})
    image = np.zeros((channels, *shape), np.float32)
    pairs = [DualImage(image, labels, number) for number in range(count)]
    project = Project().with_classes(Project().next_class("cell"))
    exhaust(export_pairs(out, pairs, project, format, overwrite, inputs))


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("last", FORMATS)
def test_only_the_pairs_of_the_last_export_are_left(tmp_path: Path, last: str, format: str) -> None:
    export(tmp_path / "again", 5, last, channels=3, depth=2)
    export(tmp_path / "again", 2, format, channels=2, depth=2)
    export(tmp_path / "fresh", 2, format, channels=2, depth=2)
    assert files(tmp_path / "again") == files(tmp_path / "fresh")


def test_nnunet_is_told_how_many_pairs_there_are(tmp_path: Path) -> None:
    export(tmp_path, 3, "nnunet")
    export(tmp_path, 1, "nnunet")
    told = json.loads((tmp_path / "dataset.json").read_text())["numTraining"]
    assert told == len(list((tmp_path / "labelsTr").iterdir())) == 1


def test_files_of_others_are_kept(tmp_path: Path) -> None:
    export(tmp_path, 3, "cellpose")
    for name in ("00003.tif", "00003_masks.tif", "mine.txt"):
        (tmp_path / name).write_text("mine")
    export(tmp_path, 1, "cellpose")
    kept = {"00003.tif", "00003_masks.tif", "mine.txt"}
    assert files(tmp_path) == {"00000.tif", "00000_masks.tif", "exported_pairs.json", *kept}


def test_pairs_in_another_format_are_not_replaced_without_leave(tmp_path: Path) -> None:
    export(tmp_path, 2, "stardist")
    before = files(tmp_path)
    with pytest.raises(InputError, match="exists already: give another --out, or --overwrite"):
        export(tmp_path, 1, "nnunet", overwrite=False)
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"format": "other", "pairs": 1, "channels": 1}',
     '{"format": "tiff", "pairs": -1, "channels": 1}'],
)  # fmt: skip
def test_a_record_that_says_nothing_is_refused(tmp_path: Path, text: str) -> None:
    export(tmp_path, 1, "tiff")
    (tmp_path / "exported_pairs.json").write_text(text)
    before = files(tmp_path)
    with pytest.raises(InputError, match=r"exported_pairs\.json does not say which pairs"):
        export(tmp_path, 1, "tiff")
    assert files(tmp_path) == before


def test_exported_pairs_that_became_images_of_the_project_are_kept(tmp_path: Path) -> None:
    export(tmp_path, 3, OWN_FORMAT)
    before = files(tmp_path)
    with pytest.raises(InputError, match="are read"):
        export(tmp_path, 1, OWN_FORMAT, inputs=[tmp_path / "images" / "00002.tif"])
    assert files(tmp_path) == before
