"""True masks as label images of other programs."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from napari_synthseg.core.annotations import ImageRef, InstanceTruth, ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import InstanceLabels, RegionLabels
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.project import Project
from napari_synthseg.io.exports.label_colors import class_colors, id_colors
from napari_synthseg.io.exports.label_tiff import write_imagej_labels
from napari_synthseg.io.images.files import open_file
from napari_synthseg.storage import consent
from napari_synthseg.workflow.exporting.sources import TruthSource
from napari_synthseg.workflow.session import Session
from tests.helpers.sessions import add_array, add_file, add_masks


def export(session: Session, out: Path, format: str = "", **options):
    return session.export("labels", out, format=format, **options).result()


def test_tiff_for_imagej_has_size_colors_and_range(masked, tmp_path: Path) -> None:
    done = export(masked.session, tmp_path / "out")
    assert done.figures["objects"] == 4
    with tifffile.TiffFile(tmp_path / "out" / "cells.tif") as tiff:
        np.testing.assert_array_equal(tiff.asarray(), masked.ids)
        assert (tiff.pages[0].dtype, tiff.is_imagej) == (np.uint16, True)
        assert (tiff.imagej_metadata["unit"], tiff.imagej_metadata["max"]) == ("um", 255.0)
        per_x, per_y = (tiff.pages[0].tags[f"{a}Resolution"].value for a in "XY")
        assert (per_x[0] / per_x[1], per_y[0] / per_y[1]) == (4, 2)
        colors = np.reshape(tiff.pages[0].tags["ColorMap"].value, (3, 256)) // 257
    assert colors[:, 0].tolist() == [0, 0, 0]
    assert colors.max(axis=0)[1:].min() > 150
    stored = open_file(tmp_path / "out" / "cells.tif", as_ids=True)
    assert stored.pixel_size == pytest.approx({"y": 0.5, "x": 0.25})
    table = (tmp_path / "out" / "objects.csv").read_text("utf-8").splitlines()
    assert table[0] == "image,id,class,score,y,x,ymin,xmin,ymax,xmax"
    assert [line.split(",")[1:3] for line in table[1:]] == [
        ["1", "nucleus"], ["2", "nucleus"], ["4", "debris"], ["7", "debris"],
    ]  # fmt: skip


def test_labels_never_take_the_place_of_an_image(masked, tmp_path: Path) -> None:
    before = (tmp_path / "cells.tif").read_bytes()
    with pytest.raises(InputError, match=r"cells\.tif is not written.*Give another --out\.$"):
        export(masked.session, tmp_path, overwrite=True)
    assert (tmp_path / "cells.tif").read_bytes() == before


def test_ome_tiff_has_the_size_of_a_pixel(masked, tmp_path: Path) -> None:
    export(masked.session, tmp_path / "out", "ome-tiff")
    with tifffile.TiffFile(tmp_path / "out" / "cells.ome.tif") as tiff:
        np.testing.assert_array_equal(tiff.asarray(), masked.ids)
        pixels = ET.fromstring(tiff.ome_metadata).find(".//{*}Pixels")
    assert float(pixels.get("PhysicalSizeX")) == 0.25
    assert (float(pixels.get("PhysicalSizeY")), pixels.get("PhysicalSizeYUnit")) == (0.5, "µm")


def test_ome_zarr_has_a_pyramid_of_ids_that_exist(tmp_path: Path) -> None:
    ids = np.zeros((700, 900), np.int32)
    ids[3:650, 5:640], ids[10:20, 700:880] = 3, 9
    with Session.create(tmp_path / "p.synthseg") as session:
        session.edit(session.project.with_classes(session.project.next_class("cell")), "class")
        ref = add_array(
            session, np.zeros((700, 900), np.uint8), "yx", "a", pixel_size=(0.5, 0.25), unit="um"
        )
        add_masks(session, ref, InstanceLabels(ids, {3: 1, 9: 1}))
        export(session, tmp_path / "out", "ome-zarr")
        with pytest.raises(InputError, match="exists already"):
            export(session, tmp_path / "out", "ome-zarr")
        export(session, tmp_path / "out", "ome-zarr", overwrite=True)
        (tmp_path / "other" / "a.ome.zarr").mkdir(parents=True)
        with pytest.raises(InputError, match="no OME-Zarr and is not replaced"):
            export(session, tmp_path / "other", "ome-zarr", overwrite=True)
    place = tmp_path / "out" / "a.ome.zarr"
    assert [p.name for p in place.parent.iterdir() if p.name.startswith(".")] == []
    group: Any = zarr.open_group(str(place), mode="r")
    (image,) = group.attrs["multiscales"]
    assert [axis["unit"] for axis in image["axes"]] == ["micrometer"] * 2
    for number, level in enumerate(image["datasets"]):
        step = 2**number
        np.testing.assert_array_equal(group[level["path"]][:], ids[::step, ::step])
        (scaling,) = level["coordinateTransformations"]
        assert scaling["scale"] == [0.5 * step, 0.25 * step]
    assert len(image["datasets"]) == 3
    known = {p["label-value"]: p["class"] for p in group.attrs["image-label"]["properties"]}
    assert known == {3: "cell", 9: "cell"}
    stored = open_file(place, as_ids=True)
    assert (stored.axes, stored.pixel_size) == ("yx", {"y": 0.5, "x": 0.25})


def test_regions_have_the_colors_of_their_classes_and_the_rest_is_unknown(tmp_path: Path) -> None:
    values = np.zeros((20, 30), np.int32)
    values[5:] = 1
    with Session.create(tmp_path / "p.synthseg") as session:
        phase = session.project.next_class("phase", color="#ff8000")
        session.edit(session.project.with_classes(phase), "class")
        half = ((0, 20), (0, 30))
        ref = add_array(session, np.zeros((20, 40), np.uint8), "yx", "a", region=half)
        add_masks(session, ref, RegionLabels.of(values), "semantic")
        done = export(session, tmp_path / "out")
    assert "Only a part of 'a' has a truth." in done.message
    with tifffile.TiffFile(tmp_path / "out" / "a.tif") as tiff:
        written = tiff.asarray()
        colors = np.reshape(tiff.pages[0].tags["ColorMap"].value, (3, 256)) // 257
    np.testing.assert_array_equal(written[:, :30], values)
    assert (written[:, 30:] == 255).all()
    assert colors[:, 1].tolist() == [255, 128, 0]
    assert "1,phase" in (tmp_path / "out" / "classes.csv").read_text()


def test_volumes_keep_the_distance_of_their_planes(tmp_path: Path) -> None:
    ids = np.zeros((4, 9, 8), np.int32)
    ids[1:3, 2:5, 3:6] = 2
    with Session.create(tmp_path / "p.synthseg") as session:
        session.edit(session.project.with_classes(session.project.next_class("cell")), "class")
        ref = add_array(
            session, np.zeros(ids.shape, np.uint8), "zyx", "v", pixel_size=(2, 0.5, 0.5), unit="um"
        )
        add_masks(session, ref, InstanceLabels(ids, {2: 1}))
        for format, name in (
            ("tiff", "v.tif"),
            ("ome-tiff", "v.ome.tif"),
            ("ome-zarr", "v.ome.zarr"),
        ):
            export(session, tmp_path / format, format)
            stored = open_file(tmp_path / format / name, as_ids=True)
            assert (stored.axes, stored.pixel_size) == ("zyx", {"z": 2, "y": 0.5, "x": 0.5}), format
            whole = stored.read(tuple(slice(0, n) for n in stored.shape))
            np.testing.assert_array_equal(whole, ids)
        session.export("objects", tmp_path / "o.csv").result()
        row = dict(
            zip(*(s.split(",") for s in (tmp_path / "o.csv").read_text().splitlines()), strict=True)
        )
        assert (row["volume_um3"], row["z"], row["centroid_z_um"]) == ("9", "1.5", "3")
        with pytest.raises(InputError, match=r"'v' is a volume, .* choose --format csv"):
            session.export("objects", tmp_path / "g", format="geojson").result()


def test_parts_of_an_image_are_joined_and_ids_of_other_files_are_renumbered(tmp_path: Path) -> None:
    left, right = np.zeros((10, 10), np.int32), np.zeros((10, 12), np.int32)
    left[1:4, 1:4], right[5:8, 2:9] = 1, 1
    with Session.create(tmp_path / "p.synthseg") as session:
        session.edit(session.project.with_classes(session.project.next_class("cell")), "class")
        first = add_array(
            session, np.zeros((10, 22), np.uint8), "yx", "a", region=((0, 10), (0, 10))
        )
        second = first.model_copy(update={"id": "second", "region": ((0, 10), (10, 22))})
        session.edit(session.project.with_images(second), "second region")
        add_masks(session, first, InstanceLabels(left, {1: 1}))
        add_masks(session, second, InstanceLabels(right, {1: 1}))
        export(session, tmp_path / "out")
    expected = np.hstack([left, right * 2])
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "a.tif"), expected)


def test_more_ids_than_imagej_has_whole_numbers_for_stay_exact(tmp_path: Path) -> None:
    ids = np.arange(70_000, dtype=np.int32).reshape(280, 250)
    write_imagej_labels(tmp_path / "a.tif", ids, ImageRef(uri="a.tif"), id_colors())
    written = tifffile.imread(tmp_path / "a.tif")
    assert written.dtype == np.float32
    np.testing.assert_array_equal(written, ids)


def test_neighboring_ids_differ_in_color_and_none_is_dark() -> None:
    colors = id_colors().astype(int)
    assert colors[0].tolist() == [0, 0, 0]
    assert colors[1:].max(axis=1).min() >= 180
    for apart in (1, 2, 3):
        assert np.abs(colors[1 + apart :] - colors[1:-apart]).sum(axis=1).min() > 60
    assert class_colors({4: "#0a0b0c"})[4].tolist() == [10, 11, 12]


def in_parts(session: Session, path: Path) -> tuple[Project, list[ImageRef]]:
    """Draw an empty image of 10 x 30 pixels; return a project of its three parts, and these."""
    tifffile.imwrite(path, np.zeros((10, 30), np.uint8))
    (ref,) = add_file(session, path)
    refs = [
        ref.model_copy(update={"id": f"part{n}", "region": ((0, 10), (10 * n, 10 * n + 10))})
        for n in range(3)
    ]
    return session.project.without_image(ref.id).with_images(*refs), refs


def test_ids_of_parts_in_one_file_never_meet_those_of_another(tmp_path: Path) -> None:
    whole = np.zeros((10, 30), np.uint16)
    whole[2:4, 2:4], whole[2:4, 22:24] = 1, 2
    tifffile.imwrite(tmp_path / "whole.tif", whole)
    tifffile.imwrite(tmp_path / "middle.tif", (whole[:, :10] > 0).astype(np.uint16))
    with Session.create(tmp_path / "q.synthseg") as session:
        session.edit(session.project.with_classes(ObjectClass(name="cell", value=1)), "add a class")
        project, refs = in_parts(session, tmp_path / "cells.tif")
        for name in ("whole.tif", "middle.tif"):
            consent.allow(tmp_path / name)
        named = zip(refs, ("whole.tif", "middle.tif", "whole.tif"), strict=True)
        truths = [InstanceTruth(image=r.id, source=(tmp_path / n).as_posix()) for r, n in named]
        source = TruthSource(project.with_truths(*truths), (), session.folder, ("instance",))
        found = exhaust(source.find(source.images[0]))
    assert [len(np.unique(found.ids[:, a : a + 10])) for a in (0, 10, 20)] == [2, 2, 2]
    assert len(found.objects) == 3


def test_large_ids_mean_the_same_object_in_all_parts_of_their_file(tmp_path: Path) -> None:
    whole = np.zeros((10, 30), np.uint32)
    whole[2:4, 2:4], whole[2:4, 8:14], whole[6:8, 22:24] = 1, 5_000_001, 7_000_000
    whole[6:8, 12:14] = 3
    tifffile.imwrite(tmp_path / "whole.tif", whole)
    with Session.create(tmp_path / "q.synthseg") as session:
        session.edit(session.project.with_classes(ObjectClass(name="cell", value=1)), "add a class")
        project, refs = in_parts(session, tmp_path / "cells.tif")
        consent.allow(tmp_path / "whole.tif")
        named = {1: 2, 3: 1, 5_000_001: 3, 7_000_000: 2}
        file = (tmp_path / "whole.tif").as_posix()
        truths = [InstanceTruth(image=r.id, source=file, classes=named) for r in refs]
        source = TruthSource(project.with_truths(*truths), (), session.folder, ("instance",))
        found = exhaust(source.find(source.images[0]))
    np.testing.assert_array_equal(np.searchsorted([0, 1, 3, 5_000_001], whole), found.ids)
    assert {o.id: o.cls for o in found.objects} == {1: 2, 2: 1, 3: 3, 4: 2}


@pytest.mark.parametrize("format", ["ome-tiff", "ome-zarr"])
def test_a_unit_that_ome_has_no_word_for_is_told(tmp_path: Path, format: str) -> None:
    with Session.create(tmp_path / "p.synthseg") as session:
        session.edit(session.project.with_classes(session.project.next_class("cell")), "class")
        pixels, ids = np.zeros((40, 50), np.uint8), np.zeros((40, 50), np.int32)
        ids[3:9, 5:20] = 1
        for name, unit in (("a", "yard"), ("b", "um")):
            ref = add_array(session, pixels, "yx", name, pixel_size=(0.5, 0.25), unit=unit)
            add_masks(session, ref, InstanceLabels(ids, {1: 1}))
        done = export(session, tmp_path / "out", format)
    (note,) = done.figures["notes"]
    assert "pixel size of a is in 'yard'" in note
    assert note in done.message
