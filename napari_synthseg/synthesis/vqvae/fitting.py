"""From real images with masks to a synthesizer, stage by stage, each kept."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import MaskedImages
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.core.recipe import ArtifactStore, NullArtifactStore
from napari_synthseg.core.specs import Budget
from napari_synthseg.synthesis.vqvae import cache_keys
from napari_synthseg.synthesis.vqvae.fit_prior import PriorStage
from napari_synthseg.synthesis.vqvae.fit_vqvae import CoderStage, as_pair, channel_statistics
from napari_synthseg.synthesis.vqvae.gate import GateCalibration, calibrate_gate, mask_amounts
from napari_synthseg.synthesis.vqvae.grids import Grid, code_view, draw_fields
from napari_synthseg.synthesis.vqvae.noise_residual import NoiseResidual, measure_noise_residual
from napari_synthseg.synthesis.vqvae.novelty import ChannelScale
from napari_synthseg.synthesis.vqvae.parameters import VQParameters
from napari_synthseg.synthesis.vqvae.segmenter import SegmenterStage
from napari_synthseg.synthesis.vqvae.synthesizer import LearnedSynthesizer, TrainedGenerator
from napari_synthseg.synthesis.vqvae.views import CELL_PX, even_crops, fitting_edge, views_of
from napari_synthseg.synthesis.vqvae.vqvae import CoderDesign, PairCoder
from napari_synthseg.training.device import choose_device
from napari_synthseg.training.model import weights_of
from napari_synthseg.training.trainable import Net, Trainable
from napari_synthseg.training.trainer import Trainer, TrainingPlan

CODES, RESIDUAL, FIELDS = (0.0, 0.4), (0.4, 0.42), (0.42, 0.46)
PRIOR, GATE, CALIBRATION = (0.46, 0.9), (0.9, 0.97), (0.97, 1.0)
"""Where each stage lies in the progress of the whole."""

VALIDATE_AT = tuple(np.linspace(0.2, 1.0, 13).round(3).tolist())
"""Shares of a stage's budget at which it is validated."""

PATIENCE = 4
"""Validations without a better one after which a stage ends."""

GATE_MINUTES = 1.0

PRIOR_AVERAGE_DECAY = 0.99

LEARNING_RATE, PRIOR_LEARNING_RATE, GATE_LEARNING_RATE = 2e-3, 3e-3, 5e-3

MIN_EDGE_PX = 16
"""Images with a shorter edge cannot be learned from."""

GRID_CROPS = 1.25
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
    fit = _Fit(recipe, source, artifacts or NullArtifactStore())
    yield Progress(0.0, fit.device_reason)
    seed, images = recipe.learning_seed, source.fingerprint
    coder_stage = CoderStage(
        fit.train, fit.held, fit.design, fit.edge, recipe.turns, source.class_values, seed
    )
    coder = yield from fit.learn(
        coder_stage, cache_keys.coder_key(recipe, images), CODES,
        "learning codes of image and mask",
        Budget(recipe.vq_minutes, recipe.vq_steps), LEARNING_RATE,
    )  # fmt: skip
    coded = cache_keys.digest_of(weights_of(coder))
    residual = yield from fit.measure_noise_residual(coder, cache_keys.residual_key(images, coded))
    name = cache_keys.prior_key(recipe, images, coded)
    grids, held = yield from fit.code_images(coder, name)
    prior_stage = PriorStage(
        coder, grids, held, fit.cells(grids), recipe.on_shares, source.class_values, seed
    )
    prior = yield from fit.learn(
        prior_stage, name, PRIOR, "learning how codes follow one another",
        Budget(recipe.prior_minutes, recipe.prior_steps), PRIOR_LEARNING_RATE,
        average_decay=PRIOR_AVERAGE_DECAY,
    )  # fmt: skip
    segmenter = calibration = None
    if recipe.gate:
        net = yield from fit.learn(
            fit.segmenter_stage(), cache_keys.segmenter_key(recipe, images), GATE,
            "training the network that checks dual images",
            Budget(GATE_MINUTES, recipe.gate_steps), GATE_LEARNING_RATE,
        )  # fmt: skip
        calibration = yield from fit.calibrate_gate(net)
        segmenter = weights_of(net)
    learned = TrainedGenerator(
        design=fit.design,
        coder=weights_of(coder),
        prior_design=prior_stage.design,
        prior=weights_of(prior),
        residual=residual,
        segmenter=segmenter,
        calibration=calibration,
        train=fit.train,
        scale=fit.scale,
        shares=fit.real_shares(),
        edge=fit.edge,
        class_values=source.class_values,
    )
    yield Progress(1.0, "ready", dict(fit.figures))
    return LearnedSynthesizer(recipe, learned, tuple(fit.notes(calibration)))


@dataclass(eq=False)
class _Fit:
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
            v for v in views_of(source.held, source.class_values) if min(v.shape) >= MIN_EDGE_PX
        )
        if (small := min(min(v.shape) for v in self.train)) < MIN_EDGE_PX:
            raise InputError(
                f"An image with a mask is only {small} pixels wide: learning needs at least "
                f"{MIN_EDGE_PX}. Leave it out, or use a larger part of it."
            )
        if all((v.mask < 0).all() for v in self.train):
            raise InputError("The masks say nothing: label at least a part of the pixels.")
        self.edge = fitting_edge(self.train, self.recipe.crop)
        self.device, self.device_reason = choose_device(self.recipe.device)
        mean, spread = channel_statistics(self.train)
        self.design = CoderDesign(
            source.channels, 1 + len(source.class_values), self.recipe.codes,
            self.recipe.joining, self.recipe.quantizer, smoothing=self.recipe.smoothing,
        )  # fmt: skip
        self.scale = ChannelScale(tuple(mean), tuple(spread), self.design.classes)

    def learn(
        self,
        stage: Trainable[Net],
        name: str,
        span: tuple[float, float],
        message: str,
        budget: Budget,
        learning_rate: float,
        average_decay: float = 0.0,
    ) -> Generator[Progress, None, Net]:
        """Train a stage, from where it was kept; return its network with the best weights."""
        plan = TrainingPlan(
            budget, learning_rate, VALIDATE_AT, average_decay, PATIENCE,
            seed=self.recipe.learning_seed,
        )  # fmt: skip
        trainer = Trainer(stage, plan, self.device, store=self.artifacts, name=name)
        yield from subprogress(trainer.run(), *span, message)
        if trainer.unsaved:
            raise InputError(trainer.unsaved)
        self.figures |= trainer.figures
        return trainer.trained()

    def measure_noise_residual(
        self, coder: PairCoder, name: str
    ) -> Generator[Progress, None, NoiseResidual]:
        """Return what codes lose, measured or kept."""
        kept = self.artifacts.load(name)
        if kept is not None:
            arrays: Any = kept[0]
            return NoiseResidual(
                arrays["residual"], arrays["decoded"], arrays["marks"], self.design.classes
            )
        work = measure_noise_residual(coder, self.train, self.edge, self.device)
        residual = yield from subprogress(work, *RESIDUAL, "measuring what codes lose")
        self.artifacts.save(name, residual.arrays(), {})
        return residual

    def code_images(
        self, coder: PairCoder, name: str
    ) -> Generator[Progress, None, tuple[list[Grid], list[Grid]]]:
        """Return what the prior learns from and is validated on; nothing where it is kept."""
        kept = self.artifacts.load(name)
        if kept is not None and kept[1]["done"]:
            return [], []
        work = draw_fields(
            coder, self.train, self.edge, turns=self.recipe.turns,
            seed=self.recipe.learning_seed, device=self.device,
        )  # fmt: skip
        grids = yield from subprogress(work, *FIELDS, "coding the images")
        edge = self.edge
        crops = even_crops(self.held, edge, 64)
        if self.design.side_by_side:
            crops = [c for c in crops if c.shape == (edge, edge)]
        held = []
        for crop in crops:
            yield Progress(FIELDS[1], "coding the held-out images")
            held.append(code_view(coder, crop, self.device))
        return grids, held

    def cells(self, grids: list[Grid]) -> int:
        """Return the edge of the grids that the prior learns from, cells."""
        usual = self.edge // CELL_PX
        if not grids or self.design.side_by_side:
            return usual
        return min(round(usual * GRID_CROPS), int(grids[0].codes.shape[0]))

    def segmenter_stage(self) -> SegmenterStage:
        """Return the stage of the gate's network."""
        numbers = tuple(range(1, self.design.classes))
        pairs = [as_pair(v.image, v.mask, numbers, i) for i, v in enumerate(self.train)]
        size = self.recipe.size
        return SegmenterStage(
            pairs, even_crops(self.held, size, 16), self.design.channels,
            self.design.classes, self.edge, self.recipe.learning_seed,
        )  # fmt: skip

    def calibrate_gate(self, net: torch.nn.Module) -> Generator[Progress, None, GateCalibration]:
        """Return what the gate's thresholds are made of, measured or kept."""
        weights = cache_keys.digest_of(weights_of(net))
        name = cache_keys.calibration_key(self.recipe, self.source.fingerprint, weights)
        kept = self.artifacts.load(name)
        if kept is not None:
            return GateCalibration.model_validate(kept[1])
        work = calibrate_gate(
            net, self.device, self.scale, self.train, self.held, self.recipe.size, self.edge
        )
        calibration = yield from subprogress(
            work, *CALIBRATION, "measuring real images for the gate"
        )
        self.artifacts.save(
            name,
            {"agreements": np.array(calibration.agreements)},
            calibration.model_dump(mode="json"),
        )
        return calibration

    def real_shares(self) -> NDArray[np.float32]:
        """Return shares of classes in real crops as large as a dual image, or as images are."""
        crops = even_crops(self.train, self.recipe.size, 256)
        classes = self.design.classes
        return np.array([mask_amounts(c.mask, classes)[:classes] for c in crops], np.float32)

    def notes(self, calibration: GateCalibration | None) -> Iterator[str]:
        """Say where the recipe could not be followed."""
        if self.edge < self.recipe.crop:
            yield (
                f"Most images are smaller than the training crop of {self.recipe.crop} pixels: "
                f"crops of {self.edge} pixels were learned from."
            )
        if self.design.side_by_side and self.recipe.size > self.edge:
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
        if calibration is not None and not calibration.distances:
            yield (
                "Copies of training images could not be checked: there is only one image, or "
                "images or crops are too small."
            )
