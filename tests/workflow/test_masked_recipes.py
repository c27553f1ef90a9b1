"""Recipes that learn from masks: what they get, and that a fit can be stopped and gone on with."""

from collections.abc import Iterator

import numpy as np
import pytest

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import UNKNOWN, InstanceLabels, RegionLabels
from napari_synthseg.core.progress import Progress, exhaust
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.workflow.jobs import Job
from napari_synthseg.workflow.session import Session
from napari_synthseg.workflow.training_data import TrainingSources
from napari_synthseg.workflow.truths import masked_images
from tests.helpers.clicked_discs import finish
from tests.helpers.region_images import Drawn, draw_regions, slow_recipe
from tests.helpers.sessions import add_array, add_masks, true_masks

QUICK = {"task": "semantic", "steps": 2, "minutes": None, "batch_size": 2, "crop": 32,
         "device": "cpu", "model": ModelSpec(width=4, depth=2)}  # fmt: skip


@pytest.fixture
def slow():
    with slow_recipe() as kind:
        yield kind


@pytest.fixture
def session(tmp_path) -> Iterator[Session]:
    """A project of five images, of which four are of regions, and one is for testing."""
    session = Session.create(tmp_path / "phases.synthseg")
    for name in ("matrix", "grain"):
        session.edit(session.project.with_classes(session.project.next_class(name)), "class")
    for number in range(5):
        role = "test" if number == 4 else "train"
        add(session, number, role=role, group=f"spot{number}")
    spec = TrainSpec(**QUICK)
    session.edit(session.project.model_copy(update={"train_spec": spec}), "settings")
    yield session
    session.close().result()


def add(session: Session, number: int, **fields) -> ImageRef:
    pair = draw_regions(seed=number)
    ref = add_array(session, pair.image[0], "yx", f"i{number}", **fields)
    add_masks(session, ref, pair.labels)
    return ref


def choose(session: Session, recipe) -> None:
    session.edit(session.project.model_copy(update={"recipe": recipe}), "recipe")


def data_of(session: Session, **spec):
    asked = TrainSpec(**(QUICK | spec))
    sources = TrainingSources(session.project, session.folder, asked, session.artifacts)
    return finish(sources.gather())[1]


def test_regions_from_memory_are_semantic_truth(session):
    ref = session.project.images[0]
    truth = session.project.truth_of(ref, "semantic")
    assert truth.source.startswith("arrays:")
    np.testing.assert_array_equal(
        true_masks(session, ref).values, draw_regions(seed=0).labels.values
    )
    objects = InstanceLabels(np.array([[0, 5], [7, UNKNOWN]], np.int32), {5: 2, 7: 1})
    other = add_array(session, np.zeros((2, 2), np.uint8), "yx", "small")
    add_masks(session, other, objects, "semantic")
    assert true_masks(session, other).values.tolist() == [[0, 2], [1, UNKNOWN]]


def test_a_class_that_the_project_lacks_is_refused_with_its_value(session):
    ref = session.project.images[0]
    before = session.project
    strange = RegionLabels.of(np.full((64, 64), 3))
    with pytest.raises(InputError, match="'i0' hold the value 3"):
        add_masks(session, ref, strange)
    assert session.project is before
    session.edit(session.project.without_class(2), "delete class")
    with pytest.raises(InputError, match="'i0' names a class of value 2, which was removed"):
        exhaust(masked_images(session.project, session.folder, session.project.train_spec))


def test_masks_are_divided_into_groups_and_never_those_of_test_images(session):
    found = exhaust(masked_images(session.project, session.folder, session.project.train_spec))
    assert (len(found.images.train), len(found.images.held)) == (3, 1)
    assert found.images.class_values == (1, 2)
    assert found.images.channels == 1
    used = {r.name for r in (*found.split.train, *found.split.validation)}
    assert used == {"i0", "i1", "i2", "i3"}


def test_images_for_validation_are_what_is_held_out(session):
    extra = add(session, 7, role="validate")
    found = exhaust(masked_images(session.project, session.folder, session.project.train_spec))
    assert [r.id for r in found.split.validation] == [extra.id]
    assert len(found.images.train) == 4


@pytest.mark.parametrize("group", ["mouse 1", ""])
def test_masks_for_validation_of_a_specimen_that_is_learned_from_are_told(session, group):
    extra = add(session, 7, role="validate")
    first = session.project.images[0]
    same = [ref.model_copy(update={"group": group}) for ref in (first, extra)]
    session.edit(session.project.with_images(*same), "name the specimen")
    spec = TrainSpec(task="semantic", source="real", steps=2, minutes=None)
    work = TrainingSources(session.project, session.folder, spec, session.artifacts).gather()
    told = [note for note in exhaust(work).notes if "share a file or specimen" in note]
    assert len(told) == bool(group)


def test_images_of_other_channels_are_refused(session):
    pair = draw_regions(seed=9, channels=3)
    ref = add_array(session, pair.image, "cyx", "colored")
    add_masks(session, ref, pair.labels)
    with pytest.raises(InputError, match="'i0' has 1 channel\\(s\\) and 'colored' has 3"):
        exhaust(masked_images(session.project, session.folder, session.project.train_spec))


def test_no_clicks_are_needed_and_what_was_fitted_is_used_again(session, slow):
    choose(session, slow())
    job = session.synthesize(3)
    news = []
    job.progressed.connect(news.append)
    pairs = job.result()
    assert [p.index for p in pairs] == [0, 1, 2]
    assert session.library is None
    assert session.synthesizer_is_current
    shown = [n for n in news if n.metrics]
    assert shown[0].metrics == {"error": 1.0}
    assert isinstance(shown[0].previews["made"][0].labels, RegionLabels)
    session.synthesize(1).result()
    assert slow.begun == [0]
    session.edit(session.project.without_image(session.project.images[0].id), "delete image")
    assert not session.synthesizer_is_current
    session.synthesize(1).result()
    assert slow.begun == [0, 0]
    choose(session, slow(seed=1))
    assert not session.synthesizer_is_current


def cancel_at(job: Job, step: int) -> None:
    """Cancel a job when the recipe has come so far."""

    def look(news) -> None:
        if isinstance(news, Progress) and news.metrics.get("error") == 1 / step:
            job.cancel()

    job.progressed.connect(look)


@pytest.mark.parametrize("start", ["synthesize", "train"])
def test_a_fit_that_was_cancelled_goes_on_from_where_it_was(session, slow, start):
    choose(session, slow())
    job = session.synthesize(1) if start == "synthesize" else session.train()
    cancel_at(job, 4)
    outcome = job.run()
    session.record(job)
    assert outcome.state == "cancelled"
    assert [p.suffix for p in (session.folder / "generators").iterdir()] == [".safetensors"]
    if start == "synthesize":
        session.synthesize(1).result()
    else:
        assert session.project.runs[0].state == "cancelled"
        again = session.train(session.project.runs[0]).result()
        assert (again.state, again.steps) == ("done", 2)
    assert slow.begun == [0, 4]
    session.train().result()  # the same images, divided alike: nothing is learned twice
    assert slow.begun == [0, 4, 10]


def test_a_fit_can_be_paused(session, slow):
    choose(session, slow())
    job = session.synthesize(1)
    job.progressed.connect(lambda news: job.pause() if news.metrics else None)
    job.start()
    for _ in range(10):
        while job.state == "running":
            pass
        assert job.state == "paused"
        job.resume()
    assert job.join(10)
    assert job.outcome.state == "done"


@pytest.mark.parametrize("source", ["synthetic", "real", "mixed"])
def test_any_source_teaches_a_semantic_model(session, slow, source):
    choose(session, slow())
    data = data_of(session, source=source, real_fraction=0.25 if source == "mixed" else 0, pairs=5)
    made = data.pairs.pairs(range(20))
    real = [draw_regions(seed=n).labels.values for n in range(4)]
    count = sum(any(np.array_equal(p.labels.values, r) for r in real) for p in made)
    assert count == {"synthetic": 0, "real": 20, "mixed": 5}[source]
    assert [type(p.labels) for p in data.val_pairs] == [RegionLabels]
    assert len(data.images) == 3
    assert data.notes == ("1 of 4 groups held out",)
    if source == "synthetic":
        np.testing.assert_array_equal(made[7].image, Drawn().pair(2).image)


def test_pairs_with_a_fault_are_not_learned_from(session, slow):
    choose(session, slow(bad=2))
    data = data_of(session, pairs=4)
    made = data.pairs.pairs(range(8))
    for index, pair in enumerate(made):
        assert pair.index == index
        sound = Drawn().pair([1, 1, 3, 3][index % 4])
        np.testing.assert_array_equal(pair.image, sound.image)
    assert "2 of the first 4 dual images did not pass the gate: others" in data.notes[-1]


def test_real_images_take_the_place_of_pairs_with_a_fault(session, slow):
    choose(session, slow(bad=2))
    data = data_of(session, source="mixed", real_fraction=0.2, pairs=20)
    made = data.pairs.pairs(range(40))
    drawn = [Drawn().pair(n).labels.values for n in range(20)]
    found = [any(np.array_equal(p.labels.values, d) for d in drawn) for p in made]
    assert sum(found) == 16  # of 32 that are not real, every second one is left out
    assert not any(pair.rejection_reason for pair in made)
    assert "8 of the first 16 dual images did not pass the gate: real" in data.notes[-1]


def test_where_all_pairs_have_a_fault_real_images_teach_or_else_the_pairs(session, slow):
    choose(session, slow(bad=1))
    mixed = data_of(session, source="mixed", real_fraction=0.2, pairs=3)
    assert not any(pair.rejection_reason for pair in mixed.pairs.pairs(range(9)))
    alone = data_of(session, pairs=3)
    assert [pair.rejection_reason for pair in alone.pairs.pairs(range(4))] == ["torn"] * 4
    assert "nothing else" in alone.notes[-1]


def test_a_mix_of_learned_and_real_images_needs_its_share(session, slow):
    choose(session, slow())
    with pytest.raises(InputError, match="real fraction"):
        data_of(session, source="mixed")
    assert slow.begun == []


@pytest.mark.parametrize("task", ["segment", "detect"])
def test_regions_do_not_teach_objects(session, slow, task):
    choose(session, slow())
    with pytest.raises(InputError, match=r"without separate objects.*task semantic"):
        data_of(session, task=task)


def test_without_masks_the_remedy_is_told(session, slow):
    choose(session, slow())
    session.edit(session.project.model_copy(update={"truths": ()}), "delete truths")
    with pytest.raises(InputError, match="true masks of regions or objects"):
        session.synthesize(1).result()


def test_pairs_of_a_run_are_made_again_by_its_own_recipe(session, slow):
    choose(session, slow())
    run = session.train(TrainSpec(**QUICK, pairs=2)).result()
    choose(session, slow(seed=5))
    pairs = session.synthesize(3, run=run).result()
    assert [p.index for p in pairs] == [0, 1, 2]
    np.testing.assert_array_equal(pairs[0].image, pairs[2].image)
    assert slow.begun == [0, 10]


def test_what_is_there_can_be_learned_from_regions_too(session, slow):
    choose(session, slow())
    network = ModelSpec(name="small", width=4, depth=2)
    spec = TrainSpec(**(QUICK | {"task": "classify", "crop": 64, "model": network}))
    run = session.train(spec).result()
    ref = session.project.images[4]
    (said,) = session.predict(run, [ref]).result()
    assert set(said.probabilities) == {1, 2}
    scores = session.score(run, [said]).result()
    assert (scores.task, scores.images) == ("classify", ("i4",))


def test_as_many_different_dual_images_are_used_as_the_recipe_calls_enough(session, slow):
    slow.default_pool_size = 3
    choose(session, slow())
    pairs = data_of(session).pairs
    np.testing.assert_array_equal(pairs.pair(4).image, pairs.pair(1).image)
    asked = data_of(session, pairs=2).pairs
    np.testing.assert_array_equal(asked.pair(4).image, asked.pair(0).image)
    assert not np.array_equal(pairs.pair(4).image, pairs.pair(0).image)
