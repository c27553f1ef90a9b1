"""A project is replaced, never changed, and shares what an edit did not touch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_synthseg.core.annotations import (
    MOST_CLASSES,
    NEGATIVE_NAME,
    NOT_AN_OBJECT,
    BoxTruth,
    Click,
    ImageRef,
    ImageTagsTruth,
    InstanceTruth,
    ObjectClass,
    PatchMasks,
    PointTruth,
    Verdict,
)
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun


@pytest.fixture
def project():
    empty = Project()
    return (
        empty.with_images(ImageRef(id="a", uri="a.tif", name="a.tif"))
        .with_classes(ObjectClass(name="nucleus", value=1))
        .with_clicks(Click(id="k", image="a", position=(3.0, 4.0), cls=1))
    )


def test_an_edit_shares_what_it_did_not_touch(project):
    edited = project.with_clicks(Click(id="m", image="a", position=(1, 1), cls=1))
    assert edited.images is project.images
    assert edited.classes is project.classes
    assert [c.id for c in project.clicks] == ["k"]
    assert [c.id for c in edited.clicks] == ["k", "m"]


def test_a_moved_click_keeps_its_place_in_the_order(project):
    two = project.with_clicks(Click(id="m", image="a", position=(1, 1), cls=1))
    moved = two.with_clicks(Click(id="k", image="a", position=(9, 9), cls=1))
    assert [c.id for c in moved.clicks] == ["k", "m"]
    assert moved.clicks[0].position == (9, 9)


ids = st.lists(st.sampled_from("abcdef"), max_size=4, unique=True)


@given(st.lists(st.tuples(ids, st.sampled_from("ij"), st.sampled_from("+-<")), max_size=12))
def test_clicks_on_an_image_are_those_of_all_that_lie_on_it(edits):
    """However one project follows from another, and also where an edit is taken back."""
    images = [ImageRef(id=name, uri=f"{name}.tif") for name in "ij"]
    projects = [Project().with_images(*images).with_classes(ObjectClass(name="nucleus", value=1))]
    for names, image, what in edits:
        clicks = [Click(id=name, image=image, position=(1, 1), cls=1) for name in names]
        if what == "<" and len(projects) > 1:
            projects.pop()
        elif what == "-":
            projects.append(projects[-1].without_clicks(names))
        else:
            projects.append(projects[-1].with_clicks(*clicks))
        for ref in images:
            mine = [click for click in projects[-1].clicks if click.image == ref.id]
            assert list(projects[-1].clicks_on(ref)) == mine


@given(st.lists(st.tuples(ids, st.integers(0, 1), st.booleans()), max_size=8))
def test_clicks_are_those_of_a_plain_list(edits):
    project = (
        Project()
        .with_images(ImageRef(id="i", uri="a.tif"))
        .with_classes(ObjectClass(name="nucleus", value=1))
    )
    lists: dict[int, dict[str, Click]] = {0: {}, 1: {}}
    for names, cls, is_removed in edits:
        clicks = [Click(id=name, image="i", position=(1, 1), cls=cls) for name in names]
        for click in clicks:
            lists[1 - cls].pop(click.id, None)
            if is_removed:
                lists[cls].pop(click.id, None)
            else:
                lists[cls][click.id] = click
        before = project
        project = project.without_clicks(names) if is_removed else project.with_clicks(*clicks)
        assert list(project.clicks) == list(lists[1].values())
        assert list(project.negatives) == list(lists[0].values())
        if not names:
            assert project.clicks is before.clicks


def test_nothing_can_be_changed_in_place(project):
    with pytest.raises(ValidationError):
        project.clicks = ()


@pytest.mark.parametrize("position", [(float("nan"), 1.0), (1.0, float("inf"))])
def test_a_click_has_a_finite_position(position):
    with pytest.raises(ValidationError, match="finite"):
        Click(image="a", position=position, cls=1)


def test_clicks_need_their_image_and_class(project):
    with pytest.raises(InputError, match="image 'b'"):
        project.with_clicks(Click(image="b", position=(1, 1), cls=1))
    with pytest.raises(InputError, match="class 2"):
        project.with_clicks(Click(image="a", position=(1, 1), cls=2))


def test_negative_clicks_are_kept_apart_from_those_on_objects(project):
    negative = Click(id="n", image="a", position=(7, 7), cls=NOT_AN_OBJECT)
    edited = project.with_clicks(negative)
    (image,) = edited.images
    assert edited.clicks is project.clicks
    assert edited.clicks_on(image) == project.clicks
    assert edited.negatives_on(image) == (negative,)
    assert edited.without_class(1).negatives == (negative,)
    assert edited.without_clicks(["n"]).negatives == ()
    assert edited.without_clicks(["k"]).negatives is edited.negatives
    assert edited.without_image("a").negatives == ()


def test_a_click_becomes_negative_and_one_on_an_object_again(project):
    judged = project.with_verdicts(Verdict(patch="k", state="rejected"))
    (click,) = judged.clicks
    negative = judged.with_clicks(click.model_copy(update={"cls": NOT_AN_OBJECT}))
    assert (negative.clicks, negative.verdicts) == ((), ())
    assert [c.id for c in negative.negatives] == ["k"]
    back = negative.with_clicks(click)
    assert (back.clicks, back.negatives) == ((click,), ())


def test_class_names_are_unique(project):
    with pytest.raises(InputError, match="'nucleus'"):
        project.with_classes(ObjectClass(name="nucleus", value=2))
    with pytest.raises(InputError, match="negative clicks"):
        project.with_classes(ObjectClass(name=f" {NEGATIVE_NAME}", value=2))


def test_taking_out_an_image_takes_all_that_hangs_on_it(project):
    full = project.with_verdicts(Verdict(patch="k", state="rejected")).with_truths(
        InstanceTruth(image="a", source="m.tif")
    )
    assert full.rejected() == {"k"}
    bare = full.without_image("a")
    assert (bare.images, bare.clicks, bare.truths, bare.verdicts) == ((), (), (), ())


def test_taking_out_a_class_takes_its_clicks(project):
    assert project.without_class(1).clicks == ()


def test_a_new_class_gets_the_next_value_and_another_color(project):
    new = project.next_class("cell")
    assert new.value == 2
    assert new.color != project.next_class("x", color="#000000").color
    with pytest.raises(InputError, match="no class value '7'"):
        project.object_class(7)


def test_a_value_that_a_class_had_is_not_given_to_another(project):
    two = project.with_classes(project.next_class("pore"))
    removed = two.without_class(2)
    assert removed.next_class("crack").value == 3
    assert removed.without_class(7).highest_removed_class == 2
    assert removed.without_class(1).next_class("crack").value == 3


@pytest.mark.parametrize(
    "known",
    [
        InstanceTruth(image="a", source="m.tif", classes={1: 1, 2: 6}),
        InstanceTruth(image="a", source="m.tif", incomplete=(6,)),
        BoxTruth(image="a", boxes=((0, 0, 5, 5, 6), (0, 0, 5, 5, 1))),
        PointTruth(image="a", points=(((1.0, 1.0), 6),)),
        ImageTagsTruth(image="a", shown=(1, 6)),
    ],
)
def test_a_value_that_truth_still_names_is_not_given_to_a_class(project, known):
    assert project.with_truths(known).next_class("crack").value == 7


def test_a_value_that_a_run_learned_is_not_given_to_a_class(project):
    model = {
        "spec": {"name": "unet"},
        "in_channels": 1,
        "out_channels": 9,
        "task": {"kind": "segment", "class_values": [1, 6], "diameter": 9.0},
    }
    masks = PatchMasks(image="a", source="m.tif", classes={1: 4})
    assert project.with_patch_masks(masks).next_class("crack").value == 5
    learned = project.with_run(TrainingRun(id="r", name="r", model=model))
    assert learned.next_class("crack").value == 7


def test_values_that_nothing_uses_come_again_where_all_were_used(project):
    last = ObjectClass(name="last", value=MOST_CLASSES)
    assert project.with_classes(last).next_class("crack").value == 2
    full = [ObjectClass(name=f"c{v}", value=v) for v in range(1, MOST_CLASSES + 1)]
    with pytest.raises(InputError, match="all 254 values that classes can have: remove a class"):
        Project().with_classes(*full).next_class("crack")


def test_a_second_truth_of_a_kind_replaces_the_first(project):
    first = InstanceTruth(image="a", source="1.tif")
    second = InstanceTruth(image="a", source="2.tif")
    assert project.with_truths(first).with_truths(second).truths == (second,)


@given(st.floats(0.01, 10), st.floats(0.5, 500))
def test_a_physical_diameter_becomes_pixels(size, diameter):
    cls = ObjectClass(name="n", value=1, diameter=diameter, unit="um")
    image = ImageRef(uri="a", pixel_size=(3 * size, size), unit="um")
    assert cls.diameter_px(image) == pytest.approx(diameter / size)


def test_a_physical_diameter_needs_a_pixel_size():
    cls = ObjectClass(name="n", value=1, diameter=5, unit="um")
    with pytest.raises(InputError, match=r"'n'.*'x\.tif'.*scale"):
        cls.diameter_px(ImageRef(uri="x.tif", name="x.tif"))


def test_an_unknown_run_is_named_with_the_known_ones(project):
    with pytest.raises(InputError, match="none yet"):
        project.run("r")


def test_one_more_click_is_sorted_to_its_image_without_going_through_the_others(project):
    class Looked(Click):
        def __getattribute__(self, name):
            if name == "image":
                looked_at.append(object.__getattribute__(self, "id"))
            return super().__getattribute__(name)

    looked_at = []
    (image,) = project.images
    many = project.with_clicks(*(Looked(image="a", position=(n, n), cls=1) for n in range(9)))
    assert len(many.clicks_on(image)) == 10
    more = many.with_clicks(Looked(id="last", image="a", position=(1, 2), cls=1))
    looked_at.clear()
    assert len(more.clicks_on(image)) == 11
    assert looked_at == ["last"]
    assert len(many.clicks_on(image)) == 10
    assert looked_at == ["last"]
