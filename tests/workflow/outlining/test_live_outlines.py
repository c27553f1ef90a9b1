"""Outlines while clicking: quick, and the same as those that patches are cut by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_synthseg.core.annotations import Click, ImageRef, ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.networks import click_net
from napari_synthseg.networks.click_weights import run_network
from napari_synthseg.patches.window import cut_mask
from napari_synthseg.workflow.outlining import live_outlines
from napari_synthseg.workflow.outlining.diameters import offer_diameter, with_diameter
from napari_synthseg.workflow.outlining.live_outlines import OutlineProgress, Outlines
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
        session.add_images(draw_discs(), axes="yx", name="discs").result()
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
    run: Callable = run_network

    def counted(net, planes):
        seen.append(len(planes))
        return run(net, planes)

    monkeypatch.setattr(click_net, "run_network", counted)
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
    job.progressed.connect(lambda step: job.cancel() if isinstance(step, OutlineProgress) else None)
    job.result()
    assert job.outcome is not None
    assert job.outcome.state == "cancelled"
    windows_seen.clear()
    assert len(outlines(session).shown) == len(PLACES)
    assert sum(windows_seen) < len(PLACES)


def test_volumes_are_outlined_in_the_planes_of_their_clicks(tmp_path: Path) -> None:
    with Session.create(tmp_path / "v.synthseg") as session:
        session.add_images(draw_discs((5, 128, 160)), "volume", axes="zyx", name="v").result()
        cls = ObjectClass(name="disc", value=1, diameter=2 * RADIUS)
        session.edit(session.project.with_classes(cls), "add class")
        click(session, (1.0, *PLACES[0]), (3.0, *PLACES[5]))
        found = outlines(session).shown
        assert sorted(one.plane for one in found) == [1, 3]
        assert [one.diameter for one in found] == pytest.approx([18, 18], abs=2)


# --- mending and measuring --------------------------------------------------------------------


def test_an_outline_is_enlarged_shrunk_painted_undone_and_cut_so(session: Session) -> None:
    click(session, *PLACES[:2])
    first, second = outlines(session).shown
    session.resize_outline(first.click, 2).result()
    larger = outlines(session).shown[0]
    assert larger.is_given
    assert larger.diameter == pytest.approx(first.diameter + 4, abs=1)
    session.undo()
    assert outlines(session).shown[0].outline.area == first.outline.area
    session.resize_outline(first.click, -1).result()
    assert outlines(session).shown[0].diameter == pytest.approx(first.diameter - 2, abs=1)
    session.paint_outline(second.click, np.ones((5, 7), bool), (22, 58))
    assert [o.outline.area for o in outlines(session).shown][1] == 35
    library = session.cut_patches().result()
    assert overlaps(outlines(session), library) == [1.0, 1.0]
    session.find_outline_again(second.click)
    assert outlines(session).shown[1].outline.area == second.outline.area


def test_what_is_mended_is_taken_from_others_and_goes_with_its_click(session: Session) -> None:
    first, second = click(session, *PLACES[:2])
    near = outlines(session).shown[1].outline
    mask = np.ones((20, 45), bool)  # over the second object, too
    session.paint_outline(first, mask, (15, 18))
    left = outlines(session).shown[1].outline
    assert 0 < left.area < near.area
    now = session.project.clicks[0]
    assert now.placed(now.image, (24.0, 30.0), 1).mended == now.mended
    assert now.placed(now.image, (90.0, 30.0), 1).mended is None
    session.edit(session.project.without_clicks([first.id]), "delete")
    (other,) = outlines(session).shown
    assert other.click == second
    assert other.outline.area > left.area


def test_a_cell_keeps_the_pixels_of_its_mended_nucleus(session: Session) -> None:
    (cell,) = click(session, PLACES[5])
    before = outlines(session).shown[0].outline.area
    nucleus = ObjectClass(name="nucleus", value=2, diameter=RADIUS)
    session.edit(session.project.with_classes(nucleus), "add class")
    (inner,) = click(session, PLACES[5], cls=2)
    session.paint_outline(inner, np.ones((9, 9), bool), tuple(p - 4 for p in PLACES[5]))
    assert [o.outline.area for o in outlines(session).shown] == pytest.approx([before, 81], rel=0.1)
    alike = nucleus.model_copy(update={"diameter": 2 * RADIUS})  # now it lies beside
    session.edit(session.project.with_classes(alike), "diameter")
    (left, _) = outlines(session).shown
    assert (left.click, left.outline.area) == (cell, pytest.approx(before - 81, rel=0.2))


def test_a_mended_outline_is_on_disk(session: Session) -> None:
    (made,) = click(session, PLACES[0])
    outlines(session)
    session.resize_outline(made, 1).result()
    session.store.flush()
    again = Session.open(session.folder).result()
    assert again.project.clicks == session.project.clicks
    assert again.project.clicks[0].mended is not None
    again.close().result()


def test_an_outline_that_would_vanish_is_refused(session: Session) -> None:
    (made,) = click(session, PLACES[0])
    with pytest.raises(InputError, match="Nothing would be left"):
        session.resize_outline(made, -40).result()


def test_a_wrong_diameter_is_measured_and_offered(session: Session) -> None:
    cls = session.project.classes[0].model_copy(update={"diameter": 40.0})
    session.edit(session.project.with_classes(cls), "diameter")
    ref = session.project.images[0]
    click(session, *PLACES[:3])
    assert offer_diameter(outlines(session), cls, ref) is None  # too few to tell
    click(session, *PLACES[3:6])
    offer = offer_diameter(outlines(session, thorough=True), cls, ref)
    assert offer is not None
    assert offer.changed.diameter == pytest.approx(2 * RADIUS, abs=2)
    session.edit(session.project.with_classes(offer.changed), "use it")
    assert offer_diameter(outlines(session), offer.changed, ref) is None
    sized = ref.model_copy(update={"pixel_size": (0.5, 0.5), "unit": "um"})
    in_um = cls.model_copy(update={"unit": "um", "diameter": 20.0})
    offer = offer_diameter(outlines(session), in_um, sized)
    assert offer is not None
    assert offer.changed.diameter == pytest.approx(RADIUS, abs=1)


def test_a_drawn_diameter_is_in_the_unit_of_its_class_where_the_image_knows_it() -> None:
    cls = ObjectClass(name="disc", value=1, unit="um", diameter=5.0)
    sized = ImageRef(uri="a.tif", pixel_size=(0.5, 0.25), unit="um")
    assert with_diameter(cls, 31.4, sized).diameter == 7.85
    unsized = with_diameter(cls, 31.4, ImageRef(uri="a.tif"))
    assert (unsized.diameter, unsized.unit) == (31.0, "px")
    assert with_diameter(unsized, 3.14, sized).diameter == 3.1


def test_what_a_left_out_area_cuts_off_says_so(session: Session) -> None:
    (whole,) = click(session, PLACES[5])
    (cut,) = click(session, PLACES[6])
    y, x = PLACES[6]
    ring = ((y + 2.0, x - 20.0), (y + 2.0, x + 20.0), (y + 20.0, x + 20.0), (y + 20.0, x - 20.0))
    ref = session.project.images[0].model_copy(update={"excluded": ((ring,),)})
    session.edit(session.project.with_images(ref), "leave out")
    shown = {one.click.id: one for one in outlines(session).shown}
    assert not shown[whole.id].touches_border
    assert shown[cut.id].touches_border
    assert shown[cut.id].outline.area < 0.7 * shown[whole.id].outline.area
