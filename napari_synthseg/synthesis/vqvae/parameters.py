"""The parameters of learned dual images (after arXiv 2408.00707)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_synthseg.core.recipe import Recipe, fields_under

learning_field, grain_field, gate_field = map(fields_under, ("Learning", "Grain", "Gate"))


class VQParameters(Recipe):
    """The fields of a `VQRecipe`."""

    size: int = Field(256, ge=32, le=2048, multiple_of=4)
    """edge length of a dual image, pixels; side by side, at most that of the training crops"""
    temperature: float = Field(1.0, ge=0.1, le=2)
    """below 1 likelier and more alike, above 1 bolder dual images"""
    vq_minutes: float = Field(2.0, gt=0, le=600)
    """time for learning the codes, at most, minutes"""
    prior_minutes: float = Field(4.0, gt=0, le=600)
    """time for learning how codes follow one another, at most, minutes"""
    seed: int = Field(0, ge=0)
    """another seed gives other dual images"""

    joining: Literal["stacked", "side by side"] = learning_field("stacked")
    """how image and mask are joined: the mask as further channels of the image, or both next to
    each other as one picture"""
    crop: int = learning_field(128, ge=16, le=512, multiple_of=4)
    """edge of training crops, pixels; less where the images are smaller"""
    quantizer: Literal["ema", "fsq"] = learning_field("ema")
    """where codes come from: a learned codebook that follows the features, with unused codes
    revived (ema), or a fixed lattice (fsq)"""
    codes: int = learning_field(256, ge=16, le=2048)
    """size of the codebook; with fsq the largest lattice that has no more"""
    smoothing: float = learning_field(1.0, ge=0, le=4)
    """detail finer than this is no matter of the codes, and put back as grain: standard deviation
    of a Gaussian, pixels; 0 codes all"""
    vq_steps: int | None = learning_field(None, ge=1)
    """steps for learning the codes; they win over the minutes"""
    prior_steps: int | None = learning_field(None, ge=1)
    """steps for learning how codes follow; they win over the minutes"""
    on_shares: bool = learning_field(False)
    """tell the prior the share of each class; a dual image then gets those of a real crop"""
    turns: bool = learning_field(True)
    """learn from flipped and turned images, too"""
    learning_seed: int = learning_field(0, ge=0)
    """another one learns anew"""
    device: Literal["auto", "cpu", "cuda", "mps"] = learning_field("auto")
    """what to compute on"""

    grain: Literal["quilted", "noise", "none"] = grain_field("quilted")
    """the fine detail that codes lose: pieces of the real one where the mask is alike, noise of its
    strength and texture, or none"""
    grain_strength: float = grain_field(1.0, ge=0, le=3)
    """as a multiple of the real"""

    gate: bool = gate_field(True)
    """check dual images before they are used, and draw others for those that fail"""
    gate_steps: int = gate_field(300, ge=1, le=100_000)
    """steps for training the network that judges whether image and mask agree"""
    agreement: float = gate_field(0.9, ge=0, le=1.5)
    """how well image and mask must agree, as a multiple of what nearly all held-out real crops
    reach; 0 accepts all"""
    copy_distance: float = gate_field(0.8, ge=0, le=5)
    """how far a dual image must be from every real crop it learned from, as a multiple of the
    nearest held-out real crop's distance; 0 accepts all"""
    attempts: int = gate_field(4, ge=1, le=100)
    """how often a dual image is drawn before it is given up: the best is shown, but not learned
    from"""
