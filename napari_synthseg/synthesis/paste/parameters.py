"""The parameters of patch pasting (arXiv 2308.04687)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_synthseg.core.described import setting
from napari_synthseg.core.recipe import Recipe, fields_under

number_field, object_field, arrangement_field, blending_field, volume_field = (
    fields_under(name)
    for name in ("Numbers", "Objects", "Arrangement", "Blending and canvas", "Volumes")
)


class PasteParameters(Recipe):
    """The fields of a `PasteRecipe`."""

    size: int = Field(256, ge=32, le=4096)
    """edge length of a dual image, pixels"""
    canvas: Literal["real", "empty", "textured", "blank", "mixed"] = setting(
        "real",
        "Background (canvas)",
        {
            "real": "real, objects taken out (real)",
            "empty": "real, without any object (empty)",
            "textured": "new, like the real one (textured)",
            "blank": "one level with noise (blank)",
            "mixed": "any of these (mixed)",
        },
    )
    """what objects are put on: the real background with the objects taken out; windows of it that
    hold really no object; a texture like it, newly made; a constant level with noise; or any of
    these by chance"""
    cutout: Literal["mask", "square"] = setting(
        "mask",
        "What is pasted (cutout)",
        {"mask": "the object along its outline (mask)", "square": "a square around it (square)"},
    )
    """what is pasted of a patch: the object along its mask, or a square around it"""
    blending: Literal["feather", "gaussian", "poisson", "hard", "mixed"] = setting(
        "feather",
        "Edges (blending)",
        {
            "feather": "soft (feather)",
            "gaussian": "soft, as a bell curve (gaussian)",
            "poisson": "without a step in light (poisson)",
            "hard": "sharp (hard)",
            "mixed": "any of these (mixed)",
        },
    )
    """how a cutout joins the canvas: a soft rim, a Gaussian rim, without any step in light
    (poisson), with a hard edge, or any of these by chance"""
    density: float = Field(1.0, gt=0, le=10)
    """object density, as a multiple of the real one"""
    seed: int = setting(0, "Random seed", ge=0)
    """another seed gives other dual images"""

    counts: Literal["empirical", "poisson", "uniform", "fixed"] = number_field(
        "empirical",
        "Objects on each (counts)",
        {
            "empirical": "as on clicked images (empirical)",
            "poisson": "by chance around a mean (poisson)",
            "uniform": "by chance, none to twice the mean (uniform)",
            "fixed": "always the mean (fixed)",
        },
    )
    """how many objects a dual image shows: as many as a window of a clicked image, or a number
    drawn from a Poisson or uniform distribution, or the same each time"""
    count: float | None = number_field(None, "Mean number (count)", gt=0, le=10_000)
    """mean number of objects, where counts are not empirical; empty: the real density's"""
    density_spread: float = number_field(0.3, "Density varies (spread)", ge=0, le=1)
    """random variation of empirical counts, as a share of them"""
    rare_boost: float = number_field(0.5, "Rare classes (boost)", ge=0, le=1)
    """class mix: 0 as in the clicked images, 1 all classes equally often, those of larger than
    usual objects as much rarer as they are larger"""
    mixing: float = number_field(0.25, "Other images (mixing)", ge=0, le=1)
    """share of objects that may come from another image than canvas and density"""

    patch_size: float = object_field(1.5, ge=0.5, le=3)
    """edge of a square cutout, in class diameters"""
    patch_size_spread: float = object_field(0.0, ge=0, le=0.3)
    """random variation of the edge of square cutouts, as a share of it"""
    rotation: bool = object_field(True)
    """turn objects by any angle"""
    flip: bool = object_field(True)
    """mirror objects at random"""
    scale: float = object_field(0.1, "Size varies (scale)", ge=0, le=0.5)
    """random variation of object size, as a share of it"""
    intensity: float = object_field(0.1, "Contrast (intensity)", ge=0, le=1)
    """random variation of an object's contrast to its surroundings, as a share"""
    brightness: float = object_field(0.0, "Brightness varies", ge=0, le=1)
    """random offset of an object's brightness, in units of the image's range"""
    min_quality: float = object_field(0.3, ge=0, le=1)
    """patches of lower quality are left out, unless too few remain"""
    variants: int = object_field(6, "Copies (variants)", ge=1, le=64)
    """turned and scaled copies made of each patch; fewer of very many patches"""

    arrangement: Literal["matched", "neighbors", "random"] = arrangement_field(
        "matched",
        "Places (arrangement)",
        {
            "matched": "touching as real ones do (matched)",
            "neighbors": "at the real distances (neighbors)",
            "random": "anywhere (random)",
        },
    )
    """where objects go: as many put against another as touch in the clicked images; with the real
    distances to the nearest neighbor; or anywhere"""
    clustering: float | None = arrangement_field(None, "Touching (clustering)", ge=0, le=1)
    """share of objects put against another one, for the matched arrangement; empty: as often as in
    the clicked images"""
    overlap: float = arrangement_field(0.05, ge=0, le=0.9)
    """largest part of an object that others may cover, as a share of its area"""
    truncation: float | None = arrangement_field(None, "Cut off (truncation)", ge=0, le=0.9)
    """share of objects cut off by the border; empty: as in the clicked images"""

    feather: float = blending_field(0.15, "Soft rim (feather)", ge=0, le=1)
    """width of the soft rim around an object, in diameters"""
    match_level: bool = blending_field(True)
    """bring an object to the light level of the place where it is put"""
    match_noise: bool = blending_field(True)
    """give an object the noise of the canvas's image, and that back which turning and scaling
    smooth away"""
    match_blur: bool = blending_field(False)
    """blur an object that is sharper than the canvas's image, or got sharper by being made
    smaller"""
    decoys: float = blending_field(0.0, "Unlabelled (decoys)", ge=0, le=1)
    """pieces of background per object, pasted like objects but not labelled, so that a seam tells
    nothing"""
    noise: float = blending_field(1.0, ge=0, le=5)
    """noise on blank canvases, as a multiple of the real background's"""

    volume_size: int = volume_field(96, ge=16, le=1024)
    """edge of a dual volume along y and x, pixels"""
    volume_planes: int = volume_field(32, ge=1, le=1024)
    """planes of a dual volume, at most as many as the clicked ones have"""
