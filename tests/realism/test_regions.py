"""The comparison where there are regions without separate objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
import pytest

from napari_synthseg.core.labels import UNKNOWN, DualImage, RegionLabels
from napari_synthseg.core.progress import Progress, exhaust
from napari_synthseg.core.recipe import Recipe, Synthesizer
from napari_synthseg.realism.figure import draw_png
from napari_synthseg.workflow.realism.views import count_objects, masked_fields, synthetic_field
from napari_synthseg.workflow.session import Session
from napari_synthseg.workflow.truths import masked_images
from tests.helpers.region_images import draw_regions
from tests.helpers.sessions import add_array, add_masks

SHAPE = (96, 96)


class Redrawn(Recipe):
    """Regions drawn by the program that drew the real ones; noisier, or with a class lost."""

    learns_from = "masks"
    kind: Literal["test-redrawn"] = "test-redrawn"
    noise: float = 0.0
    lost: bool = False
    fits: ClassVar[list[str]] = []

    def fit(self, source, artifacts=None):
        self.fits.append(source.fingerprint)
        yield Progress(1.0)
        return RedrawnPairs(self)


class RedrawnPairs(Synthesizer):
    def __init__(self, recipe):
        self.recipe = recipe

    def pair(self, index):
        drawn = draw_regions(SHAPE, seed=1000 + index)
        values, image = drawn.labels.values, drawn.image
        if self.recipe.lost:
            image = np.where(values == 2, np.float32(0.2), image)
            values = np.where(values == 2, 0, values)
        noise = np.random.default_rng(index).normal(0, 1, image.shape).astype(np.float32)
        return DualImage(image + self.recipe.noise * noise, RegionLabels.of(values), index)


@pytest.fixture
def session(tmp_path) -> Iterator[Session]:
    session = Session.create(tmp_path / "phases.synthseg")
    for name in ("matrix", "grain"):
        session.edit(session.project.with_classes(session.project.next_class(name)), "class")
    yield session
    session.close().result()


def add(session: Session, numbers, unknown: bool = False) -> None:
    for number in numbers:
        pair = draw_regions(SHAPE, seed=number)
        stored = np.clip(pair.image[0] * 4e4 + 1e4, 0, 65535).astype(np.uint16)
        ref = add_array(session, stored, "yx", f"i{number}", group=f"spot{number}")
        values = pair.labels.values.copy()
        if unknown:
            values[:30] = values[:, :8] = UNKNOWN  # also on what is held out
        add_masks(session, ref, RegionLabels.of(values), kind="semantic")


def compared(session: Session, recipe: Recipe):
    return session.compare_realism(8, recipe=recipe).result()


def verdicts(report):
    return {m.name: m.verdict for m in report.measures}


def test_a_lost_class_and_noise_are_found(session):
    add(session, range(6))
    lost = compared(session, Redrawn(lost=True)).report
    noisy = compared(session, Redrawn(noise=0.2)).report
    for name in ("share_2", "intensity"):
        assert verdicts(lost)[name] == "clearly different"
    assert "intensity_2" not in verdicts(lost)  # nothing is there to measure
    found = {m.name: m for m in lost.measures}["share_2"]
    assert found.synthetic.median == 0
    assert found.real.median == pytest.approx(0.25, abs=0.06)
    assert "'grain'" in found.title
    for name in ("object_grain", "background_grain", "spectrum"):
        assert verdicts(noisy)[name] == "clearly different"
    assert verdicts(noisy)["share_1"] != "clearly different"


def test_the_report_says_what_objects_are_here(session):
    add(session, range(4))
    found = compared(session, Redrawn())
    report = found.report
    assert report.masks == "connected pieces of true masks"
    assert report.images == ("i0", "i1", "i2", "i3")
    assert report.two_sample_test is not None
    assert {"share_1", "share_2", "intensity_1", "intensity_2", "size"} <= set(verdicts(report))
    assert draw_png(found)[:4] == b"\x89PNG"


def test_pixels_without_a_class_are_left_out(session):
    add(session, range(2), unknown=True)
    divided = exhaust(masked_images(session.project, session.folder, session.project.train_spec))
    views = masked_fields(session.project, divided).views
    hidden = [view.regions == UNKNOWN for view in views]
    for view, without in zip(views, hidden, strict=True):
        assert without.any()
        assert not (view.ids[without].any() or view.background[without].any() or view.complete)
    report = compared(session, Redrawn()).report
    assert not {"share_1", "density"} & set(verdicts(report))
    assert any("Not every pixel of i" in note for note in report.notes)


def test_each_connected_piece_of_a_class_counts_once(session):
    values = np.zeros((8, 8), np.int32)
    values[:2, :2], values[:2, 2:4], values[4:, :2], values[6, 6] = 1, 2, 1, 2
    pair = DualImage(np.zeros((1, 8, 8), np.float32), RegionLabels.of(values), 0)
    view = synthetic_field(pair, (1.0, 1.0))
    assert count_objects([view]) == 4
    assert np.array_equal(view.background, values == 0)
    add(session, [0])
    divided = exhaust(masked_images(session.project, session.folder, session.project.train_spec))
    fields = masked_fields(session.project, divided)  # a strip of the only image is held out
    assert len(fields.views) == 2
    pieces = [set(np.unique(v.ids)) - {0} for v in fields.views]
    assert not pieces[0] & pieces[1]
    assert len(fields.refs) == 1


def test_what_was_fitted_is_not_fitted_again(session):
    add(session, range(4))
    recipe = Redrawn()
    session.edit(session.project.model_copy(update={"recipe": recipe}), "recipe")
    session.synthesize(1).result()
    Redrawn.fits.clear()
    compared(session, recipe)
    assert not Redrawn.fits
    compared(session, Redrawn(noise=0.1))
    assert len(Redrawn.fits) == 1
