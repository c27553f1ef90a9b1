"""The comparison from a project to its report and picture."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_synthseg.core.annotations import Click, MendedOutline, Verdict
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import DualImage, InstanceLabels
from napari_synthseg.core.pixels import Intensity
from napari_synthseg.core.progress import Progress, exhaust
from napari_synthseg.core.recipe import Recipe, Synthesizer
from napari_synthseg.patches import canvas_parts
from napari_synthseg.realism.figure import draw_png, save_comparison
from napari_synthseg.realism.report import RealismReport, rows_of
from napari_synthseg.storage.truths import open_labels
from napari_synthseg.synthesis import default_recipe
from napari_synthseg.workflow.realism import views
from napari_synthseg.workflow.realism.views import clicked_fields, count_objects
from napari_synthseg.workflow.session import Session
from tests.helpers.clicked_discs import DISC, disc_image
from tests.helpers.sessions import add_array, add_masks

CENTERS = [(24, 24), (24, 72), (70, 40), (76, 100), (100, 20), (40, 112)]
SMALL = default_recipe().model_copy(update={"size": 128})


class Copies(Recipe):
    """Fields of discs made by a program: the same process as the real ones, or a noisier one."""

    kind: str = "test-copies"
    noise: float = 0.02

    def fit(self, library, artifacts=None):
        yield Progress(1.0)
        return CopyMaker(self.noise)


class CopyMaker(Synthesizer):
    def __init__(self, noise):
        self.noise = noise

    def pair(self, index):
        moved = np.array(CENTERS) + np.random.default_rng(index).integers(-8, 9, (6, 2))
        image, ids = disc_image(moved, (128, 128), noise=self.noise, seed=1000 + index)
        image = Intensity.measure(image).normalize(image)
        return DualImage(image, InstanceLabels(ids, dict.fromkeys(range(1, 7), 1)), index)


def new_session(folder, images=4, exhaustive=True, channels=1, clicks=6):
    """Return a session with clicked images of discs."""
    session = Session.create(folder)
    session.edit(session.project.with_classes(DISC), "class")
    for number in range(images):
        moved = np.array(CENTERS) + np.random.default_rng(100 + number).integers(-8, 9, (6, 2))
        planes = [
            disc_image(moved, (128, 128), seed=10 * number + c)[0][0] for c in range(channels)
        ]
        stored = np.clip(np.array(planes) * 1e4, 0, 65535).astype(np.uint16)
        ref = add_array(session, stored, "cyx", f"discs {number}", exhaustive=exhaustive)
        made = [Click(image=ref.id, position=tuple(map(float, c)), cls=1) for c in moved[:clicks]]
        session.edit(session.project.with_clicks(*made), "click")
    return session


def compared(session, recipe=SMALL, count=8):
    job = session.compare_realism(count, recipe=recipe)
    steps = []
    job.progressed.connect(steps.append)
    outcome = job.run()
    if outcome.error is not None:
        raise outcome.error
    fractions = [s.fraction for s in steps]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    return outcome.value


def test_images_of_the_same_process_are_alike_and_noisier_ones_are_not(tmp_path):
    session = new_session(tmp_path / "p")
    same = compared(session, Copies()).report
    noisy = compared(session, Copies(noise=0.04)).report
    session.close().result()
    assert same.two_sample_test.accuracy.value < 0.7  # by chance up to 0.6 with so few crops
    assert noisy.two_sample_test.accuracy.low > 0.8
    assert "Clearly different: " in noisy.summary()
    verdicts = {m.name: m.verdict for m in noisy.measures}
    assert verdicts["background_grain"] == verdicts["spectrum"] == "clearly different"
    verdicts = {m.name: m.verdict for m in same.measures}
    assert verdicts["background_grain"] == verdicts["spectrum"] == "alike"


@pytest.fixture(scope="module")
def four_images(tmp_path_factory):
    """A session with four images, compared once; it is still open."""
    session = new_session(tmp_path_factory.mktemp("four") / "p")
    before = session.project
    found = compared(session)
    assert session.project is before
    yield session, found
    session.close().result()


def test_the_report_says_what_it_was_measured_on(four_images):
    _, found = four_images
    report = found.report
    assert report.images == tuple(f"discs {n}" for n in range(4))
    assert report.real_objects == 24
    assert report.masks == "masks found under the clicks"
    assert (report.pairs, report.window, report.real_windows) == (8, (128, 128), 4)
    assert report.recipe == SMALL.model_dump(mode="json")
    assert report.two_sample_test.held_out_by == "image"
    for word in ("windows of 4 real images with 24 objects", "8 dual images", "'paste'", "seed 0"):
        assert word in report.caption()
    assert {m.name for m in report.measures} >= {"size", "density", "neighbors", "spectrum"}
    assert all(m.floor is not None for m in report.measures)


def test_the_report_survives_json_and_is_repeatable(four_images, tmp_path):
    session, first = four_images
    assert compared(session).report == first.report
    save_comparison(tmp_path / "out", first)
    text = (tmp_path / "out" / "realism.json").read_text()
    assert RealismReport.model_validate_json(text) == first.report
    assert "NaN" not in text
    assert json.loads(text)["seed"] == 0
    assert (tmp_path / "out" / "realism.png").read_bytes()[:4] == b"\x89PNG"


def test_partly_clicked_images_give_no_density_and_say_so(tmp_path):
    session = new_session(tmp_path / "p", exhaustive=False, clicks=4)
    report = compared(session).report
    session.close().result()
    names = {m.name for m in report.measures}
    assert not names & {"density", "neighbors"}
    assert {"size", "contrast", "background_intensity"} <= names
    assert "Not every object is clicked" in report.notes[0]


def test_true_masks_are_used_where_they_are_and_channels_are_told_apart(tmp_path):
    session = new_session(tmp_path / "p", images=2, channels=2, exhaustive=False, clicks=4)
    for number, ref in enumerate(session.project.images):
        moved = np.array(CENTERS) + np.random.default_rng(100 + number).integers(-8, 9, (6, 2))
        ids = disc_image(moved, (128, 128))[1]
        add_masks(session, ref, InstanceLabels(ids, dict.fromkeys(range(1, 7), 1)))
    comparison = compared(session)
    session.close().result()
    report = comparison.report
    assert (report.masks, report.real_objects) == ("true masks", 12)
    assert {m.channel for m in report.measures if m.name == "contrast"} == {0, 1}
    assert {m.channel for m in report.measures if m.name == "density"} == {None}
    assert any(row.cells[0] == "contrast of objects, channel 1" for row in rows_of(report))
    assert draw_png(comparison)[:4] == b"\x89PNG"


def test_an_image_of_many_parts_is_named_once_and_its_masks_are_read_once(tmp_path, monkeypatch):
    for name, value in {"WHOLE_PX": 2**12, "TILE_PX": 64, "TILE_DIAMETERS": 3}.items():
        monkeypatch.setattr(canvas_parts, name, value)
    session = new_session(tmp_path / "p", images=2)
    library = session.cut_patches().result()
    found = exhaust(clicked_fields(session.project, session.folder, library))
    for number, ref in enumerate(session.project.images):
        moved = np.array(CENTERS) + np.random.default_rng(100 + number).integers(-8, 9, (6, 2))
        ids = disc_image(moved, (128, 128))[1]
        add_masks(session, ref, InstanceLabels(ids, dict.fromkeys(range(1, 7), 1)))
    opened = []

    def counted(truth, ref, folder):
        opened.append(ref.name)
        return open_labels(truth, ref, folder)

    monkeypatch.setattr(views, "open_labels", counted)
    true = exhaust(clicked_fields(session.project, session.folder, library))
    session.close().result()
    assert len(found.views) == len(true.views) > 4
    for fields in (found, true):
        assert [ref.name for ref in fields.refs] == ["discs 0", "discs 1"]
        assert count_objects(fields.views) == 12
    assert opened == ["discs 0", "discs 1"]


def test_what_lies_in_a_larger_object_is_seen_though_it_was_clicked_first(tmp_path):
    with new_session(tmp_path / "p", images=1, clicks=0) as session:
        (ref,) = session.project.images
        session.edit(session.project.with_classes(session.project.next_class("cell")), "class")
        clicks = [
            Click(
                image=ref.id,
                position=(40, 40),
                cls=cls,
                mended=MendedOutline.of(np.ones((size, size), bool), (40 - size // 2,) * 2),
            )
            for size, cls in ((9, 1), (30, 2))
        ]
        session.edit(session.project.with_clicks(*clicks), "click")
        library = session.cut_patches().result()
        (view,) = exhaust(clicked_fields(session.project, session.folder, library)).views
    assert np.unique(view.ids, return_counts=True)[1].tolist()[1:] == [9**2, 30**2 - 9**2]


def test_a_rejected_mask_still_counts_as_an_object(tmp_path):
    session = new_session(tmp_path / "p", images=2)
    gone = Verdict(patch=session.project.clicks[0].id, state="rejected")
    session.edit(session.project.with_verdicts(gone), "reject")
    found = compared(session)
    session.close().result()
    assert found.report.real_objects == 11
    assert sum(len(v.maskless_centers) for v in found.real) == 1


def test_a_single_image_stands_for_several_with_a_word(tmp_path):
    session = new_session(tmp_path / "p", images=1)
    report = compared(session).report
    session.close().result()
    assert report.window == (64, 64)
    assert report.real_windows == 4
    assert any("one real image" in note for note in report.notes)
    assert report.two_sample_test.held_out_by == "window"


def test_volumes_are_compared(tmp_path):
    centers = [(8, 16, 16), (10, 20, 48), (12, 46, 20), (9, 48, 50)]
    session = Session.create(tmp_path / "p")
    session.edit(session.project.with_classes(DISC.model_copy(update={"diameter": 12})), "class")
    for number in range(2):
        image, _ = disc_image(centers, (20, 64, 64), radius=6, seed=number)
        stored = np.clip(image[0] * 1e4, 0, 65535).astype(np.uint16)
        ref = add_array(
            session,
            stored,
            "zyx",
            f"v{number}",
            exhaustive=True,
            pixel_size=(2.0, 1.0, 1.0),
            unit="um",
        )
        made = [Click(image=ref.id, position=tuple(map(float, c)), cls=1) for c in centers]
        session.edit(session.project.with_clicks(*made), "click")
    comparison = compared(session, SMALL.model_copy(update={"size": 64}), count=4)
    session.close().result()
    assert comparison.real[0].spacing == (2.0, 1.0, 1.0)
    assert len(comparison.report.window) == 3
    assert {m.name for m in comparison.report.measures} >= {"size", "spectrum", "density"}
    assert comparison.report.two_sample_test is not None
    assert draw_png(comparison)[:4] == b"\x89PNG"


def test_bad_input_is_refused_in_words(tmp_path):
    session = new_session(tmp_path / "p", images=1)
    with pytest.raises(InputError, match="at least 2"):
        compared(session, count=1)
    session.edit(session.project.model_copy(update={"clicks": ()}), "no clicks")
    with pytest.raises(InputError, match="click"):
        compared(session)
    session.close().result()
