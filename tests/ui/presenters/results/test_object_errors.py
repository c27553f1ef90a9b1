"""Mistakes in words, in the order in which they are gone through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_synthseg.core.annotations import ImageRef, ObjectClass
from napari_synthseg.core.predictions import FoundObject
from napari_synthseg.core.project import Project
from napari_synthseg.metrics.object_errors import Judged, ObjectError
from napari_synthseg.ui.presenters.results.object_errors import (
    describe_judged,
    found_places,
    list_errors,
)
from napari_synthseg.workflow.found.judging import JudgedImage

PROJECT = Project(
    images=(
        ImageRef(id="a", uri="a.tif", name="a"),
        ImageRef(id="b", uri="b.tif", name="b", pixel_size=(0.5, 0.5), unit="um"),
    ),
    classes=(ObjectClass(name="nucleus", value=1), ObjectClass(name="debris", value=2)),
)


def thing(number: int, y: int, x: int, cls: int = 1, score: float = 1.0) -> FoundObject:
    return FoundObject(number, cls, score, (y + 4.5, x + 4.5), ((y, y + 10), (x, x + 10)))


def judged(image: str = "a", truth: str = "masks", counts_false: bool = True) -> JudgedImage:
    errors = (
        ObjectError("missed", (1,)),
        ObjectError("false", (), (1,)),
        ObjectError("merged", (2, 3), (2,)),
        ObjectError("split", (4,), (3, 4)),
        ObjectError("outline", (5,), (5,), 0.38),
        ObjectError("class", (6,), (6,)),
    )
    true = [thing(n, 90 - 10 * n, 5) for n in range(6)] + [thing(7, 5, 5, 2)]
    found = [thing(n, 12 * n, 60, score=0.61) for n in range(7)]
    return JudgedImage(
        image, Judged(np.array([[0, 0]]), errors, 4, 5), true, found, [24.2] * 7, truth,
        counts_false,
    )  # fmt: skip


def words(one: JudgedImage) -> dict[str, str]:
    return {place.kind: place.words for place in list_errors([one], PROJECT)}


def test_each_kind_of_mistake_in_words():
    assert words(judged()) == {
        "missed": "missed: a true nucleus of 24 px",
        "false": "false: nucleus, score .61",
        "merged": "two true objects found as one (nucleus, score .61)",
        "split": "one true nucleus found as two",
        "outline": "poor outline: this nucleus was found, but overlaps the truth by 0.38 only "
        "(IoU; it takes .50)",
        "class": "wrong class: a true debris found as nucleus, score .61",
    }


def test_sizes_are_in_the_unit_of_the_image_and_clicks_are_called_so():
    assert words(judged("b"))["missed"] == "missed: a true nucleus of 12.1 µm"
    assert words(judged(truth="clicks"))["missed"] == "missed: a clicked nucleus of 24 px"


def test_mistakes_are_gone_through_from_top_to_bottom():
    places = list_errors([judged("b"), judged("a")], PROJECT)
    assert [place.image for place in places] == ["b"] * 6 + ["a"] * 6
    rows = [place.center[0] for place in places[:6]]
    assert rows == sorted(rows)
    (merged,) = (place for place in places[:6] if place.kind == "merged")
    assert merged.diameter > 55  # all that takes part is in view
    assert list(found_places([judged()])) == [("a", (4.5, 64.5), 10.0)]


def test_counts_and_what_they_were_compared_with():
    assert describe_judged([]) == ""
    several = describe_judged([judged()])
    assert several.startswith("1 found, 4 missed, 5 false: F1 0.182 (masks of this image)")
    assert "That makes 6 mistakes" in several  # else the list of mistakes seems to miss some
    plain = replace(judged(), judged=Judged(np.array([[0, 0]]), judged().judged.errors[:2], 1, 1))
    assert describe_judged([plain]).endswith("1 missed, 1 false: F1 0.500 (masks of this image)")
    assert "none is false" in describe_judged([judged(), judged("b", "clicks", False)])
