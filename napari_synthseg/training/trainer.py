"""The training loop: a generator that yields each batch and can be stopped at any of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.progress import Cancelled
from napari_synthseg.core.runs import TrainedModel, TrainStep, Weights
from napari_synthseg.networks.build import build_model
from napari_synthseg.training.batches import prefetched
from napari_synthseg.training.device import choose_device
from napari_synthseg.training.schedule import average_memory, rate_factor
from napari_synthseg.training.trainable import Batch, Task, Validation

if TYPE_CHECKING:
    import torch
    from torch import nn

Checkpoint = tuple[dict[str, NDArray[Any]], dict[str, Any]]

VALIDATED_AT = (0.4, 0.55, 0.7, 0.85, 1.0)
"""Shares of the limit at which the weights are compared."""

FEW_STEPS = 50
"""A run that its time limit ended before so many steps says so."""

AVERAGING = 0.99
"""Memory of the running average of the weights, which is what is validated and kept."""


def fit_task(
    task: Task,
    *,
    notes: Sequence[str] = (),
    started: float | None = None,
    checkpoint: Checkpoint | None = None,
    save_checkpoint: Callable[[dict[str, NDArray[Any]], dict[str, Any]], None] | None = None,
) -> Generator[TrainStep, None, TrainedModel]:
    """Train the network of a task; yield each batch; return the best weights.

    Raising `Cancelled` at a yield returns the best weights so far, with the state "cancelled".

    Parameters
    ----------
    task
        What is learned; `task.spec.steps` limits the batches, else `task.spec.minutes` the time.
    notes
        What the user should know of the data; ends up in `TrainedModel.selection`.
    started
        `time.monotonic()` at which the time limit began; default now.
    checkpoint, save_checkpoint
        Where to go on from, and how to save the like.
    """
    loop = _Loop(task, started, notes=tuple(notes))
    if checkpoint is not None:
        loop.restore(checkpoint)
    save = save_checkpoint or (lambda arrays, meta: None)
    try:
        yield TrainStep(loop.step, loop.fraction(), float("nan"), 0.0, message=loop.device_reason)
        with prefetched(loop.task.make_batch, loop.step) as batches:
            while loop.fraction() < 1.0 or loop.step == 0:
                step = loop.turn(next(batches))
                if loop.validation_is_due():
                    step = loop.validated(step)
                    save(*loop.checkpoint())
                loop.history.append(step)
                yield step
    except (Cancelled, GeneratorExit):
        save(*loop.checkpoint())
        return loop.result("cancelled")
    return loop.result("done")


@dataclass(eq=False)
class _Loop:
    """The state of one training: network, optimizer, averaged weights, best so far."""

    task: Task
    started: float | None
    step: int = 0
    elapsed_before: float = 0.0
    history: list[TrainStep] = field(default_factory=list)
    best: tuple[Validation, Weights] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        import torch
        from lightning_fabric import Fabric

        self.started = time.monotonic() if self.started is None else self.started
        self.spec = self.task.spec
        self.device, self.device_reason = choose_device(self.spec.device)
        with torch.random.fork_rng(devices=[]):  # the process's own generator stays as it was
            torch.manual_seed(self.spec.seed)
            net = self._new_net()
        self.fabric = Fabric(
            accelerator=self.device.type,
            devices=1,
            precision="16-mixed" if self.device.type == "cuda" else "32-true",
        )
        optimizer = torch.optim.AdamW(net.parameters(), lr=0.0, weight_decay=1e-4)
        self.net, self.optimizer = self.fabric.setup(net, optimizer)
        self.average = {k: v.detach().clone() for k, v in net.state_dict().items()}
        self.plain_net: nn.Module = net

    def _new_net(self) -> nn.Module:
        return build_model(self.spec.model, self.task.in_channels, self.task.out_channels)

    # --- progress ----------------------------------------------------------------------------

    def elapsed(self) -> float:
        """Seconds spent on this run, earlier parts of it included."""
        assert self.started is not None
        return self.elapsed_before + time.monotonic() - self.started

    def fraction(self) -> float:
        """Share of the step or time limit that is used up."""
        if self.spec.steps is not None:
            return self.step / self.spec.steps
        return self.elapsed() / 60 / (self.spec.minutes or 4.0)

    def validation_is_due(self) -> bool:
        """Whether a share of the limit at which weights are compared was just passed."""
        before = self.history[-1].fraction if self.history else 0.0
        now = min(self.fraction(), 1.0)
        return any(before < share <= now for share in VALIDATED_AT)

    # --- learning ----------------------------------------------------------------------------

    def turn(self, batch: Batch) -> TrainStep:
        """Learn from one batch."""
        import torch

        self.net.train()
        fraction = min(self.fraction(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = self.spec.learning_rate * rate_factor(fraction)
        output = self.net(batch.images.to(self.device))
        loss = self.task.loss(output, tuple(t.to(self.device) for t in batch.targets))
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        self.fabric.clip_gradients(self.net, self.optimizer, max_norm=5.0)
        self.optimizer.step()
        self.step += 1
        memory = average_memory(self.step, AVERAGING)
        with torch.no_grad():
            for key, value in self.plain_net.state_dict().items():
                if value.is_floating_point():
                    self.average[key].lerp_(value, 1 - memory)
                else:
                    self.average[key].copy_(value)
        return TrainStep(self.step, min(self.fraction(), 1.0), float(loss.item()), self.elapsed())

    def validated(self, step: TrainStep) -> TrainStep:
        """Compare the averaged weights with the best so far."""
        if not self.task.data.holds_out:
            return step
        weights = self._averaged()
        found = self._validate(weights, tune=False)
        best = self.best is None or found.value >= self.best[0].value
        if best:
            self.best = (found, weights)
        return replace(step, validation=dict(found.values), best=best)

    def _validate(self, weights: Weights, *, tune: bool) -> Validation:
        import torch

        net = self._new_net()
        net.load_state_dict({k: torch.from_numpy(np.asarray(v)) for k, v in weights.items()})
        return self.task.validate(net.to(self.device).eval(), self.device, tune=tune)

    def _averaged(self) -> Weights:
        return {k: v.cpu().numpy().copy() for k, v in self.average.items()}

    # --- keeping -----------------------------------------------------------------------------

    def result(self, state: str) -> TrainedModel:
        """Return the best weights, with thresholds chosen on the held-out part."""
        rule, selection = self.task.rule, "last weights (nothing was held out)"
        weights = self.best[1] if self.best else self._averaged()
        if self.best:
            tuned = self._validate(weights, tune=True)
            rule = tuned.rule
            figures = ", ".join(f"{k} {v:.3f}" for k, v in tuned.values.items())
            selection = f"best on the held-out part: {figures}"
        if self.step < FEW_STEPS and self.spec.steps is None:
            selection += f"; only {self.step} steps were made: give it more time"
        selection = "; ".join([selection, *self.notes, *self.task.notes])
        return TrainedModel(
            spec=self.spec.model,
            in_channels=self.task.in_channels,
            out_channels=self.task.out_channels,
            rule=rule,
            weights=weights,
            device=self.device_reason,
            selection=selection,
            state="done" if state == "done" else "cancelled",
            history=tuple(self.history),
        )

    def checkpoint(self) -> Checkpoint:
        """Return all that is needed to go on later."""
        arrays: dict[str, NDArray[Any]] = {}
        for key, value in self.plain_net.state_dict().items():
            arrays[f"net.{key}"] = value.cpu().numpy().copy()
        arrays |= {f"average.{k}": v for k, v in self._averaged().items()}
        if self.best:
            arrays |= {f"best.{k}": np.asarray(v) for k, v in self.best[1].items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            for key, value in state.items():
                arrays[f"optimizer.{index}.{key}"] = np.asarray(value.cpu())
        best = dict(self.best[0].values) if self.best else {}
        return arrays, {"step": self.step, "elapsed": self.elapsed(), "best": best}

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint."""
        import torch

        arrays, meta = checkpoint

        def part(name: str) -> dict[str, torch.Tensor]:
            prefix = f"{name}."
            return {
                k.removeprefix(prefix): torch.from_numpy(np.array(v))
                for k, v in arrays.items()
                if k.startswith(prefix)
            }

        self.plain_net.load_state_dict(part("net"))
        self.average = {k: v.to(self.device) for k, v in part("average").items()}
        state: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in part("optimizer").items():
            index, name = key.split(".", 1)
            state.setdefault(int(index), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        if meta["best"]:
            weights = {k: v.numpy() for k, v in part("best").items()}
            self.best = (Validation(self.task.rule, meta["best"]), weights)
        self.step, self.elapsed_before = int(meta["step"]), float(meta["elapsed"])
