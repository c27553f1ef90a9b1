"""What the axes of a layer's array stand for: said by its file or its labels, or guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.axes import axis_letter, fill_axes
from napari_synthseg.io.images.files import open_file
from napari_synthseg.io.images.stored_array import StoredArray
from napari_synthseg.ui.presenters.layer_axes import LayerAxes, axes_in_words

if TYPE_CHECKING:
    from napari.layers import Image


def array_shape(layer: Image) -> tuple[int, ...]:
    """Return the shape of a layer's array, with the colors of RGB, at the finest resolution."""
    data = layer.data[0] if layer.multiscale else layer.data
    return tuple(int(n) for n in np.shape(data))


def labelled_axes(layer: Image) -> LayerAxes:
    """Return the axes as the layer's labels say, those without a label by the rule for files."""
    letters = [*map(axis_letter, layer.axis_labels), *(["c"] if layer.rgb else [])]
    shape = array_shape(layer)
    filled = fill_axes(letters, shape)
    is_guess = any(not a and b not in "yx" for a, b in zip(letters, filled, strict=True))
    return LayerAxes(filled, shape, _planes_apart(layer, filled), is_guess)


@dataclass(frozen=True)
class FileAxes:
    """What the file of a layer says of its axes, while its array has a shape.

    Attributes
    ----------
    shape
        That shape.
    letters
        One letter for each axis; '' where the file cannot be read here, or holds other axes.
    apart
        Distance of planes along z, in pixels along x.
    is_guess
        The file does not name all of them.
    others
        In words, what the file holds where these are other axes; '' where it is not known.
    """

    shape: tuple[int, ...]
    letters: str = ""
    apart: float = 1.0
    is_guess: bool = False
    others: str = ""

    @classmethod
    def read(cls, path: Path, shape: tuple[int, ...], *, rgb: bool) -> FileAxes:
        """Look into a file, without reading pixels."""
        try:
            stored = open_file(path)
        except InputError:  # a format that only a plugin of napari reads
            return cls(shape)
        size = stored.pixel_size
        apart = size["z"] / size["x"] if {"z", "x"} <= size.keys() else 1.0
        letters = _matching_axes(stored, shape, rgb=rgb)
        others = axes_in_words(stored.axes, stored.shape) or "1 channel"
        return cls(shape, letters, apart, bool(stored.unnamed), "" if letters else others)


def settled_axes(labelled: LayerAxes, said: FileAxes | None, chosen: str) -> LayerAxes:
    """Return the axes of a layer as the user chose them, else as its file, else its labels say."""
    axes = labelled
    if said is not None and said.shape == axes.shape and said.letters:
        apart = axes.apart if axes.apart != 1 else said.apart
        axes = LayerAxes(said.letters, axes.shape, apart, said.is_guess)
    elif said is not None and said.shape == axes.shape:
        axes = replace(axes, others=said.others)
    if len(chosen) == len(axes.shape):
        axes = replace(axes, letters=chosen, is_guess=False)
    return axes


def _matching_axes(stored: StoredArray, shape: Sequence[int], *, rgb: bool) -> str:
    """Return the axes of a layer that shows a file, or a part of its rows and columns; else ''.

    An alpha channel, which the layer may have, is none that is used.
    """
    seen = (*shape[:-1], min(shape[-1], 3)) if rgb else tuple(shape)
    for axes in (stored.axes, *([] if rgb else [stored.axes.replace("c", "")])):
        sizes = [stored.size(axis) for axis in axes]
        if len(sizes) == len(seen) and all(
            there == here or axis in "yx"
            for axis, there, here in zip(axes, sizes, seen, strict=True)
        ):
            return axes
    return ""


def _planes_apart(layer: Image, letters: str) -> float:
    if "z" not in letters or "x" not in letters:
        return 1.0
    scale = np.abs(layer.scale)
    return float(scale[letters.index("z")] / scale[letters.index("x")])
