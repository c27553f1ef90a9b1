"""The endless sequence of learned dual images.

Pairs are drawn in blocks of consecutive indices: drawing sixteen takes little longer than drawing
one. Which pairs are drawn together, and which of them again after the gate turned them away, is
fixed by the block alone, so that a pair is the same whoever asks for it, in whatever company.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from cachetools import LRUCache
from numpy.typing import NDArray

from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.pixels import FloatImage
from napari_synthseg.core.progress import Progress, exhaust, subprogress
from napari_synthseg.core.recipe import Synthesizer
from napari_synthseg.core.runs import Weights
from napari_synthseg.networks.registry import build_network
from napari_synthseg.synthesis.vqvae.fit_prior import given
from napari_synthseg.synthesis.vqvae.fit_vqvae import as_pair, decoded
from napari_synthseg.synthesis.vqvae.gate import (
    REASONS,
    Gate,
    GateCalibration,
    Verdict,
    thresholds,
)
from napari_synthseg.synthesis.vqvae.noise_residual import NoiseResidual
from napari_synthseg.synthesis.vqvae.novelty import ReferenceIndex, Scale
from napari_synthseg.synthesis.vqvae.parameters import VQParameters
from napari_synthseg.synthesis.vqvae.prior import CodePrior, PriorDesign
from napari_synthseg.synthesis.vqvae.sampling import draw_codes
from napari_synthseg.synthesis.vqvae.segmenter import SPEC
from napari_synthseg.synthesis.vqvae.views import CELL, View
from napari_synthseg.synthesis.vqvae.vqvae import Design, PairCoder, grid_width
from napari_synthseg.training.device import choose_device
from napari_synthseg.training.model import load_weights
from napari_synthseg.training.randomness import seeded_torch

BLOCK_PAIRS = 16
"""Pairs that are drawn together."""

MAX_REJECTED = 32
"""Rejected pairs that can be looked at."""

READY_BLOCKS = 2
"""Blocks whose finished pairs stay in memory; of all others only the codes do."""


@dataclass(frozen=True, eq=False)
class TrainedGenerator:
    """All that was learned and measured, as arrays: it can be kept, and sent to other processes.

    Attributes
    ----------
    design, coder
        The network that codes pairs, and its weights.
    prior_design, prior
        The prior, and its weights.
    residual
        What codes lose.
    segmenter, calibration
        The gate's network, and what was measured with it; None without a gate.
    train
        Images and masks that were learned from.
    scale
        What makes channels comparable.
    shares
        (n, class) shares of each class in real crops, that a prior told of them is given.
    edge
        Of training crops, pixels.
    class_values
        In ascending order, without the background's 0.
    """

    design: Design
    coder: Weights
    prior_design: PriorDesign
    prior: Weights
    residual: NoiseResidual | None
    segmenter: Weights | None
    calibration: GateCalibration | None
    train: tuple[View, ...]
    scale: Scale
    shares: FloatImage
    edge: int
    class_values: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class _DrawnCodes:
    """What pair an index stands for: its codes, which attempt they are from, and their fault."""

    codes: NDArray[np.int16]
    attempt: int
    rejection_reason: str = ""


@dataclass(frozen=True, eq=False)
class _DrawnBlock:
    """The pairs of a block, finished, and what happened on the way to them."""

    pairs: list[_DrawnCodes]
    views: list[View]
    counts: Counter[str]
    rejected: list[DualImage]


class LearnedSynthesizer(Synthesizer):
    """Makes pair ``i`` from (recipe, what was learned, i) alone; safe to call from several threads.

    `rejected` are pairs that the gate turned away, with the index that they were drawn for.
    """

    def __init__(
        self, recipe: VQParameters, learned: TrainedGenerator, notes: tuple[str, ...] = ()
    ) -> None:
        self.recipe, self.learned, self._notes = recipe, learned, notes
        self._rejected: deque[DualImage] = deque(maxlen=MAX_REJECTED)
        self._counts: Counter[str] = Counter()
        self._blocks: dict[int, list[_DrawnCodes]] = {}
        self._ready: LRUCache[int, list[View]] = LRUCache(READY_BLOCKS)
        self._lock = threading.Lock()
        self._sampler: Sampler | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Send recipe and what was learned; networks are built where they are used."""
        return LearnedSynthesizer, (self.recipe, self.learned, self._notes)

    @property
    def notes(self) -> tuple[str, ...]:
        """Where the recipe could not be followed, in words for the user; so far."""
        lost = self._counts["given up"]
        pairs = lost + self._counts["accepted"]
        if 2 * lost <= pairs:
            return self._notes
        return (
            *self._notes,
            f"Of {pairs} dual images, {lost} did not pass the gate in {self.recipe.attempts} "
            "attempts, and are not learned from. Learn longer, or from more images.",
        )

    @property
    def size(self) -> int:
        """Edge of a dual image, pixels."""
        if self.recipe.joining == "side by side":
            return min(self.recipe.size, self.learned.edge)
        return self.recipe.size

    @property
    def statistics(self) -> dict[str, int]:
        """How many pairs were drawn, accepted, rejected for each reason, or given up.

        "ties" are codes that another processor's rounding might have drawn otherwise.
        """
        names = ("drawn", "accepted", *REASONS, "given up", "ties")
        return {name: self._counts[name] for name in names}

    @property
    def rejected(self) -> tuple[DualImage, ...]:
        """The last pairs that the gate turned away, oldest first."""
        return tuple(self._rejected)

    def pair(self, index: int) -> DualImage:
        """Return dual image `index` (>= 0)."""
        return self.pairs([index])[0]

    def pairs(self, indices: Sequence[int]) -> list[DualImage]:
        """Return several dual images; neighbors in one block cost little more than one."""
        with self._lock:
            return [self._pair(int(index)) for index in indices]

    def draw(self, indices: Sequence[int]) -> Generator[Progress, None, list[DualImage]]:
        """Return several dual images; yield progress at each row of codes that is drawn.

        The lock is free at each yield, so that others are served while this waits. Where they
        draw the same block meanwhile, it is drawn twice and kept once.
        """
        made: list[DualImage] = []
        for index in indices:
            start, stop = (n / len(indices) for n in (len(made), len(made) + 1))
            number = int(index) // BLOCK_PAIRS
            if number not in self._blocks:
                with self._lock:
                    sampler = self._make_sampler()
                drawn = yield from subprogress(self._draw_block(number, sampler), start, stop)
                with self._lock:
                    self._keep(number, drawn)
            made += self.pairs([index])
            yield Progress(stop, f"dual image {len(made)} of {len(indices)}")
        return made

    def _make_sampler(self) -> Sampler:
        """Return the networks, built where they are first needed."""
        if self._sampler is None:
            self._sampler = Sampler(self.recipe, self.learned, self.size)
        return self._sampler

    def _pair(self, index: int) -> DualImage:
        sampler = self._make_sampler()
        number, place = divmod(index, BLOCK_PAIRS)
        if number not in self._blocks:
            self._keep(number, exhaust(self._draw_block(number, sampler)))
        kept = self._blocks[number][place]
        ready = self._ready.get(number)
        view = ready[place] if ready else sampler.develop(kept.codes, index, kept.attempt)
        pair = as_pair(view.image, view.marks, self.learned.class_values, index)
        return replace(pair, rejection_reason=kept.rejection_reason)

    def _keep(self, number: int, drawn: _DrawnBlock) -> None:
        if number in self._blocks:
            return
        self._blocks[number] = drawn.pairs
        self._ready[number] = drawn.views
        self._counts += drawn.counts
        self._rejected += drawn.rejected

    def _draw_block(self, number: int, sampler: Sampler) -> Generator[Progress, None, _DrawnBlock]:
        """Draw the pairs of a block; those that the gate turns away again, a few times."""
        open_places = list(range(BLOCK_PAIRS))
        kept: dict[int, _DrawnCodes] = {}
        views: dict[int, View] = {}
        best: dict[int, tuple[float, _DrawnCodes, View]] = {}
        counts: Counter[str] = Counter()
        rejected: list[DualImage] = []
        attempts = self.recipe.attempts if sampler.gate else 1
        for attempt in range(attempts):
            if not open_places:
                break
            indices = [number * BLOCK_PAIRS + place for place in open_places]
            words = f"attempt {attempt + 1} of {attempts}" if attempts > 1 else None
            work = sampler.draw(indices, attempt)
            middle = (attempt + 0.5) / attempts
            codes, ties = yield from subprogress(work, attempt / attempts, middle, words)
            counts["ties"] += ties
            failed = []
            for place, index, grid in zip(open_places, indices, codes, strict=True):
                yield Progress(middle, "checking what was drawn")
                view = sampler.develop(grid, index, attempt)
                verdict = sampler.judge(view, [views[p] for p in sorted(views)])
                counts["drawn"] += 1
                if verdict.reason is None:
                    kept[place], views[place] = _DrawnCodes(grid, attempt), view
                    counts["accepted"] += 1
                    continue
                counts[verdict.reason] += 1
                pair = as_pair(view.image, view.marks, self.learned.class_values, index)
                words = f"{REASONS[verdict.reason]} ({verdict.detail})"
                rejected.append(replace(pair, rejection_reason=words))
                failed.append(place)
                if place not in best or verdict.score > best[place][0]:
                    best[place] = (verdict.score, _DrawnCodes(grid, attempt, words), view)
            open_places = failed
        for place in open_places:
            _, kept[place], views[place] = best[place]
            counts["given up"] += 1
        places = range(BLOCK_PAIRS)
        return _DrawnBlock([kept[p] for p in places], [views[p] for p in places], counts, rejected)


class Sampler:
    """The networks, built from their weights."""

    def __init__(self, recipe: VQParameters, learned: TrainedGenerator, size: int) -> None:
        self.recipe, self.learned, self.size = recipe, learned, size
        self.device, _ = choose_device(recipe.device)
        with seeded_torch(0):  # fresh weights are drawn, and thrown away
            channels = learned.design.channels
            self.coder = PairCoder(learned.design, [0.0] * channels, [1.0] * channels)
            self.prior = CodePrior(learned.prior_design)
            segmenter = build_network(SPEC, channels, learned.design.classes)
        load_weights(self.coder, learned.coder)
        load_weights(self.prior, learned.prior)
        for net in (self.coder, self.prior, segmenter):
            net.to(self.device).eval()
        self.gate: Gate | None = None
        if recipe.gate and learned.segmenter is not None and learned.calibration is not None:
            load_weights(segmenter, learned.segmenter)
            self.gate = self._make_gate(segmenter, learned.calibration)

    def _make_gate(self, net: torch.nn.Module, calibration: GateCalibration) -> Gate:
        learned, recipe = self.learned, self.recipe
        least, nearest = thresholds(calibration, recipe.agreement, recipe.copy_distance)
        seen = None
        if nearest > 0:
            known = learned.scale.fine_features(learned.train, calibration.window)
            seen = ReferenceIndex(known, calibration.window)
        return Gate(net.eval(), self.device, learned.scale, seen, calibration, least, nearest)

    def draw(
        self, indices: Sequence[int], attempt: int
    ) -> Generator[Progress, None, tuple[list[NDArray[np.int16]], int]]:
        """Return the codes of candidates, and how many of them nearly tied with others."""
        cells = self.size // CELL
        rngs = [self._noise(index, attempt, 0) for index in indices]
        told = []
        for index in indices:
            shares = None
            if self.recipe.on_shares:
                rng = self._noise(index, attempt, 2)
                shares = self.learned.shares[rng.integers(len(self.learned.shares))]
            told.append(given(self.recipe.joining, shares, cells, cells))
        maps = [t for t in told if t is not None]
        conditions = torch.from_numpy(np.stack(maps)).to(self.device) if maps else None
        drawn = yield from draw_codes(
            self.prior,
            (cells, grid_width(self.recipe.joining, cells)),
            rngs,
            temperature=self.recipe.temperature,
            conditions=conditions,
        )
        return list(drawn.codes.astype(np.int16)), int(drawn.ties.sum())

    def develop(self, codes: NDArray[np.int16], index: int, attempt: int) -> View:
        """Return image and mask of codes, with noise residual."""
        grid = torch.from_numpy(codes.astype(np.int64))[None].to(self.device)
        images, marks = decoded(self.coder, grid)
        image = images[0]
        if self.learned.residual is not None and self.recipe.grain != "none":
            rng = self._noise(index, attempt, 1)
            residual = self.learned.residual.make(
                self.recipe.grain, image, marks[0], rng, self.recipe.turns
            )
            image = image + np.float32(self.recipe.grain_strength) * residual
        return View(image.astype(np.float32, copy=False), marks[0])

    def judge(self, view: View, others: Sequence[View]) -> Verdict:
        """Return the gate's verdict; without a gate all pass."""
        return self.gate.judge(view, others) if self.gate else Verdict(None, "", 0.0)

    def _noise(self, index: int, attempt: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng((self.recipe.seed, index, attempt, purpose))
