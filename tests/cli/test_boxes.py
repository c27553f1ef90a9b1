"""Boxes, image labels and models in and out of a project by commands."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_synthseg.io.boxes.base import BOX_FORMATS
from napari_synthseg.workflow.importing_files import ImportOptions
from napari_synthseg.workflow.session import Session

Invoke = Callable[..., Any]
DATA = Path(os.environ.get("SYNTHSEG_DATA") or Path(__file__).parents[3] / "shared" / "data")
BCCD = DATA / "bccd_blood_boxes"
TABLE = """image,class,ymin,xmin,ymax,xmax
one.tif,big,10,20,30,40
one.tif,big,40,40,61,60
one.tif,tiny,5.5,50,8.5,54
two.tif,,,,,
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "boxes.csv"
    path.write_text(TABLE)
    return path


@pytest.fixture
def project(invoke: Invoke, tmp_path: Path) -> Path:
    """Make a project of three empty images and two classes."""
    rng = np.random.default_rng(0)
    files = [tmp_path / f"{name}.tif" for name in ("one", "two", "three")]
    for file in files:
        tifffile.imwrite(file, rng.integers(0, 255, (64, 80)).astype(np.uint8))
    folder = tmp_path / "p.synthseg"
    done = invoke("new", folder, *files, "--class", "big:20", "--class", "tiny:4")
    assert done.code == 0, done.err
    return folder


def opened(folder: Path) -> Any:
    return Session.open(folder).result()


def test_boxes_become_truth_in_one_step(invoke: Invoke, project: Path, table: Path) -> None:
    done = invoke(
        "import", project, table, "--role", "test", "--incomplete", "tiny", "--json"
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.result["per_class"] == {"big": 2, "tiny": 1}
    assert "3 boxes added to 2 image(s) (2 big, 1 tiny)" in done.result["message"]
    with opened(project) as session:
        one, two, three = session.project.images
        truth = session.project.truth_of(one, "boxes")
        assert len(truth.boxes) == 3 and truth.incomplete == (2,)
        assert session.project.truth_of(two, "boxes").boxes == ()
        assert session.project.truth_of(three, "boxes") is None
        assert [i.role for i in (one, two, three)] == ["test", "test", "train"]


def test_import_is_undone_in_one_step(project: Path, table: Path) -> None:
    with opened(project) as session:
        before = session.project
        session.import_file(table, ImportOptions(role="test")).result()
        assert session.project.truths
        session.undo()
        assert session.project == before


@pytest.mark.parametrize("name", sorted(BOX_FORMATS))
def test_exported_boxes_are_imported_again(
    invoke: Invoke, project: Path, table: Path, tmp_path: Path, name: str
) -> None:
    assert invoke("import", project, table).code == 0
    out = tmp_path / ("out" if BOX_FORMATS[name].writes_folder else f"out.{name}")
    out = out.with_suffix(".json") if name == "coco" else out
    export = ("export", project, "--what", "boxes", "--format", name, "--out", out)
    done = invoke(*export, "--json")
    assert done.code == 0, done.err
    assert (done.result["boxes"], done.result["images"]) == (3, 2)
    again = invoke(*export)
    assert again.code == 2 and "--overwrite" in again.err
    with opened(project) as session:
        before = {t.image: sorted(t.boxes) for t in session.project.truths}
        session.edit(session.project.model_copy(update={"truths": ()}), "forget")
    done = invoke("import", project, out, "--json")
    assert done.code == 0, done.err
    assert done.result["format"] == name
    with opened(project) as session:
        after = {t.image: sorted(t.boxes) for t in session.project.truths}
    assert after.keys() == before.keys()
    for image, rows in before.items():
        assert np.allclose(np.array(rows), np.array(after[image]), atol=1e-9)


def test_boxes_as_clicks(invoke: Invoke, project: Path, table: Path, tmp_path: Path) -> None:
    asked = ("import", project, table, "--as-clicks", "--exhaustive", "--json")
    done = invoke(*asked)
    assert done.code == 0, done.err
    assert done.result["clicks"] == 3
    with opened(project) as session:
        clicks = {(c.position, c.cls) for c in session.project.clicks}
        assert clicks == {((19.5, 29.5), 1), ((50.0, 49.5), 1), ((6.5, 51.5), 2)}
        assert [i.exhaustive for i in session.project.images] == [True, True, False]
        assert not session.project.truths
    assert invoke(*asked).result["clicks"] == 0  # known already
    out = tmp_path / "clicks.csv"
    done = invoke("export", project, "--what", "clicks", "--out", out, "--json")
    assert done.result["clicks"] == 3
    with opened(project) as session:
        session.edit(session.project.without_clicks(c.id for c in session.project.clicks), "clear")
    assert invoke("import", project, out, "--json").result["clicks"] == 3
    with opened(project) as session:
        assert {(c.position, c.cls) for c in session.project.clicks} == clicks


def test_negative_clicks_go_out_and_come_back(
    invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    rows = "image,class,y,x\none.tif,big,20,30\ntwo.tif,not an object,5.5,6\n"
    table, out = tmp_path / "given.csv", tmp_path / "clicks.csv"
    table.write_text(rows)
    done = invoke("import", project, table, "--json")
    assert (done.result["clicks"], done.result["negatives"]) == (1, 1)
    assert done.result["per_class"] == {"big": 1}
    assert done.result["message"] == "1 clicks added (1 big); 1 negative clicks added."
    again = invoke("import", project, table, "--json").result
    assert (again["clicks"], again["negatives"], again["already_there"]) == (0, 0, 2)
    done = invoke("export", project, "--what", "clicks", "--out", out, "--json")
    assert (done.result["clicks"], done.result["negatives"]) == (1, 1)
    assert out.read_text().splitlines() == rows.splitlines()
    done = invoke("new", tmp_path / "q", tmp_path / "one.tif", "--class", "not an object")
    assert (done.code, "negative clicks" in done.err) == (2, True)


def test_masks_are_exported_as_the_boxes_round_them(
    invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    ids = np.zeros((64, 80), np.uint8)
    ids[10:20, 30:45] = 1
    ids[40:41, 0:7] = 2
    (tmp_path / "masks").mkdir()
    tifffile.imwrite(tmp_path / "masks" / "one.tif", ids)
    assert invoke("import", project, "--masks", tmp_path / "masks", "--instance").code == 0
    out = tmp_path / "b.csv"
    assert invoke("export", project, "--what", "boxes", "--out", out).code == 0
    assert out.read_text().splitlines()[1:] == ["one.tif,big,10,30,20,45", "one.tif,big,40,0,41,7"]


def test_classes_are_made_as_large_as_their_boxes(
    invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    path = tmp_path / "b.csv"
    path.write_text(TABLE.replace("tiny", "rod"))
    done = invoke("import", project, path)
    assert done.code == 2
    assert "class 'rod' is not in the project" in done.err and "--add-classes" in done.err
    done = invoke("import", project, path, "--add-classes")
    assert done.code == 0, done.err
    with opened(project) as session:
        rod = session.project.class_named("rod")
    assert rod.diameter == pytest.approx(np.sqrt(3 * 4), abs=0.1)


def test_image_labels_teach_what_images_show(invoke: Invoke, project: Path, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("image,class\none.tif,big\none.tif,tiny\ntwo.tif,\n")
    done = invoke("import", project, path, "--json")
    assert done.code == 0, done.err
    assert done.result["image_labels"] == 2
    with opened(project) as session:
        shown = [t.shown for t in session.project.truths]
        assert {t.kind for t in session.project.truths} == {"image_labels"}
    assert sorted(shown) == [(), (1, 2)]


def test_points_of_napari_are_clicks(invoke: Invoke, project: Path, tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("index,axis-0,axis-1\n0,3,4\n1,30,40\n")
    done = invoke("import", project, path, "--image", "two.tif", "--class", "tiny", "--json")
    assert done.code == 0, done.err
    assert done.result["per_class"] == {"tiny": 2}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{table}", "--class", "big"], "--class does not apply to boxes"),
        (["{table}", "--exhaustive"], "--exhaustive belongs to --as-clicks"),
        (["{table}", "--as-clicks", "--incomplete", "big"], "said of truth"),
        (["{table}", "--rename", "big"], "write OLD=NEW"),
        (["{table}", "--incomplete", "rod"], "class 'rod' is not in the project"),
        (["{folder}"], "neither XML files"),
        (["{folder}/none.xml"], "no file"),
    ],
)
def test_bad_wishes_change_nothing(
    invoke: Invoke, project: Path, table: Path, arguments: list[str], said: str
) -> None:
    (table.parent / "nothing").mkdir()
    filled = [a.format(table=table, folder=table.parent / "nothing") for a in arguments]
    done = invoke("import", project, *filled)
    assert done.code == 2
    assert said in done.err
    with opened(project) as session:
        assert not session.project.truths and not session.project.clicks


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--what", "pixels"], "--what pixels"),
        (["--what", "clicks"], "no click yet"),
        (["--what", "boxes"], "no image of the project has true boxes"),
        (["--what", "boxes", "--format", "xls"], "--format xls"),
        (["--what", "boxes", "--run", "r"], "--run belongs"),
        (["--what", "pairs"], "no training image has a click"),
        (["--what", "pairs", "--format", "png"], "--format png: pairs are exported as tiff"),
        (["--what", "labels"], "none of these images has true masks"),
        (["--what", "objects"], "true masks or boxes: name a run with --run"),
        (["--what", "objects", "--run", "r"], "no run 'r'"),
        (["--what", "objects", "--format", "tiff"], "--format tiff: objects are exported as csv"),
        (["--what", "labels", "--adapt"], "--adapt belongs"),
        (["--what", "labels", "--magnification", "2"], "--magnification belongs"),
        (["no.tif", "--what", "labels"], "image 'no.tif' is not in the project"),
        (["no.tif", "--what", "clicks"], "images are named for --what labels, objects, figure"),
        (["--what", "model"], "needs --run"),
        (["--what", "model", "--run", "r"], "no run 'r'"),
    ],
)
def test_bad_exports_are_told(
    invoke: Invoke, project: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = invoke("export", project, *arguments, "--out", tmp_path / "out.csv")
    assert done.code == 2
    assert said.lower() in done.err.lower()
    assert not (tmp_path / "out.csv").exists()


def test_a_model_is_exported_with_its_record(
    invoke: Invoke, project: Path, table: Path, tmp_path: Path
) -> None:
    assert invoke("import", project, table).code == 0
    fast = ("--set", "batch_size=2", "--set", "crop=64", "--set", "model.width=4")
    done = invoke(
        "train", project, "--task", "detect", "--source", "real", "--steps", 2, "--name", "r", *fast
    )
    assert done.code == 0, done.err
    out = tmp_path / "model"
    done = invoke("export", project, "--what", "model", "--run", "r", "--out", out, "--json")
    assert done.code == 0, done.err
    assert {Path(f).name for f in done.result["files"]} == {"weights.safetensors", "run.json"}
    record = json.loads((out / "run.json").read_text())
    assert record["name"] == "r" and record["spec"]["task"] == "detect"


@pytest.mark.skipif(not BCCD.is_dir(), reason=f"no data in {BCCD}: set SYNTHSEG_DATA")
def test_real_annotations_are_imported_whole(invoke: Invoke, tmp_path: Path) -> None:
    images = sorted((BCCD / "images").iterdir())
    folder = tmp_path / "blood.synthseg"
    done = invoke("new", folder, *images[:40], "--class", "RBC:100")
    assert done.code == 0, done.err
    annotations = BCCD / "annotations"
    done = invoke("import", folder, annotations, "--skip-unknown", "--json")
    assert done.code == 2 and "class 'WBC'" in done.err
    done = invoke(
        "import", folder, annotations, "--skip-unknown", "--add-classes", "--incomplete", "RBC",
        "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    from napari_synthseg.io.boxes.table import read_box_table

    true = {Path(i.name).stem: i.boxes for i in read_box_table(BCCD / "boxes.csv")}
    stems = {p.stem for p in images[:40]}
    counts: dict[str, int] = {}
    for stem in stems:
        for box in true.get(stem, ()):
            counts[box.cls] = counts.get(box.cls, 0) + 1
    twice = done.result["doubles"]
    assert sum(done.result["per_class"].values()) + twice == sum(counts.values())
    assert done.result["images"] == len(stems & {p.stem for p in annotations.iterdir()})
    with opened(folder) as session:
        assert session.project.class_named("WBC").diameter == pytest.approx(190, abs=30)


def flat_table(folder: Path) -> Path:
    path = folder / "flat.csv"
    path.write_text(
        "image,class,ymin,xmin,ymax,xmax\none.tif,big,10,20,30,40\none.tif,tiny,5,50,5,54\n"
        "two.tif,big,9,9,9,9\nthree.tif,,,,,\n"
    )
    return path


def flat_coco(folder: Path) -> Path:
    boxes = [(1, 1, [20, 10, 20, 20]), (1, 2, [50, 5, 4, 0]), (2, 1, [9, 9, 0, 0])]
    whole = {
        "images": [
            {"id": n, "file_name": f"{name}.tif"}
            for n, name in enumerate(("one", "two", "three"), start=1)
        ],
        "categories": [{"id": 1, "name": "big"}, {"id": 2, "name": "tiny"}],
        "annotations": [
            {"id": n, "image_id": image, "category_id": category, "bbox": box}
            for n, (image, category, box) in enumerate(boxes)
        ],
    }
    (folder / "flat.json").write_text(json.dumps(whole))
    return folder / "flat.json"


@pytest.mark.parametrize("make", [flat_table, flat_coco])
def test_boxes_without_an_area_are_left_out_and_told(
    invoke: Invoke, project: Path, tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    done = invoke("import", project, make(tmp_path), "--json")
    assert done.code == 0, done.err
    message = done.result["message"]
    assert "1 boxes added" in message or "1 boxes added to 2 image(s)" in message
    assert "2 box(es) without an area were left out: an object may be missed" in message
    assert "1 image(s) are said to show no object" in message  # three, and not two
    with opened(project) as session:
        truths = {session.project.image(t.image).name: t for t in session.project.truths}
        names = {c.value: c.name for c in session.project.classes}
    assert set(truths) == {"one.tif", "three.tif"}
    assert [names[value] for value in truths["one.tif"].incomplete] == ["tiny"]
    done = invoke("import", project, make(tmp_path), "--as-clicks", "--exhaustive", "--json")
    assert done.code == 0, done.err
    assert done.result["clicks"] == 1
    with opened(project) as session:
        assert not any(i.exhaustive for i in session.project.images if i.name == "one.tif")


def test_a_file_of_nothing_but_boxes_without_an_area_is_refused(
    invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    path = tmp_path / "flat.csv"
    path.write_text("image,class,ymin,xmin,ymax,xmax\none.tif,big,9,9,9,9\n")
    done = invoke("import", project, path, "--as-clicks")
    assert done.code == 2
    assert "all its 1 box(es) have no area" in done.err
