"""The training loop of all networks: tasks, the codes, the prior, and the gate's segmenter.

A generator that yields at each batch and in each validation, and can be stopped at any yield.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import torch
from lightning_fabric import Fabric
from torch.optim.swa_utils import AveragedModel

from napari_synthseg.core.progress import Cancelled, Progress
from napari_synthseg.core.runs import HistoryRow, Weights
from napari_synthseg.training.batches import Take, prefetched
from napari_synthseg.training.model import load_weights, weights_of
from napari_synthseg.training.randomness import seeded_torch
from napari_synthseg.training.schedule import average_decay, rate_factor
from napari_synthseg.training.trainable import Net, Trainable, Validation

R = TypeVar("R")

Checkpoint = tuple[Weights, dict[str, Any]]
"""Arrays by name, and JSON types."""

WAIT_S = 0.25
"""Seconds of waiting for a batch after which progress is yielded."""


@dataclass(frozen=True)
class Budget:
    """How long to train: `steps`, where given, win over `minutes`."""

    minutes: float
    steps: int | None = None


@dataclass(frozen=True)
class TrainingPlan:
    """How to train.

    Attributes
    ----------
    validate_at
        Shares of the budget at which the weights are validated, in ascending order up to 1.
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
    average_decay: float = 0.0
    patience: int | None = None
    max_gradient_norm: float = 1.0
    mixed_precision: bool = False
    seed: int = 0


class Trainer(Generic[Net]):
    """One training: network, optimizer, averaged weights, and the best so far.

    Parameters
    ----------
    started
        `time.monotonic()` at which the time budget began; default now.
    save
        Takes a checkpoint after each validation, at the end, and when training is stopped.
    """

    def __init__(
        self,
        trainable: Trainable[Net],
        plan: TrainingPlan,
        device: torch.device,
        *,
        started: float | None = None,
        save: Callable[[Weights, dict[str, Any]], None] | None = None,
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
        self.figures: dict[str, float] = {}
        self._save = save or (lambda arrays, meta: None)
        with seeded_torch(plan.seed):
            self.network = trainable.build_network()
        half = plan.mixed_precision and device.type == "cuda"
        self._fabric = Fabric(
            accelerator=device.type, devices=1, precision="16-mixed" if half else "32-true"
        )
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=0.0, weight_decay=1e-4)
        self._wrapped, self._optimizer = self._fabric.setup(self.network, optimizer)
        self._finite_only = (
            not half
        )  # gradients of 16 bits overflow now and then: a step is left out
        self._average: AveragedModel | None = None
        if plan.average_decay:
            self._average = AveragedModel(
                self.network, multi_avg_fn=self._update_average, use_buffers=True
            )
            self._average.n_averaged.fill_(1)  # the initial weights are the first of the average

    # --- progress ----------------------------------------------------------------------------

    @property
    def elapsed(self) -> float:
        """Seconds spent, earlier parts of the training included, pauses at a yield not."""
        return self._elapsed_before + time.monotonic() - self._started - self._idle

    @property
    def fraction(self) -> float:
        """Share of the budget that is used up, at most 1."""
        budget = self.plan.budget
        if budget.steps is not None:
            return min(self.step / budget.steps, 1.0)
        return min(self.elapsed / 60 / budget.minutes, 1.0)

    @property
    def _is_over(self) -> bool:
        patience = self.plan.patience
        return self.step > 0 and (
            self.fraction >= 1 or (patience is not None and self._worse >= patience)
        )

    @property
    def _validation_is_due(self) -> bool:
        now = self.fraction
        return self.step > 0 and any(
            self._validated_at < share <= now for share in self.plan.validate_at
        )

    def _tell(self, message: str, **more: Any) -> Generator[Progress, None, None]:
        """Yield progress; the time until training goes on is not counted."""
        left = time.monotonic()
        metrics = {"step": float(self.step), **more.pop("metrics", {}), **self.figures}
        try:
            yield Progress(self.fraction, message, metrics, **more)
        finally:
            self._idle += time.monotonic() - left

    # --- training ----------------------------------------------------------------------------

    def run(self) -> Generator[Progress, None, None]:
        """Train until the budget is used up, or nothing gets better.

        Yields each batch, with "step", "loss", "seconds", figures of the batch and of the last
        validation; and, without "loss", while it waits for batches and validates. `Cancelled` or
        a close at a yield saves a checkpoint.
        """
        if self.done:
            return
        try:
            with prefetched(self.trainable.make_batch, self.step) as take:
                while True:
                    if self._validation_is_due:
                        yield from self._validate()
                    if self._is_over:
                        break
                    yield from self._learn(take)
        except (Cancelled, GeneratorExit):
            self._save(*self.checkpoint())
            raise

    def _learn(self, take: Take) -> Generator[Progress, None, None]:
        """Learn from one batch."""
        while (batch := take(WAIT_S)) is None:
            yield from self._tell("waiting for training images")
        self._wrapped.train()
        fraction = self.fraction
        for group in self._optimizer.param_groups:
            group["lr"] = self.plan.learning_rate * rate_factor(fraction)
        with seeded_torch(self.plan.seed, self.step, device=self.device):
            network: Any = self._wrapped
            loss, figures = self.trainable.batch_loss(network, batch.to(self.device), fraction)
            self._optimizer.zero_grad()
            self._fabric.backward(loss)
        self._fabric.clip_gradients(
            self._wrapped, self._optimizer, max_norm=self.plan.max_gradient_norm,
            error_if_nonfinite=self._finite_only,
        )  # fmt: skip
        self._optimizer.step()
        self.step += 1
        if self._average is not None:
            self._average.update_parameters(self.network)
        row = HistoryRow(self.step, self.elapsed, float(loss.item()))
        self.history.append(row)
        metrics = {"loss": row.loss, "seconds": row.seconds}
        metrics |= {name: float(value) for name, value in figures.items()}
        yield from self._tell(f"step {self.step}", metrics=metrics)

    def _validate(self) -> Generator[Progress, None, None]:
        """Validate the weights, and keep them if they are the best so far."""
        due = self.fraction
        network = self._candidate().eval()
        found = yield from self.follow(self.trainable.validate(network, self.device), "validating")
        self._validated_at = due
        self.figures = dict(found.values)
        is_best = found.value is not None and (
            self.best is None or self.best.value is None or found.value >= self.best.value
        )
        if found.value is not None:
            better = self.best is None or self.best.value is None or found.value > self.best.value
            self._worse = 0 if better else self._worse + 1
        if is_best:
            self.best, self._best_weights = found, weights_of(network)
            self._best_step = self.step
        if self._best_step:
            self.figures["best step"] = float(self._best_step)
        if self.history:
            self.history[-1] = replace(self.history[-1], validation=found.values, best=is_best)
        self.done = self._is_over
        self._save(*self.checkpoint())
        yield from self._tell(f"step {self.step}: validated", previews=found.previews)

    def follow(
        self, work: Generator[Progress, None, R], message: str
    ) -> Generator[Progress, None, R]:
        """Run other work as a part of the training; return its result."""
        with closing(work):
            while True:
                try:
                    news = next(work)
                except StopIteration as end:
                    result: R = end.value
                    return result
                words = f"{message}, {news.message}" if news.message else message
                yield from self._tell(f"step {self.step}: {words}")

    def _candidate(self) -> Net:
        """Return the network whose weights are validated and kept."""
        return self.network if self._average is None else self._average.module  # type: ignore[return-value]

    def _update_average(self, averages: Any, current: Any, count: torch.Tensor | int) -> None:
        """Move averages, all of one type, towards the current weights."""
        share = 1 - average_decay(int(count), self.plan.average_decay)
        for average, value in zip(averages, current, strict=True):
            if average.is_floating_point():
                average.lerp_(value, share)
            else:
                average.copy_(value)

    # --- results -----------------------------------------------------------------------------

    def best_weights(self) -> Weights:
        """Return the best weights, or the last ones where nothing was validated."""
        return self._best_weights or weights_of(self._candidate())

    def trained(self) -> Net:
        """Return the network with the best weights, in evaluation mode."""
        load_weights(self.network, self.best_weights())
        return self.network.eval()

    def checkpoint(self) -> Checkpoint:
        """Return all that is needed to go on; of a training that is done only the weights."""
        meta: dict[str, Any] = {
            "step": self.step, "elapsed": self.elapsed, "done": self.done, "worse": self._worse,
            "validated_at": self._validated_at, "figures": self.figures,
            "best_step": self._best_step,
        }  # fmt: skip
        if self.best is not None:
            meta |= {"best_value": self.best.value, "best_values": dict(self.best.values)}
        if self.done:
            return _prefixed("net", self.best_weights()), meta
        arrays = _prefixed("net", weights_of(self.network))
        if self._average is not None:
            arrays |= _prefixed("average", weights_of(self._candidate()))
        arrays |= _prefixed("best", self._best_weights or {})
        for index, state in self._optimizer.state_dict()["state"].items():
            arrays |= {f"optimizer.{index}.{k}": v.cpu().numpy() for k, v in state.items()}
        return arrays, meta

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint."""
        arrays, meta = checkpoint
        load_weights(self.network, _part("net", arrays))
        self.step, self._elapsed_before = int(meta["step"]), float(meta["elapsed"])
        self.done, self._worse = bool(meta.get("done", False)), int(meta.get("worse", 0))
        self.figures = dict(meta.get("figures", {}))
        self._best_step = int(meta.get("best_step", 0))
        self._validated_at = float(meta.get("validated_at", self.fraction))
        value, values = _read_best(meta)
        if value is not None:
            self.best = Validation(values, value)
        if self.done:
            self._average = None
            return
        if self._average is not None:
            load_weights(self._average.module, _part("average", arrays))
            self._average.n_averaged.fill_(self.step + 1)
        if self.best is not None:
            self._best_weights = _part("best", arrays)
        state: dict[int, dict[str, torch.Tensor]] = {}
        for key, array in _part("optimizer", arrays).items():
            index, name = key.split(".", 1)
            state.setdefault(int(index), {})[name] = torch.from_numpy(array)
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": state, "param_groups": groups})


def _read_best(meta: Mapping[str, Any]) -> tuple[float | None, dict[str, float]]:
    """Return the value and the figures of the best validation, None and {} if there is none.

    In older checkpoints "best" is the figures of a task, or the loss of a generator's network.
    """
    if "best_value" in meta:
        return meta["best_value"], dict(meta["best_values"])
    old = meta.get("best")
    if isinstance(old, Mapping):
        found = Validation.by_mean({k: float(v) for k, v in old.items()})
        return found.value, dict(found.values)
    return (None if old is None else -float(old)), {}


def _prefixed(name: str, weights: Weights) -> Weights:
    return {f"{name}.{key}": value for key, value in weights.items()}


def _part(name: str, arrays: Weights) -> Weights:
    """Return copies of the arrays of a part of a checkpoint."""
    prefix = f"{name}."
    return {k.removeprefix(prefix): v.copy() for k, v in arrays.items() if k.startswith(prefix)}
