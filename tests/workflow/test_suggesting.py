"""Suggestions in a session: found, answered, undone, and what answers teach."""

from dataclasses import replace

import numpy as np
import pytest

from napari_synthseg.core.annotations import NOT_AN_OBJECT, Click, ImageRef, ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.patch import Outline
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.patches.canvas_parts import estimate_backgrounds
from napari_synthseg.patches.suggesting.suggestion import Suggestion
from napari_synthseg.synthesis.datasets import label_clicked
from napari_synthseg.workflow.session import Session
from napari_synthseg.workflow.suggesting import Suggestions, accept, reject
from tests.helpers.clicked_discs import disc_image
from tests.helpers.sessions import add_array

PLACES = [(y, x) for y in (24, 64, 104) for x in (24, 60, 98, 134)]


def click_four(session, places, diameter):
    """Add an image of discs, and click the first four of PLACES."""
    image, _ = disc_image(places)
    ref = add_array(session, image[0], "yx", "discs")
    project = session.project.with_classes(ObjectClass(name="disc", value=1, diameter=diameter))
    clicks = [Click(image=ref.id, position=tuple(map(float, p)), cls=1) for p in PLACES[:4]]
    session.edit(project.with_clicks(*clicks), "click")


@pytest.fixture
def session(tmp_path):
    with Session.create(tmp_path / "p.synthseg") as session:
        click_four(session, PLACES, 20)
        yield session


def suggest(session, **options):
    return session.suggest(session.project.images[0], **options).result()


def test_suggestions_are_kept_and_told(session):
    told = []
    session.suggestions_changed.connect(lambda: told.append(1))
    found = suggest(session)
    assert len(found.open(session.project)) == 8
    assert session.suggestions == {found.image: found} and told == [1]
    assert session.project.clicks[4:] == ()


def test_answers_are_one_edit_each_and_undo_brings_the_suggestions_back(session):
    found = suggest(session)
    first, second, *others = found.open(session.project)
    session.edit(accept(session.project, [first, second]), "accept 2 suggestions")
    session.edit(reject(session.project, others[:1]), "reject suggestion")
    assert found.open(session.project) == tuple(others[1:])
    assert [c.position for c in session.project.clicks[4:]] == [first.position, second.position]
    (negative,) = session.project.negatives
    assert negative.cls == NOT_AN_OBJECT and negative.reach == pytest.approx(10, abs=1.5)
    session.undo()
    session.undo()
    assert found.open(session.project) == (first, second, *others)


def test_what_the_edge_of_the_image_all_but_cuts_off_is_not_suggested(tmp_path):
    """Of one disc a sixth is seen, of another one a half."""
    places = [*PLACES, (64, -8), (104, 160)]
    with Session.create(tmp_path / "edge.synthseg") as session:
        click_four(session, places, 24)
        found = suggest(session).every
    assert len(found) == 9
    assert min(one.outline.window[1][0] for one in found) > 0
    assert max(one.outline.window[1][1] for one in found) == 160


def test_a_click_by_hand_answers_what_it_lies_on(session):
    found = suggest(session)
    one = found.open(session.project)[0]
    at = tuple(p + 2 for p in one.position)
    session.edit(session.project.with_clicks(Click(image=one.image, position=at, cls=1)), "click")
    assert one not in found.open(session.project)


@pytest.mark.parametrize(("diameter", "unit", "left"), [(6, "px", 1), (18, "px", 0), (6, "um", 0)])
def test_a_click_on_its_nucleus_leaves_a_cell_suggested(diameter, unit, left):
    image = ImageRef(id="a", uri="a")
    cell = ObjectClass(name="cell", value=1, diameter=20)
    nucleus = ObjectClass(name="nucleus", value=2, diameter=diameter, unit=unit)
    outline = Outline(np.ones((20, 20), bool), (10, 10), 0.9)
    found = Suggestions("a", (Suggestion("s", "a", 1, (20.0, 20.0), outline, 0.9),))
    click = Click(image="a", position=(20, 20), cls=2)
    project = Project(images=(image,), classes=(cell, nucleus), clicks=(click,))
    assert len(found.open(project)) == left


@pytest.mark.parametrize("rejected", ["cell", "nucleus"])
def test_rejecting_one_of_two_nested_objects_leaves_the_other_suggested(rejected):
    classes = [
        ObjectClass(name=n, value=v, diameter=20 / v**2) for v, n in ((1, "cell"), (2, "nucleus"))
    ]
    found = {
        c.name: Suggestion(
            c.name,
            "a",
            c.value,
            (20.0, 20.0),
            Outline(np.ones((w, w), bool), (20 - w // 2,) * 2, 0.9),
            0.9,
        )
        for c, w in zip(classes, (20, 6), strict=True)
    }
    suggestions = Suggestions("a", tuple(found.values()))
    project = Project(images=(ImageRef(id="a", uri="a"),), classes=tuple(classes))
    after = reject(project, [found.pop(rejected)])
    assert suggestions.open(after) == tuple(found.values())
    again = Suggestions("a", tuple(replace(s, id=f"{s.id} again") for s in suggestions.every))
    assert [s.id for s in again.open(after)] == [f"{left} again" for left in found]


def test_a_class_that_nobody_clicked_needs_no_size_on_the_image(session):
    other = ObjectClass(name="other", value=2, diameter=5, unit="um")
    session.edit(session.project.with_classes(other), "add class")
    assert len(suggest(session).every) == 8


def test_no_more_are_shown_than_wanted_and_the_unsure_ones_come_first(session):
    every = suggest(session)
    few = suggest(session, most=3)
    assert (len(few.every), few.left_out) == (3, 5)
    away = [abs(s.confidence - 0.5) for s in every.every]
    assert away == sorted(away)


def test_the_outline_of_an_accepted_suggestion_is_found_again_by_its_click(session):
    found = suggest(session).open(session.project)
    session.edit(accept(session.project, found), "accept")
    patches = {p.id: p for p in session.cut_patches().result().patches}
    for one in found:
        again = np.zeros((128, 160), np.int32)
        patches[one.id].paint(again, (0, 0), 1)
        before = np.zeros_like(again)
        where = tuple(slice(a, b) for a, b in one.outline.window)
        before[where] = one.outline.mask
        assert (again & before).sum() / (again | before).sum() > 0.95


def test_what_is_rejected_is_background_of_canvases_and_of_real_crops(session):
    one = suggest(session).open(session.project)[0]
    at = tuple(round(p) for p in one.position)

    def look():
        library = session.cut_patches().result()
        (background,) = exhaust(estimate_backgrounds(library))
        (image,) = library.images
        return background, label_clicked(library, background, image).labels.ids

    background, ids = look()
    assert not background.valid[at] and ids[at] < 0
    session.edit(reject(session.project, [one]), "reject")
    background, ids = look()
    assert background.valid[at] and ids[at] == 0
    near = background.valid[at[0] - 6 : at[0] + 7, at[1] - 6 : at[1] + 7]
    assert near.mean() > 0.9
    np.testing.assert_allclose(background.pixels[0][at], 1.0, atol=0.35)


def test_a_negative_click_by_hand_leaves_the_background_as_it_was(session):
    one = suggest(session).open(session.project)[0]
    negative = Click(image=one.image, position=one.position, cls=NOT_AN_OBJECT)
    session.edit(session.project.with_clicks(negative), "click")
    (background,) = exhaust(estimate_backgrounds(session.cut_patches().result()))
    assert not background.valid[tuple(round(p) for p in one.position)]


def test_a_run_without_a_model_is_refused_at_once(session):
    with pytest.raises(InputError, match="no trained model"):
        session.suggest(session.project.images[0], TrainingRun(id="r", name="r"))


def test_the_outline_of_a_model_is_kept_with_its_click_and_that_of_a_box_is_not(session):
    (ref,) = session.project.images
    outline = Outline(np.ones((9, 7), bool), (60, 20), 0.8)
    masked = Suggestion("m", ref.id, 1, (64.0, 23.0), outline, 0.8, "model")
    boxed = replace(masked, id="b", is_box=True)
    kept = {c.id: c.mended for c in accept(session.project, [masked, boxed]).clicks}
    assert kept["b"] is None
    assert (kept["m"].origin, kept["m"].shape) == ((60, 20), (9, 7))
    session.edit(accept(session.project, [masked]), "accept")
    patches = {p.id: p for p in session.cut_patches().result().patches}
    assert patches["m"].area == 63
