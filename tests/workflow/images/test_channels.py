"""Only the chosen channels of images are used, and a run goes on seeing those that it learned."""

from __future__ import annotations

import shutil
from itertools import count

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.annotations import Click, ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.runs import LearnedChannels, ModelRecord
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.synthesis import default_recipe
from napari_synthseg.tasks.segment import SegmentRule
from napari_synthseg.workflow.runs.live_view import Field, LiveView
from napari_synthseg.workflow.session import Session
from tests.helpers.clicked_fields import TINY, disk_field
from tests.helpers.sessions import add_file, add_masks, break_after, true_masks

FIELD, LABELS, CENTERS = disk_field(1)
OTHER = disk_field(3)[0]

UNDIVIDED = TINY.model_copy(update={"validation_fraction": 0.0})
"""All images are learned from."""


def among_others(image: np.ndarray) -> np.ndarray:
    """Return an image as channel 1 of three, of which 0 is constant and 2 is noise."""
    noise = np.random.default_rng(0).integers(0, 60000, image.shape, np.uint16)
    return np.stack([np.full_like(image, 900), image, noise])


def write_channels(path, image):
    tifffile.imwrite(path, image, imagej=True, metadata={"axes": "CYX"})
    return path


def click_field(folder, path, **fields):
    """Return a session with the objects of a file clicked that shows the field."""
    session = Session.create(folder)
    recipe = default_recipe().model_copy(update={"size": 96})
    project = session.project.model_copy(update={"recipe": recipe})
    for name in ("bright", "dark"):
        project = project.with_classes(project.next_class(name, diameter=14))
    session.edit(project, "add classes")
    (ref,) = add_file(session, path, exhaustive=True, **fields)
    clicks = [
        Click(id=f"c{i}", image=ref.id, position=p, cls=LABELS.classes[i])
        for i, p in CENTERS.items()
    ]
    session.edit(session.project.with_clicks(*clicks), "click")
    return session


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The field and another one, alone, among three channels, and beside one more."""
    folder = tmp_path_factory.mktemp("channels")
    for name, image in (("field", FIELD), ("other", OTHER)):
        tifffile.imwrite(folder / f"{name}_alone.tif", image)
        write_channels(folder / f"{name}_of_3.tif", among_others(image))
        write_channels(folder / f"{name}_of_2.tif", np.stack([image, image]))
    write_channels(folder / "same_of_3.tif", among_others(FIELD)[[1, 0, 2]])
    return folder


@pytest.fixture(scope="module")
def trained(folder):
    """A project with a run that learned from channel 1 of 3."""
    session = click_field(folder / "p", folder / "field_of_3.tif", channels=(1,))
    session.train(TINY, "one").result()
    yield session
    session.close().result()


def predict(session, path, out):
    """Return what the run finds in a file, and the notes."""
    applied = session.apply(session.project.run("one"), [path], out).result()
    (image,) = applied.images
    assert not image.is_failed, image.notes
    return tifffile.imread(out / f"{path.stem}.tif"), image.notes


# --- choosing ------------------------------------------------------------------------------------


def test_patches_are_those_of_an_image_of_that_channel_alone(folder, tmp_path):
    libraries = []
    for name, channels in (("field_alone", None), ("field_of_3", (1,))):
        session = click_field(tmp_path / name, folder / f"{name}.tif", channels=channels)
        libraries.append(session.cut_patches().result())
        session.close().result()
    alone, chosen = (library.patches for library in libraries)
    assert len(alone) == len(chosen) == len(CENTERS)
    for one, other in zip(alone, chosen, strict=True):
        assert np.array_equal(one.pixels, other.pixels)
        assert np.array_equal(one.mask, other.mask)


def test_channels_of_all_images_that_have_several_are_chosen_in_one_edit(folder, tmp_path):
    rgb = np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)
    tifffile.imwrite(tmp_path / "rgb.tif", rgb, photometric="rgb")
    with Session.create(tmp_path / "p") as session:
        paths = [folder / "field_of_3.tif", folder / "other_of_3.tif"]
        for path in (*paths, folder / "field_alone.tif", tmp_path / "rgb.tif"):
            add_file(session, path)
        session.choose_channels([2, 0]).result()
        used = [ref.channels for ref in session.project.images]
        session.choose_channels(None, [session.project.images[0]]).result()
        alone = [ref.channels for ref in session.project.images]
        session.undo()
        session.undo()
        undone = [ref.channels for ref in session.project.images]
    assert used == [(2, 0), (2, 0), None, None]
    assert alone == [None, (2, 0), None, None]
    assert undone == [None] * 4


def test_what_was_cut_and_made_is_out_of_date_once_others_are_chosen(folder, tmp_path):
    session = click_field(tmp_path / "p", folder / "field_of_3.tif")
    session.cut_patches().result()
    assert session.library.patches[0].pixels.shape[0] == 3
    session.choose_channels([1]).result()
    assert not session.library_is_current
    assert session.cut_patches().result().patches[0].pixels.shape[0] == 1
    (pair,) = session.synthesize(1).result()
    assert (pair.image.shape[0], session.synthesizer_is_current) == (1, True)
    session.choose_channels([1, 2]).result()
    assert not session.synthesizer_is_current
    session.close().result()


@pytest.mark.parametrize(
    ("name", "channels", "words"),
    [
        ("field_of_3", (3,), "'field_of_3.tif' has no channel 3, but channels 0 to 2: choose"),
        ("field_alone", (1,), "'field_alone.tif' has no channel 1, but one channel, which is"),
        ("field_of_3", (1, 1), r"Of 'field_of_3.tif' the channels \[1, 1\] are chosen: .* each on"),
        ("field_of_3", (), r"Of 'field_of_3.tif' the channels \[\] are chosen: .* at least one of"),
    ],
)
def test_channels_that_cannot_be_used_are_refused(folder, tmp_path, name, channels, words):
    with Session.create(tmp_path / "p") as session:
        with pytest.raises(InputError, match=words):
            add_file(session, folder / f"{name}.tif", channels=channels)
        (ref,) = add_file(session, folder / f"{name}.tif")
        with pytest.raises(InputError, match=words):
            session.choose_channels(channels, [ref]).result()
        assert session.project.images == (ref,)


def test_without_an_image_of_several_channels_there_is_nothing_to_choose(folder, tmp_path):
    with Session.create(tmp_path / "p") as session:
        add_file(session, folder / "field_alone.tif")
        with pytest.raises(InputError, match="No image of the project has several channels"):
            session.choose_channels([0]).result()


def test_images_of_other_numbers_of_used_channels_are_not_learned_from_together(folder, tmp_path):
    session = click_field(tmp_path / "p", folder / "field_of_3.tif", channels=(1,))
    (ref,) = add_file(session, folder / "other_of_3.tif", channels=None)
    session.edit(session.project.with_clicks(Click(image=ref.id, position=(9, 9), cls=1)), "click")
    with pytest.raises(InputError, match="choose as many channels of both, or make a project"):
        session.cut_patches().result()
    session.choose_channels([1]).result()
    session.cut_patches().result()
    session.close().result()


def test_copies_of_a_file_are_known_whatever_channels_are_used(folder, tmp_path):
    copy = tmp_path / "copy.tif"
    copy.write_bytes((folder / "field_of_3.tif").read_bytes())
    with Session.create(tmp_path / "p") as session:
        add_file(session, folder / "field_of_3.tif", channels=(0,))
        made = session.add_images(copy, channels=(1,)).result()
        first, second = session.project.images
        assert "its pixels are those of 'field_of_3.tif'" in made.message
        assert (first.group, second.channels) == (second.group, (1,))
        session.relink(first, copy).result()
        assert session.project.images[0].content == first.content


def test_of_a_new_image_the_channels_are_used_that_are_used_of_all_with_as_many(folder, tmp_path):
    with Session.create(tmp_path / "p") as session:
        add_file(session, folder / "field_of_2.tif", channels=(0,))
        add_file(session, folder / "field_alone.tif")
        add_file(session, folder / "field_of_3.tif", channels=(1,))
        told = session.add_images(folder / "other_of_3.tif").result().message
        assert told.endswith("used of its channels, as of the other images: 1")
        assert session.add_images(folder / "other_alone.tif").result().message == ""
        add_file(session, folder / "other_of_2.tif")
        session.choose_channels([2], session.project.images[2:3]).result()
        session.add_images(folder / "same_of_3.tif").result()  # of the others, not all use it
        used = [image.channels for image in session.project.images]
        assert used == [(0,), None, (2,), (1,), None, (0,), None]


def test_an_image_that_cannot_be_read_tells_nothing_of_the_channels_of_others(folder, tmp_path):
    broken = tmp_path / "broken.tif"
    broken.write_bytes((folder / "field_of_3.tif").read_bytes())
    with Session.create(tmp_path / "p") as session:
        add_file(session, broken, channels=(1,))
        broken.write_bytes(b"no image")
        session.add_images(folder / "other_of_3.tif").result()
        assert session.project.images[1].channels is None


def test_new_images_use_the_channels_that_they_are_given(folder, tmp_path):
    with Session.create(tmp_path / "p") as session:
        add_file(session, folder / "field_of_3.tif", channels=(2,))
        session.add_images(folder / "other_of_3.tif", channels=None).result()
        assert session.project.images[1].channels is None


# --- what a run learned --------------------------------------------------------------------------


def test_a_run_sees_the_channel_that_it_learned_in_files_that_it_does_not_know(
    folder, trained, tmp_path
):
    assert trained.project.run("one").trained_model().channels.by_count == {3: (1,)}
    alone, notes_of_alone = predict(trained, folder / "other_alone.tif", tmp_path / "alone")
    chosen, notes = predict(trained, folder / "other_of_3.tif", tmp_path / "chosen")
    assert np.array_equal(alone, chosen)
    assert alone.any()
    assert notes == notes_of_alone  # it is as those learned from
    with pytest.raises(InputError, match=r"has 2 channel.* trained on images of 1"):
        (ref,) = add_file(trained, folder / "other_of_2.tif")
        trained.predict(trained.project.run("one"), [ref]).result()
    trained.undo()


def test_a_run_sees_what_it_learned_after_others_were_chosen_and_says_so(folder, trained, tmp_path):
    before, _ = predict(trained, folder / "field_of_3.tif", tmp_path / "before")
    run = trained.project.run("one")
    for channels, used in (([2], "channel(s) 2"), (None, "all channels")):
        trained.choose_channels(channels).result()
        after, notes = predict(trained, folder / "field_of_3.tif", tmp_path / str(channels))
        assert np.array_equal(before, after)
        told = "channel(s) 1 are looked at, which the model learned from, though {} are used now"
        assert told.format(used) in notes
        (found,) = trained.predict(run, trained.project.images).result()
        assert told.format(used) in found.notes
    trained.choose_channels([2]).result()
    with pytest.raises(InputError, match=r"learned from channel\(s\) 1 of images of 3, and chann"):
        trained.train(run).result()
    assert trained.project.run("one").model == run.model
    trained.choose_channels([1]).result()


def test_the_live_view_sees_what_is_learned_whatever_is_chosen_meanwhile(folder, tmp_path):
    session = click_field(tmp_path / "p", folder / "field_of_3.tif", channels=(1,))
    (ref,) = session.project.images
    first = []
    for channels in ((1,), (2,), None):
        view = LiveView(count(step=10).__next__)
        chosen = ref.model_copy(update={"channels": channels})
        view.look_at(Field(chosen, ((0, 96), (0, 96))))
        job, found = session.train(TINY, str(channels), view), []
        job.progressed.connect(lambda step, found=found: found.append(step.prediction))
        job.result()
        assert not view.ended
        first.append([one.ids for one in found if one is not None])
    of_learned, *others = first
    assert any(ids.any() for ids in of_learned)
    for looks in others:
        assert all(map(np.array_equal, looks, of_learned)) and len(looks) == len(of_learned)
    session.close().result()


def click_two(folder, path, first, second):
    """Return a session with two clicked images of three channels, of which these are used."""
    session = click_field(path, folder / "field_of_3.tif", channels=first)
    (ref,) = add_file(session, folder / "same_of_3.tif", exhaustive=True, channels=second)
    clicks = [
        c.model_copy(update={"id": f"{c.id}b", "image": ref.id}) for c in session.project.clicks
    ]
    session.edit(session.project.with_clicks(*clicks), "click")
    return session


def test_images_keep_the_channels_that_were_learned_where_they_disagree(folder, tmp_path):
    session = click_two(folder, tmp_path / "p", (1,), (0,))
    first, second = session.project.images
    run = session.train(UNDIVIDED, "mixed").result()
    learned = run.trained_model().channels
    assert learned.images == {first.id: (3, (1,)), second.id: (3, (0,))}
    assert learned.by_count == {}
    before = session.predict(run, [first]).result()
    session.choose_channels([2], [first]).result()
    (found,) = session.predict(run, [session.project.image(first.id)]).result()
    assert np.array_equal(found.ids, before[0].ids)
    assert any("channel(s) 1 are looked at" in note for note in found.notes)
    with pytest.raises(InputError, match=r"channel\(s\) 1 of images of 3, and channel\(s\) 2 of"):
        session.train(run).result()
    session.choose_channels([1], [first]).result()
    longer = run.model_copy(update={"spec": UNDIVIDED.model_copy(update={"steps": 6})})
    assert session.train(longer).result().trained_model().channels == learned
    session.close().result()


def test_a_run_does_not_go_on_once_one_of_its_images_uses_another_channel(folder, tmp_path):
    session = click_two(folder, tmp_path / "p", (1,), (1,))
    run = session.train(UNDIVIDED, "agreed").result()
    assert run.trained_model().channels.by_count == {3: (1,)}
    session.choose_channels([0], [session.project.images[1]]).result()
    with pytest.raises(InputError, match=r"channel\(s\) 0 of 'same_of_3.tif' are used now"):
        session.train(run).result()
    session.close().result()


def test_a_run_without_a_model_does_not_go_on_with_other_channels(folder, tmp_path, monkeypatch):
    session = click_field(tmp_path / "p", folder / "field_of_3.tif", channels=(1,))
    break_after(monkeypatch, 20)
    with pytest.raises(RuntimeError, match="it broke"):
        session.train(TINY.model_copy(update={"steps": 900}), "broken").result()
    monkeypatch.undo()
    run = session.project.run("broken")
    assert run.model is None
    session.choose_channels([2]).result()
    with pytest.raises(InputError, match=r"learned from channel\(s\) 1 of images of 3"):
        session.train(run).result()
    session.close().result()


def test_a_run_of_an_earlier_version_goes_on_with_all_channels_in_their_order(folder, tmp_path):
    session = click_field(tmp_path / "p", folder / "field_of_2.tif")
    run = session.train(TINY, "old").result()
    old = run.trained_model().model_copy(update={"channels": None})
    run = run.model_copy(update={"model": old})
    shutil.rmtree(session.folder / "runs" / run.id)  # with what its checkpoint tells of channels
    session.choose_channels([1, 0]).result()
    with pytest.raises(
        InputError, match=r"channel\(s\) 0, 1 of images of 2, and channel\(s\) 1, 0"
    ):
        session.train(run).result()
    session.close().result()


def test_objects_are_measured_in_all_channels(trained):
    run = trained.project.run("one")
    (found,) = trained.predict(run, trained.project.images).result()
    table = trained.measure(run).result()
    assert len(table.objects) == len(found.objects) > 0
    assert np.allclose(table.measures["mean_intensity_ch0"], 900)
    assert set(table.measures) > {"mean_intensity_ch1", "mean_intensity_ch2"}


def test_truth_has_no_channels(folder, tmp_path):
    with Session.create(tmp_path / "p") as session:
        session.edit(session.project.with_classes(session.project.next_class("x")), "add class")
        (ref,) = add_file(session, folder / "field_of_3.tif", channels=(1,))
        add_masks(session, ref, LABELS)
        session.choose_channels([0, 2]).result()
        assert np.array_equal(true_masks(session, session.project.images[0]).ids, LABELS.ids)


def model_of(in_channels, by_count):
    channels = None if by_count is None else LearnedChannels(by_count=by_count)
    return ModelRecord(
        spec=ModelSpec(name="unet"), in_channels=in_channels, out_channels=3,
        rule=SegmentRule(class_values=(1,), diameter=12.0), channels=channels,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("in_channels", "learned", "count", "chosen", "seen"),
    [
        (1, {3: (1,)}, 3, None, (1,)),
        (1, {3: (1,)}, 3, (2,), (1,)),
        (1, {3: (1,)}, 1, None, None),
        (1, {3: (1,)}, 4, (2,), (2,)),
        (2, {2: (0, 1)}, 2, (1,), None),
        (2, {2: (1, 0)}, 2, None, (1, 0)),
        (2, {2: (0, 1)}, 2, (0, 1), (0, 1)),  # which is nothing to tell
        (3, None, 3, (1,), None),  # of an earlier version, which learned from all
        (2, None, 2, (1, 0), None),
        (2, {}, 2, (1, 0), (1, 0)),
        (1, None, 3, (1,), (1,)),
        (1, None, 3, None, None),  # which is refused
    ],
)
def test_a_model_sees_what_it_learned_where_that_is_known(
    in_channels, learned, count, chosen, seen
):
    ref = ImageRef(uri="a.tif", channels=chosen)
    assert model_of(in_channels, learned).learned_channels.seen(ref, count, in_channels) == seen


def test_a_record_of_an_earlier_version_is_read(trained):
    run = trained.project.run("one")
    fields = run.model_dump(mode="json")
    del fields["model"]["channels"]
    again = type(run).model_validate(fields)
    assert again.trained_model().channels is None
    assert again.trained_model().in_channels == 1
