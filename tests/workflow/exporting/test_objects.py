"""True objects in every format that they are exported in."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from skimage.measure import grid_points_in_poly, regionprops

from napari_synthseg.core.errors import InputError
from napari_synthseg.workflow.exporting import DEFAULT_FORMATS, export_formats


def export(masked, what: str, out: Path, format: str = "", **options):
    return masked.session.export(what, out, format=format, **options).result()


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_measures_in_physical_units(masked, tmp_path: Path) -> None:
    done = export(masked, "objects", tmp_path / "o" / "objects.csv")
    assert done.figures["per_image"] == {"cells": 4, "empty": 0}
    assert "No object was found on empty." in done.message
    rows = {int(row["id"]): row for row in read_table(tmp_path / "o" / "objects.csv")}
    assert set(rows) == {1, 2, 4, 7}
    assert [rows[n]["class"] for n in (1, 2, 4, 7)] == ["nucleus", "nucleus", "debris", "debris"]
    expected = regionprops(masked.ids, np.moveaxis(masked.pixels, 0, -1), spacing=(0.5, 0.25))
    for thing in expected:
        row = rows[thing.label]
        assert float(row["area_um2"]) == pytest.approx(np.sum(masked.ids == thing.label) * 0.125)
        for ours, theirs in (
            ("equivalent_diameter_um", thing.equivalent_diameter_area),
            ("feret_diameter_um", thing.feret_diameter_max),
            ("major_axis_um", thing.axis_major_length),
            ("minor_axis_um", thing.axis_minor_length),
            ("eccentricity", thing.eccentricity),
            ("solidity", thing.solidity),
            ("mean_intensity_ch0", thing.intensity_mean[0]),
            ("mean_intensity_ch1", thing.intensity_mean[1]),
            ("centroid_y_um", thing.centroid[0]),
            ("centroid_x_um", thing.centroid[1]),
        ):
            assert float(row[ours]) == pytest.approx(theirs, rel=1e-4), ours
        assert float(row["y"]) == pytest.approx(thing.centroid[0] / 0.5, abs=0.01)


def test_images_without_a_pixel_size_have_columns_of_their_own(masked, tmp_path: Path) -> None:
    project = masked.session.project
    (cells, _) = project.images
    unknown = cells.model_copy(update={"pixel_size": None, "unit": "px"})
    masked.session.edit(project.with_images(unknown), "forget the pixel size")
    export(masked, "objects", tmp_path / "objects.csv")
    (row, *_) = read_table(tmp_path / "objects.csv")
    assert float(row["area_px2"]) == 188.0
    assert "area_um2" not in row
    assert "centroid_y_um" not in row


@pytest.mark.parametrize("format", export_formats("objects"))
def test_nothing_is_replaced_without_leave(masked, tmp_path: Path, format: str) -> None:
    out = tmp_path / "out"
    export(masked, "objects", out, format)
    files = sorted(p for p in (out.rglob("*") if out.is_dir() else [out]) if p.is_file())
    assert files
    assert not any(p.name.startswith(".") for p in files)
    before = [p.read_bytes() for p in files]
    with pytest.raises(InputError, match=r"exists already: give another --out, or --overwrite"):
        export(masked, "objects", out, format)
    assert [p.read_bytes() for p in files] == before
    export(masked, "objects", out, format, overwrite=True)
    if format not in ("geojson", "imagej"):
        assert [p.read_bytes() for p in files] == before


def test_every_format_that_is_told_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "cli.md").read_text("utf-8")
    for what in DEFAULT_FORMATS:
        line = next(text for text in page.splitlines() if text.startswith(f"| `{what}` |"))
        for format in export_formats(what):
            assert f"`{format}`" in line, (what, format)


def test_geojson_and_coco_give_the_masks_back(masked, tmp_path: Path) -> None:
    from faster_coco_eval import COCO

    export(masked, "objects", tmp_path / "g", "geojson")
    assert json.loads((tmp_path / "g" / "empty.geojson").read_text())["features"] == []
    painted = np.zeros_like(masked.ids)
    for feature in json.loads((tmp_path / "g" / "cells.geojson").read_text())["features"]:
        kind, places = feature["geometry"]["type"], feature["geometry"]["coordinates"]
        rings = [r for part in (places if kind == "MultiPolygon" else [places]) for r in part]
        inside = sum(
            grid_points_in_poly(painted.shape, np.array(ring[:-1])[:, ::-1] - 0.5, binarize=True)
            for ring in rings
        )
        painted[inside % 2 == 1] = int(feature["properties"]["name"])
        assert feature["properties"]["measurements"]["area_um2"] > 0
    np.testing.assert_array_equal(painted, masked.ids)
    for format in ("coco", "coco-rle"):
        export(masked, "objects", tmp_path / f"{format}.json", format)
        coco = COCO(str(tmp_path / f"{format}.json"))
        painted = np.zeros_like(masked.ids)
        for number, annotation in enumerate(coco.loadAnns(coco.getAnnIds())):
            painted[coco.annToMask(annotation) > 0] = (1, 2, 4, 7)[number]
        np.testing.assert_array_equal(painted, masked.ids)
        assert {i["file_name"] for i in coco.imgs.values()} == {"cells.tif", "empty.tif"}


def test_boxes_for_yolo_and_voc_are_those_of_the_pixels(masked, tmp_path: Path) -> None:
    export(masked, "objects", tmp_path / "y", "yolo")
    first = (tmp_path / "y" / "cells.txt").read_text().splitlines()[0].split()
    assert [float(v) for v in first] == pytest.approx([0, 13 / 70, 7 / 50, 20 / 70, 10 / 50])
    assert (tmp_path / "y" / "classes.txt").read_text() == "nucleus\ndebris\n"
    export(masked, "objects", tmp_path / "v", "voc")
    assert "<xmin>4</xmin>" in (tmp_path / "v" / "cells.xml").read_text()


def test_true_boxes_have_no_outlines_but_rectangles(masked, tmp_path: Path) -> None:
    from napari_synthseg.core.annotations import BoxTruth

    session = masked.session
    (cells, _) = session.project.images
    boxes = BoxTruth(image=cells.id, boxes=((2.5, 3.0, 12.0, 20.0, 2),))
    session.edit(session.project.model_copy(update={"truths": (boxes,)}), "boxes alone")
    export(masked, "objects", tmp_path / "g", "geojson")
    (feature,) = json.loads((tmp_path / "g" / "cells.geojson").read_text())["features"]
    assert sorted(map(tuple, feature["geometry"]["coordinates"][0][:-1])) == [
        (3, 2.5), (3, 12), (20, 2.5), (20, 12),
    ]  # fmt: skip
    export(masked, "objects", tmp_path / "c.json", "coco")
    (found,) = json.loads((tmp_path / "c.json").read_text())["annotations"]
    assert found["bbox"] == [3, 2.5, 17, 9.5]
    assert "segmentation" not in found
    with pytest.raises(InputError, match=r"Only the boxes .* choose --format yolo"):
        export(masked, "objects", tmp_path / "s", "yolo-segments")
    export(masked, "objects", tmp_path / "o.csv")
    (row,) = read_table(tmp_path / "o.csv")
    assert (row["y"], row["x"], row["class"]) == ("6.75", "11", "debris")
    assert math.isclose(float(row["centroid_y_um"]), 6.75 * 0.5)


def test_images_of_one_stem_do_not_overwrite_each_other(masked, tmp_path: Path) -> None:
    session = masked.session
    (_, empty) = session.project.images
    session.edit(
        session.project.with_images(empty.model_copy(update={"name": "cells.tif"})), "rename"
    )
    for format, end in (("geojson", "geojson"), ("yolo", "txt"), ("voc", "xml")):
        export(masked, "objects", tmp_path / format, format)
        files = {p.name for p in (tmp_path / format).glob(f"*cells*.{end}")}
        assert len(files) == 2, format
    export(masked, "objects", tmp_path / "c.json", "coco")
    listed = json.loads((tmp_path / "c.json").read_text())["images"]
    assert len({image["file_name"] for image in listed}) == 2


def test_without_truth_there_is_nothing_to_export(masked, tmp_path: Path) -> None:
    session = masked.session
    session.edit(session.project.model_copy(update={"truths": ()}), "forget")
    with pytest.raises(
        InputError, match=r"has true (masks or boxes|boxes or masks): name a run with --run"
    ):
        export(masked, "objects", tmp_path / "o.csv")
    with pytest.raises(InputError, match=r"has true masks: name a run with --run"):
        export(masked, "labels", tmp_path / "o")


@pytest.mark.parametrize("format", ["geojson", "imagej"])
def test_our_own_readers_give_the_masks_back(masked, tmp_path: Path, format: str) -> None:
    from napari_synthseg.io.outlines import read_outlines

    export(masked, "objects", tmp_path / "out", format)
    images = list(read_outlines(tmp_path / "out", lambda *_: masked.ids.shape))
    painted = np.zeros_like(masked.ids)
    (outlines,) = [image.outlines for image in images if image.outlines]
    for ident, outline in zip((1, 2, 4, 7), outlines, strict=True):
        mask, (top, left) = outline.area.draw(painted.shape)
        painted[top : top + mask.shape[0], left : left + mask.shape[1]][mask] = ident
    np.testing.assert_array_equal(painted, masked.ids)


def test_an_old_set_does_not_stay_where_nothing_is_left(masked, tmp_path: Path) -> None:
    export(masked, "objects", tmp_path / "o", "imagej")
    assert [file.name for file in (tmp_path / "o").iterdir()] == ["cells.zip"]
    project = masked.session.project
    ring = ((0.0, 0.0), (0.0, 70.0), (50.0, 70.0), (50.0, 0.0))
    far = project.images[0].model_copy(update={"excluded": ((ring,),)})
    masked.session.edit(project.with_images(far), "leave all out")
    export(masked, "objects", tmp_path / "o", "imagej", overwrite=True)
    assert not list((tmp_path / "o").iterdir())


@pytest.mark.parametrize("format", ["geojson", "imagej", "yolo-segments", "coco", "voc"])
def test_a_class_that_is_gone_is_told(masked, tmp_path: Path, format: str) -> None:
    masked.session.edit(masked.session.project.without_class(2), "remove a class")
    with pytest.raises(InputError, match="class 2, which the project no longer has"):
        export(masked, "objects", tmp_path / "o", format)
