"""The parameters of learned dual images (after arXiv 2408.00707)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_synthseg.core.recipe import Recipe, heading

LEARNING, GRAIN, GATE = (heading(name) for name in ("Learning", "Grain", "Gate"))


class VQParameters(Recipe):
    """The fields of a `VQRecipe`."""

    size: int = Field(
        default=256,
        ge=32,
        le=2048,
        multiple_of=4,
        description="edge length of a dual image, pixels; side by side, at most that of the "
        "training crops",
    )
    temperature: float = Field(
        default=1.0,
        ge=0.1,
        le=2,
        description="below 1 likelier and more alike, above 1 bolder dual images",
    )
    vq_minutes: float = Field(
        default=2.0, gt=0, le=600, description="time for learning the codes, at most, minutes"
    )
    prior_minutes: float = Field(
        default=4.0,
        gt=0,
        le=600,
        description="time for learning how codes follow one another, at most, minutes",
    )
    seed: int = Field(default=0, ge=0, description="another seed gives other dual images")

    joining: Literal["stacked", "side by side"] = Field(
        default="stacked",
        json_schema_extra=LEARNING,
        description="how image and mask are joined: the mask as further channels of the image, or "
        "both next to each other as one picture",
    )
    crop: int = Field(
        default=128,
        ge=16,
        le=512,
        multiple_of=4,
        json_schema_extra=LEARNING,
        description="edge of training crops, pixels; less where the images are smaller",
    )
    quantizer: Literal["ema", "fsq"] = Field(
        default="ema",
        json_schema_extra=LEARNING,
        description="where codes come from: a learned codebook that follows the features, with "
        "unused codes revived (ema), or a fixed lattice (fsq)",
    )
    codes: int = Field(
        default=256,
        ge=16,
        le=2048,
        json_schema_extra=LEARNING,
        description="size of the codebook; with fsq the largest lattice that has no more",
    )
    smoothing: float = Field(
        default=1.0,
        ge=0,
        le=4,
        json_schema_extra=LEARNING,
        description="detail finer than this is no matter of the codes, and put back as grain: "
        "standard deviation of a Gaussian, pixels; 0 codes all",
    )
    vq_steps: int | None = Field(
        default=None,
        ge=1,
        json_schema_extra=LEARNING,
        description="steps for learning the codes; they win over the minutes",
    )
    prior_steps: int | None = Field(
        default=None,
        ge=1,
        json_schema_extra=LEARNING,
        description="steps for learning how codes follow; they win over the minutes",
    )
    on_shares: bool = Field(
        default=False,
        json_schema_extra=LEARNING,
        description="tell the prior the share of each class; a dual image then gets those of a "
        "real crop",
    )
    turns: bool = Field(
        default=True,
        json_schema_extra=LEARNING,
        description="learn from flipped and turned images, too",
    )
    learning_seed: int = Field(
        default=0, ge=0, json_schema_extra=LEARNING, description="another one learns anew"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto", json_schema_extra=LEARNING, description="what to compute on"
    )

    grain: Literal["quilted", "noise", "none"] = Field(
        default="quilted",
        json_schema_extra=GRAIN,
        description="the fine detail that codes lose: pieces of the real one where the mask is "
        "alike, noise of its strength and texture, or none",
    )
    grain_strength: float = Field(
        default=1.0, ge=0, le=3, json_schema_extra=GRAIN, description="as a multiple of the real"
    )

    gate: bool = Field(
        default=True,
        json_schema_extra=GATE,
        description="check dual images before they are used, and draw others for those that fail",
    )
    gate_steps: int = Field(
        default=300,
        ge=1,
        le=100_000,
        json_schema_extra=GATE,
        description="steps for training the network that judges whether image and mask agree",
    )
    agreement: float = Field(
        default=0.9,
        ge=0,
        le=1.5,
        json_schema_extra=GATE,
        description="how well image and mask must agree, as a multiple of what nearly all "
        "held-out real crops reach; 0 accepts all",
    )
    copy_distance: float = Field(
        default=0.8,
        ge=0,
        le=5,
        json_schema_extra=GATE,
        description="how far a dual image must be from every real crop it learned from, as a "
        "multiple of the nearest held-out real crop's distance; 0 accepts all",
    )
    attempts: int = Field(
        default=4,
        ge=1,
        le=100,
        json_schema_extra=GATE,
        description="how often a dual image is drawn before it is given up: the best is shown, but "
        "not learned from",
    )
