"""What is shown of scores, without a window."""

from __future__ import annotations

import numpy as np
import pytest

from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.scores import FOREGROUND, Scores
from napari_synthseg.metrics.heat_maps.scores import score_heat_maps
from napari_synthseg.tasks.registry import shown_metrics, task_names
from napari_synthseg.ui.presenters.results.scores import (
    RIGHT,
    WRONG,
    latest_scores,
    overlay_text,
    score_tables,
)

OBJECTS = Scores(
    task="segment",
    measured_on="real",
    images=("a", "b"),
    objects=12,
    values={"dice": 0.5, "f1@0.5": 0.75, "found": 9.0},
    per_class={"one": {"f1@0.5": 0.5}, "two": {"f1@0.5": 1.0, "found": 3.0}},
    warnings=("Few objects.",),
)

REGIONS = Scores(
    task="semantic",
    measured_on="real",
    images=("a",),
    objects=100,
    values={"miou": 0.5, "miou" + FOREGROUND: 0.25, "present_miou_per_image": 0.75},
    per_class={"background": {"iou": 0.9}, "ring": {"iou": 0.1, "recall": 0.2}},
    confusion={"background": {"background": 75, "ring": 0}, "ring": {"background": 20, "ring": 5}},
)


def texts(table):
    return [[cell.text for cell in row] for row in table.cells]


def test_objects_have_a_row_for_each_metric_the_important_ones_first():
    (table,) = score_tables(OBJECTS)
    assert [cell.text for cell in table.rows] == ["F1 at IoU 0.5", "Dice", "found"]
    assert [cell.text for cell in table.columns] == ["all", "one", "two"]
    assert texts(table) == [["0.750", "0.500", "1.000"], ["0.500", "", ""], ["9", "", "3"]]
    assert "at least this overlap" in table.rows[0].tip


@pytest.mark.parametrize("task", task_names())
def test_each_figure_says_what_it_means(task):
    names = shown_metrics(task)[0]
    (table, *_) = score_tables(
        OBJECTS.model_copy(update={"task": task, "values": dict.fromkeys(names, 0.5)})
    )
    assert len(table.rows) == len(names)
    assert [cell.text for cell in table.rows if cell.tip == cell.text] == []


def test_figures_of_heat_maps_say_what_they_mean():
    heat = np.zeros((8, 8))
    heat[2, 2] = 1.0
    true = InstanceLabels((heat > 0).astype(np.int32), {1: 1})
    images = [("a", true, {1: heat})]
    scores = score_heat_maps(images, {1: "cell"}, measured_on="real", diameters={1: 2.0})
    rows = score_tables(scores)[0].rows
    assert rows and all(cell.tip != cell.text for cell in rows)


def test_a_figure_of_image_labels_speaks_of_no_overlap():
    tags = OBJECTS.model_copy(update={"task": "classify", "values": {"f1": 0.5}})
    assert "overlap" not in score_tables(tags)[0].rows[0].tip


def test_a_single_class_has_no_column_of_its_own():
    (table,) = score_tables(OBJECTS.model_copy(update={"per_class": {"one": {}}}))
    assert [cell.text for cell in table.columns] == ["all"]


def test_regions_have_three_tables():
    overall, by_class, confusion = score_tables(REGIONS)
    assert [cell.text for cell in overall.rows] == ["mIoU, standard", "mIoU, present, by image"]
    assert texts(overall) == [["0.500", "0.250"], ["0.750", ""]]
    assert [cell.text for cell in by_class.rows] == ["background", "ring"]
    assert texts(by_class)[1] == ["0.100", "", "0.200", "", ""]
    assert texts(confusion) == [["100.0%", "0.0%"], ["80.0%", "20.0%"]]
    wrong, right = confusion.cells[1]
    assert (wrong.color, right.color) == (WRONG, RIGHT)
    assert wrong.strength > right.strength > confusion.cells[0][1].strength == 0
    assert wrong.tip == "20 of 25 pixels that are truly ring were given to background"


def test_the_text_over_the_image_says_what_was_measured():
    text = overlay_text(OBJECTS)
    assert text.splitlines()[0] == "F1 at IoU 0.5: 0.750   Dice: 0.500   found: 9"
    assert OBJECTS.caption() in text.replace("\n", " ")
    assert "Note: Few objects." in text
    assert all(len(line) <= 52 for line in text.splitlines())


def test_few_lines_over_the_image_leave_it_in_sight():
    values = {f"f1@{t}": 0.5 for t in (0.5, 0.7, 0.8)} | {"precision@0.5": 0.9, "missed": 3.0}
    scores = OBJECTS.model_copy(update={"values": values, "warnings": ()})
    figures, *caption = overlay_text(scores).splitlines()
    assert figures == "F1 at IoU 0.5: 0.500   F1 at IoU 0.7: 0.500"
    assert " ".join(caption) == scores.caption()
    assert len(caption) <= 2


def test_the_last_scores_of_predictions_and_of_heat_maps_are_told_apart():
    of_maps = OBJECTS.model_copy(update={"task": "cam"})
    run = TrainingRun(id="r", name="r", scores=(REGIONS, of_maps, OBJECTS))
    assert latest_scores(run) == (OBJECTS, of_maps)
    assert latest_scores(run.model_copy(update={"scores": (of_maps,)})) == (None, of_maps)
    assert latest_scores(None) == (None, None)
