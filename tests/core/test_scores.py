"""Scores are named for people."""

import pytest

from napari_synthseg.core.scores import metric_title


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("f1@0.5", "F1 at IoU 0.5"),
        ("matching_ap_mean@0.7", "AP (mean of images) at IoU 0.7"),
        ("count_error", "count error"),
        ("found", "found"),
        ("ap@0.5:0.95", "AP at IoU 0.5:0.95"),
    ],
)
def test_a_metric_has_a_title(name, title):
    assert metric_title(name) == title
