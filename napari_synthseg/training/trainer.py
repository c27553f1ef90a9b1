"""The training loop of all networks: tasks, the codes, the prior, and the gate's segmenter.

A generator that yields at each batch and in each validation, and can be stopped at any yield.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Generic, TypeVar, cast

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import nn
from torch.optim.swa_utils import AveragedModel

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Cancelled, Progress, subprogress, told_as
from napari_synthseg.core.recipe import Artifact, ArtifactStore, NullArtifactStore
from napari_synthseg.core.runs import HistoryRow, Weights
from napari_synthseg.training.batches import Take, prefetched
from napari_synthseg.training.model import load_weights, weights_of
from napari_synthseg.training.randomness import seeded_torch
from napari_synthseg.training.trainable import Net, Trainable, Validation

R = TypeVar("R")

Between = Callable[[Net], Generator[Progress, None, None]]
"""What is done between two batches with the network whose weights are kept, in evaluation mode."""

TIMED_STEPS = 40
"""Last batches by which the time of those to come is told."""

LEARNED_RATE = 0.2
"""Share of the learning rate for what was trained before: at the full one it is forgotten in a few
steps, before as much is learned from a few objects."""

WARM_UP_SHARE = 0.05
"""Share of the budget in which the learning rate rises."""

SAVE_EVERY_S = 30.0
"""Seconds of training after which a checkpoint is saved, so that no more is ever lost."""

NO_LONGER_FITS = (
    "What was learned so far does not fit any more: classes, channels of the images or settings of "
    "the network were changed since. Train a new run, or take the change back."
)

WAIT_S = 0.25
"""Seconds of waiting for a batch after which progress is yielded."""


def rate_factor(fraction: float) -> float:
    """Return the learning rate's factor: a short rise, then half a cosine to nearly zero.

    `fraction` is the share of the budget that is used up, 0..1.
    """
    if fraction < WARM_UP_SHARE:
        return 0.1 + 0.9 * fraction / WARM_UP_SHARE
    return 0.5 + 0.5 * math.cos(math.pi * (fraction - WARM_UP_SHARE) / (1 - WARM_UP_SHARE)) + 1e-3


def average_decay(step: int, most: float) -> float:
    """Return what the running average keeps of itself at a step: little at first, then `most`."""
    return min(most, step / (step + 10))


VALIDATION_SHARE = 0.08
"""Share of a time limit that validation may take together, the last one and what follows included;
the last one is never left out."""

MOST_RESERVED = 0.4
"""Share of a time limit that is kept free for the end, at most."""


@dataclass(frozen=True)
class Budget:
    """How long to train: `steps`, where given, win over `minutes`."""

    minutes: float
    steps: int | None = None

    def time_share(self, seconds: float) -> float:
        """Return the share of the time limit that is gone, at most 1; of steps none is."""
        return 0.0 if self.steps is not None else min(seconds / (60 * self.minutes), 1.0)


@dataclass(frozen=True)
class TrainingPlan:
    """How to train.

    Attributes
    ----------
    validate_at
        Shares of the budget at which the weights are validated, in ascending order up to 1. Of a
        time limit, those in between are left out where they would take too much of it.
    closing
        How many times as long as a validation the rest takes that follows after training. A time
        limit keeps that and the last validation free.
    average_decay
        Most that the running average of the weights keeps of itself at a step. The average is what
        is validated and kept. 0: no average.
    patience
        Validations in a row without a better one after which training ends; None: never.
    max_gradient_norm
        Gradients are scaled down to this norm.
    mixed_precision
        Whether to compute with 16 bits on CUDA.
    seed
        Of initial weights, and of what is random in the network while it trains.
    """

    budget: Budget
    learning_rate: float
    validate_at: tuple[float, ...]
    closing: float = 0.0
    average_decay: float = 0.0
    patience: int | None = None
    max_gradient_norm: float = 1.0
    mixed_precision: bool = False
    seed: int = 0


class TrainerState(BaseModel):
    """Where a training stands, as its checkpoint keeps it beside the arrays.

    Attributes
    ----------
    elapsed
        Seconds that are spent.
    done
        Whether there is nothing left to train.
    worse
        Validations in a row without a better one.
    validated_at
        Share of the budget at the last validation; None in older checkpoints.
    began
        Seconds that were spent before the first batch.
    validation_seconds, last_validation_seconds
        That all validations took together, and the last one.
    figures
        Of the last validation.
    best_step, best_value, best_values
        Step, value and figures of the best validation; `best_value` is None where there is none.
    learned
        Names of the parameters that began with weights which were trained before, as these may be
        gone; None in older checkpoints.
    history
        Its batches so far; empty in older checkpoints.
    about
        What else its caller has to know to go on, JSON types; empty in older checkpoints.
    """

    model_config = ConfigDict(frozen=True)
    step: int
    elapsed: float
    done: bool = False
    worse: int = 0
    validated_at: float | None = None
    began: float = 0.0
    validation_seconds: float = 0.0
    last_validation_seconds: float = 0.0
    figures: dict[str, float] = Field(default_factory=dict)
    best_step: int = 0
    best_value: float | None = None
    best_values: dict[str, float] = Field(default_factory=dict)
    learned: tuple[str, ...] | None = None
    history: tuple[HistoryRow, ...] = ()
    about: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _read_old_best(cls, data: Any) -> Any:
        """Read "best" of older checkpoints: figures of a task, or the loss of a generator's net."""
        if not isinstance(data, Mapping) or data.get("best") is None:
            return data
        if not isinstance(data["best"], Mapping):
            return {**data, "best_value": -float(data["best"])}
        found = Validation.by_mean(data["best"])
        return {**data, "best_value": found.value, "best_values": found.values}


class Trainer(Generic[Net]):
    """One training: network, optimizer, averaged weights, and the best so far.

    Attributes
    ----------
    unsaved
        Why the last checkpoint could not be saved; empty where it was.

    Parameters
    ----------
    started
        `time.monotonic()` at which the time budget began; default now.
    store, name
        Keeps a checkpoint under a name after each validation, at the end, and when training is
        stopped; gives where to go on from.
    between
        Looks through the network after each batch; its time counts as that of the training.
    about
        What checkpoints keep for the caller, JSON types.
    """

    def __init__(
        self,
        trainable: Trainable[Net],
        plan: TrainingPlan,
        device: torch.device,
        *,
        started: float | None = None,
        store: ArtifactStore | None = None,
        name: str = "",
        between: Between[Net] | None = None,
        about: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.trainable, self.plan, self.device = trainable, plan, device
        self.step, self.done = 0, False
        self.best: Validation | None = None
        self.history: list[HistoryRow] = []
        self._started = time.monotonic() if started is None else started
        self._elapsed_before = self._idle = 0.0
        self._best_weights: Weights | None = None
        self._best_step = self._worse = 0
        self._validated_at = 0.0
        self._began: float | None = None
        self._validation_s = self._last_validation_s = 0.0
        self.figures: dict[str, float] = {}
        self.unsaved, self._saved_at = "", 0.0
        self._between = between
        self._step_seconds: deque[float] = deque(maxlen=TIMED_STEPS)
        self._store, self._name = store or NullArtifactStore(), name
        self._about = dict(about)
        with seeded_torch(plan.seed):
            self.network = trainable.build_network()
        self.network.to(device)
        kept = self._store.load(name)
        state = None if kept is None else TrainerState.model_validate(kept[1])
        known = None if state is None else state.learned
        self._learned_names = trainable.learned if known is None else frozenset(known)
        learned: tuple[list[nn.Parameter], list[nn.Parameter]] = [], []
        for parameter_name, parameter in self.network.named_parameters():
            learned[parameter_name in self._learned_names].append(parameter)
        groups = [
            {"params": parameters, "share": share}
            for parameters, share in zip(learned, (1.0, LEARNED_RATE), strict=True)
            if parameters
        ]
        self._begins_learned = not learned[0]
        self._optimizer = torch.optim.AdamW(
            groups, lr=0.0, weight_decay=1e-4, fused=True if device.type == "cpu" else None
        )
        self._half = plan.mixed_precision and device.type == "cuda"
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._half)
        self._average: AveragedModel | None = None
        if plan.average_decay:
            self._average = AveragedModel(
                self.network, multi_avg_fn=self._update_average, use_buffers=True
            )
            self._average.n_averaged.fill_(1)  # the initial weights are the first of the average
        if kept is not None and state is not None:
            self._restore(kept[0], state)

    # --- progress ----------------------------------------------------------------------------

    @property
    def elapsed(self) -> float:
        """Seconds spent, earlier parts of the training included, pauses at a yield not."""
        return self._elapsed_before + time.monotonic() - self._started - self._idle

    @property
    def fraction(self) -> float:
        """Share of the budget that is used up, at most 1.

        A time limit counts from the first batch to what must be left for the end, so that the
        learning rate rises and falls in the time that there is to learn.
        """
        budget = self.plan.budget
        if budget.steps is not None:
            return min(self.step / budget.steps, 1.0)
        limit = 60 * budget.minutes
        reserved = min((1 + self.plan.closing) * self._last_validation_s, MOST_RESERVED * limit)
        began = self._began or 0.0
        room = limit - reserved - began
        return min((self.elapsed - began) / room, 1.0) if room > 0 else 1.0

    @property
    def shown_fraction(self) -> float:
        """Share that is shown, at most 1: of the steps, or of all the time. It never falls.

        `fraction` may, as validations take longer or shorter than the one before.
        """
        if self.done or self.plan.budget.steps is not None:
            return 1.0 if self.done else self.fraction
        return self.plan.budget.time_share(self.elapsed)

    @property
    def seconds_left(self) -> float | None:
        """How long the rest will take, what follows after training included; None: not known yet.

        Of a number of steps it is told by how long the last ones took; a time limit is kept.
        """
        budget, spent = self.plan.budget, self.elapsed
        closing = self.plan.closing * self._last_validation_s
        if budget.steps is None:
            return max(60 * budget.minutes - spent, 0.0)
        if not self._step_seconds:
            return None
        a_step = sum(self._step_seconds) / len(self._step_seconds)
        due = sum(share > self._validated_at for share in self.plan.validate_at)
        return a_step * (budget.steps - self.step) + due * self._last_validation_s + closing

    def _is_over(self, fraction: float) -> bool:
        patience = self.plan.patience
        return self.step > 0 and (
            fraction >= 1 or (patience is not None and self._worse >= patience)
        )

    def _validation_is_due(self, fraction: float) -> bool:
        return (
            self.step > 0
            and any(self._validated_at < share <= fraction for share in self.plan.validate_at)
            and (fraction >= 1 or self._can_afford_validation)
        )

    @property
    def _can_afford_validation(self) -> bool:
        """Whether another validation leaves enough of a time limit for the last one.

        How long one takes is only known after the first. Where steps are counted, none is left out,
        so that the same steps give the same weights on any machine.
        """
        if self.plan.budget.steps is not None:
            return True
        planned = self._validation_s + (2 + self.plan.closing) * self._last_validation_s
        return planned <= VALIDATION_SHARE * 60 * self.plan.budget.minutes

    # --- training ----------------------------------------------------------------------------

    def run(self) -> Generator[Progress, None, None]:
        """Train until the budget is used up, or nothing gets better.

        A network that begins with trained weights alone is validated first: they may be the best.

        Yields each batch, with "step", "loss", "seconds", figures of the batch and of the last
        validation; and, without "loss", while it waits for batches and validates. `Cancelled` or
        a close at a yield saves a checkpoint.
        """
        if self.done:
            return
        if self._began is None:
            self._began = self.elapsed
        self._saved_at = self.elapsed
        try:
            with prefetched(self.trainable.make_batch, self.step) as take:
                yield from self.clocked(self._learn_and_validate(take))
        except (Cancelled, GeneratorExit):
            self._save()
            raise
        except Exception:
            with suppress(InputError):  # of the two failures the first says more
                self._save()
            raise

    def clocked(
        self, work: Generator[Progress, None, R], message: str | None = None
    ) -> Generator[Progress, None, R]:
        """Run work as a part of the training; the time until it goes on is not counted."""
        return told_as(self._tell, subprogress(work, message=message))

    @contextmanager
    def _tell(self, news: Progress) -> Iterator[Progress]:
        left = time.monotonic()
        metrics = {"step": float(self.step), **news.metrics, **self.figures}
        if (rest := self.seconds_left) is not None:
            metrics["seconds left"] = rest
        words = f"step {self.step}: {news.message}".removesuffix(": ")
        try:
            yield replace(news, fraction=self.shown_fraction, message=words, metrics=metrics)
        finally:
            self._idle += time.monotonic() - left

    def _learn_and_validate(self, take: Take) -> Generator[Progress, None, None]:
        if self._begins_learned and self.step == 0:  # the weights may be the best there will be
            yield from self._validate(0.0)
        while True:
            # read once: the time budget may end between two looks at it
            fraction = self.fraction
            if self._validation_is_due(fraction):
                yield from self._validate(fraction)
                if self.done:
                    return
            elif self._is_over(fraction):
                return
            began = self.elapsed
            yield from self._learn(take)
            if self._between is not None:
                yield from self._between(self._candidate().eval())
            self._step_seconds.append(self.elapsed - began)
            if self.elapsed - self._saved_at >= SAVE_EVERY_S:
                yield Progress(0.0, notes=self._try_to_save())

    def _learn(self, take: Take) -> Generator[Progress, None, None]:
        """Learn from one batch."""
        while (batch := take(WAIT_S)) is None:
            yield Progress(0.0, "waiting for training images")
        self.network.train()
        fraction = self.fraction
        for group in self._optimizer.param_groups:
            group["lr"] = group["share"] * self.plan.learning_rate * rate_factor(fraction)
        with (
            seeded_torch(self.plan.seed, self.step, device=self.device),
            torch.autocast(self.device.type, torch.float16, enabled=self._half),
        ):
            loss, figures = self.trainable.batch_loss(self.network, batch.to(self.device), fraction)
        self._optimizer.zero_grad()
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._scaler.unscale_(self._optimizer)
        torch.nn.utils.clip_grad_norm_(
            self.network.parameters(), self.plan.max_gradient_norm,
            error_if_nonfinite=not self._half,  # of 16 bits they overflow now and then
        )  # fmt: skip
        self._scaler.step(self._optimizer)  # leaves out steps with an overflow
        self._scaler.update()
        self.step += 1
        if self._average is not None:
            self._average.update_parameters(self.network)
        row = HistoryRow(self.step, self.elapsed, float(loss.item()))
        self.history.append(row)
        metrics = {"loss": row.loss, "seconds": row.seconds}
        metrics |= {name: float(value) for name, value in figures.items()}
        yield Progress(0.0, metrics=metrics)

    def _validate(self, due: float) -> Generator[Progress, None, None]:
        """Validate the weights, and keep them if they are the best so far."""
        started = self.elapsed
        network = self._candidate().eval()
        work = self.trainable.validate(network, self.device)
        found = yield from subprogress(work, message="validating")
        self._validated_at = due
        self._last_validation_s = self.elapsed - started
        self._validation_s += self._last_validation_s
        self.figures = {**found.values, **found.losses}
        before = None if self.best is None else self.best.value
        is_best = found.value is not None and (before is None or found.value >= before)
        if found.value is not None:
            is_better = before is None or found.value > before
            self._worse = 0 if is_better else self._worse + 1
        if is_best:
            self.best, self._best_weights = found, weights_of(network)
            self._best_step = self.step
        if self._best_step:
            self.figures["best step"] = float(self._best_step)
        if self.history:
            self.history[-1] = replace(
                self.history[-1], validation={**found.values, **found.losses}, best=is_best
            )
        self.done = self._is_over(self.fraction)
        yield Progress(0.0, "validated", previews=found.previews, notes=self._try_to_save())

    def _candidate(self) -> Net:
        """Return the network whose weights are validated and kept."""
        return self.network if self._average is None else cast("Net", self._average.module)

    def _update_average(self, averages: Any, current: Any, count: torch.Tensor | int) -> None:
        """Move averages, all of one type, towards the current weights."""
        share = 1 - average_decay(int(count), self.plan.average_decay)
        for average, value in zip(averages, current, strict=True):
            if average.is_floating_point():
                average.lerp_(value, share)
            else:
                average.copy_(value)

    def validate_last(self) -> Generator[Progress, None, None]:
        """Validate the weights of now, of a training that was stopped before its end."""
        if self.step and self.history and not self.history[-1].validation:
            yield from self.clocked(self._validate(self.fraction))

    # --- results -----------------------------------------------------------------------------

    @property
    def keeps_start(self) -> bool:
        """Whether nothing that was learned did better than the weights that it began with."""
        return self._begins_learned and self.best is not None and self._best_step == 0

    def best_weights(self) -> Weights:
        """Return the best weights, or the last ones where nothing was validated."""
        return self._best_weights or weights_of(self._candidate())

    def trained(self) -> Net:
        """Return the network with the best weights, in evaluation mode."""
        load_weights(self.network, self.best_weights())
        return self.network.eval()

    def _try_to_save(self) -> tuple[str, ...]:
        """Save a checkpoint; where that fails learning goes on, and notes say so."""
        self._saved_at = self.elapsed
        try:
            self._save()
        except InputError as error:  # the disk may have room again by the next time
            self.unsaved = str(error)
            return (f"learning goes on unsaved: {self.unsaved.rstrip('.')}",)
        self.unsaved = ""
        return ()

    def _save(self) -> None:
        self._store.save(self._name, *self._checkpoint())

    def _checkpoint(self) -> Artifact:
        """Return all that is needed to go on; of a training that is done only the weights."""
        meta = TrainerState(
            step=self.step,
            elapsed=self.elapsed,
            done=self.done,
            worse=self._worse,
            validated_at=self._validated_at,
            began=self._began or 0.0,
            validation_seconds=self._validation_s,
            last_validation_seconds=self._last_validation_s,
            figures=self.figures,
            best_step=self._best_step,
            best_value=self.best.value if self.best else None,
            best_values=dict(self.best.values) if self.best else {},
            learned=tuple(sorted(self._learned_names)),
            history=tuple(self.history),
            about=self._about,
        ).model_dump()
        if self.done:
            return _prefixed("net", self.best_weights()), meta
        arrays = _prefixed("net", weights_of(self.network))
        if self._average is not None:
            arrays |= _prefixed("average", weights_of(self._candidate()))
        arrays |= _prefixed("best", self._best_weights or {})
        for index, state in self._optimizer.state_dict()["state"].items():
            arrays |= {f"optimizer.{index}.{k}": v.cpu().numpy() for k, v in state.items()}
        return arrays, meta

    def _restore(self, arrays: Weights, state: TrainerState) -> None:
        """Go on from a checkpoint.

        Raises
        ------
        InputError
            If it is of a network of another shape.
        """
        weights = _part("net", arrays)
        own = {name: tuple(value.shape) for name, value in self.network.state_dict().items()}
        if {name: value.shape for name, value in weights.items()} != own:
            raise InputError(NO_LONGER_FITS)
        load_weights(self.network, weights)
        self.step, self._elapsed_before = state.step, state.elapsed
        self.done, self._worse = state.done, state.worse
        self.figures, self._best_step = dict(state.figures), state.best_step
        self._began = state.began
        self.history = list(state.history)
        self._validation_s = state.validation_seconds
        self._last_validation_s = state.last_validation_seconds
        known = state.validated_at
        self._validated_at = self.fraction if known is None else known
        if state.best_value is not None:
            self.best = Validation(state.best_values, state.best_value)
        if self.done:
            self._average = None
            return
        if self._average is not None:
            load_weights(self._average.module, _part("average", arrays))
            self._average.n_averaged.fill_(self.step + 1)
        if self.best is not None:
            self._best_weights = _part("best", arrays)
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for key, array in _part("optimizer", arrays).items():
            index, name = key.split(".", 1)
            moments.setdefault(int(index), {})[name] = torch.from_numpy(array)
        parameters = [p for group in self._optimizer.param_groups for p in group["params"]]
        if any(moments[n]["exp_avg"].shape != parameters[n].shape for n in moments):
            return  # an older checkpoint, of a start that is gone: they gather anew in a few steps
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": moments, "param_groups": groups})


def _prefixed(name: str, weights: Weights) -> Weights:
    return {f"{name}.{key}": value for key, value in weights.items()}


def _part(name: str, arrays: Weights) -> Weights:
    """Return copies of the arrays of a part of a checkpoint."""
    prefix = f"{name}."
    return {k.removeprefix(prefix): v.copy() for k, v in arrays.items() if k.startswith(prefix)}
