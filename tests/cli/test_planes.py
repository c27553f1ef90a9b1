"""Annotations of pictures of planes, into stacks: as volumes, plane by plane, and as folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.labels import instances_of
from napari_synthseg.storage import truths
from napari_synthseg.workflow.session import Session
from tests.helpers.outline_files import save_json
from tests.helpers.outlines import box

Invoke = Callable[..., Any]
DEPTH = 9


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, rng.integers(0, 255, (DEPTH, 40, 60)).astype(np.uint8))
    return path


def new(invoke: Invoke, image: Path, *options: str) -> Path:
    folder = image.parent / "p.synthseg"
    done = invoke("new", folder, image, "--class", "nucleus:8", *options)
    assert done.code == 0, done.err
    return folder


def coco_of_planes(path: Path, names: dict[int, str], drawn: tuple[int, ...]) -> Path:
    """Save a file with a square on some planes; `names` are those of all pictures by number."""
    images = [{"id": n, "file_name": name, "height": 40, "width": 60} for n, name in names.items()]
    annotations = [
        {
            "id": n, "image_id": n, "category_id": 1, "bbox": [10, 5, 10, 4],
            "segmentation": [[10, 5, 20, 5, 20, 9, 10, 9]],
        }
        for n in drawn
    ]  # fmt: skip
    categories = [{"id": 1, "name": "nucleus"}]
    whole = {"images": images, "annotations": annotations, "categories": categories}
    return save_json(path / "coco.json", whole)


def truth_of(folder: Path) -> tuple[Any, Any]:
    with Session.open(folder).result() as session:
        (truth,) = session.project.truths
        image = session.project.image(truth.image)
        labels = truths.open_labels(truth, image, folder)
        return truth, instances_of(labels).ids


@pytest.mark.parametrize("start", [0, 1])
def test_outlines_on_planes_are_objects_of_the_volume(
    invoke: Invoke, stack: Path, start: int
) -> None:
    names = {n: f"images/stack_z{n:03d}.png" for n in range(start, DEPTH + start)}
    file = coco_of_planes(stack.parent, names, drawn=(3 + start, 4 + start, 7 + start))
    folder = new(invoke, stack, "--volume")
    done = invoke("import", folder, file, "--instance", "--json")
    assert done.code == 0, done.err
    message = done.result["message"]
    assert "3 outlines on planes of volumes were joined" in message
    told = f"9 image(s) were taken for planes of 'stack.tif', 'images/stack_z00{start}.png' for z 0"
    assert told in message
    truth, ids = truth_of(folder)
    want = np.zeros((DEPTH, 40, 60), int)
    want[3:5, 5:9, 10:20], want[7, 5:9, 10:20] = 1, 2
    assert np.array_equal(ids, want) and not truth.incomplete


def test_planes_that_are_not_listed_do_not_count_as_complete(invoke: Invoke, stack: Path) -> None:
    file = coco_of_planes(stack.parent, {3: "stack_z3.png", 4: "stack_z4.png"}, drawn=(3,))
    folder = new(invoke, stack, "--volume")
    unclear = invoke("import", folder, file, "--instance")
    assert unclear.code == 2 and "--first-plane 0 or --first-plane 1" in unclear.err
    done = invoke("import", folder, file, "--instance", "--first-plane", "1")
    assert done.code == 0, done.err
    assert "7 plane(s) of 'stack.tif' are not among them and do not count as complete" in done.out
    truth, ids = truth_of(folder)
    assert np.flatnonzero(ids.any(axis=(1, 2))).tolist() == [2] and truth.incomplete == (1,)


def test_boxes_of_planes_are_of_the_planes(invoke: Invoke, stack: Path) -> None:
    names = {n: f"stack{n:04d}.jpg" for n in range(DEPTH)}
    file = coco_of_planes(stack.parent, names, drawn=(2, 5))
    folder = new(invoke, stack, "--planes")
    for options in ((), ("--instance",)):
        done = invoke("import", folder, file, *options)
        assert done.code == 0, done.err
    with Session.open(folder).result() as session:
        planes = {i.id: i.plane["z"] for i in session.project.images}
        boxed = {planes[t.image]: len(t.boxes) for t in session.project.truths if t.kind == "boxes"}
        assert boxed == {z: int(z in (2, 5)) for z in range(DEPTH)}
        masks = [t for t in session.project.truths if t.kind == "instance"]
        (second,) = [t for t in masks if planes[t.image] == 2]
        labels = truths.open_labels(second, session.project.image(second.image), folder)
        assert np.array_equal(instances_of(labels).ids, box(5, 10, 9, 20))


def test_boxes_on_a_volume_are_refused_with_the_way_out(invoke: Invoke, stack: Path) -> None:
    file = coco_of_planes(stack.parent, {n: f"stack_{n}.png" for n in range(DEPTH)}, drawn=(2,))
    done = invoke("import", new(invoke, stack, "--volume"), file)
    assert done.code == 2 and "--planes, or import outlines by --instance" in done.err


def test_files_of_a_folder_of_planes_are_named_as_they_are(invoke: Invoke, tmp_path: Path) -> None:
    planes = tmp_path / "planes"
    planes.mkdir()
    for n in range(DEPTH):
        tifffile.imwrite(planes / f"t7 s{n * 2}.tif", np.full((40, 60), n, np.uint8))
    (tmp_path / "yolo").mkdir()
    (tmp_path / "yolo" / "classes.txt").write_text("nucleus\n")
    corners = " ".join(f"{x / 60} {y / 40}" for x, y in ((10, 5), (20, 5), (20, 9), (10, 9)))
    (tmp_path / "yolo" / "t7 s10.txt").write_text(f"0 {corners}\n")
    folder = new(invoke, planes, "--stack", "--volume")
    done = invoke("import", folder, tmp_path / "yolo", "--instance")
    assert done.code == 0, done.err
    _, ids = truth_of(folder)
    assert np.flatnonzero(ids.any(axis=(1, 2))).tolist() == [5]
    assert np.array_equal(ids[5], box(5, 10, 9, 20))
