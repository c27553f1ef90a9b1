"""The parameters of patch pasting (arXiv 2308.04687)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_synthseg.core.recipe import Recipe, heading

CanvasKind = Literal["real", "empty", "textured", "blank", "mixed"]
BlendingKind = Literal["feather", "gaussian", "poisson", "hard", "mixed"]
Counts = Literal["empirical", "poisson", "uniform", "fixed"]
Arrangement = Literal["matched", "neighbors", "random"]


NUMBERS, OBJECTS, ARRANGEMENT, BLENDING, VOLUMES = (
    heading(name)
    for name in ("Numbers", "Objects", "Arrangement", "Blending and canvas", "Volumes")
)


class PasteParameters(Recipe):
    """The fields of a `PasteRecipe`."""

    size: int = Field(
        default=256, ge=32, le=4096, description="edge length of a dual image, pixels"
    )
    canvas: CanvasKind = Field(
        default="real",
        description="what objects are put on: the real background with the objects taken out; "
        "windows of it that hold really no object; a texture like it, newly made; a constant "
        "level with noise; or any of these by chance",
    )
    cutout: Literal["mask", "square"] = Field(
        default="mask",
        description="what is pasted of a patch: the object along its mask, or a square round it",
    )
    blending: BlendingKind = Field(
        default="feather",
        description="how a cutout joins the canvas: a soft rim, a Gaussian rim, without any step "
        "in light (poisson), with a hard edge, or any of these by chance",
    )
    density: float = Field(
        default=1.0, gt=0, le=10, description="object density, as a multiple of the real one"
    )
    seed: int = Field(default=0, ge=0, description="another seed gives other dual images")

    counts: Counts = Field(
        default="empirical",
        json_schema_extra=NUMBERS,
        description="how many objects a dual image shows: as many as a window of a clicked image, "
        "or a number drawn from a Poisson or uniform distribution, or the same each time",
    )
    count: float | None = Field(
        default=None,
        gt=0,
        le=10_000,
        json_schema_extra=NUMBERS,
        description="mean number of objects, where counts are not empirical; empty: the real "
        "density's",
    )
    density_spread: float = Field(
        default=0.3,
        ge=0,
        le=1,
        json_schema_extra=NUMBERS,
        description="random variation of empirical counts, as a share of them",
    )
    rare_boost: float = Field(
        default=0.0,
        ge=0,
        le=1,
        json_schema_extra=NUMBERS,
        description="class mix: 0 as in the clicked images, 1 all classes equally often",
    )
    mixing: float = Field(
        default=0.25,
        ge=0,
        le=1,
        json_schema_extra=NUMBERS,
        description="share of objects that may come from another image than canvas and density",
    )

    patch_size: float = Field(
        default=1.5,
        ge=0.5,
        le=3,
        json_schema_extra=OBJECTS,
        description="edge of a square cutout, in class diameters",
    )
    patch_size_spread: float = Field(
        default=0.0,
        ge=0,
        le=0.3,
        json_schema_extra=OBJECTS,
        description="random variation of the edge of square cutouts, as a share of it",
    )
    rotation: bool = Field(
        default=True, json_schema_extra=OBJECTS, description="turn objects by any angle"
    )
    flip: bool = Field(
        default=True, json_schema_extra=OBJECTS, description="mirror objects at random"
    )
    scale: float = Field(
        default=0.1,
        ge=0,
        le=0.5,
        json_schema_extra=OBJECTS,
        description="random variation of object size, as a share of it",
    )
    intensity: float = Field(
        default=0.1,
        ge=0,
        le=1,
        json_schema_extra=OBJECTS,
        description="random variation of an object's contrast to its surroundings, as a share",
    )
    brightness: float = Field(
        default=0.0,
        ge=0,
        le=1,
        json_schema_extra=OBJECTS,
        description="random offset of an object's brightness, in units of the image's range",
    )
    min_quality: float = Field(
        default=0.3,
        ge=0,
        le=1,
        json_schema_extra=OBJECTS,
        description="patches of lower quality are left out, unless too few remain",
    )
    variants: int = Field(
        default=6,
        ge=1,
        le=64,
        json_schema_extra=OBJECTS,
        description="turned and scaled copies made of each patch; fewer of very many patches",
    )

    arrangement: Arrangement = Field(
        default="matched",
        json_schema_extra=ARRANGEMENT,
        description="where objects go: as many put against another as touch in the clicked "
        "images; with the real distances to the nearest neighbor; or anywhere",
    )
    clustering: float | None = Field(
        default=None,
        ge=0,
        le=1,
        json_schema_extra=ARRANGEMENT,
        description="share of objects put against another one, for the matched arrangement; "
        "empty: as often as in the clicked images",
    )
    overlap: float = Field(
        default=0.05,
        ge=0,
        le=0.9,
        json_schema_extra=ARRANGEMENT,
        description="largest part of an object that others may cover, as a share of its area",
    )
    truncation: float | None = Field(
        default=None,
        ge=0,
        le=0.9,
        json_schema_extra=ARRANGEMENT,
        description="share of objects cut off by the border; empty: as in the clicked images",
    )

    feather: float = Field(
        default=0.15,
        ge=0,
        le=1,
        json_schema_extra=BLENDING,
        description="width of the soft rim round an object, in diameters",
    )
    match_level: bool = Field(
        default=True,
        json_schema_extra=BLENDING,
        description="bring an object to the light level of the place where it is put",
    )
    match_noise: bool = Field(
        default=True,
        json_schema_extra=BLENDING,
        description="give an object the grain of the canvas's image, and that back which turning "
        "and scaling smooth away",
    )
    match_blur: bool = Field(
        default=False,
        json_schema_extra=BLENDING,
        description="blur an object that is sharper than the canvas's image, or got sharper by "
        "being made smaller",
    )
    decoys: float = Field(
        default=0.0,
        ge=0,
        le=1,
        json_schema_extra=BLENDING,
        description="pieces of background per object, pasted like objects but not labelled, so "
        "that a seam tells nothing",
    )
    noise: float = Field(
        default=1.0,
        ge=0,
        le=5,
        json_schema_extra=BLENDING,
        description="noise on blank canvases, as a multiple of the real background's",
    )

    volume_size: int = Field(
        default=96,
        ge=16,
        le=1024,
        json_schema_extra=VOLUMES,
        description="edge of a dual volume along y and x, pixels",
    )
    volume_planes: int = Field(
        default=32,
        ge=1,
        le=1024,
        json_schema_extra=VOLUMES,
        description="planes of a dual volume, at most as many as the clicked ones have",
    )
