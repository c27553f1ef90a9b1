"""What training learns from: dual images, real images with ground truth, or both."""

from collections.abc import Iterator

import numpy as np
import pytest

from napari_synthseg.core.annotations import (
    BoxTruth,
    Click,
    ImageTagsTruth,
)
from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import UNKNOWN, BoxLabels, InstanceLabels, regions_of
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.synthesis.paste.recipe import PasteRecipe
from napari_synthseg.tasks.train import make_task
from napari_synthseg.workflow.session import Session
from napari_synthseg.workflow.training_data import TrainingSources
from tests.helpers.clicked_discs import CENTERS, disc_image, finish
from tests.helpers.sessions import add_array, add_masks

QUICK = {
    "steps": 2,
    "minutes": None,
    "batch_size": 2,
    "crop": 64,
    "device": "cpu",
    "validation_fraction": 0.0,
}


@pytest.fixture
def session(tmp_path) -> Iterator[Session]:
    """A project of two images; objects of the first are clicked, of both boxes are known."""
    session = Session.create(tmp_path / "discs.synthseg")
    project = session.project.with_classes(session.project.next_class("disc", diameter=20.0))
    session.edit(project, "class")
    image, ids = disc_image(CENTERS)
    first = add_array(session, image[0], "yx", "first", exhaustive=True)
    second = add_array(session, image[0].T.copy(), "yx", "second")
    clicks = [Click(image=first.id, position=c, cls=1) for c in CENTERS]
    session.edit(session.project.with_clicks(*clicks), "click")
    found = InstanceLabels(ids, dict.fromkeys(range(1, 8), 1)).boxes().corners.tolist()
    turned = [(x0, y0, x1, y1) for y0, x0, y1, x1 in found]
    truths = [BoxTruth.of(r.id, Boxes.of(b)) for r, b in ((first, found), (second, turned))]
    session.edit(session.project.with_truths(*truths), "boxes")
    yield session
    session.close().result()


def data_of(session, **spec):
    asked = TrainSpec(**(QUICK | spec))
    work = TrainingSources(session.project, session.folder, asked, session.artifacts).gather()
    return finish(work)[1]


@pytest.mark.parametrize("task", ["detect", "classify"])
def test_real_images_with_boxes_teach(session, task):
    data = data_of(session, task=task, source="real")
    pairs = data.pairs.pairs(range(4))
    assert [len(p.labels.boxes) for p in pairs] == [7, 7, 7, 7]
    assert pairs[1].image.shape == (1, 160, 128)
    assert [ref.name for ref in data.images] == ["first", "second"]


def test_a_share_of_the_pairs_is_real_where_both_are_mixed(session):
    data = data_of(session, task="detect", source="mixed", real_fraction=0.25)
    pairs = data.pairs.pairs(range(20))
    assert sum(isinstance(p.labels, BoxLabels) for p in pairs) == 5
    shapes = {p.image.shape for p in pairs if isinstance(p.labels, BoxLabels)}
    assert shapes == {(1, 128, 160), (1, 160, 128)}  # the image that nobody clicked, too
    assert [ref.name for ref in data.images] == ["first", "second"]


def test_progress_is_told_while_clicked_images_are_read(session):
    spec = TrainSpec(**QUICK, task="segment", real_fraction=0.5)
    sources = TrainingSources(session.project, session.folder, spec, session.artifacts)
    news, data = finish(sources.gather())
    assert "reading first" in [step.message for step in news]
    assert sum(pair.image.shape == (1, 128, 160) for pair in data.pairs.pairs(range(4))) == 2


def test_recipes_of_patches_get_the_store_in_training(session, monkeypatch):
    given = []
    fit = PasteRecipe.fit

    def watched(self, source, artifacts=None):
        given.append(artifacts)
        return fit(self, source, artifacts)

    monkeypatch.setattr(PasteRecipe, "fit", watched)
    data_of(session, task="detect", validation_fraction=0.5)
    assert given == [session.artifacts] * 2  # for training and for validation


def test_boxes_do_not_teach_outlines(session):
    with pytest.raises(InputError, match="true masks"):
        data_of(session, task="segment", source="real")
    with pytest.raises(InputError, match="true masks"):
        data_of(session, task="segment", source="mixed", real_fraction=0.5)


def test_a_mix_needs_its_share(session):
    with pytest.raises(InputError, match="real fraction"):
        data_of(session, task="detect", source="mixed")


@pytest.mark.parametrize(
    ("task", "source"), [("detect", "real"), ("detect", "mixed"), ("segment", "real")]
)
def test_truth_of_a_class_that_was_removed_is_refused(session, task, source):
    second = session.project.images[1]
    project = session.project.with_classes(session.project.next_class("dust"))
    _, ids = disc_image(CENTERS)
    masks = InstanceLabels(ids.T.copy(), {**dict.fromkeys(range(1, 8), 1), 3: 2})
    session.edit(project, "class")
    add_masks(session, second, masks)
    boxes = BoxTruth.of(second.id, masks.boxes())
    session.edit(session.project.with_truths(boxes).without_class(2), "remove class")
    why = r"'second' names a class of value 2, which was removed from the project: undo the remov"
    with pytest.raises(InputError, match=why):
        data_of(session, task=task, source=source, real_fraction=0.5)


def test_truth_of_a_class_that_never_was_is_refused(session):
    strange = BoxTruth.of(session.project.images[1].id, Boxes.of([(1, 1, 20, 20)], [9]))
    session.edit(session.project.with_truths(strange), "boxes")
    with pytest.raises(InputError, match="value 9, which the project does not have: add the class"):
        data_of(session, task="detect", source="real")


def test_images_that_nobody_clicked_are_held_out(session):
    clicks = [c.id for c in session.project.clicks]
    session.edit(session.project.without_clicks(clicks), "delete clicks")
    data = data_of(session, task="detect", source="real", validation_fraction=0.5)
    assert len(data.val_pairs) == 1
    assert len(data.images) == 1


@pytest.mark.parametrize("source", ["real", "mixed"])
def test_images_for_validation_that_nobody_clicked_are_held_out(session, source):
    image, ids = disc_image(CENTERS)
    ref = add_array(session, image[0], "yx", "third", role="validate")
    found = InstanceLabels(ids, dict.fromkeys(range(1, 8), 1)).boxes()
    session.edit(session.project.with_truths(BoxTruth.of(ref.id, found)), "boxes")
    data = data_of(session, task="detect", source=source, real_fraction=0.5)
    (held,) = data.val_pairs
    assert held.is_real
    assert len(held.labels.boxes) == 7
    assert data.val_images == ()
    assert [ref.name for ref in data.images] == ["first", "second"]
    clicks = data_of(session, task="detect", source="synthetic", validation_fraction=0.5)
    assert [image.ref.name for image in clicks.val_images] == ["first"], "no truth is looked at"


def test_an_image_for_validation_with_clicks_and_one_with_truth_both_serve(session):
    image, ids = disc_image(CENTERS)
    refs = [add_array(session, image[0], "yx", n, role="validate") for n in ("third", "fourth")]
    found = InstanceLabels(ids, dict.fromkeys(range(1, 8), 1)).boxes()
    clicks = [Click(image=refs[1].id, position=c, cls=1) for c in CENTERS]
    project = session.project.with_truths(BoxTruth.of(refs[0].id, found)).with_clicks(*clicks)
    session.edit(project, "mark")
    data = data_of(session, task="detect", source="mixed", real_fraction=0.5)
    assert [image.ref.name for image in data.val_images] == ["fourth"]
    assert sum(pair.is_real for pair in data.val_pairs) == 1
    assert sum(not pair.is_real for pair in data.val_pairs) > 0


def test_the_only_image_with_truth_is_mixed_in_rather_than_held_out(session):
    first, second = session.project.images
    clicks = [Click(image=second.id, position=c[::-1], cls=1) for c in CENTERS]
    project = session.project.with_clicks(*clicks)
    for known in (first, second):
        truths = tuple(t for t in project.truths if t.image == known.id)
        session.edit(project.model_copy(update={"truths": truths}), "keep the truth of one")
        data = data_of(
            session, task="detect", source="mixed", real_fraction=0.5, validation_fraction=0.5
        )
        pairs = data.pairs.pairs(range(4))
        assert sum(isinstance(pair.labels, BoxLabels) for pair in pairs) == 2
        assert known.id in {ref.id for ref in data.images}
        assert data.val_images
        assert known.id not in {image.ref.id for image in data.val_images}


@pytest.mark.parametrize("source", ["synthetic", "real", "mixed"])
@pytest.mark.parametrize("shared", [{"group": "mouse 1"}, {}])
def test_images_for_validation_of_a_specimen_that_is_learned_from_are_told(session, source, shared):
    first, second = session.project.images
    clicks = [Click(image=second.id, position=c[::-1], cls=1) for c in CENTERS]
    held = second.model_copy(update={"role": "validate"})
    refs = [ref.model_copy(update=shared) for ref in (first, held)]
    session.edit(session.project.with_images(*refs).with_clicks(*clicks), "roles")
    spec = TrainSpec(**QUICK, task="detect", source=source, real_fraction=0.5)
    sources = TrainingSources(session.project, session.folder, spec, session.artifacts)
    news, data = finish(sources.gather())
    why = "'second' for validation share a file or specimen with images that are learned from"
    for notes in (data.notes, [note for step in news for note in step.notes]):
        assert any(note.startswith(why) for note in notes) == bool(shared)


def test_labels_of_images_teach_what_they_show(session):
    labels = [ImageTagsTruth.of(i.id, [1]) for i in session.project.images]
    kept = session.project.model_copy(update={"truths": ()}).with_truths(*labels)
    session.edit(kept, "labels")
    data = data_of(session, task="classify", source="real")
    assert data.pairs.pair(0).labels.class_values_shown() == {1}
    with pytest.raises(InputError, match="true boxes or masks"):
        data_of(session, task="detect", source="real")


@pytest.mark.parametrize("source", ["synthetic", "real"])
def test_how_large_objects_of_each_class_are_is_known_at_the_working_scale(session, source):
    """Squares of 20 and 50 pixels, true masks; clicks with typed diameters."""
    ids = np.zeros((128, 160), np.int32)
    ids[10:30, 10:30], ids[60:110, 60:110] = 1, 2
    image = session.project.images[0]
    large = session.project.next_class("large", diameter=56.0)
    session.edit(session.project.with_classes(large), "class")
    click = Click(image=image.id, position=(85.0, 85.0), cls=large.value)
    session.edit(session.project.with_clicks(click), "click")
    add_masks(session, image, InstanceLabels(ids, {1: 1, 2: large.value}))
    data = data_of(session, task="segment", source=source, working_diameter=48.0)
    assert data.diameters[1] == pytest.approx(48.0, rel=0.1)
    assert data.diameters[large.value] == pytest.approx(48.0 * 2.5, rel=0.2)


def test_how_long_the_usual_object_is_is_measured_on_all_of_them(session):
    first, second = session.project.images
    bars, (_, discs) = np.zeros((128, 160), np.int32), disc_image(CENTERS)
    bars[20:28, 20:100], bars[60:68, 20:100] = 1, 2
    for ref, ids in ((first, bars), (second, discs.T.copy())):
        add_masks(session, ref, InstanceLabels(ids, dict.fromkeys(range(1, 8), 1)))
    real = data_of(session, task="segment", source="real")
    assert real.elongation == pytest.approx(0.8, rel=0.2), "the first image shows bars alone"
    assert exhaust(make_task(real)).rule.elongation == real.elongation
    assert data_of(session, task="detect", source="real").elongation == 0, "nobody asks"
    assert data_of(session, task="segment").elongation == pytest.approx(0.8, rel=0.2)
    for number in range(3):  # the median is that of bars
        bars[90 + 12 * number : 98 + 12 * number, 20:100] = number + 3
    add_masks(session, first, InstanceLabels(bars, dict.fromkeys(range(1, 6), 1)), "patch_masks")
    session.edit(session.project.model_copy(update={"clicks": session.project.clicks[-5:]}), "bars")
    assert data_of(session, task="segment").elongation > 5


@pytest.mark.parametrize(("task", "network"), [("detect", "centers"), ("classify", "small")])
def test_models_of_boxes_are_trained_and_adapted(session, task, network):
    model = ModelSpec(name=network, width=4, depth=2)
    spec = TrainSpec(**QUICK, task=task, source="mixed", real_fraction=0.5, model=model)
    run = session.train(spec).result()
    image = session.project.images[:1]
    plain, adapted = (session.predict(run, image, adapt=a).result() for a in (0, 1))
    scores = [
        p[0].probabilities[1] if task == "classify" else max(c.score for c in p[0].candidates)
        for p in (plain, adapted)
    ]
    assert scores[0] != scores[1]


def test_a_held_out_image_on_which_no_object_has_a_size_is_told(session):
    project = session.project
    (cls,) = project.classes
    in_um = cls.model_copy(update={"diameter": 10.0, "unit": "um"})
    first, second = project.images
    known = first.model_copy(update={"pixel_size": (0.5, 0.5), "unit": "um"})
    held = second.model_copy(update={"role": "validate"})
    clicked = project.with_clicks(Click(image=second.id, position=CENTERS[0][::-1], cls=1))
    changes = {"classes": (in_um,), "images": (known, held)}
    session.edit(clicked.model_copy(update=changes), "sizes")
    spec = TrainSpec(**QUICK, task="segment")
    sources = TrainingSources(session.project, session.folder, spec, session.artifacts)
    news, _ = finish(sources.gather())
    (note,) = [n for step in news for n in step.notes if "held-out" in n]
    assert note.startswith("held-out images give no patches: ")
    assert "second" in note
    assert not note.endswith(".")


def said_incomplete(session, *names):
    """Say of the truth of some images that boxes are missing."""
    refs = [ref.id for ref in session.project.images if ref.name in names]
    truths = [t for t in session.project.truths if t.image in refs]
    edited = [t.model_copy(update={"incomplete": (1,)}) for t in truths]
    session.edit(session.project.with_truths(*edited), "incomplete")


@pytest.mark.parametrize("task", ["detect", "classify"])
def test_what_has_no_box_is_no_background_where_boxes_are_missing(session, task):
    said_incomplete(session, "first")
    data = data_of(session, task=task, source="real")
    assert [p.labels.incomplete for p in data.pairs.pairs(range(2))] == [{1}, set()]
    assert not any("all objects are marked" in note for note in data.notes)
    said_incomplete(session, "first", "second")
    mixed = data_of(session, task=task, source="mixed", real_fraction=0.5)
    real = [p.labels for p in mixed.pairs.pairs(range(8)) if isinstance(p.labels, BoxLabels)]
    assert [labels.incomplete for labels in real] == [{1}] * 4


def test_where_boxes_are_missing_on_all_images_the_rest_is_background_and_it_is_told(session):
    said_incomplete(session, "first", "second")
    data = data_of(session, task="detect", source="real")
    assert [p.labels.incomplete for p in data.pairs.pairs(range(2))] == [set(), set()]
    (note,) = (note for note in data.notes if "all objects are marked" in note)
    assert "taken for background" in note


def test_of_true_masks_with_missing_objects_the_background_teaches_nothing(session):
    images = {ref.name: ref for ref in session.project.images}
    ids = disc_image(CENTERS)[1]
    for name, mine in (("first", ids), ("second", ids.T.copy())):
        add_masks(session, images[name], InstanceLabels(mine, dict.fromkeys(range(1, 8), 1)))
    said_incomplete(session, "first")
    for task in ("segment", "semantic"):
        data = data_of(session, task=task, source="real")
        shown = [regions_of(p.labels).values.min() for p in data.pairs.pairs(range(2))]
        assert shown == [UNKNOWN, 0]


@pytest.mark.parametrize("source", ["real", "mixed"])
def test_true_masks_of_images_that_no_network_takes_together_are_refused(session, source):
    image, ids = disc_image(CENTERS)
    add_masks(session, session.project.images[0], InstanceLabels(ids))
    other = add_array(session, np.stack([image[0], image[0]]), "cyx", "two channels")
    add_masks(session, other, InstanceLabels(ids))
    with pytest.raises(InputError, match=r"'first' has 1 channel.* 'two channels' has 2.* role"):
        data_of(session, task="segment", source=source, real_fraction=0.5)
