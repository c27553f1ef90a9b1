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
from napari_synthseg.synthesis.vqvae.fit_prior import condition_maps
from napari_synthseg.synthesis.vqvae.fit_vqvae import as_pair, decoded
from napari_synthseg.synthesis.vqvae.gate import (
    REASONS,
    Gate,
    GateCalibration,
    GateVerdict,
    make_gate,
)
from napari_synthseg.synthesis.vqvae.noise_residual import NoiseResidual
from napari_synthseg.synthesis.vqvae.novelty import ChannelScale
from napari_synthseg.synthesis.vqvae.parameters import VQParameters
from napari_synthseg.synthesis.vqvae.prior import CodePrior, PriorDesign
from napari_synthseg.synthesis.vqvae.sampling import draw_codes
from napari_synthseg.synthesis.vqvae.segmenter import SPEC
from napari_synthseg.synthesis.vqvae.views import CELL_PX, MaskedView
from napari_synthseg.synthesis.vqvae.vqvae import CoderDesign, PairCoder
from napari_synthseg.training.device import choose_device
from napari_synthseg.training.model import load_weights
from napari_synthseg.training.randomness import seeded_torch
from napari_synthseg.training.trainable import Net

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
        (n, class) shares of each class in real crops: conditions of a prior that takes them.
    edge
        Of training crops, pixels.
    class_values
        In ascending order, without the background's 0.
    """

    design: CoderDesign
    coder: Weights
    prior_design: PriorDesign
    prior: Weights
    residual: NoiseResidual
    segmenter: Weights | None
    calibration: GateCalibration | None
    train: tuple[MaskedView, ...]
    scale: ChannelScale
    shares: FloatImage
    edge: int
    class_values: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class _DrawnCodes:
    """What pair an index stands for: its codes, which attempt they are from, and their fault."""

    codes: NDArray[np.int16]
    attempt: int
    rejection_reason: str


@dataclass(frozen=True, eq=False)
class _DrawnBlock:
    """The pairs of a block, finished, and what happened on the way to them."""

    pairs: list[_DrawnCodes]
    views: list[MaskedView]
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
        self._ready: LRUCache[int, list[MaskedView]] = LRUCache(READY_BLOCKS)
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
        if self.learned.design.side_by_side:
            return min(self.recipe.size, self.learned.edge)
        return self.recipe.size

    @property
    def statistics(self) -> dict[str, int]:
        """How many pairs were drawn, accepted, rejected for each reason, or given up."""
        return {name: self._counts[name] for name in ("drawn", "accepted", *REASONS, "given up")}

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
        return self._as_pair(view, index, kept.rejection_reason)

    def _as_pair(self, view: MaskedView, index: int, rejection_reason: str) -> DualImage:
        pair = as_pair(view.image, view.mask, self.learned.class_values, index)
        return replace(pair, rejection_reason=rejection_reason)

    def _keep(self, number: int, drawn: _DrawnBlock) -> None:
        if number in self._blocks:
            return
        self._blocks[number] = drawn.pairs
        self._ready[number] = drawn.views
        self._counts += drawn.counts
        self._rejected += drawn.rejected

    def _draw_block(self, number: int, sampler: Sampler) -> Generator[Progress, None, _DrawnBlock]:
        """Draw the pairs of a block; those that the gate turns away again, a few times."""
        best: dict[int, tuple[float, _DrawnCodes, MaskedView]] = {}
        counts: Counter[str] = Counter()
        rejected: list[DualImage] = []
        attempts = self.recipe.attempts if sampler.gate else 1
        open_places = list(range(BLOCK_PAIRS))
        for attempt in range(attempts):
            indices = [number * BLOCK_PAIRS + place for place in open_places]
            message = f"attempt {attempt + 1} of {attempts}" if attempts > 1 else None
            middle = (attempt + 0.5) / attempts
            work = sampler.draw(indices, attempt)
            codes = yield from subprogress(work, attempt / attempts, middle, message)
            for place, index, grid in zip(open_places, indices, codes, strict=True):
                yield Progress(middle, "checking what was drawn")
                view = sampler.develop(grid, index, attempt)
                accepted = [best[p][2] for p in sorted(best) if not best[p][1].rejection_reason]
                verdict = sampler.judge(view, accepted)
                counts.update(("drawn", verdict.reason or "accepted"))
                words = ""
                if verdict.reason:
                    words = f"{REASONS[verdict.reason]} ({verdict.detail})"
                    rejected.append(self._as_pair(view, index, words))
                if place not in best or not words or verdict.score > best[place][0]:
                    best[place] = verdict.score, _DrawnCodes(grid, attempt, words), view
            open_places = [p for p in open_places if best[p][1].rejection_reason]
            if not open_places:
                break
        counts["given up"] = len(open_places)
        _, pairs, views = zip(*(best[place] for place in range(BLOCK_PAIRS)), strict=True)
        return _DrawnBlock(list(pairs), list(views), counts, rejected)


class Sampler:
    """The networks, built from their weights."""

    def __init__(self, recipe: VQParameters, learned: TrainedGenerator, size: int) -> None:
        self.recipe, self.learned, self.size = recipe, learned, size
        self.device, _ = choose_device(recipe.device)
        design, segmenter, calibration = learned.design, learned.segmenter, learned.calibration
        self.gate: Gate | None = None
        with seeded_torch(0):  # fresh weights are drawn, and thrown away
            coder = PairCoder(design, [0.0] * design.channels, [1.0] * design.channels)
            self.coder = self._ready(coder, learned.coder)
            self.prior = self._ready(CodePrior(learned.prior_design), learned.prior)
            if recipe.gate and segmenter is not None and calibration is not None:
                net = self._ready(build_network(SPEC, design.channels, design.classes), segmenter)
                self.gate = make_gate(
                    net, self.device, learned.scale, learned.train, calibration,
                    recipe.agreement, recipe.copy_distance,
                )  # fmt: skip

    def _ready(self, net: Net, weights: Weights) -> Net:
        load_weights(net, weights)
        return net.to(self.device).eval()

    def draw(
        self, indices: Sequence[int], attempt: int
    ) -> Generator[Progress, None, list[NDArray[np.int16]]]:
        """Return the codes of candidates."""
        design, cells = self.learned.design, self.size // CELL_PX
        maps = []
        for index in indices:
            shares = None
            if self.recipe.on_shares:
                rng = self._noise(index, attempt, 2)
                shares = self.learned.shares[rng.integers(len(self.learned.shares))]
            maps.append(condition_maps(design, shares, cells, cells))
        codes = yield from draw_codes(
            self.prior,
            (cells, design.grid_width(cells)),
            [self._noise(index, attempt, 0) for index in indices],
            temperature=self.recipe.temperature,
            conditions=torch.from_numpy(np.stack(maps)).to(self.device),
        )
        return list(codes.astype(np.int16))

    def develop(self, codes: NDArray[np.int16], index: int, attempt: int) -> MaskedView:
        """Return image and mask of codes, with noise residual."""
        grid = torch.from_numpy(codes.astype(np.int64))[None].to(self.device)
        (image,), (mask,) = decoded(self.coder, grid)
        rng = self._noise(index, attempt, 1)
        residual = self.learned.residual.make(
            self.recipe.grain, image, mask, rng, self.recipe.turns
        )
        image = image + np.float32(self.recipe.grain_strength) * residual
        return MaskedView(image.astype(np.float32, copy=False), mask)

    def judge(self, view: MaskedView, others: Sequence[MaskedView]) -> GateVerdict:
        """Return the gate's verdict; without a gate all pass."""
        return self.gate.judge(view, others) if self.gate else GateVerdict(None, "", 0.0)

    def _noise(self, index: int, attempt: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng((self.recipe.seed, index, attempt, purpose))
