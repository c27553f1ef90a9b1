"""The parameters of learned dual images (after arXiv 2408.00707)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_synthseg.core.recipe import Recipe, fields_under

learning_field, grain_field, gate_field = map(fields_under, ("Learning", "Grain", "Gate"))


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

    joining: Literal["stacked", "side by side"] = learning_field(
        default="stacked",
        description="how image and mask are joined: the mask as further channels of the image, or "
        "both next to each other as one picture",
    )
    crop: int = learning_field(
        default=128,
        ge=16,
        le=512,
        multiple_of=4,
        description="edge of training crops, pixels; less where the images are smaller",
    )
    quantizer: Literal["ema", "fsq"] = learning_field(
        default="ema",
        description="where codes come from: a learned codebook that follows the features, with "
        "unused codes revived (ema), or a fixed lattice (fsq)",
    )
    codes: int = learning_field(
        default=256,
        ge=16,
        le=2048,
        description="size of the codebook; with fsq the largest lattice that has no more",
    )
    smoothing: float = learning_field(
        default=1.0,
        ge=0,
        le=4,
        description="detail finer than this is no matter of the codes, and put back as grain: "
        "standard deviation of a Gaussian, pixels; 0 codes all",
    )
    vq_steps: int | None = learning_field(
        default=None, ge=1, description="steps for learning the codes; they win over the minutes"
    )
    prior_steps: int | None = learning_field(
        default=None,
        ge=1,
        description="steps for learning how codes follow; they win over the minutes",
    )
    on_shares: bool = learning_field(
        default=False,
        description="tell the prior the share of each class; a dual image then gets those of a "
        "real crop",
    )
    turns: bool = learning_field(
        default=True, description="learn from flipped and turned images, too"
    )
    learning_seed: int = learning_field(default=0, ge=0, description="another one learns anew")
    device: Literal["auto", "cpu", "cuda", "mps"] = learning_field(
        default="auto", description="what to compute on"
    )

    grain: Literal["quilted", "noise", "none"] = grain_field(
        default="quilted",
        description="the fine detail that codes lose: pieces of the real one where the mask is "
        "alike, noise of its strength and texture, or none",
    )
    grain_strength: float = grain_field(
        default=1.0, ge=0, le=3, description="as a multiple of the real"
    )

    gate: bool = gate_field(
        default=True,
        description="check dual images before they are used, and draw others for those that fail",
    )
    gate_steps: int = gate_field(
        default=300,
        ge=1,
        le=100_000,
        description="steps for training the network that judges whether image and mask agree",
    )
    agreement: float = gate_field(
        default=0.9,
        ge=0,
        le=1.5,
        description="how well image and mask must agree, as a multiple of what nearly all "
        "held-out real crops reach; 0 accepts all",
    )
    copy_distance: float = gate_field(
        default=0.8,
        ge=0,
        le=5,
        description="how far a dual image must be from every real crop it learned from, as a "
        "multiple of the nearest held-out real crop's distance; 0 accepts all",
    )
    attempts: int = gate_field(
        default=4,
        ge=1,
        le=100,
        description="how often a dual image is drawn before it is given up: the best is shown, but "
        "not learned from",
    )
