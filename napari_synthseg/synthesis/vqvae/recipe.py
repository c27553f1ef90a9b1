"""Learned dual images (after arXiv 2408.00707): the recipe.

The paper's idea: join micrographs with their masks, learn discrete codes of the pairs (VQ-VAE),
learn how codes follow one another (PixelCNN), draw new ones and decode them into image and mask.
Ours: the way of joining, classes as one-hot channels judged by cross-entropy, the grain that is put
back, images larger than what was learned from, and the gate that pairs must pass.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Literal

from napari_synthseg.core.labels import MaskedImages
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.recipe import ArtifactStore, Source, Synthesizer
from napari_synthseg.networks.libraries import load_libraries
from napari_synthseg.synthesis.vqvae.parameters import VQParameters


class VQRecipe(VQParameters):
    """Learn image and mask together, and draw new pairs."""

    learns_from = "masks"
    default_pool_size = 64

    kind: Literal["vq"] = "vq"

    def fit(
        self, source: Source, artifacts: ArtifactStore | None = None
    ) -> Generator[Progress, None, Synthesizer]:
        """Learn codes, prior, grain and gate, or load what was kept; return the synthesizer.

        Raises
        ------
        InputError
            If there is no image to learn from, or images are volumes or too small.
        """
        yield from load_libraries()
        # here: it loads torch, and the panel shall open without
        from napari_synthseg.synthesis.vqvae.fitting import fit_to_images

        assert isinstance(source, MaskedImages)
        return (yield from fit_to_images(self, source, artifacts))
