"""The images of a project in words, pixel sizes as they are typed, and what imports ask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_synthseg.core.annotations import Click, ImageRef, InstanceTruth, RegionTruth
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.ui.presenters.images import pictures
from napari_synthseg.ui.presenters.images.importing import Question
from napari_synthseg.ui.presenters.images.limits import bar_question, told_of_limits
from napari_synthseg.ui.presenters.images.pictures import list_pictures, neighbor, parts_of
from napari_synthseg.ui.presenters.images.pixel_size import (
    line_length,
    parse_size,
    size_by_line,
    size_text,
)
from napari_synthseg.ui.presenters.in_panel import in_panel
from napari_synthseg.workflow.bars import InformationBar
from napari_synthseg.workflow.importing_files.looking import Importable, why_no_ids


def project():
    """Two pictures, the second in two parts."""
    images = (
        ImageRef(id="a", uri="a.tif", name="a.tif", role="test", exhaustive=True),
        ImageRef(id="l", uri="b.tif", name="b left", region=((0, 9), (0, 9)), group="mouse 2"),
        ImageRef(id="r", uri="b.tif", name="b right", region=((0, 9), (9, 18)), role="test"),
    )
    made = Project(images=images)
    made = made.with_classes(made.next_class("cell"))
    clicks = [Click(image=i, position=(1, 1), cls=1) for i in ("a", "l", "l")]
    return made.with_clicks(*clicks)


def test_pictures_say_what_is_marked_and_what_they_are_for():
    first, second = list_pictures(project())
    assert (first.name, first.detail, first.is_done) == (
        "a.tif",
        "1 (cell) · for scoring only",
        True,
    )
    assert (second.name, second.detail) == ("b", "2 (cell) · several parts · mouse 2")
    assert not second.is_done


def test_painted_pictures_are_said_to_be_painted():
    made = project()
    regions = [RegionTruth(image=i, source="truths/x.zarr") for i in ("a", "r")]
    first, second = list_pictures(made.with_truths(*regions))
    assert first.detail == "1 (cell) · painted · for scoring only"
    assert second.detail == "2 (cell) · painted · several parts · mouse 2"
    (alone, _) = list_pictures(made.model_copy(update={"clicks": ()}).with_truths(*regions))
    assert alone.detail == "painted · for scoring only"


def test_a_picture_with_truth_needs_no_clicks():
    truth = InstanceTruth(image="a", source="truths/x.zarr")
    made = project().model_copy(update={"clicks": ()}).with_truths(truth)
    first, second = list_pictures(made)
    assert first.detail == "has truth · for scoring only"
    assert second.detail == "nothing marked · several parts · mouse 2"


def test_of_the_same_images_pictures_are_looked_for_once(monkeypatch):
    made = project()
    rows = list_pictures(made)
    clicked = made.with_clicks(Click(image=made.images[0].id, position=(1, 2), cls=1))
    with monkeypatch.context() as patch:
        patch.setattr(pictures, "image_key", lambda ref: pytest.fail("looked for again"))
        assert [parts_of(clicked, row.key) for row in rows] == [row.refs for row in rows]
        assert list_pictures(clicked)[0].detail.startswith("2 (cell)")
    renamed = made.images[0].model_copy(update={"name": "other"})
    assert parts_of(made.with_images(renamed), rows[0].key)[0].name == "other"


def test_the_next_picture_ends_at_the_last_one():
    rows = list_pictures(project())
    assert neighbor(rows, rows[0].key, 1) is rows[1]
    assert neighbor(rows, rows[1].key, 1) is None
    assert neighbor(rows, None, 1) is rows[0]
    assert neighbor([], None, 1) is None


@pytest.mark.parametrize(
    ("text", "ndim", "size"),
    [
        ("0.325", 2, (0.325, 0.325)), ("0,5 x 0,25", 2, (0.5, 0.25)), ("0.5, 0.25", 2, (0.5, 0.25)),
        ("2 0.5", 3, (2, 0.5, 0.5)), ("2 \u00d7 0.5 \u00d7 0.4", 3, (2, 0.5, 0.4)), (" ", 2, None),
    ],
)  # fmt: skip
def test_a_pixel_size_is_typed_as_people_write_it(text, ndim, size):
    assert parse_size(text, ndim) == size


@pytest.mark.parametrize("text", ["five", "0", "-1", "1 x 2 x 3", "nan"])
def test_what_is_no_pixel_size_is_refused_with_an_example(text):
    with pytest.raises(InputError, match=r"type it as 0\.325"):
        parse_size(text, 2)


def test_a_scale_bar_gives_the_pixel_size_and_keeps_the_proportion():
    flat = ImageRef(uri="a.tif", pixel_size=(2.0, 1.0), unit="px")
    line = line_length([(10, 10), (10, 110)], flat.spacing)
    assert line == 100
    assert line_length([(10, 10), (60, 10)], flat.spacing) == 100
    assert size_by_line(flat, line, 50.0) == (1.0, 0.5)
    assert size_text(flat.model_copy(update={"pixel_size": (1.0, 0.5)})) == "1 x 0.5"
    with pytest.raises(InputError, match="Draw the line"):
        size_by_line(flat, 0, 50.0)


def test_a_bar_is_asked_about_as_it_was_found():
    question = "The lowest 64 rows look like an information bar: leave them out?"
    assert bar_question(InformationBar(400, 464, "look")) == question
    assert bar_question(InformationBar(400, 464, "header")).startswith("The file says")
    figures: dict[str, dict[str, Any]] = {
        "a.tif": {"clicks_left_out": 2, "bar": [1, 2]},
        "b.tif": {"clicks_left_out": 0},
    }
    assert told_of_limits(figures, True) == (
        "The information bar is left out on 1 of 2 images; none was found on 'b.tif'; 2 click(s) "
        "lie outside and are not used."
    )


def test_black_and_white_masks_are_no_ids_and_split_is_offered(tmp_path):
    values = np.zeros((20, 20), np.int64)
    values[2:6, 2:6] = values[12:16, 12:16] = 255
    assert why_no_ids(values) == (
        "hold one value, 255, in 2 separate pieces, which looks like black and white"
    )
    assert why_no_ids(np.where(np.indices((20, 20))[0] < 10, values, values * 2)) == ""
    question = Question.of(Importable(tmp_path, "label image", "a label image"))
    assert question.may_split
    assert "semantic" in question.uses


def test_boxes_are_truth_or_clicks_and_tables_of_clicks_leave_no_choice(tmp_path):
    boxes = Importable(tmp_path, "annotations", "boxes", frozenset({"as_clicks"}))
    assert Question.of(boxes).uses == ("truth", "clicks")
    clicks = Importable(tmp_path, "annotations", "clicks", frozenset({"image"}))
    assert Question.of(clicks).uses == ()


def test_options_of_the_command_line_are_said_as_the_panel_has_them():
    from napari_synthseg.io.labels import HOW_TO_SPLIT

    texts = [
        HOW_TO_SPLIT,
        "rows 4 to 9 are an information bar: leave it out with 'napari-synthseg regions PROJECT "
        "--bar'",
        "it names no image: give --image NAME.",
        "it has no class, and the project has 2: give --class NAME.",
        "or is that image itself: say by --image which image its masks are of.",
        "may be a plane of 'a' or of 'b': say which by --image.",
        "as 'x/a' or 'y/a', or say by --image which image or folder of images is meant.",
        "(the last is 3, and there are 9): say it by --first-plane 0 or --first-plane 1.",
        "choose one with --series NUMBER, or all with --series all.",
        "For other classes there are --rename, --ignore and --add-classes, for other images "
        "--skip-unknown.",
    ]
    for text in texts:
        assert "--" not in in_panel(text), in_panel(text)
