"""Patches scattered over a canvas of one gray level."""

from collections.abc import Generator
from typing import Literal

import numpy as np
from pydantic import Field

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import DualImage, InstanceLabels
from napari_synthseg.core.patch import Background, PatchLibrary
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.recipe import ArtifactStore, Recipe, Source, Synthesizer
from napari_synthseg.patches.canvas_parts import estimate_backgrounds


class ScatterRecipe(Recipe):
    kind: Literal["scatter"] = "scatter"
    size: int = Field(default=128, ge=32, le=1024, description="edge of a dual image, pixels")
    objects: int = Field(default=8, ge=1, le=500, description="objects on a dual image")
    seed: int = Field(default=0, ge=0, description="start of the random numbers")

    def fit(
        self, source: Source, artifacts: ArtifactStore | None = None
    ) -> Generator[Progress, None, Synthesizer]:
        if not isinstance(source, PatchLibrary) or not source.usable():
            raise InputError("The recipe 'scatter' needs a patch with a mask: click an object.")
        background, *_ = yield from estimate_backgrounds(source)
        return Scatter(self, source, background)


class Scatter(Synthesizer):
    def __init__(self, recipe: ScatterRecipe, library: PatchLibrary, ground: Background) -> None:
        self._recipe, self._patches = recipe, library.usable()
        self._levels, self._noise = ground.level, ground.noise

    def pair(self, index: int) -> DualImage:
        rng = np.random.default_rng((self._recipe.seed, index))
        size = self._recipe.size
        shape = (len(self._levels), size, size)
        image = rng.normal(self._levels[:, None, None], self._noise[:, None, None], shape)
        ids, classes = np.zeros((size, size), np.int32), {}
        for number in range(1, self._recipe.objects + 1):
            patch = self._patches[rng.integers(len(self._patches))]
            shift = rng.integers(0, size, 2) - np.array(patch.mask.shape) // 2
            where = np.argwhere(patch.mask) + shift
            inside = ((where >= 0) & (where < size)).all(axis=1)
            there, here = tuple(where[inside].T), tuple((where - shift)[inside].T)
            image[:, *there], ids[there] = patch.pixels[:, *here], number
            classes[number] = patch.cls
        shown = set(np.unique(ids).tolist())
        labels = InstanceLabels(ids, {i: cls for i, cls in classes.items() if i in shown})
        return DualImage(image.astype(np.float32), labels, index)
