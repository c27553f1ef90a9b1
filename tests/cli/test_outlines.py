"""Outlines and points of other programs, into a project by commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from roifile import ROI_TYPE, ImagejRoi, roiwrite

from napari_synthseg.core.annotations import InstanceTruth
from napari_synthseg.core.labels import instances_of, regions_of
from napari_synthseg.storage import truths
from napari_synthseg.workflow.session import Session
from tests.helpers.outline_files import (
    SQUARE,
    cell_counter,
    coco,
    coco_polygon,
    geojson,
    labelme,
    labelme_shape,
    markers,
    save_cellpose,
    save_imagej,
    save_json,
)
from tests.helpers.outlines import box

Invoke = Callable[..., Any]
SMALL = [[12, 6], [15, 6], [15, 8], [12, 8]]


@pytest.fixture
def project(invoke: Invoke, tmp_path: Path) -> Path:
    """Make a project of two images of 40 x 60 pixels and two classes."""
    images = tmp_path / "images"
    images.mkdir()
    rng = np.random.default_rng(0)
    for name in ("cells", "others"):
        tifffile.imwrite(images / f"{name}.tif", rng.integers(0, 255, (40, 60)).astype(np.uint8))
    folder = tmp_path / "p.synthseg"
    done = invoke(
        "new", folder, *sorted(images.iterdir()), "--class", "nucleus:8", "--class", "debris:4"
    )
    assert done.code == 0, done.err
    return folder


def polygon(points: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[*points, points[0]]]}


def opened(folder: Path) -> Session:
    return Session.open(folder).result()


def truth_of(folder: Path, name: str, kind: Any = "instance") -> Any:
    """Return the truth of an image, and its labels."""
    with opened(folder) as session:
        image = next(i for i in session.project.images if i.name == name)
        truth = session.project.truth_of(image, kind)
        return truth, None if truth is None else truths.open_labels(truth, image, session.folder)


def test_outlines_become_true_masks(invoke: Invoke, project: Path, tmp_path: Path) -> None:
    file = save_json(tmp_path / "cells.geojson", geojson(polygon(SMALL), polygon(SQUARE)))
    done = invoke("import", project, file, "--role", "test", "--json")
    assert done.code == 0, done.err
    message = done.result["message"]
    assert "2 outlines became true masks of 1 image(s) (2 nucleus)" in message
    assert "1 outline(s) are partly under smaller ones" in message
    truth, labels = truth_of(project, "cells.tif")
    assert isinstance(truth, InstanceTruth) and truth.incomplete == ()
    assert (labels.ids == np.where(box(6, 12, 8, 15), 1, np.where(box(5, 10, 9, 20), 2, 0))).all()
    assert labels.classes == {1: 1, 2: 1}
    with opened(project) as session:
        assert [i.role for i in session.project.images] == ["test", "train"]


def test_outlines_become_regions_and_patch_masks(
    invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    file = save_json(
        tmp_path / "others.json",
        labelme(labelme_shape("polygon", SQUARE, "debris"), image="cells.tif"),
    )
    done = invoke("import", project, file, "--semantic", "--json")
    assert done.code == 0, done.err
    _, labels = truth_of(project, "cells.tif", "semantic")
    assert (regions_of(labels).values == 2 * box(5, 10, 9, 20)).all()
    done = invoke("import", project, file, "--patch-masks", "--json")
    assert done.code == 0, done.err
    assert (done.result["outlines"], done.result["clicks"]) == (1, 1)
    with opened(project) as session:
        (masks,), (click,) = session.project.patch_masks, session.project.clicks
        image = session.project.image(masks.image)
        ids = instances_of(truths.open_labels(masks, image, session.folder)).ids
        assert (ids == box(5, 10, 9, 20)).all() and click.cls == 2
        assert ids[tuple(np.round(click.position).astype(int))] == 1


def test_outlines_become_clicks(invoke: Invoke, project: Path, tmp_path: Path) -> None:
    file = save_imagej(tmp_path / "cells.roi")
    chosen = ("--class", "nucleus", "--as-clicks", "--exhaustive")
    done = invoke("import", project, file, *chosen, "--json")
    assert done.code == 0, done.err
    assert done.result["clicks"] == 1 and "1 outlines were clicked" in done.result["message"]
    with opened(project) as session:
        assert [i.exhaustive for i in session.project.images] == [True, False]
        (click,) = session.project.clicks
        assert box(5, 10, 9, 20)[tuple(np.round(click.position).astype(int))]


def test_points_become_clicks(invoke: Invoke, project: Path, tmp_path: Path) -> None:
    file = tmp_path / "CellCounter_cells.xml"
    file.write_text(cell_counter(markers(1, (14, 6, 1)), markers(2, (3, 2, 1)), image="cells.tif"))
    done = invoke("import", project, file)
    assert done.code == 2 and "class 'Type 1' is not in the project" in done.err
    chosen = ("--rename", "Type 1=nucleus", "--add-classes")
    done = invoke("import", project, file, *chosen, "--json")
    assert done.code == 0, done.err
    assert done.result["message"] == "2 clicks added (1 nucleus, 1 Type 2)."
    with opened(project) as session:
        assert [(c.position, c.cls) for c in session.project.clicks] == [((6, 14), 1), ((2, 3), 3)]
        assert session.project.truths == ()
    done = invoke("import", project, file, *chosen, "--json")
    assert done.result["message"] == "all clicks were there already."


def test_masks_of_cellpose(invoke: Invoke, project: Path, tmp_path: Path) -> None:
    ids = np.zeros((40, 60), np.uint16)
    ids[5:9, 10:20], ids[20:30, 5:9] = 1, 2
    file = save_cellpose(tmp_path / "cells_seg.npy", ids)
    done = invoke("import", project, file, "--class", "debris", "--json")
    assert done.code == 0, done.err
    _, labels = truth_of(project, "cells.tif")
    assert (labels.ids == ids).all() and labels.classes == {1: 2, 2: 2}


def test_rectangles_are_boxes_unless_masks_are_asked_for(
    invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    shapes = [
        labelme_shape("rectangle", [SQUARE[0], SQUARE[2]]),
        labelme_shape("point", [[3.5, 2.5]]),
        labelme_shape("line", SQUARE[:2], "debris"),
        labelme_shape("line", SQUARE[:2], "scale bar"),
    ]
    file = save_json(tmp_path / "cells.json", labelme(*shapes, image="cells.tif"))
    done = invoke("import", project, file, "--json")
    assert done.code == 0, done.err
    message = done.result["message"]
    assert message.startswith("1 boxes added to 1 image(s) (1 nucleus); 1 clicks added")
    assert message.endswith("2 line(s) were left out.")
    with opened(project) as session:
        (truth,), (click,) = session.project.truths, session.project.clicks
        assert truth.boxes == ((5, 10, 9, 20, 1),) and truth.incomplete == (2,)
        assert click.position == (2, 3)
    assert invoke("import", project, file, "--instance").code == 0
    assert (truth_of(project, "cells.tif")[1].ids == box(5, 10, 9, 20)).all()


@pytest.mark.parametrize("kind", ["rectangle", "polygon"])
def test_an_image_with_nothing_but_outlines_without_area_is_not_empty(
    invoke: Invoke, project: Path, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "json").mkdir()
    corners = SQUARE if kind == "polygon" else [SQUARE[0], SQUARE[2]]
    for name, points in (("cells", corners), ("others", [SQUARE[0]] * 2)):
        drawn = labelme(labelme_shape(kind, points), image=f"{name}.tif")
        save_json(tmp_path / "json" / f"{name}.json", drawn)
    done = invoke("import", project, tmp_path / "json", "--json")
    assert done.code == 0, done.err
    assert "1 image(s) hold nothing that can be taken over" in done.result["message"]
    with opened(project) as session:
        (truth,) = session.project.truths
        assert session.project.image(truth.image).name == "cells.tif"


def test_an_image_with_nothing_but_outlines_too_thin_for_a_pixel_is_not_complete(
    invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    thin = labelme_shape("polygon", [[5.1, 5.1], [5.2, 5.1], [5.2, 5.2]])
    file = save_json(tmp_path / "cells.json", labelme(thin, image="cells.tif"))
    done = invoke("import", project, file, "--json")
    assert done.code == 0, done.err
    assert done.result["lost"] == 1 and "show no object" not in done.result["message"]
    truth, labels = truth_of(project, "cells.tif")
    assert not labels.ids.any() and truth.incomplete == (1,)


def test_outlines_of_coco_are_masks_on_request(
    invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    whole = coco({**coco_polygon(), "bbox": [10, 5, 10, 4]}, {**coco_polygon(), "iscrowd": 1})
    whole["images"].append({"id": 4, "file_name": "others.tif", "height": 40, "width": 60})
    whole["annotations"].append({**coco_polygon(), "image_id": 4, "category_id": 1, "iscrowd": 1})
    whole["images"][0]["file_name"] = "cells.tif"
    file = save_json(tmp_path / "instances.json", whole)
    done = invoke("import", project, file, "--json")
    assert "the outlines in the file were left out (--instance" in done.result["message"]
    done = invoke("import", project, file, "--instance", "--json")
    assert done.code == 0, done.err
    assert done.result["left_out"] == {"crowd(s)": 2} and done.result["unseen_images"] == 1
    truth, labels = truth_of(project, "cells.tif")
    assert (labels.ids == box(5, 10, 9, 20)).all() and truth.incomplete == (1,)
    assert truth_of(project, "others.tif") == (None, None)  # not "shows no object"


def test_an_object_of_many_pieces_is_one(invoke: Invoke, project: Path, tmp_path: Path) -> None:
    parts = {"type": "MultiPolygon", "coordinates": [
        [[[x, 2], [x + 3, 2], [x + 3, 6], [x, 6]]] for x in (2, 10, 20, 30)
    ]}  # fmt: skip
    file = save_json(tmp_path / "cells.geojson", geojson(parts))
    for use in ("--instance", "--patch-masks"):
        done = invoke("import", project, file, use)
        assert done.code == 0, done.err
    assert truth_of(project, "cells.tif")[1].count == 1


@pytest.mark.parametrize("name", ["geojson", "imagej", "coco", "coco-rle", "yolo-segments"])
def test_exported_objects_come_back_to_the_pixel(
    invoke: Invoke, project: Path, tmp_path: Path, name: str
) -> None:
    hole = {"type": "Polygon", "coordinates": [[*SQUARE, SQUARE[0]], [*SMALL, SMALL[0]]]}
    parts = {"type": "MultiPolygon", "coordinates": [
        [[[x, 20], [x + 3, 20], [x + 3, 26], [x, 26]]] for x in (2, 10)
    ]}  # fmt: skip
    file = save_json(tmp_path / "cells.geojson", geojson(hole, parts))
    assert invoke("import", project, file).code == 0
    before = truth_of(project, "cells.tif")[1]
    out = tmp_path / ("out.json" if name.startswith("coco") else "out")
    done = invoke("export", project, "--what", "objects", "--format", name, "--out", out)
    assert done.code == 0, done.err
    other = tmp_path / "q.synthseg"
    images = sorted((tmp_path / "images").iterdir())
    assert invoke("new", other, *images, "--class", "nucleus:8").code == 0
    done = invoke("import", other, out, "--instance")
    assert done.code == 0, done.err
    assert (truth_of(other, "cells.tif")[1].ids == before.ids).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--instance", "--semantic"), "Masks are one of --instance"),
        (("--instance", "--as-clicks"), "--as-clicks makes no masks"),
        (("--split",), "--split belongs to masks"),
        (("--class", "cell"), "class 'cell' is not in the project"),
        ((), r"cells.roi, ROI 'cells': it has no class"),
        (("--class", "nucleus", "--role", "test", "--as-clicks"), "none of these has outlines"),
    ],
)
def test_what_cannot_be_meant_is_told(
    invoke: Invoke, project: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    done = invoke("import", project, save_imagej(tmp_path / "cells.roi"), *options)
    assert done.code == 2 and said in done.err and done.err.count("\n") == 1, done.err
    with opened(project) as session:
        assert not session.project.truths and not session.project.clicks


def test_files_without_anything_are_told(invoke: Invoke, project: Path, tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}
    file = save_json(tmp_path / "cells.geojson", geojson(line))
    done = invoke("import", project, file)
    assert done.code == 2 and "can be taken over, but 1 line(s)" in done.err
    done = invoke("import", project, tmp_path / "images", "--instance")
    assert done.code == 2 and str(tmp_path / "images") in done.err


@pytest.mark.parametrize("program", ["imagej", "napari"])
def test_outlines_on_slices_become_masks_of_a_volume(
    invoke: Invoke, tmp_path: Path, program: str
) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (6, 40, 60)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "cells.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    folder = tmp_path / "p.synthseg"
    made = invoke("new", folder, tmp_path / "cells.tif", "--class", "nucleus:8", "--volume")
    assert made.code == 0, made.err
    corner = {1: (10, 5), 2: (11, 5), 4: (10, 5)}  # an object on two slices, another on one
    right = np.zeros(stack.shape, bool)
    for z, (x, y) in corner.items():
        right[z, y : y + 4, x : x + 10] = True
    squares = {
        z: [(x, y), (x + 10, y), (x + 10, y + 4), (x, y + 4)] for z, (x, y) in corner.items()
    }
    if program == "imagej":
        path = tmp_path / "RoiSet.zip"
        rois = []
        for z, points in squares.items():
            rois.append(ImagejRoi.frompoints(np.array(points)))
            rois[-1].roitype, rois[-1].position, rois[-1].name = ROI_TYPE.POLYGON, z + 1, f"r{z}"
        roiwrite(path, rois)
    else:
        path = tmp_path / "Shapes.csv"
        rows = [
            f"{n},polygon,{k},{z},{y - 0.5},{x - 0.5}"
            for n, (z, points) in enumerate(squares.items())
            for k, (x, y) in enumerate(points)
        ]
        path.write_text("\n".join(["index,shape-type,vertex-index,axis-0,axis-1,axis-2", *rows]))
    done = invoke("import", folder, path, "--instance", "--json")
    assert done.code == 0, done.err
    assert "3 outlines on planes of volumes were joined" in done.result["message"]
    _, labels = truth_of(folder, "cells.tif")
    np.testing.assert_array_equal(labels.ids > 0, right)
    assert sorted(np.unique(labels.ids)) == [0, 1, 2]
    assert labels.ids[1].max() == labels.ids[2].max() != labels.ids[4].max()
