"""The session: edits and undo, long work and its results, opening and closing."""

import json

import numpy as np
import pytest

from napari_synthseg.core.annotations import NOT_AN_OBJECT, Click, Verdict
from napari_synthseg.core.errors import InputError, ReadOnlyError
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.synthesis import default_recipe
from napari_synthseg.training.split import Subset
from napari_synthseg.workflow import training
from napari_synthseg.workflow.cutting import clicked_image, clicked_parts
from napari_synthseg.workflow.importing import find_missing
from napari_synthseg.workflow.session import Session
from napari_synthseg.workflow.training_data import TrainingSources
from tests.helpers.clicked_fields import TINY, disk_field, images_by_role
from tests.helpers.sessions import add_array, add_file, add_masks, true_masks


def test_edits_are_announced_with_new_and_old(session):
    heard = []
    session.changed.connect(lambda new, old: heard.append((new, old)))
    before = session.project
    session.edit(before.with_classes(before.next_class("a")), "add class")
    assert heard == [(session.project, before)]
    assert session.history.undo_label == "add class"


def test_what_can_be_undone_is_known_when_an_edit_is_announced(session):
    heard = []
    session.changed.connect(
        lambda *_: heard.append((session.history.undo_label, session.history.redo_label))
    )
    session.edit(session.project.with_classes(session.project.next_class("a")), "add a")
    session.undo()
    session.edit(session.project.with_classes(session.project.next_class("b")), "add b")
    assert heard == [("add a", None), (None, "add a"), ("add b", None)]


def test_undo_and_redo_walk_through_the_edits(session):
    states = [session.project]
    for name in "abc":
        session.edit(session.project.with_classes(session.project.next_class(name)), f"add {name}")
        states.append(session.project)
    for state in reversed(states[:-1]):
        session.undo()
        assert session.project.classes == state.classes
    assert session.history.undo_label is None
    session.undo()
    for state in states[1:]:
        session.redo()
        assert session.project.classes == state.classes
    session.undo()
    session.edit(session.project.with_classes(session.project.next_class("z")), "add z")
    assert session.history.redo_label is None


def test_all_is_there_after_reopening(tmp_path, clicked):
    clicked.edit(
        clicked.project.with_verdicts(
            Verdict(patch=clicked.project.clicks[0].id, state="rejected", reason="blurred")
        ),
        "reject",
    )
    folder, project = clicked.folder, clicked.project
    clicked.close().result()
    again = Session.open(folder).result()
    assert again.project == project
    image = again.project.images[0]
    assert open_pixels(image, again.folder).read().shape == (1, 128, 192)
    assert true_masks(again, image).count > 10
    again.close().result()


def test_a_second_opener_may_read_only(clicked):
    second = Session.open(clicked.folder).result()
    assert second.read_only
    run = TrainingRun(id="r", name="r", state="cancelled")
    with pytest.raises(ReadOnlyError, match="open for reading only"):
        second.train(run)
    assert second.project.clicks == clicked.project.clicks
    with pytest.raises(ReadOnlyError, match="reading only"):
        second.edit(second.project.without_class(1), "remove class")
    with pytest.raises(ReadOnlyError, match="reading only"):  # before any array is written
        second.add_images(np.zeros((8, 8)), axes="yx", name="more")
    second.close()


def test_patches_are_cut_and_go_stale_with_the_clicks(clicked):
    library = clicked.cut_patches().result()
    assert clicked.library.patches == library.patches
    assert len(library.patches) == len(clicked.project.clicks)
    assert clicked.library_is_current
    gone = clicked.project.clicks[0].id
    clicked.edit(clicked.project.without_clicks([gone]), "delete click")
    assert not clicked.library_is_current
    clicked.undo()
    assert clicked.library_is_current
    image = images_by_role(clicked)["train"]
    negative = Click(image=image.id, position=(64.0, 96.0), cls=NOT_AN_OBJECT)
    clicked.edit(clicked.project.with_clicks(negative), "add click")
    assert not clicked.library_is_current
    assert len(clicked.cut_patches().result().patches) == len(clicked.project.clicks)


def test_a_part_is_cut_with_the_negative_clicks_inside_it(clicked):
    image = images_by_role(clicked)["train"]
    places = ((64.0, 20.0), (64.0, 180.0))
    negatives = [Click(image=image.id, position=p, cls=NOT_AN_OBJECT) for p in places]
    project = clicked.project.with_clicks(*negatives)
    (whole,) = clicked_parts(project)
    left = Subset(image.model_copy(update={"region": ((0, 128), (0, 96))}), ())
    assert clicked_image(whole, project, clicked.folder).negatives == places
    assert clicked_image(left, project, clicked.folder).negatives == places[:1]


def test_a_rejected_patch_leaves_the_library_at_once(clicked):
    clicked.cut_patches().result()
    usable = clicked.library.usable()
    clicked.edit(
        clicked.project.with_verdicts(Verdict(patch=usable[0].id, state="rejected")), "reject"
    )
    assert usable[0].id not in {p.id for p in clicked.library.usable()}
    clicked.undo()
    assert len(clicked.library.usable()) == len(usable)


def test_dual_images_repeat_and_cut_missing_patches(clicked):
    first = clicked.synthesize(3).result()
    assert clicked.library_is_current
    again = clicked.synthesize(1, start=2).result()
    assert np.array_equal(first[2].image, again[0].image)
    assert np.array_equal(first[2].labels.ids, again[0].labels.ids)


def test_without_clicks_one_message_says_what_to_do(session):
    with pytest.raises(InputError, match="click on the centers"):
        session.cut_patches().result()


def test_train_predict_score_and_all_is_recorded(clicked):
    job = clicked.train(TINY, "first")
    assert clicked.project.run("first").state == "running"
    run = job.result()
    assert (run.state, run.steps, run.name) == ("done", 4, "first")
    assert run.images == (images_by_role(clicked)["train"].id,)
    test = images_by_role(clicked)["test"]
    predictions = clicked.predict(run, [test]).result()
    assert predictions[0].ids.shape == (128, 192)
    stranger = test.model_copy(update={"id": "stranger"})  # an image outside the project
    clicked.predict(run, [stranger]).result()
    kept = sorted(p.stem for p in clicked.folder.glob("runs/*/predictions/*.tif"))
    assert kept == [test.id]
    scores = clicked.score(run, predictions).result()
    assert scores.measured_on == "real"
    assert scores.images == ("field 2",)
    assert scores.objects == true_masks(clicked, test).count
    assert clicked.project.run("first").scores == (scores,)
    folder = clicked.folder
    clicked.close().result()
    again = Session.open(folder).result()
    reopened = again.project.run("first")
    assert reopened.scores == (scores,)
    repeated = again.predict(reopened, [again.project.image(test.id)]).result()
    assert np.array_equal(repeated[0].ids, predictions[0].ids)
    again.close().result()


def test_truth_changes_no_weight(clicked):
    """Choosing weights uses clicks only: without any truth the same weights come out."""
    from napari_synthseg.storage import runs

    spec = TINY.model_copy(update={"steps": 6})
    with_truth = clicked.train(spec).result()
    clicked.edit(clicked.project.model_copy(update={"truths": ()}), "delete truth")
    without = clicked.train(spec).result()
    first, second = (runs.load_weights(clicked.folder, r.id) for r in (with_truth, without))
    assert "held-out" in with_truth.selection
    assert with_truth.selection == without.selection
    assert all(np.array_equal(first[k], second[k]) for k in first)


def test_a_training_can_begin_with_another_ones_weights(clicked):
    from napari_synthseg.storage import runs

    first = clicked.train(TINY, "first").result()
    slowly = TINY.model_copy(update={"steps": 1, "learning_rate": 1e-9, "seed": 5})
    second = clicked.train(slowly.model_copy(update={"start": "first"}), "second").result()
    fresh = clicked.train(slowly, "fresh").result()
    assert second.spec.start == first.id
    assert "it began with the weights of 'first'" in second.selection
    one, two, other = (
        runs.load_weights(clicked.folder, r.id)["model.0.conv.weight"].astype(np.float32)
        for r in (first, second, fresh)
    )
    np.testing.assert_allclose(one, two, atol=1e-6)
    assert np.abs(one - other).max() > 0.05
    with pytest.raises(InputError, match="no run 'third'"):
        clicked.train(TINY.model_copy(update={"start": "third"}))


def test_training_on_true_masks_needs_them(clicked):
    spec = TINY.model_copy(update={"source": "real"})
    assert clicked.train(spec).result().state == "done"
    clicked.edit(clicked.project.model_copy(update={"truths": ()}), "delete truth")
    with pytest.raises(InputError, match="true masks"):
        clicked.train(spec, "none").result()
    failed = clicked.project.run("none")
    assert failed.state == "failed"
    assert "true masks" in failed.error


def test_a_cancelled_run_keeps_its_weights_and_can_go_on(clicked):
    spec = TINY.model_copy(update={"steps": 30})
    job = clicked.train(spec, "long")

    def on_progress(step):
        if step.metrics.get("step") == 5:
            job.cancel()

    job.progressed.connect(on_progress)
    run = job.result()
    assert (run.state, run.steps) == ("cancelled", 5)
    test = images_by_role(clicked)["test"]
    assert clicked.predict(run, [test]).result()
    resumed = clicked.train(run).result()
    assert (resumed.state, resumed.steps, resumed.id) == ("done", 30, run.id)
    assert [r.name for r in clicked.project.runs] == ["long"]


def test_a_run_goes_on_with_its_own_recipe(clicked, monkeypatch):
    job = clicked.train(TINY.model_copy(update={"steps": 30}), "long")
    job.progressed.connect(lambda news: job.cancel() if news.metrics.get("step") == 2 else None)
    run = job.result()
    assert run.state == "cancelled"
    other = default_recipe().model_copy(update={"seed": 77})
    clicked.edit(clicked.project.model_copy(update={"recipe": other}), "choose a recipe")
    used = []

    def note(project, *args):
        used.append(project.recipe)
        return TrainingSources(project, *args)

    monkeypatch.setattr(training, "TrainingSources", note)
    resumed = clicked.train(run).result()
    assert resumed.state == "done"
    assert [r.model_dump(mode="json") for r in used] == [run.recipe]
    assert clicked.project.recipe == other


def test_a_failure_is_kept_with_its_traceback(clicked, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("it broke")

    monkeypatch.setattr("napari_synthseg.tasks.segment.task.make_targets", broken)
    with pytest.raises(RuntimeError, match="it broke"):
        clicked.train(TINY, "doomed").result()
    run = clicked.project.run("doomed")
    assert run.state == "failed"
    assert "it broke" in run.error
    assert "Traceback" in run.error
    with pytest.raises(InputError, match="no trained model"):
        clicked.predict(run, [])


def test_undo_does_not_take_back_training(clicked):
    run = clicked.train(TINY, "kept").result()
    clicked.undo()
    assert clicked.project.runs == (run,)


def test_clicks_on_a_test_image_are_truth_for_centers(clicked):
    test = images_by_role(clicked)["test"]
    _, labels, centers = disk_field(2)
    truthless = clicked.project.model_copy(update={"truths": ()})
    new = [Click(image=test.id, position=p, cls=labels.classes[i]) for i, p in centers.items()]
    clicked.edit(truthless.with_clicks(*new), "click test image")
    run = clicked.train(TINY).result()
    predictions = clicked.predict(run, [test]).result()
    scores = clicked.score(run, predictions).result()
    record = json.loads((clicked.folder / "runs" / run.id / "run.json").read_text("utf-8"))
    assert [s["truth"] for s in record["scores"]] == ["clicks"]
    assert scores.truth == "clicks"
    assert scores.objects == len(centers)
    assert {"found", "missed", "false"} <= scores.values.keys()


def test_an_image_without_truth_is_not_scored(clicked):
    run = clicked.train(TINY).result()
    clicked.edit(clicked.project.model_copy(update={"truths": ()}), "delete truth")
    predictions = clicked.predict(run, clicked.project.images).result()
    with pytest.raises(InputError, match="ground truth"):
        clicked.score(run, predictions).result()


def test_a_moved_image_is_found_again_by_relinking(tmp_path, session):
    tifffile = pytest.importorskip("tifffile")
    old, new = tmp_path / "old.tif", tmp_path / "elsewhere" / "new.tif"
    tifffile.imwrite(old, disk_field(1)[0])
    (ref,) = add_file(session, old)
    before = open_pixels(ref, session.folder).read()
    new.parent.mkdir()
    old.rename(new)
    with pytest.raises(InputError, match=r"old\.tif"):
        open_pixels(ref, session.folder)
    assert find_missing(session.project, session.folder).result() == (ref,)
    (moved,) = session.relink(ref, new).result().images
    assert np.array_equal(open_pixels(moved, session.folder).read(), before)
    assert find_missing(session.project, session.folder).result() == ()
    session.undo()
    assert session.project.image(ref.id).uri == ref.uri


def test_a_moved_folder_is_found_again_by_one_of_its_images(tmp_path, session):
    tifffile = pytest.importorskip("tifffile")
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    for number, name in enumerate(("a.tif", "b.tif", "c.tif")):
        tifffile.imwrite(old / name, disk_field(number)[0])
        add_file(session, old / name)
    old.rename(new)
    tifffile.imwrite(new / "c.tif", disk_field(7)[0])  # another image by the same name
    found = session.relink(session.project.images[0], new / "a.tif").result().images
    assert [ref.name for ref in found] == ["a.tif", "b.tif"]
    assert [r.name for r in find_missing(session.project, session.folder).result()] == ["c.tif"]
    session.undo()
    assert len(find_missing(session.project, session.folder).result()) == 3


def test_true_masks_of_another_size_are_refused(clicked):
    image = clicked.project.images[0]
    with pytest.raises(InputError, match="field 1"):
        add_masks(clicked, image, InstanceLabels(np.ones((5, 5), np.int32), {1: 1}))


def test_closing_in_mid_training_keeps_what_there_is(clicked):
    spec = TINY.model_copy(update={"steps": 100_000})
    job = clicked.train(spec, "cut off")
    job.start()
    folder = clicked.folder
    clicked.close().result()
    assert job.outcome is not None
    assert job.state == "cancelled"
    again = Session.open(folder).result()
    assert again.project.run("cut off").state == "cancelled"
    again.close().result()


def test_own_masks_are_taken_as_they_are_and_click_what_nobody_clicked(session):
    image, labels, _ = disk_field(1)
    session.edit(session.project.with_classes(session.project.next_class("disk")), "add class")
    ref = add_array(session, image, "yx", "field")
    first = next(iter(labels.classes))
    where = tuple(float(v) for v in np.argwhere(labels.ids == first).mean(axis=0))
    session.edit(session.project.with_clicks(Click(image=ref.id, position=where, cls=1)), "click")
    new = len(add_masks(session, ref, InstanceLabels(labels.ids), "patch_masks").clicks)
    assert new > 10
    assert not session.library_is_current
    library = session.cut_patches().result()
    assert len(library.patches) == new + 1
    for patch in library.patches:
        mine = tuple((np.argwhere(patch.mask) + patch.origin).T)
        (ident,) = np.unique(labels.ids[mine])
        assert patch.area == np.count_nonzero(labels.ids == ident)
        assert patch.method == "given"
    session.undo()
    assert len(session.project.clicks) == 1
    assert not session.project.patch_masks


def test_own_masks_of_nuclei_click_the_nuclei_of_clicked_cells(session):
    image, labels, _ = disk_field(1)
    for name, diameter in (("cell", 40.0), ("nucleus", 12.0)):
        cls = session.project.next_class(name).model_copy(update={"diameter": diameter})
        session.edit(session.project.with_classes(cls), "add class")
    ref = add_array(session, image, "yx", "field")
    number = next(iter(labels.classes))
    where = tuple(float(v) for v in np.argwhere(labels.ids == number).mean(axis=0))
    session.edit(session.project.with_clicks(Click(image=ref.id, position=where, cls=1)), "click")
    new = add_masks(session, ref, InstanceLabels(labels.ids), "patch_masks", cls=2).clicks
    assert {c.cls for c in new} == {2}
    assert number in {int(labels.ids[tuple(np.round(c.position).astype(int))]) for c in new}


def test_own_masks_of_a_region_fit_the_whole_image(session):
    image, labels, _ = disk_field(1)
    session.edit(session.project.with_classes(session.project.next_class("disk")), "add class")
    ref = add_array(session, image, "yx", "field", region=((0, 128), (64, 192)))
    right = InstanceLabels(np.ascontiguousarray(labels.ids[:, 64:]))
    add_masks(session, ref, right, "patch_masks")
    assert min(c.position[1] for c in session.project.clicks) >= 64
    assert session.cut_patches().result().patches


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (np.zeros((128, 192), np.int32), "hold no object"),
        (np.ones((5, 5), np.int32), "same shape"),
    ],
)
def test_own_masks_that_cannot_be_are_refused(session, ids, words):
    session.edit(session.project.with_classes(session.project.next_class("disk")), "add class")
    ref = add_array(session, disk_field(1)[0], "yx", "field")
    with pytest.raises(InputError, match=words):
        add_masks(session, ref, InstanceLabels(ids), "patch_masks")
    with pytest.raises(InputError, match="class 7"):
        add_masks(session, ref, InstanceLabels(disk_field(1)[1].ids), "patch_masks", cls=7)
    assert not session.project.truths


def test_nothing_is_scored_against_own_masks(clicked):
    (train,) = (r for r in clicked.project.images if r.role == "train")
    clicked.edit(clicked.project.model_copy(update={"truths": ()}), "drop truth")
    add_masks(clicked, train, InstanceLabels(disk_field(1)[1].ids), "patch_masks")
    assert clicked.project.masks_of(train) is None
    assert true_masks(clicked, train) is None


def test_a_list_of_files_is_no_image(clicked, tmp_path):
    with pytest.raises(InputError, match="not from a list"):
        clicked.add_images([tmp_path / "one.tif"])
