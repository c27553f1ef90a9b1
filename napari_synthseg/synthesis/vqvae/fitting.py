"""The walk from real images with masks to a synthesizer, stage by stage, each kept."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import MaskedImages
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.recipe import ArtifactStore, NullArtifactStore
from napari_synthseg.synthesis.vqvae import keeping
from napari_synthseg.synthesis.vqvae.fit_prior import PriorStage
from napari_synthseg.synthesis.vqvae.fit_vqvae import CoderStage, as_pair, channel_statistics
from napari_synthseg.synthesis.vqvae.gate import GateCalibration, calibrate_gate, mask_amounts
from napari_synthseg.synthesis.vqvae.grain import NoiseResidual, measure_noise_residual
from napari_synthseg.synthesis.vqvae.grids import Grid, code_view, draw_fields
from napari_synthseg.synthesis.vqvae.loop import Learning, Limit, Stage, state_of
from napari_synthseg.synthesis.vqvae.nearness import Scale
from napari_synthseg.synthesis.vqvae.parameters import VQParameters
from napari_synthseg.synthesis.vqvae.segmenter import SegmenterStage
from napari_synthseg.synthesis.vqvae.synthesizer import LearnedSynthesizer, TrainedGenerator
from napari_synthseg.synthesis.vqvae.views import CELL, even_crops, fitting_edge, views_of
from napari_synthseg.synthesis.vqvae.vqvae import Design, PairCoder
from napari_synthseg.training.device import choose_device

CODES, PRIOR, GATE = (0.0, 0.4), (0.42, 0.9), (0.91, 0.98)
"""Fractions of all work at which each stage begins and ends."""

SMALLEST = 16
"""Images with a shorter edge cannot be learned from, pixels."""

GRID = 1.25
"""Edge of the grids the prior learns from, in training crops, as far as images are that large."""


def fit_to_images(
    recipe: VQParameters, source: MaskedImages, artifacts: ArtifactStore | None = None
) -> Generator[Progress, None, LearnedSynthesizer]:
    """Learn what is not kept yet; return the synthesizer.

    Raises
    ------
    InputError
        If there is nothing to learn from, or an image is too small or a volume.
    """
    walk = _Walk(recipe, source, artifacts or NullArtifactStore())
    yield walk.say(0, walk.reason)
    coder = CoderStage(
        walk.train, walk.held, walk.design, walk.edge, recipe.turns, source.class_values,
        recipe.learning_seed, walk.device,
    )  # fmt: skip
    marks = source.fingerprint
    yield from walk.learn(
        coder, keeping.coder_name(recipe, marks), Limit(recipe.vq_minutes, recipe.vq_steps), CODES,
        "learning codes of image and mask",
    )  # fmt: skip
    yield walk.say(CODES[1], "coding the images")
    coded = keeping.digest_of(state_of(coder.net))
    grain = walk.measure_noise_residual(coder.net, keeping.grain_name(marks, coded))
    name = keeping.prior_name(recipe, marks, coded)
    grids, held = walk.code_images(coder, name)
    prior = PriorStage(
        coder.net, grids, held, walk.cells(grids), recipe.on_shares, source.class_values,
        recipe.learning_seed, walk.device,
    )  # fmt: skip
    yield from walk.learn(
        prior, name, Limit(recipe.prior_minutes, recipe.prior_steps), PRIOR,
        "learning how codes follow one another", rate=3e-3, averaging=0.99,
    )  # fmt: skip
    segmenter = facts = None
    if recipe.gate:
        judge = walk.make_segmenter()
        yield from walk.learn(
            judge, keeping.segmenter_name(recipe, marks), Limit(1.0, recipe.gate_steps), GATE,
            "training the network that checks dual images", rate=5e-3,
        )  # fmt: skip
        yield walk.say(GATE[1], "measuring real images for the gate")
        facts = walk.calibrate_gate(judge.net)
        segmenter = state_of(judge.net)
    learned = TrainedGenerator(
        design=walk.design,
        coder=state_of(coder.net),
        prior_design=prior.net.design,
        prior=state_of(prior.net),
        grain=grain,
        segmenter=segmenter,
        facts=facts,
        train=walk.train,
        scale=walk.scale,
        shares=walk.real_shares(),
        edge=walk.edge,
        class_values=source.class_values,
    )
    made = LearnedSynthesizer(recipe, learned, tuple(walk.notes(facts)))
    yield walk.say(1, "ready")
    return made


@dataclass(eq=False)
class _Walk:
    """What all stages share."""

    recipe: VQParameters
    source: MaskedImages
    artifacts: ArtifactStore
    figures: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        source = self.source
        if not source.train:
            raise InputError(
                "No image with a mask is there to learn from: paint or import the masks of a few."
            )
        self.train = views_of(source.train, source.class_values)
        self.held = tuple(
            v for v in views_of(source.held, source.class_values) if min(v.shape) >= SMALLEST
        )
        if (small := min(min(v.shape) for v in self.train)) < SMALLEST:
            raise InputError(
                f"An image with a mask is only {small} pixels wide: learning needs at least "
                f"{SMALLEST}. Leave it out, or use a larger part of it."
            )
        if all((v.marks < 0).all() for v in self.train):
            raise InputError("The masks say nothing: label at least a part of the pixels.")
        self.edge = fitting_edge(self.train, self.recipe.crop)
        self.device, self.reason = choose_device(self.recipe.device)
        mean, spread = channel_statistics(self.train)
        self.design = Design(
            source.channels, 1 + len(source.class_values), self.recipe.codes,
            self.recipe.joining, self.recipe.quantizer, smoothing=self.recipe.smoothing,
        )  # fmt: skip
        self.scale = Scale(tuple(mean), tuple(spread), self.design.classes)

    def say(self, fraction: float, message: str) -> Progress:
        """Return progress with all figures so far."""
        return Progress(fraction, message, dict(self.figures))

    def learn(
        self,
        stage: Stage,
        name: str,
        limit: Limit,
        span: tuple[float, float],
        message: str,
        *,
        rate: float = 2e-3,
        averaging: float = 0.0,
    ) -> Generator[Progress, None, None]:
        """Learn a stage, from where it was kept; its network then has the best weights."""
        learning = Learning(stage, limit, rate, averaging, self.recipe.learning_seed)
        if (kept := self.artifacts.load(name)) is not None:
            learning.restore(*kept)
        self.figures |= learning.figures
        if learning.done:
            return
        with closing(
            learning.run(lambda arrays, meta: self.artifacts.save(name, arrays, meta))
        ) as run:
            for report in run:
                fraction = span[0] + (span[1] - span[0]) * report.fraction
                self.figures |= learning.figures
                text = f"{message}: step {report.step}"
                yield Progress(fraction, text, dict(report.values), report.pictures)

    def measure_noise_residual(self, coder: PairCoder, name: str) -> NoiseResidual:
        """Return what codes lose, measured or kept."""
        kept = self.artifacts.load(name)
        if kept is not None:
            arrays: dict[str, NDArray[Any]] = kept[0]
            return NoiseResidual(
                arrays["residual"], arrays["decoded"], arrays["marks"], self.design.classes
            )
        grain = measure_noise_residual(coder, self.train, self.edge, self.device)
        self.artifacts.save(name, grain.arrays(), {})
        return grain

    def code_images(self, coder: CoderStage, name: str) -> tuple[list[Grid], list[Grid]]:
        """Return what the prior learns from and is judged by; nothing where it is kept already."""
        kept = self.artifacts.load(name)
        if kept is not None and kept[1]["done"]:
            return [], []
        grids = draw_fields(
            coder.net, self.train, self.edge, turns=self.recipe.turns,
            seed=self.recipe.learning_seed, device=self.device,
        )  # fmt: skip
        edge = self.edge
        crops = even_crops(self.held, edge, edge, 64)
        if self.recipe.joining == "side by side":
            crops = [c for c in crops if c.shape == (edge, edge)]
        return grids, [code_view(coder.net, crop, self.device) for crop in crops]

    def cells(self, grids: list[Grid]) -> int:
        """Return the edge of the grids that the prior learns from, cells."""
        usual = self.edge // CELL
        if not grids or self.recipe.joining == "side by side":
            return usual
        return min(round(usual * GRID), int(grids[0].codes.shape[0]))

    def make_segmenter(self) -> SegmenterStage:
        """Return the stage of the gate's network."""
        numbers = tuple(range(1, self.design.classes))
        pairs = [as_pair(v.image, v.marks, numbers, i) for i, v in enumerate(self.train)]
        size = self.recipe.size
        return SegmenterStage(
            pairs, even_crops(self.held, size, size, 16), self.design.channels,
            self.design.classes, self.edge, self.recipe.learning_seed, self.device,
        )  # fmt: skip

    def calibrate_gate(self, net: torch.nn.Module) -> GateCalibration:
        """Return what the gate's thresholds are made of, measured or kept."""
        weights = keeping.digest_of(state_of(net))
        name = keeping.facts_name(self.recipe, self.source.fingerprint, weights)
        kept = self.artifacts.load(name)
        if kept is not None:
            return GateCalibration.from_json(kept[1])
        facts = calibrate_gate(
            net, self.device, self.scale, self.train, self.held, self.recipe.size, self.edge
        )
        self.artifacts.save(name, {"agreements": np.array(facts.agreements)}, facts.as_json())
        return facts

    def real_shares(self) -> NDArray[np.float32]:
        """Return shares of classes in real crops as large as a dual image, or as images are."""
        crops = even_crops(self.train, self.recipe.size, self.recipe.size, 256)
        classes = self.design.classes
        return np.array([mask_amounts(c.marks, classes)[:classes] for c in crops], np.float32)

    def notes(self, facts: GateCalibration | None) -> Iterator[str]:
        """Say where the recipe could not be followed."""
        if self.edge < self.recipe.crop:
            yield (
                f"Most images are smaller than the training crop of {self.recipe.crop} pixels: "
                f"crops of {self.edge} pixels were learned from."
            )
        if self.recipe.joining == "side by side" and self.recipe.size > self.edge:
            yield (
                f"Side by side, dual images are as large as training crops: {self.edge} pixels "
                f"instead of {self.recipe.size}."
            )
        elif self.recipe.size > max(max(v.shape) for v in self.train):
            yield (
                f"Dual images of {self.recipe.size} pixels are larger than any image that was "
                "learned from: what fits into one image only once may be there several times."
            )
        if not self.held:
            yield (
                "No image was held out: learning ended at its limit, and the gate's thresholds "
                "come from the training images themselves."
            )
        if facts is not None and not facts.distances:
            yield (
                "Nothing could be held against copies: there is but one image, or images or crops "
                "are too small."
            )
