"""Scores are named for people."""

import pytest

from napari_synthseg.core.scores import Scores, metric_title


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("f1@0.5", "F1 at IoU 0.5"),
        ("matching_ap_mean@0.7", "AP (mean of images) at IoU 0.7"),
        ("count_error", "count error"),
        ("found", "found"),
        ("ap@0.5:0.95", "AP at IoU 0.5:0.95"),
        ("miou", "mIoU (standard)"),
        ("present_miou_pooled", "mIoU of classes present in any image's truth (pooled)"),
        (
            "present_miou_per_image_foreground",
            "mIoU of classes present in each image's truth (mean of images), without background",
        ),
        ("boundary_f1_foreground", "boundary F1, without background"),
        ("max_box_acc_v2_largest_chance", "MaxBoxAccV2, largest part, by chance"),
        ("peak_f1_chance", "peak F1, by chance"),
    ],
)
def test_a_metric_has_a_title(name, title):
    assert metric_title(name) == title


@pytest.mark.parametrize(("said", "name"), [("", "count"), ("localize", "localize")])
def test_scores_carry_the_name_of_the_task_that_made_them(said, name):
    scores = Scores(task=said, measured_on="real", images=("a",), objects=1, values={})
    assert scores.of_task("count").task == name


def test_pixels_are_not_called_objects():
    scores = Scores(
        task="semantic",
        measured_on="real",
        images=("a", "b"),
        objects=1234567,
        counted="pixels",
        values={},
    )
    assert scores.caption() == "measured on 1,234,567 true pixels (masks) of 2 real images"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"confusion": {"a": {"a": 9}}}, "9 true pixels (masks)"),
        ({"truth": "image labels"}, "9 true image labels"),
        ({"truth": "clicks"}, "9 true objects (clicks)"),
    ],
)
def test_records_that_do_not_say_what_was_counted_are_read(fields, told):
    stored = {"task": "t", "measured_on": "real", "images": ["a"], "objects": 9, "values": {}}
    assert told in Scores(**stored, **fields).caption()
