"""Which plane of a stack, and which image of a file of several, annotations are of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.errors import InputError
from napari_synthseg.workflow.importing_files import ImportOptions
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


@pytest.fixture
def several(session: Session, tmp_path: Path) -> Session:
    """Return a session with both images of a file, the second of which is larger."""
    with tifffile.TiffWriter(tmp_path / "f.tif") as writer:
        for shape in ((24, 30), (30, 40)):
            writer.write(noise(*shape), photometric="minisblack")
    session.add_images(tmp_path / "f.tif", series="all").result()
    return session


def table(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(("image,class,y,x", *rows)))
    return path


def test_images_of_one_file_have_sizes_of_their_own(several: Session, tmp_path: Path) -> None:
    rows = ("f_s0.tif,cell,20,20", "f_s1.tif,cell,28,38")
    several.import_file(table(tmp_path / "c.csv", *rows)).result()
    series = [several.project.image(c.image).plane["s"] for c in several.project.clicks]
    assert series == [0, 1]
    outside = table(tmp_path / "c.csv", "f_s1.tif,cell,5,5", "f_s0.tif,cell,28,29")
    with pytest.raises(InputError, match=r"\(28, 29\) lies outside image 'f_s0.tif'"):
        several.import_file(outside).result()


def test_the_name_of_a_file_of_several_images_is_refused(several: Session, tmp_path: Path) -> None:
    told = r"'f(.tif)?' holds several images: name one of them, as 'f_s0.tif' or 'f_s1.tif'"
    with pytest.raises(InputError, match=told):
        several.import_file(table(tmp_path / "c.csv", "f.tif,cell,5,5")).result()
    with pytest.raises(InputError, match=told):
        several.import_file(markers(tmp_path / "m.xml", "f.tif", (5, 6, 1))).result()
    ids = np.zeros((24, 30), np.uint8)
    ids[3:9, 3:9] = 1
    (tmp_path / "masks").mkdir()
    tifffile.imwrite(tmp_path / "masks" / "f_masks.tif", ids)
    with pytest.raises(InputError, match=told):
        several.import_file(tmp_path / "masks", masks="instance").result()
    (tmp_path / "masks" / "f_masks.tif").rename(tmp_path / "masks" / "f_s0_masks.tif")
    several.import_file(tmp_path / "masks", masks="instance").result()
    first, second = several.project.images
    assert several.project.masks_of(first) and not several.project.masks_of(second)
    options = ImportOptions(image="f_s1.tif")
    made = several.import_file(markers(tmp_path / "m.xml", "f.tif", (35, 6, 1)), options).result()
    assert [click.image for click in made.clicks] == [second.id]
