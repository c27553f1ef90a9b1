"""Training yields each batch, can be stopped at any, keeps the best, goes on from a checkpoint."""

import random
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_synthseg.core.annotations import Click, ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.progress import Cancelled, Progress, exhaust
from napari_synthseg.core.runs import few_steps
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.networks.libraries import load_libraries
from napari_synthseg.networks.registry import build_network
from napari_synthseg.synthesis.datasets import MixedDataset
from napari_synthseg.tasks.segment.task import SegmentTask
from napari_synthseg.training.randomness import seeded_torch
from napari_synthseg.training.trainable import Validation
from tests.helpers.randomness import numpy_state
from tests.helpers.training import MemoryStore, train_model


def turn(work):
    steps = []
    while True:
        try:
            steps.append(next(work))
        except StopIteration as stop:
            return steps, stop.value


def cancel(work, *, quickly=False):
    """Cancel a training at its yield; return the model, and the steps on the way out."""
    steps = []
    try:
        steps.append(work.throw(Cancelled(quickly)))
        while True:
            steps.append(next(work))
    except StopIteration as end:
        return end.value, steps


def learned(steps):
    """Return the numbers of the batches among progress."""
    return [s.metrics["step"] for s in steps if "loss" in s.metrics]


def clicked(pair):
    ref = ImageRef(id="v", uri="v", exhaustive=True)
    clicks = tuple(
        Click(image="v", position=tuple(np.argwhere(pair.labels.ids == i).mean(axis=0)), cls=c)
        for i, c in pair.labels.classes.items()
    )
    return ClickedImage(ref, ArraySource(pair.image), clicks)


def test_each_batch_is_yielded_and_the_limit_kept(disks, tiny):
    steps, model = turn(train_model(tiny, disks))
    assert learned(steps) == [1, 2, 3]
    assert steps[-1].fraction == 1.0
    assert (model.steps, [row.step for row in model.history]) == (3, [1, 2, 3])
    assert all(np.isfinite(row.loss) for row in model.history)
    assert (model.state, model.in_channels, model.out_channels) == ("done", 1, 4)
    assert "nothing was held out" in model.selection


def test_the_same_seed_gives_the_same_weights(disks, tiny):
    first, second = (turn(train_model(tiny, disks))[1] for _ in range(2))
    other = tiny.model_copy(update={"seed": 1})
    third = turn(train_model(other, disks))[1]
    assert all(np.array_equal(first.weights[k], second.weights[k]) for k in first.weights)
    assert any(not np.array_equal(first.weights[k], third.weights[k]) for k in first.weights)


def test_the_random_state_of_the_process_is_left_alone(disks, tiny):
    exhaust(load_libraries())  # importing MONAI draws from `random`, whoever imports it
    before = torch.get_rng_state().clone(), numpy_state(), random.getstate()
    turn(train_model(tiny, disks))
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], numpy_state())
    assert before[2] == random.getstate()


def test_a_time_limit_ends_it(disks, tiny):
    spec = tiny.model_copy(update={"steps": None, "minutes": 0.02})
    start = time.monotonic()
    steps, model = turn(train_model(spec, disks))
    assert len(steps) > 1
    assert steps[-1].fraction == 1.0
    assert model.seconds >= 1.2
    assert time.monotonic() - start < 60


def test_a_limit_that_is_over_before_it_begins_is_said(disks, tiny):
    spec = tiny.model_copy(update={"steps": None, "minutes": 0.1})
    steps, model = turn(train_model(spec, disks, started=time.monotonic() - 60))
    assert learned(steps) == [1]
    assert "1 step so far: train longer" in model.selection


def test_closing_it_gives_the_weights_so_far(disks, tiny):
    store = MemoryStore()
    work = train_model(tiny, disks, store=store)
    while "loss" not in next(work).metrics:
        pass
    model, _ = cancel(work)
    assert model.state == "cancelled"
    assert model.history[-1].step == 1
    assert {meta["step"] for _, meta in store.saved} == {1}


def test_the_best_weights_are_chosen_on_the_held_out_part(disks, tiny):
    held = disks.pair(999)
    spec = tiny.model_copy(update={"steps": 10})
    steps, model = turn(
        train_model(
            spec,
            disks,
            val_pairs=[held],
            val_images=[clicked(held)],
        )
    )
    validated = [row for row in model.history if row.validation]
    assert [row.step for row in validated] == [4, 6, 7, 9, 10]
    figures = {"held-out pairs F1", "held-out clicks F1", "held-out loss"}
    assert set(validated[0].validation) == figures
    losses = [row.validation["held-out loss"] for row in validated]
    assert losses[-1] < losses[0]
    assert any(row.best for row in validated)
    assert steps[-1].metrics.keys() >= {"held-out pairs F1", "held-out clicks F1"}
    assert "held-out" in model.selection


def test_where_both_kinds_are_learned_from_their_losses_are_told_apart(disks, tiny):
    real = replace(disks.pair(7), is_real=True)
    mixed = MixedDataset(disks, [real], 0.5)
    held = [disks.pair(999), replace(disks.pair(998), is_real=True)]
    steps, _ = turn(train_model(tiny, mixed, val_pairs=held))
    batches = [s.metrics for s in steps if "loss" in s.metrics]
    for batch in batches:
        mean = (batch["synthetic loss"] + batch["real loss"]) / 2
        assert batch["loss"] == pytest.approx(mean, rel=0.3)
    assert {"held-out loss, synthetic", "held-out loss, real"} <= set(steps[-1].metrics)


def test_a_checkpoint_goes_on_where_it_was_left(disks, tiny):
    spec = tiny.model_copy(update={"steps": 10})
    store = MemoryStore()
    work = train_model(spec, disks, store=store)
    while next(work).metrics.get("step", 0) < 5:
        pass
    cancel(work)
    kept = MemoryStore(store.saved[-1])
    steps, resumed = turn(train_model(spec, disks, store=kept))
    assert learned(steps) == [6, 7, 8, 9, 10]
    _, straight = turn(train_model(spec, disks))
    for key, value in straight.weights.items():
        np.testing.assert_allclose(resumed.weights[key], value, rtol=1e-4, atol=1e-5)


def test_an_unknown_network_or_device_is_refused(disks, tiny):
    for change, message in (
        ({"model": ModelSpec(name="transformer")}, "transformer"),
        ({"device": "abacus"}, "abacus"),
    ):
        spec = tiny.model_copy(update=change)
        with pytest.raises(InputError, match=message):
            next(train_model(spec, disks))


@pytest.mark.parametrize(("quickly", "calls"), [(True, [False]), (False, [False, True])])
def test_a_cancel_chooses_thresholds_unless_it_is_to_be_quick(
    disks, tiny, monkeypatch, quickly, calls
):
    tuned = []
    validate = SegmentTask.validate

    def watched(self, net, device, *, tune=False):
        tuned.append(tune)
        return validate(self, net, device, tune=tune)

    monkeypatch.setattr(SegmentTask, "validate", watched)
    held = disks.pair(999)
    spec = tiny.model_copy(update={"steps": 10})
    work = train_model(spec, disks, val_pairs=[held])
    while "best step" not in next(work).metrics:
        pass
    model, touches = cancel(work, quickly=quickly)
    assert tuned == calls
    assert all(step.finishing for step in touches)
    assert ("choosing thresholds" in {step.message.split(": ")[1] for step in touches}) != quickly
    assert (model.state, model.steps) == ("cancelled", 4)
    assert model.selection.startswith("best on the held-out part: held-out pairs F1")


def test_what_was_learned_since_the_last_validation_counts_too(disks, tiny, monkeypatch):
    held = disks.pair(999)
    work = train_model(tiny.model_copy(update={"steps": 20}), disks, val_pairs=[held])
    while next(work).metrics.get("step", 0) < 10:  # validated at 8
        pass
    measured = iter([Validation({"held": 9.0}, 9.0), Validation({"held": 9.0}, 9.0)])

    def better(self, net, device, *, tune=False):
        yield Progress(1.0)
        return next(measured)

    monkeypatch.setattr(SegmentTask, "validate", better)
    model, _ = cancel(work)
    assert [row.step for row in model.history if row.best][-1] == model.steps
    assert model.selection.startswith("best on the held-out part: held 9")


@pytest.mark.parametrize(("steps", "said"), [(149, True), (150, False)])
def test_few_steps_are_said(steps, said):
    assert few_steps(steps) == (("149 steps so far: train longer",) if said else ())


def test_a_cancel_while_thresholds_are_chosen_keeps_the_weights(disks, tiny):
    work = train_model(tiny, disks, val_pairs=[disks.pair(999)])
    while "choosing thresholds" not in next(work).message:
        pass
    model, touches = cancel(work)
    assert (model.state, model.steps, touches) == ("cancelled", 3, [])


def test_a_second_cancel_ends_the_finishing_touches(disks, tiny):
    work = train_model(tiny.model_copy(update={"steps": 20}), disks, val_pairs=[disks.pair(999)])
    while next(work).metrics.get("step", 0) < 10:
        pass
    assert work.throw(Cancelled()).finishing
    model, touches = cancel(work, quickly=True)
    assert (model.state, model.steps, touches) == ("cancelled", 10, [])
    assert model.selection.startswith("best on the held-out part")  # at 8


def test_first_weights_are_of_the_seed_alone_while_another_thread_builds_networks():
    spec = ModelSpec(name="yolo", width=4, depth=2)

    def drawn():
        with seeded_torch(0):
            net = build_network(spec, 1, 30)
        return torch.cat([part.detach().flatten() for part in net.parameters()])

    alone, stop = drawn(), threading.Event()

    def build():
        while not stop.is_set():
            build_network(ModelSpec(name="small", width=4), 1, 2)

    other = threading.Thread(target=build)
    other.start()
    try:
        assert all(torch.equal(drawn(), alone) for _ in range(10))
    finally:
        stop.set()
        other.join()
