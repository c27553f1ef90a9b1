"""The one training loop: budgets, patience, stopping in a validation, and checkpoints."""

import time
from contextlib import closing

import numpy as np
import pytest
import torch
from torch import nn

from napari_synthseg.core.progress import Cancelled, Progress, exhaust
from napari_synthseg.core.specs import Budget
from napari_synthseg.training.trainable import Batch, Validation
from napari_synthseg.training.trainer import (
    LEARNED_RATE,
    WARM_UP_SHARE,
    Trainer,
    TrainingPlan,
    average_decay,
    rate_factor,
)
from tests.helpers.training import MemoryStore

CPU = torch.device("cpu")
VALIDATE_AT = tuple(np.linspace(0.2, 1.0, 13).round(3).tolist())


class Falling:
    """A network of one weight, whose held-out part gets worse after some validations (`turning`).

    A validation takes `pieces` steps of some `seconds`.
    """

    def __init__(self, turning=50, pieces=1, seconds=0.0):
        self.turning, self.pieces, self.seconds = turning, pieces, seconds
        self.begun = self.validated = 0
        self.learned = frozenset()
        self.seen = []

    def build_network(self):
        return nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.5))

    def make_batch(self, number):
        return Batch(torch.full((4, 1), 1.0 + number / 100))

    def batch_loss(self, net, batch, fraction):
        return (net(batch.images) ** 2).mean() + 1, {"fraction": torch.tensor(fraction)}

    def validate(self, net, device):
        self.begun += 1
        for piece in range(self.pieces):
            time.sleep(self.seconds)
            yield Progress(piece / self.pieces, f"piece {piece + 1}")
        self.validated += 1
        self.seen.append(net[0].weight.item())
        figures = {"held": float(self.validated)}
        value = None if self.turning is None else -float(abs(self.validated - self.turning))
        return Validation(figures, value)


def plan(steps=100, **fields):
    fields = {"patience": 4, **fields}
    return TrainingPlan(Budget(1, steps), 0.1, VALIDATE_AT, **fields)


def losses(news):
    return [n.metrics["loss"] for n in news if "loss" in n.metrics]


def test_it_ends_when_the_held_out_part_gets_worse_and_keeps_the_best():
    stage = Falling(3)
    trainer = Trainer(stage, plan(), CPU)
    assert len(losses(trainer.run())) < 100
    assert stage.validated == 3 + 4
    assert trainer.done
    assert trainer.trained()[0].weight.item() == pytest.approx(stage.seen[2])
    assert not trainer.network.training


def test_what_was_learned_before_is_validated_first_and_stays_where_nothing_is_better():
    stage = Falling(1)
    stage.learned = frozenset(("0.weight", "0.bias"))
    trainer = Trainer(stage, plan(steps=20, patience=None), CPU)
    began = trainer.network[0].weight.item()
    assert len(losses(trainer.run())) == 20
    assert stage.validated == 1 + len(VALIDATE_AT)
    assert trainer.keeps_start
    assert trainer.trained()[0].weight.item() == began
    better = Falling(50)
    better.learned = stage.learned
    trainer = Trainer(better, plan(steps=20), CPU)
    exhaust(trainer.run())
    assert not trainer.keeps_start
    assert trainer.trained()[0].weight.item() != began


def test_what_was_learned_before_changes_more_slowly_than_what_is_fresh():
    moved = []
    for learned in ((), ("0.weight",)):
        stage = Falling(None)
        stage.learned = frozenset(learned)
        trainer = Trainer(stage, plan(steps=1, patience=None), CPU)
        before = {name: p.detach().clone() for name, p in trainer.network.named_parameters()}
        exhaust(trainer.run())
        after = dict(trainer.network.named_parameters())
        moved.append({n: abs(float((after[n] - p).detach())) for n, p in before.items()})
        assert stage.validated == 1, "some weights are fresh: there is nothing to validate first"
    fresh, half = moved
    assert half["0.weight"] == pytest.approx(LEARNED_RATE * fresh["0.weight"], rel=1e-3)
    assert half["0.bias"] == pytest.approx(fresh["0.bias"], rel=1e-3)


def test_it_goes_on_while_it_gets_better_or_without_patience():
    for stage, patience in ((Falling(50), 4), (Falling(1), None)):
        trainer = Trainer(stage, plan(patience=patience), CPU)
        assert len(losses(trainer.run())) == 100
        assert stage.validated == len(VALIDATE_AT)


def test_a_time_budget_does_not_count_pauses():
    trainer = Trainer(Falling(), TrainingPlan(Budget(0.5 / 60), 0.1, VALIDATE_AT), CPU)
    news = []
    for number, step in enumerate(trainer.run()):
        news.append(step)
        if number == 3:
            time.sleep(0.6)
    assert len(losses(news)) > 10
    assert news[-1].fraction == 1
    assert 0.5 <= trainer.elapsed < 3


class Clocked(Falling):
    """One whose batches and validations take so many seconds of a clock that is made up."""

    def __init__(self, monkeypatch, step_s, validation_s):
        super().__init__()
        self.step_s, self.validation_s, self.now, self.rates = step_s, validation_s, 0.0, []
        monkeypatch.setattr("napari_synthseg.training.trainer.time.monotonic", lambda: self.now)

    def batch_loss(self, net, batch, fraction):
        self.now += self.step_s
        self.rates.append(rate_factor(fraction))
        return super().batch_loss(net, batch, fraction)

    def validate(self, net, device):
        self.now += self.validation_s
        return (yield from super().validate(net, device))


def test_the_share_that_is_shown_never_falls(monkeypatch):
    """The first validation takes long, as everything is loaded for it, the others do not."""
    stage = Clocked(monkeypatch, step_s=1, validation_s=9)
    trainer = Trainer(stage, TrainingPlan(Budget(1), 0.1, VALIDATE_AT, closing=5), CPU)
    shown, planned = [], []
    for step in trainer.run():
        shown.append(step.fraction)
        planned.append(trainer.fraction)
        stage.validation_s = 0.1 if stage.validated else 9
    assert planned != sorted(planned), "the plan follows the validations"
    assert shown == sorted(shown)
    assert shown[-1] == 1


SHARES = (0.4, 0.55, 0.7, 0.85, 1.0)


@pytest.mark.parametrize("step_s", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("before_s", [0.0, 90.0])
def test_a_time_limit_has_the_whole_learning_rate_schedule_and_is_kept(
    monkeypatch, step_s, before_s
):
    stage = Clocked(monkeypatch, step_s, validation_s=2.0)
    stage.now = before_s  # as for cutting and fitting
    plan = TrainingPlan(Budget(3.0), 0.1, SHARES, closing=3.0)
    trainer = Trainer(stage, plan, CPU, started=0.0)
    list(trainer.run())
    assert stage.rates[0] == pytest.approx(rate_factor(0.0))
    assert max(stage.rates) > 0.9
    assert stage.rates[-1] < 0.06
    assert trainer.history[-1].validation
    left = 180 - stage.now
    assert abs(left - 3 * 2.0) <= step_s + 0.1  # for what follows


@pytest.mark.parametrize(
    ("validation_s", "count"), [(0.5, 5), (2.0, 4), (2.3, 3), (2.8, 2), (10.0, 2)]
)
def test_of_a_time_limit_validations_that_cost_too_much_are_left_out(
    monkeypatch, validation_s, count
):
    stage = Clocked(monkeypatch, 1.0, validation_s)
    plan = TrainingPlan(Budget(3.0), 0.1, SHARES, closing=3.0)
    list(Trainer(stage, plan, CPU, started=0.0).run())
    assert stage.validated == count
    counted = Clocked(monkeypatch, 1.0, validation_s)
    list(Trainer(counted, TrainingPlan(Budget(3.0, 40), 0.1, SHARES, closing=3.0), CPU).run())
    assert counted.validated == 5  # steps give the same weights on any machine


def test_what_the_clock_told_is_in_the_checkpoint(monkeypatch):
    stage, store = Clocked(monkeypatch, 1.0, 2.0), MemoryStore()
    stage.now = 30.0
    plan = TrainingPlan(Budget(2.0), 0.1, SHARES, closing=1.0)
    trainer = Trainer(stage, plan, CPU, started=0.0, store=store, name="a")
    work = trainer.run()
    while stage.validated < 1:
        next(work)
    before = trainer.fraction
    with pytest.raises(Cancelled):
        work.throw(Cancelled)
    again = Trainer(stage, plan, CPU, store=MemoryStore(store.saved[-1]), name="a")
    assert again.fraction == pytest.approx(before, abs=0.02)


@pytest.mark.parametrize("tick", np.linspace(0.05, 0.3, 11))
def test_what_is_learned_last_is_validated_however_the_time_budget_ends(tick):
    class Ticking(Trainer):
        """Each look at the clock takes time."""

        looks = 0

        @property
        def fraction(self):
            self.looks += 1
            return min(self.looks * tick, 1.0)

    trainer = Ticking(Falling(), plan(patience=None), CPU)
    list(trainer.run())
    assert trainer.done
    assert trainer.history[-1].validation


def test_what_a_validation_shows_on_its_way_is_passed_on():
    class Showing(Falling):
        def validate(self, net, device):
            yield Progress(0.5, "half", {"part": 1.0}, {"pairs": ()})
            return Validation({}, None)

    with closing(Trainer(Showing(), plan(10), CPU).run()) as work:
        shown = next(n for n in work if "half" in n.message)
    assert (shown.fraction, shown.metrics["part"], shown.previews) == (0.2, 1.0, {"pairs": ()})


def test_a_validation_tells_how_far_it_is():
    trainer = Trainer(Falling(pieces=3), plan(10), CPU)
    news = list(trainer.run())
    first = next(i for i, n in enumerate(news) if "validating" in n.message)
    assert [n.message for n in news[first : first + 4]] == [
        "step 2: validating: piece 1", "step 2: validating: piece 2",
        "step 2: validating: piece 3", "step 2: validated",
    ]  # fmt: skip
    assert all("loss" not in n.metrics for n in news[first : first + 4])
    assert news[first + 3].metrics["held"] == news[first + 4].metrics["held"] == 1
    assert [n.fraction for n in news] == sorted(n.fraction for n in news)


@pytest.mark.parametrize("how", ["cancelled", "closed"])
def test_it_can_be_stopped_in_a_validation_and_repeats_it_when_it_goes_on(how):
    store = MemoryStore()
    stage = Falling(pieces=20, seconds=0.05)
    trainer = Trainer(stage, plan(10), CPU, store=store)
    work = trainer.run()
    while "validating: piece 2" not in next(work).message:
        pass
    begun = time.monotonic()
    if how == "closed":
        work.close()
    else:
        with pytest.raises(Cancelled):
            work.throw(Cancelled)
    assert time.monotonic() - begun < 0.5
    assert (stage.begun, stage.validated) == (1, 0)
    assert store.saved[-1][1]["step"] == 2
    rest = Trainer(Falling(), plan(10), CPU, store=MemoryStore(store.saved[-1]))
    news = list(rest.run())
    assert "step 2: validating" in news[0].message
    assert len(losses(news)) == 8


def test_going_on_from_a_checkpoint_gives_the_same_weights():
    store = MemoryStore()
    fields = {"average_decay": 0.99, "seed": 3}
    trainer = Trainer(Falling(None), plan(40, **fields), CPU, store=store)
    work = trainer.run()
    while trainer.step < 17:
        next(work)
    work.close()
    kept = MemoryStore(store.saved[-1])
    resumed = Trainer(Falling(None), plan(40, **fields), CPU, store=kept)
    straight = Trainer(Falling(None), plan(40, **fields), CPU)
    found = losses(straight.run())
    assert losses(resumed.run()) == found[17:]
    assert [row.step for row in resumed.history] == list(range(1, 41))
    assert [row.loss for row in resumed.history] == found
    for name, value in straight.best_weights().items():
        np.testing.assert_array_equal(resumed.best_weights()[name], value)


@pytest.mark.parametrize(
    ("best", "value"), [({"a": 0.25, "b": 0.75}, 0.5), (0.5, -0.5), ({}, None), (None, None)]
)
def test_checkpoints_of_older_versions_are_gone_on_with(best, value):
    store = MemoryStore()
    trainer = Trainer(Falling(), plan(10), CPU, store=store)
    work = trainer.run()
    while trainer.step < 3:
        next(work)
    work.close()
    arrays, meta = store.saved[-1]
    arrays |= {k.replace("net.", "best."): v for k, v in arrays.items() if k.startswith("net.")}
    old = {"step": meta["step"], "elapsed": meta["elapsed"], "best": best}
    kept = MemoryStore((arrays, old))
    resumed = Trainer(Falling(), plan(10, patience=None), CPU, store=kept)
    assert (resumed.best.value if resumed.best else None) == value
    assert len(losses(resumed.run())) == 7


def test_of_what_is_done_only_the_weights_are_kept():
    store = MemoryStore()
    trainer = Trainer(Falling(), plan(5, average_decay=0.9), CPU, store=store)
    list(trainer.run())
    arrays, meta = store.saved[-1]
    assert meta["done"]
    assert set(arrays) == {"net.0.weight", "net.0.bias"}
    kept = MemoryStore(store.saved[-1])
    again = Trainer(Falling(), plan(5, average_decay=0.9), CPU, store=kept)
    assert list(again.run()) == []
    weights = trainer.best_weights()
    assert all(np.array_equal(v, weights[k]) for k, v in again.best_weights().items())


def test_batches_that_take_long_are_waited_for_with_progress():
    class Slow(Falling):
        def make_batch(self, number):
            time.sleep(0.6)
            return super().make_batch(number)

    news = list(Trainer(Slow(), plan(1), CPU).run())
    assert news[0].message == "step 0: waiting for training images"
    assert len(losses(news)) == 1


def test_the_time_left_is_true_under_a_step_limit_and_counts_what_is_done_between():
    modes = []

    def between(net):
        modes.append(net.training)
        time.sleep(0.02)
        yield Progress(0.0)

    trainer = Trainer(Falling(), plan(20, patience=None), CPU, between=between)
    told = [
        (trainer.elapsed, step.metrics.get("seconds left"))
        for step in trainer.run()
        if "loss" in step.metrics
    ]
    whole = trainer.elapsed
    assert set(modes) == {False} and len(modes) == 20
    spent, left = told[9]
    assert left == pytest.approx(whole - spent, rel=0.5)
    assert told[-1][1] < 0.1 * whole


def test_the_rate_rises_shortly_and_falls_to_nearly_nothing():
    rates = np.array([rate_factor(f) for f in np.linspace(0, 1, 201)])
    top = int(rates.argmax())
    assert np.isclose(top / 200, WARM_UP_SHARE, atol=0.006)
    assert np.isclose(rates[top], 1, atol=0.01)
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()
    assert 0 < rates[-1] < 0.01
    assert (rates > 0).all()


def test_an_average_looks_back_farther_and_farther():
    kept = [average_decay(step, 0.99) for step in range(2000)]
    assert kept[0] == 0
    assert kept == sorted(kept)
    assert kept[-1] == 0.99
