"""Rows of objects: what cells say, which rows are left, in which order."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_synthseg.core.annotations import ImageRef, ObjectClass
from napari_synthseg.core.predictions import (
    BoxPrediction,
    FoundObject,
    InstancePrediction,
    PointPrediction,
)
from napari_synthseg.core.project import Project
from napari_synthseg.ui.presenters.results.object_rows import ObjectRows, RowFilter, object_at
from napari_synthseg.workflow.found.measuring import ObjectTable

PROJECT = Project(
    classes=(ObjectClass(name="rod", value=1), ObjectClass(name="disk", value=2)),
    images=(ImageRef(id="a", uri="a.tif", name="a.tif"), ImageRef(id="b", uri="b", name="b.tif")),
)


def objects(count: int) -> tuple[FoundObject, ...]:
    return tuple(
        FoundObject(n + 1, n % 2 + 1, n / count, (n, 2.0 * n), ((n, n + 2), (2 * n, 2 * n + 3)))
        for n in range(count)
    )


def rows_of(count: int = 6) -> ObjectRows:
    area = np.arange(count, dtype=float)[::-1] * 10
    area[0] = np.nan
    measures = {
        "centroid_y_um": np.zeros(count), "area_um2": area,
        "equivalent_diameter_um": np.sqrt(area), "mean_intensity_ch0": area + 7,
    }  # fmt: skip
    table = ObjectTable(
        PROJECT.images, (np.arange(count) >= count // 2).astype(int), objects(count), measures
    )
    return ObjectRows.of(table, PROJECT)


def test_columns_say_their_units_and_come_by_what_is_asked_most():
    rows = rows_of()
    assert rows.titles == (
        "image", "class", "score", "area [µm²]", "diameter [µm]", "mean ch0", "y [µm]", "y [px]",
        "x [px]",
    )  # fmt: skip
    cells = [column.text(1) for column in rows.columns]
    assert cells[:6] == ["a.tif", "disk", "0.167", "40", "6.325", "47"]
    assert rows.columns[3].text(0) == ""
    assert rows.titles[rows.size_column] == "diameter [µm]"


@pytest.mark.parametrize(
    ("by", "left"),
    [
        (RowFilter(), [0, 1, 2, 3, 4, 5]),
        (RowFilter(image="b.tif"), [3, 4, 5]),
        (RowFilter(image="b.tif", cls="rod"), [4]),
        (RowFilter(cls="gone"), []),
        (RowFilter(text="DIS"), [1, 3, 5]),
        (RowFilter(text="area > 20"), [1, 2]),
        (RowFilter(text="area >= 20, rod"), [2]),
        (RowFilter(text="score 0.3-0.7"), [2, 3, 4]),
        (RowFilter(text="area < 20"), [4, 5]),
    ],
)
def test_filters(by, left):
    assert rows_of().filtered(by).order.tolist() == left


@pytest.mark.parametrize("text", ["weight > 3", "area > much"])
def test_a_range_that_cannot_be_read_says_how_to_write_one(text):
    with pytest.raises(ValueError, match=r"choose score, area|write as 'area > 20'"):
        rows_of().filtered(RowFilter(text=text))


def test_sorting_keeps_what_is_not_known_last():
    rows = rows_of()
    area = rows.titles.index("area [µm²]")
    assert rows.sorted_by(area, descending=True).order.tolist() == [1, 2, 3, 4, 5, 0]
    assert rows.sorted_by(area, descending=False).order.tolist() == [5, 4, 3, 2, 1, 0]
    by_class = rows.sorted_by(rows.titles.index("class"), descending=False)
    assert by_class.order.tolist() == [1, 3, 5, 0, 2, 4]  # disk before rod
    assert by_class.place_of(5) == 2
    assert by_class.filtered(RowFilter(cls="rod")).place_of(5) is None


def test_counts_copies_and_histograms_are_of_the_rows_that_are_shown():
    rows = rows_of().filtered(RowFilter(text="area > 15"))
    assert rows.counts() == "1 (rod), 2 (disk)\n2 (a.tif), 1 (b.tif)"
    assert rows.as_text().splitlines()[1].split("\t")[:4] == ["a.tif", "disk", "0.167", "40"]
    assert len(rows.as_text([0]).splitlines()) == 2
    counts, edges = rows.histogram(rows.titles.index("area [µm²]"))
    assert (counts.sum(), edges[0], edges[-1]) == (3, 20.0, 40.0)
    assert rows.describe(rows.titles.index("area [µm²]")).startswith("area [µm²]: median 30")


def test_a_hundred_thousand_rows_are_sorted_and_filtered_in_a_moment():
    rows = rows_of(100_000)
    began = time.process_time()
    rows.filtered(RowFilter(text="area > 200, disk")).sorted_by(3, descending=True)
    assert time.process_time() - began < 1.0


def test_the_object_under_a_click():
    ids = np.zeros((6, 8), np.int32)
    ids[2:4, 3:6] = 2
    masks = InstancePrediction(image="a", ids=ids, objects=objects(2), region_origin=(10, 20))
    assert object_at(masks, (12.4, 23.6)).id == 2
    assert object_at(masks, (10, 20)) is None
    assert object_at(masks, (99, 20)) is None
    around = FoundObject(9, 1, 0.5, (5.0, 5.0), ((0, 20), (0, 20)))
    boxes = BoxPrediction(objects=(around, *objects(2)))
    assert object_at(boxes, (1.2, 3.0)).id == 2  # the smallest that holds it
    assert object_at(boxes, (15, 15)).id == 9
    points = PointPrediction(objects=objects(3))
    assert object_at(points, (1.0, 2.5), reach=2.0).id == 2
    assert object_at(points, (30.0, 30.0), reach=2.0) is None
