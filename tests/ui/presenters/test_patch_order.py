"""Patches are sorted by numpy as Python would sort them, and counted without a contradiction."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from napari_synthseg.core.annotations import ObjectClass, how_to_resize
from napari_synthseg.core.patch import Patch, PatchLibrary, QualityIssue
from napari_synthseg.patches.quality.grade import CUT_OFF
from napari_synthseg.ui.presenters.patch_choice import (
    ALL,
    ORDERS,
    arrange,
    choose,
    describe_library,
    summary_lines,
)


def library(count: int) -> PatchLibrary:
    rng = np.random.default_rng(0)
    patches = []
    for number in range(count):
        mask = np.zeros((4, 4), bool)
        mask.flat[: int(rng.integers(0, 5))] = True
        patches.append(
            Patch(
                id=f"p{number}",
                image=f"image {rng.integers(3)}",
                cls=int(rng.integers(1, 4)),
                pixels=np.zeros((1, 4, 4), np.float32),
                mask=mask,
                origin=(0, 0),
                center=(2, 2),
                quality=float(rng.integers(4)) / 4,
                intensity=float(rng.integers(4)),
            )
        )
    return PatchLibrary(tuple(patches), (), {1: 4.0, 2: 4.0, 3: 4.0})


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_is_that_of_its_key(order: str) -> None:
    made = library(60)
    assert choose(made, ALL, order) == sorted(made.patches, key=ORDERS[order])


def test_a_choice_that_is_gone_shows_all() -> None:
    made = library(5)
    assert len(arrange(made, "doubtful", "best first", ()).patches) == 5
    assert not arrange(None, ALL, "best first", ()).patches


def test_issues_that_keep_no_patch_from_being_good_are_said_to_do_no_harm() -> None:
    made = library(3)
    first, second, third = (replace(p, cls=1) for p in made.patches)
    faint = QualityIssue("faint", "hardly stands out")
    graded = replace(first, issues=(CUT_OFF,)), replace(second, issues=(faint,)), third
    (line,) = summary_lines(
        replace(made, patches=graded), [ObjectClass(name="cell", value=1, diameter=4)]
    )
    words = re.sub(r"<[^>]*>", "", line).replace("\u00a0", " ").replace("&nbsp;", " ")
    assert words == "■ cell: 2 of 3 good; 1 faint; no harm: 1 cut off"


def test_suspicious_and_doubtful_patches_are_counted_apart() -> None:
    counts = {ALL: 10, "good": 4, "accepted": 1, "suspicious": 3, "doubtful": 2}
    words = re.sub(r"<[^>]*>", "", describe_library(counts))
    assert words == "10 patches: 5 good, 3 suspicious, 2 doubtful, 0 rejected"


def test_a_note_on_the_diameter_names_what_the_panel_has() -> None:
    note = f"Class 'cell': give a larger one {how_to_resize('big cell', '30')}."
    made = replace(library(3), describe=lambda _: (note,))
    assert arrange(made, ALL, "best first", ()).notes == (
        "Class 'cell': give a larger one (step 1).",
    )
