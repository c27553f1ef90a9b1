"""Outlines while clicking: quick, and the same as those that patches are cut by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_synthseg.core.annotations import Click, ObjectClass
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.networks import click_net
from napari_synthseg.patches.window import cut_mask
from napari_synthseg.workflow.outlining import live_outlines
from napari_synthseg.workflow.outlining.live_outlines import Outlines
from napari_synthseg.workflow.session import Session

PLACES = [(y, x) for y in (24, 64, 104) for x in (24, 60, 98, 134)]
RADIUS = 9.0


def draw_discs(shape: tuple[int, ...] = (128, 160)) -> np.ndarray:
    rng = np.random.default_rng(3)
    rows, columns = np.indices(shape[-2:])
    image = rng.normal(200, 12, shape)
    for y, x in PLACES:
        image += 800 * (np.hypot(rows - y, columns - x) < RADIUS)
    return image.astype(np.float32)


@pytest.fixture
def session(tmp_path: Path):
    with Session.create(tmp_path / "p.synthseg") as session:
        session.add_images(draw_discs(), name="discs").result()
        cls = ObjectClass(name="disc", value=1, diameter=2 * RADIUS)
        session.edit(session.project.with_classes(cls), "add class")
        yield session


def click(session: Session, *places: tuple[float, ...], cls: int = 1) -> list[Click]:
    image = session.project.images[0].id
    made = [Click(image=image, position=place, cls=cls) for place in places]
    session.edit(session.project.with_clicks(*made), "add clicks")
    return made


def outlines(session: Session, **options) -> Outlines:
    return session.outline_clicks(session.project.images, **options).result()


def overlaps(found: Outlines, library: PatchLibrary) -> list[float]:
    """Return the IoU of each outline with that of the cut patch."""
    patches = {patch.id: patch for patch in library.patches}
    values = []
    for one in found.shown:
        patch = patches[one.click.id]
        own = cut_mask(one.outline.mask, one.outline.origin, patch.window)
        values.append((own & patch.mask).sum() / max((own | patch.mask).sum(), 1))
    return values


@pytest.fixture
def windows_seen(monkeypatch) -> list[int]:
    """Count the windows that the network is shown, one entry a call."""
    seen: list[int] = []
    run: Callable = click_net._run

    def counted(net, planes):
        seen.append(len(planes))
        return run(net, planes)

    monkeypatch.setattr(click_net, "_run", counted)
    return seen


def test_a_click_has_its_outline_and_how_sure_it_is(session: Session) -> None:
    (made,) = click(session, PLACES[0])
    (one,) = outlines(session).shown
    assert one.click == made
    assert one.diameter == pytest.approx(2 * RADIUS, abs=2)
    assert 0.5 < one.outline.confidence <= 1
    (line,) = one.lines
    away = np.hypot(*(line - PLACES[0]).T)
    assert np.abs(away - RADIUS).max() < 2


def test_one_more_click_costs_its_own_window(session: Session, windows_seen: list[int]) -> None:
    click(session, *PLACES[:6])
    outlines(session)
    windows_seen.clear()
    click(session, PLACES[11])
    assert len(outlines(session).shown) == 7
    assert sum(windows_seen) == 1
    windows_seen.clear()
    outlines(session)
    assert not windows_seen


def test_neighbors_of_a_new_click_are_outlined_again(
    session: Session, windows_seen: list[int]
) -> None:
    click(session, PLACES[0], PLACES[11])
    before = {o.click.id: o for o in outlines(session).shown}
    windows_seen.clear()
    click(session, (PLACES[0][0] + 4, PLACES[0][1] + 14))
    after = {o.click.id: o for o in outlines(session).shown}
    assert sum(windows_seen) == 2
    same = [ident for ident, one in before.items() if after[ident] is one]
    assert len(same) == 1


def test_a_negative_click_is_seen_at_once(session: Session) -> None:
    click(session, PLACES[0])
    (before,) = outlines(session).shown
    spot = (PLACES[0][0], PLACES[0][1] + 7)
    click(session, spot, cls=0)
    (after,) = outlines(session).shown
    assert cut_mask(before.outline.mask, before.outline.origin, _pixel(spot)).all()
    assert not cut_mask(after.outline.mask, after.outline.origin, _pixel(spot)).any()


def _pixel(spot: tuple[float, float]):
    return tuple((round(p), round(p) + 1) for p in spot)


def test_moved_and_deleted_clicks_and_other_diameters_are_followed(session: Session) -> None:
    first, second = click(session, *PLACES[:2])
    outlines(session)
    moved = first.model_copy(update={"position": (64.0, 60.0)})
    session.edit(session.project.with_clicks(moved).without_clicks([second.id]), "move")
    (one,) = outlines(session).shown
    assert one.click == moved
    assert cut_mask(one.outline.mask, one.outline.origin, ((64, 65), (60, 61))).all()
    session.undo()
    assert {o.click for o in outlines(session).shown} == {first, second}
    cls = session.project.classes[0].model_copy(update={"diameter": 30.0})
    session.edit(session.project.with_classes(cls), "diameter")
    assert [round(o.diameter) for o in outlines(session).shown] == pytest.approx([18, 18], abs=2)


def test_quick_outlines_are_those_that_patches_are_cut_by(session: Session) -> None:
    for place in PLACES:
        click(session, place)
        quick = outlines(session)
    library = session.cut_patches().result()
    assert np.median(overlaps(quick, library)) > 0.9
    assert overlaps(outlines(session, thorough=True), library) == [1.0] * len(PLACES)


def test_masks_of_the_user_are_shown_as_they_are(session: Session) -> None:
    from napari_synthseg.core.labels import InstanceLabels

    click(session, *PLACES[:2])
    ids = np.zeros((128, 160), np.int32)
    ids[20:30, 20:30] = 1
    image = session.project.images[0]
    session.import_labels(image, InstanceLabels(ids), "patch_masks").result()
    given, found = outlines(session).shown
    assert given.is_given
    assert given.outline.area == 100
    assert not found.is_given


def test_of_many_clicks_those_in_view_are_outlined(session: Session, monkeypatch) -> None:
    monkeypatch.setattr(live_outlines, "MOST_OUTLINES", 3)
    click(session, *PLACES)
    found = outlines(session, around=((0, 50), (0, 160)))
    assert len(found.shown) == 3
    assert found.left_out == len(PLACES) - 3
    assert all(one.click.position[0] == 24 for one in found.shown)


def test_a_cancelled_wish_leaves_what_it_found(session: Session, windows_seen: list[int]) -> None:
    click(session, *PLACES)
    job = session.outline_clicks(session.project.images)
    job.progressed.connect(lambda step: job.cancel() if hasattr(step, "outlines") else None)
    job.result()
    assert job.outcome is not None
    assert job.outcome.state == "cancelled"
    windows_seen.clear()
    assert len(outlines(session).shown) == len(PLACES)
    assert sum(windows_seen) < len(PLACES)


def test_volumes_are_outlined_in_the_planes_of_their_clicks(tmp_path: Path) -> None:
    with Session.create(tmp_path / "v.synthseg") as session:
        session.add_images(draw_discs((5, 128, 160)), stack="volume", name="v").result()
        cls = ObjectClass(name="disc", value=1, diameter=2 * RADIUS)
        session.edit(session.project.with_classes(cls), "add class")
        click(session, (1.0, *PLACES[0]), (3.0, *PLACES[5]))
        found = outlines(session).shown
        assert sorted(one.plane for one in found) == [1, 3]
        assert [one.diameter for one in found] == pytest.approx([18, 18], abs=2)
