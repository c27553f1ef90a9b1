"""Train the click network: ``python -m pretraining.train OUT [--mix drawn|nuclei|both]``.

Stopped at any time, the same command goes on from the last checkpoint in OUT. Everything follows
from ``--seed``: which micrographs are drawn, what is clicked, and the network's first weights.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_synthseg.networks.click_unet import CHANNELS, ClickUNet
from napari_synthseg.networks.click_weights import load_network
from napari_synthseg.networks.click_windows import WINDOW_PX
from pretraining.micrograph import draw_micrograph
from pretraining.real_images import RealImages
from pretraining.windows import make_windows

BATCH = 48
POOL = 1536
"""Windows that wait; a batch is drawn from them at random, so that it mixes many micrographs."""

USES = 3
"""How often a window is trained on, on average."""

LEARNING_RATE = 3e-3
WARM_UP_STEPS = 100
AVERAGE = 0.998
REAL_SHARE = {"drawn": {}, "nuclei": {"pretrain_nuclei": 0.4},
              "both": {"pretrain_nuclei": 0.3, "pretrain_particles": 0.3}}  # fmt: skip
CHECKPOINT_SECONDS = 60


@dataclass(frozen=True)
class Options:
    mix: str
    steps: int
    seed: int
    minutes: float
    rate: float = LEARNING_RATE
    start: Path | None = None


class WindowPool:
    """Windows that wait to be trained on, replaced as they are used up."""

    def __init__(self, options: Options, drawn: int = 0) -> None:
        self.planes = np.zeros((POOL, CHANNELS, WINDOW_PX, WINDOW_PX), np.float16)
        self.targets = np.zeros((POOL, WINDOW_PX, WINDOW_PX), np.float16)
        self.seed = options.seed
        self.drawn = drawn
        self.next = 0
        self.real = {
            name: RealImages(Path(os.environ["SYNTHSEG_DATA"]) / name)
            for name in REAL_SHARE[options.mix]
        }
        self.shares = REAL_SHARE[options.mix]
        self.debt = 0.0
        self._add(POOL)

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the windows of one step and replace as many as have had their uses."""
        self.debt += BATCH / USES
        self.debt -= self._add(self.debt)
        rng = np.random.default_rng((self.seed, 1, step))
        chosen = rng.choice(POOL, BATCH, replace=False)
        planes, targets = (
            torch.from_numpy(a[chosen].astype(np.float32)) for a in (self.planes, self.targets)
        )
        return _turned(planes, targets, rng)

    def _add(self, wanted: float) -> int:
        added = 0
        while added < wanted:
            rng = np.random.default_rng((self.seed, 2, self.drawn))
            made = make_windows(self._micrograph(rng), rng)
            self.drawn += 1
            places = (self.next + np.arange(len(made))) % POOL
            self.planes[places], self.targets[places] = made.planes, made.targets
            self.next = (self.next + len(made)) % POOL
            added += len(made)
        return added

    def _micrograph(self, rng: np.random.Generator):
        chance = rng.random()
        for name, share in self.shares.items():
            if chance < share:
                return self.real[name].draw(rng)
            chance -= share
        return draw_micrograph(int(rng.integers(2**62)))


def _turned(
    planes: torch.Tensor, targets: torch.Tensor, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn and mirror a batch, and invert the brightness of half of it."""
    turns, mirrored = int(rng.integers(4)), bool(rng.random() < 0.5)
    planes, targets = (torch.rot90(t, turns, (-2, -1)) for t in (planes, targets))
    if mirrored:
        planes, targets = planes.flip(-1), targets.flip(-1)
    planes = planes.contiguous(memory_format=torch.channels_last)
    sign = torch.from_numpy(rng.choice([-1.0, 1.0], len(planes)).astype(np.float32))
    for plane in (0, 1, 4):
        planes[:, plane] *= sign[:, None, None]
    return planes, targets.contiguous()


def measure_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return cross-entropy and half of Dice, of windows (n, y, x)."""
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)
    shown = torch.sigmoid(logits)
    common = (shown * targets).sum(dim=(1, 2))
    whole = shown.sum(dim=(1, 2)) + targets.sum(dim=(1, 2))
    dice = 1 - (2 * common + 1) / (whole + 1)
    return entropy + 0.5 * dice.mean()


def schedule(step: int, steps: int) -> float:
    """Return the share of the highest learning rate."""
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    return warm * 0.5 * (1 + math.cos(math.pi * min(step / steps, 1.0)))


def train(out: Path, options: Options) -> None:
    torch.manual_seed(options.seed)
    out.mkdir(parents=True, exist_ok=True)
    net = ClickUNet().to(memory_format=torch.channels_last)
    if options.start:
        net.load_state_dict(load_network(options.start).state_dict())
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE), use_buffers=True
    )
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=1e-2)
    checkpoint = out / "checkpoint.pt"
    step, cpu, drawn = 0, 0.0, 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(state["net"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step, cpu, drawn = state["step"], state["cpu"], state["drawn"]
    pool = WindowPool(options, drawn)
    started, saved = time.process_time() - cpu, time.monotonic()
    began, losses = time.monotonic(), []
    while step < options.steps:
        planes, targets = pool.batch(step)
        for group in optimizer.param_groups:
            group["lr"] = options.rate * schedule(step, options.steps)
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(planes)
        loss = measure_loss(logits.float(), targets)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 3.0)
        optimizer.step()
        average.update_parameters(net)
        losses.append(loss.item())
        step += 1
        cpu = time.process_time() - started
        late = time.monotonic() - began > 60 * options.minutes
        if step == options.steps or late or time.monotonic() - saved > CHECKPOINT_SECONDS:
            state = {
                "net": net.state_dict(),
                "average": average.state_dict(),
                "step": step,
                "optimizer": optimizer.state_dict(),
                "cpu": cpu,
                "drawn": pool.drawn,
            }
            partial = checkpoint.with_suffix(".part")
            torch.save(state, partial)
            partial.replace(checkpoint)
            saved = time.monotonic()
            line = {
                "step": step,
                "loss": round(float(np.mean(losses)), 4),
                "cpu": round(cpu),
                "micrographs": pool.drawn,
            }
            with (out / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            losses = []
        if late:
            break


def averaged_weights(checkpoint: Path) -> dict[str, NDArray[np.float16]]:
    """Return the averaged weights of a checkpoint by name, in half precision."""
    state = torch.load(checkpoint, weights_only=True)["average"]
    return halved(
        {
            name.removeprefix("module."): value.numpy()
            for name, value in state.items()
            if name.startswith("module.")
        }
    )


def halved(weights: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float16]]:
    """Return weights in half precision, without the counts of batches."""
    return {
        name: value.astype(np.float16, order="C")
        for name, value in weights.items()
        if not name.endswith("num_batches_tracked")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--mix", choices=sorted(REAL_SHARE), default="drawn")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rate", type=float, default=LEARNING_RATE, help="highest learning rate")
    parser.add_argument("--start", type=Path, help="weights to begin from, as exported")
    parser.add_argument("--minutes", type=float, default=60, help="stop after so long by the clock")
    options = vars(parser.parse_args())
    torch.set_num_threads(options.pop("threads"))
    train(options.pop("out"), Options(**options))


if __name__ == "__main__":
    main()
