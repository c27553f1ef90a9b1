"""The parameters of learned dual images (after arXiv 2408.00707)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_synthseg.core.described import setting
from napari_synthseg.core.recipe import Recipe, fields_under

learning_field, grain_field, gate_field = map(
    fields_under, ("Learning", "Fine detail (grain)", "Check of pairs (gate)")
)


class VQParameters(Recipe):
    """The fields of a `VQRecipe`."""

    size: int = Field(256, ge=32, le=2048, multiple_of=4)
    """edge length of a dual image, pixels; side by side, at most that of the training crops"""
    temperature: float = setting(1.0, "Boldness (temperature)", ge=0.1, le=2)
    """below 1 likelier and more alike, above 1 bolder dual images"""
    vq_minutes: float = setting(2.0, "Minutes for codes (VQ)", gt=0, le=600)
    """time for learning the codes, the building blocks of image and mask, at most, minutes"""
    prior_minutes: float = setting(4.0, "Minutes for order (prior)", gt=0, le=600)
    """time for learning how codes follow one another, at most, minutes"""
    seed: int = setting(0, "Random seed", ge=0)
    """another seed gives other dual images"""

    joining: Literal["stacked", "side by side"] = learning_field(
        "stacked",
        "Image and mask (joining)",
        {
            "stacked": "on top of each other (stacked)",
            "side by side": "as one picture (side by side)",
        },
    )
    """how image and mask are joined: the mask as further channels of the image, or both next to
    each other as one picture"""
    crop: int = learning_field(128, "Edge of pieces (crop)", ge=16, le=512, multiple_of=4)
    """edge of the pieces of images that are learned from, pixels; less where the images are
    smaller"""
    quantizer: Literal["ema", "fsq"] = learning_field(
        "ema",
        "Set of codes (quantizer)",
        {"ema": "learned (ema)", "fsq": "fixed (fsq)"},
    )
    """where codes come from: a learned codebook that follows the features, with unused codes
    revived (ema), or a fixed lattice (fsq)"""
    codes: int = learning_field(256, "Number of codes", ge=16, le=2048)
    """size of the codebook; with fsq the largest lattice that has no more"""
    smoothing: float = learning_field(1.0, ge=0, le=4)
    """detail finer than this is no matter of the codes, and put back as grain: standard deviation
    of a Gaussian, pixels; 0 codes all"""
    vq_steps: int | None = learning_field(None, "Steps for codes (VQ)", unset="no limit", ge=1)
    """steps for learning the codes; they win over the minutes"""
    prior_steps: int | None = learning_field(
        None, "Steps for order (prior)", unset="no limit", ge=1
    )
    """steps for learning how codes follow; they win over the minutes"""
    on_shares: bool = learning_field(False, "Class shares (on shares)")
    """tell the prior the share of each class; a dual image then gets those of a real crop"""
    turns: bool = learning_field(True, "Turned copies (turns)")
    """learn from flipped and turned images, too"""
    learning_seed: int = learning_field(0, ge=0)
    """another one learns anew"""
    device: Literal["auto", "cpu", "cuda", "mps"] = learning_field(
        "auto",
        words={
            "auto": "automatic",
            "cpu": "processor (cpu)",
            "cuda": "NVIDIA GPU (cuda)",
            "mps": "Apple GPU (mps)",
        },
    )
    """what to compute on"""

    grain: Literal["quilted", "noise", "none"] = grain_field(
        "quilted",
        "Fine detail (grain)",
        {
            "quilted": "pieces of the real one (quilted)",
            "noise": "noise like the real one (noise)",
            "none": "none",
        },
    )
    """the fine detail that codes lose: pieces of the real one where the mask is alike, noise of its
    strength and texture, or none"""
    grain_strength: float = grain_field(1.0, ge=0, le=3)
    """as a multiple of the real"""

    gate: bool = gate_field(True, "Check pairs (gate)")
    """check dual images before they are used, and draw others for those that fail"""
    gate_steps: int = gate_field(300, "Steps of check (gate)", ge=1, le=100_000)
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
