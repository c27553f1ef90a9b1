"""The parameters of patch pasting (arXiv 2308.04687), and fitting them to a library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.recipe import FitStep, Recipe


class PasteRecipe(Recipe):
    """Cut objects out by their masks and scatter them over canvases."""

    kind: Literal["paste"] = "paste"
    size: int = Field(
        default=256, ge=32, le=4096, description="edge length of a dual image, pixels"
    )
    canvas: Literal["real", "blank", "mixed"] = Field(
        default="real",
        description="what objects are put on: real background with the objects taken out, "
        "a constant level with noise, or either by chance",
    )
    density: float = Field(
        default=1.0, gt=0, le=10, description="object density, as a multiple of the real one"
    )
    density_spread: float = Field(
        default=0.3, ge=0, le=1, description="random variation of the density, as a share of it"
    )
    mixing: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="share of objects that may come from another image than canvas and density",
    )
    clustering: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="share of objects that are put against another one; empty: as often as in "
        "the clicked images",
    )
    overlap: float = Field(
        default=0.05,
        ge=0,
        le=0.9,
        description="largest part of an object that another may cover, as a share of its area",
    )
    rotation: bool = Field(default=True, description="turn objects by any angle")
    flip: bool = Field(default=True, description="mirror objects at random")
    scale: float = Field(
        default=0.1, ge=0, le=0.5, description="random variation of object size, as a share of it"
    )
    intensity: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="random variation of an object's contrast to its surroundings, as a share",
    )
    feather: float = Field(
        default=0.15,
        ge=0,
        le=1,
        description="width of the soft rim that is carried along round an object, in diameters",
    )
    noise: float = Field(
        default=1.0,
        ge=0,
        le=5,
        description="noise on blank canvases, as a multiple of the real background's",
    )
    min_quality: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="patches of lower quality are left out, unless too few remain",
    )
    variants: int = Field(
        default=6, ge=1, le=64, description="turned and scaled copies kept of each patch"
    )
    seed: int = Field(default=0, ge=0, description="another seed gives other dual images")

    def fit(self, library: PatchLibrary) -> Iterator[FitStep]:
        """Prepare objects and canvases; yield progress, then a step with the synthesizer.

        Raises
        ------
        InputError
            If no patch of the library is usable.
        """
        from napari_synthseg.synth.paste.canvas import Canvases
        from napari_synthseg.synth.paste.density import Density
        from napari_synthseg.synth.paste.layout import real_layout
        from napari_synthseg.synth.paste.sprites import Figure, choose_patches, make_sprites
        from napari_synthseg.synth.paste.synthesizer import PasteSynthesizer, match_clustering

        if not library.usable():
            raise InputError(
                "No patch is usable: no object was found under any click, or all were rejected. "
                "Check the class diameter and the clicks, or take patches back in."
            )
        chosen = choose_patches(library, self.min_quality)
        total = len(chosen) + 2
        yield FitStep(0, total, "preparing canvases")
        canvases = Canvases.prepare(library, self)
        layouts = real_layout(library)
        sprites: dict[int, list[Figure]] = {}
        for number, patch in enumerate(chosen, start=1):
            made = make_sprites(patch, number, library, canvases, layouts, self)
            if made:
                sprites.setdefault(patch.cls, []).append(Figure(patch.id, patch.image, made))
            yield FitStep(number, total, "cutting out objects")
        synthesizer = PasteSynthesizer(
            recipe=self,
            canvases=canvases,
            sprites={cls: tuple(items) for cls, items in sorted(sprites.items())},
            density=Density.measure(library),
            clustering=self.clustering or 0.0,
        )
        yield FitStep(total - 1, total, "matching the arrangement of the objects")
        if self.clustering is None:
            synthesizer = match_clustering(synthesizer, layouts)
        yield FitStep(total, total, "ready", synthesizer)
