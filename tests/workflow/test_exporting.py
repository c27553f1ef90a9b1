"""What is told of dual images that are exported."""

import numpy as np
import pytest

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import DualImage, RegionLabels
from napari_synthseg.core.project import Project
from napari_synthseg.workflow.exporting import describe_pairs


def make_pairs(bad: set[int], count: int = 8) -> list[DualImage]:
    image, labels = np.zeros((1, 4, 4), np.float32), RegionLabels.of(np.ones((4, 4), int))
    return [DualImage(image, labels, n, "torn" if n in bad else "") for n in range(count)]


def test_files_that_nothing_should_learn_from_are_named() -> None:
    project = Project().with_classes(Project().next_class("phase"))
    figures, words = describe_pairs(make_pairs({1, 6}), project)
    assert (figures["pairs"], figures["faulty"]) == (8, ["00001.tif", "00006.tif"])
    assert words.endswith(
        "2 did not pass the gate, leave them out of training: 00001.tif, 00006.tif"
    )
    figures, words = describe_pairs(make_pairs(set(range(7))), project)
    assert len(figures["faulty"]) == 7
    assert words.endswith("00003.tif, 00004.tif, …")
    with pytest.raises(InputError, match="no dual images yet"):
        describe_pairs([], project)
    figures, words = describe_pairs(make_pairs(set()), project)
    assert figures["faulty"] == []
    assert "gate" not in words
