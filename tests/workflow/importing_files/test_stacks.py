"""Which plane of a stack, and which image of a file of several, annotations are of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_synthseg.workflow.session import Session

MARKER = "<Marker><MarkerX>{x}</MarkerX><MarkerY>{y}</MarkerY><MarkerZ>{z}</MarkerZ></Marker>"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Return a session with one class."""
    with Session.create(tmp_path / "p.synthseg") as made:
        made.edit(made.project.with_classes(made.project.next_class("cell")), "class")
        yield made


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 999, shape).astype(np.uint16)


def markers(path: Path, image: str, *places: tuple[int, int, int]) -> Path:
    """Write markers (x, y, z) of Cell Counter."""
    listed = "".join(MARKER.format(x=x, y=y, z=z) for x, y, z in places)
    path.write_text(
        f"<CellCounter_Marker_File><Image_Properties><Image_Filename>{image}</Image_Filename>"
        f"</Image_Properties><Marker_Data><Marker_Type><Type>1</Type><Name>cell</Name>{listed}</Marker_Type>"
        "</Marker_Data></CellCounter_Marker_File>"
    )
    return path


def test_markers_of_imagej_count_channels(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "h.tif"
    tifffile.imwrite(path, noise(3, 4, 2, 24, 30), imagej=True, metadata={"axes": "TZCYX"})
    session.add_images(path, stack="planes").result()
    made = session.import_file(markers(tmp_path / "m.xml", "h.tif", (5, 6, 4), (7, 8, 13))).result()
    planes = [session.project.image(click.image).plane for click in made.clicks]
    assert planes == [{"t": 0, "z": 1}, {"t": 1, "z": 2}]


def test_markers_in_volumes_with_channels_have_a_depth(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "v.tif"
    tifffile.imwrite(path, noise(9, 2, 24, 30), imagej=True, metadata={"axes": "ZCYX"})
    session.add_images(path, stack="volume").result()
    made = session.import_file(markers(tmp_path / "m.xml", "v.tif", (5, 6, 1), (7, 8, 8))).result()
    assert [click.position for click in made.clicks] == [(0, 6, 5), (3, 8, 7)]
