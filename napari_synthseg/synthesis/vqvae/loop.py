"""One loop for all that is learned here: limits, the best weights, and going on after a stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_synthseg.core.labels import DualImage
from napari_synthseg.training.schedule import average_memory, rate_factor

Arrays = dict[str, NDArray[np.generic]]
Pictures = Mapping[str, tuple[DualImage, ...]]

JUDGED_AT = tuple(np.linspace(0.2, 1.0, 13).round(3).tolist())
"""Shares of the limit at which the held-out part is looked at."""

PATIENCE = 4
"""Looks without a better one after which learning ends."""


class Stage(Protocol):
    """What is learned: a network, what it is punished for, and how it is judged."""

    @property
    def net(self) -> nn.Module:
        """The network, on its device."""
        ...

    def loss(self, step: int, fraction: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss of batch `step`, and figures of it by name."""
        ...

    def judge(self, net: nn.Module) -> tuple[float | None, dict[str, float]]:
        """Return how bad it is on the held-out part (None: nothing is held out), and figures."""
        ...

    def pictures(self, net: nn.Module) -> Pictures:
        """Return what it gives so far."""
        ...


@dataclass(frozen=True)
class Limit:
    """How long is learned: `steps`, if they are given, win over `minutes`."""

    minutes: float
    steps: int | None = None


@dataclass(frozen=True)
class Report:
    """What a step was like: `fraction` of the limit in 0..1; pictures where there are new ones."""

    step: int
    fraction: float
    values: Mapping[str, float]
    pictures: Pictures = field(default_factory=dict)


@dataclass(eq=False)
class Learning:
    """The state of learning one stage.

    Attributes
    ----------
    stage
        What is learned.
    limit
        How long.
    rate
        Largest learning rate.
    averaging
        Memory of the running average of the weights, which is then what is judged and kept; 0:
        none.
    seed
        Of everything random while learning; the process's own generators stay as they are.
    """

    stage: Stage
    limit: Limit
    rate: float = 2e-3
    averaging: float = 0.0
    seed: int = 0
    step: int = 0
    elapsed: float = 0.0
    done: bool = False
    best: tuple[float, Arrays] | None = None
    worse: int = 0
    figures: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with the network as it is."""
        net = self.stage.net
        self.optimizer = torch.optim.AdamW(net.parameters(), lr=0.0, weight_decay=1e-4)
        self.average: Arrays = {}
        if self.averaging:
            self.average = state_of(net)

    @property
    def fraction(self) -> float:
        """Share of the limit that is used up."""
        if self.limit.steps is not None:
            return self.step / self.limit.steps
        return self.elapsed / 60 / self.limit.minutes

    def run(self, save: Callable[[Arrays, dict[str, Any]], None]) -> Generator[Report, None, None]:
        """Learn until the limit is reached or nothing gets better; report each step.

        What is needed to go on is saved at each look at the held-out part, at the end, and when
        the iterator is closed.
        """
        try:
            while not self.done:
                begun = time.monotonic()
                before = self.fraction
                values = self._turn()
                self.elapsed += time.monotonic() - begun
                due = any(before < share <= self.fraction for share in JUDGED_AT)
                pictures: Pictures = {}
                if due or self.fraction >= 1:
                    begun = time.monotonic()
                    pictures = self._look()
                    self.elapsed += time.monotonic() - begun
                    self.done = self.fraction >= 1 or self.worse >= PATIENCE
                    if not self.done:
                        save(*self.checkpoint())
                yield Report(self.step, min(self.fraction, 1.0), values | self.figures, pictures)
        finally:
            save(*self.checkpoint())
        if self.best is not None:
            load_state(self.stage.net, self.best[1])
        elif self.average:
            load_state(self.stage.net, self.average)
        self.stage.net.eval()

    def _turn(self) -> dict[str, float]:
        net = self.stage.net.train()
        fraction = min(self.fraction, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * rate_factor(fraction)
        with own_noise(self.seed, self.step, next(net.parameters()).device):
            loss, values = self.stage.loss(self.step, fraction)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        if self.average:
            share = np.float32(1 - average_memory(self.step, self.averaging))
            for key, value in state_of(net).items():
                kept: Any = self.average[key]
                kept += share * (value - kept)  # in place, of floats
        return {"loss": float(loss.item())} | {k: float(v.item()) for k, v in values.items()}

    def _look(self) -> Pictures:
        """Judge the weights, and keep them if they are the best so far."""
        net = self.stage.net
        current = state_of(net)
        if self.average:
            load_state(net, self.average)
        try:
            with torch.no_grad(), own_noise(self.seed, self.step, next(net.parameters()).device):
                cost, figures = self.stage.judge(net.eval())
                pictures = self.stage.pictures(net)
        finally:
            load_state(net, current)
        self.figures = figures
        if cost is not None:
            better = self.best is None or cost < self.best[0]
            self.worse = 0 if better else self.worse + 1
            if better:
                self.best = (cost, {k: v.copy() for k, v in (self.average or current).items()})
        return pictures

    def checkpoint(self) -> tuple[Arrays, dict[str, Any]]:
        """Return all that is needed to go on, or of what is done only the weights."""
        meta: dict[str, Any] = {"step": self.step, "elapsed": self.elapsed, "done": self.done}
        meta |= {"worse": self.worse, "figures": self.figures}
        weights = self.best[1] if self.best else self.average or state_of(self.stage.net)
        if self.done:
            return _named("net", weights), meta
        arrays = _named("net", state_of(self.stage.net))
        arrays |= _named("average", self.average)
        if self.best:
            arrays |= _named("best", self.best[1])
            meta["best"] = self.best[0]
        for index, state in self.optimizer.state_dict()["state"].items():
            arrays |= {f"optimizer.{index}.{k}": np.asarray(v.cpu()) for k, v in state.items()}
        return arrays, meta

    def restore(self, arrays: Mapping[str, NDArray[np.generic]], meta: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        load_state(self.stage.net, _part("net", arrays))
        self.step, self.elapsed = int(meta["step"]), float(meta["elapsed"])
        self.done, self.worse = bool(meta["done"]), int(meta["worse"])
        self.figures = dict(meta["figures"])
        if self.done:
            self.average, self.best = {}, None
            self.stage.net.eval()
            return
        self.average = {k: np.array(v) for k, v in _part("average", arrays).items()}
        if "best" in meta:
            self.best = (float(meta["best"]), dict(_part("best", arrays)))
        state: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in _part("optimizer", arrays).items():
            index, name = key.split(".", 1)
            state.setdefault(int(index), {})[name] = torch.from_numpy(np.array(value))
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})


def state_of(net: nn.Module) -> Arrays:
    """Return a copy of a network's weights."""
    return {k: v.detach().cpu().numpy().copy() for k, v in net.state_dict().items()}


def load_state(net: nn.Module, weights: Mapping[str, NDArray[np.generic]]) -> None:
    """Give a network its weights."""
    net.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in weights.items()})


@contextmanager
def own_noise(seed: int, step: int, device: torch.device) -> Iterator[None]:
    """Let torch draw numbers that depend on seed and step; its generators stay as they were."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        number = int(np.random.SeedSequence((seed, step)).generate_state(1)[0])
        torch.default_generator.manual_seed(number)
        if devices:
            torch.cuda.manual_seed(number)
        yield


def _named(name: str, arrays: Mapping[str, NDArray[np.generic]]) -> Arrays:
    return {f"{name}.{key}": value for key, value in arrays.items()}


def _part(name: str, arrays: Mapping[str, NDArray[np.generic]]) -> Arrays:
    prefix = f"{name}."
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
