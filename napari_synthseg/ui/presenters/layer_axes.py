"""What the axes of a layer stand for, in words, and what else they may stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from math import prod

from napari_synthseg.io.images.axes import MAX_PIXEL_VALUES, STACK_AXES, axis_words
from napari_synthseg.io.images.stacks import StackUse, is_volume


@dataclass(frozen=True)
class LayerAxes:
    """The axes of a layer's array, also that of an RGB layer's colors.

    Attributes
    ----------
    letters
        One letter of "tczyx" for each; "?" where there are more.
    shape
        The array's shape.
    apart
        Distance of planes along z, in pixels along x.
    is_guess
        Neither the file nor the layer nor the user says it.
    others
        In words, what the layer's file holds where that is something else.
    """

    letters: str
    shape: tuple[int, ...]
    apart: float = 1.0
    is_guess: bool = False
    others: str = ""

    def size(self, axis: str) -> int:
        """Return the extent along an axis; 1 where there is none."""
        return self.shape[self.letters.index(axis)] if axis in self.letters else 1

    def is_volume(self, stack: StackUse) -> bool:
        """Return whether planes along z are used as one volume."""
        return is_volume(self.size("z"), self.apart, stack)

    def planes(self, stack: StackUse) -> str:
        """Return the axes along which an image is one of several."""
        return "".join(a for a in self.letters if a == "t" or (a == "z" and self._is_flat(stack)))

    def _is_flat(self, stack: StackUse) -> bool:
        return not self.is_volume(stack)


def possible_axes(shape: Sequence[int], *, rgb: bool) -> tuple[str, ...]:
    """Return what the axes of an array may stand for; one entry where there is no choice."""
    if rgb:
        return tuple("".join(p) + "yxc" for p in permutations("zt", max(len(shape) - 3, 0)))
    leading = max(len(shape) - 2, 0)
    found = ["".join(p) + "yx" for p in permutations(STACK_AXES, leading)]
    if leading and shape[-1] <= MAX_PIXEL_VALUES:
        found += ["".join(p) + "yxc" for p in permutations("zt", leading - 1)]
    return tuple(found)


def axes_in_words(letters: str, shape: Sequence[int]) -> str:
    """Return what an array holds beside y and x: "5 frames over time, 12 planes along z"."""
    sizes = zip(letters, shape, strict=True)
    return ", ".join(axis_words(axis, n) for axis, n in sizes if axis in STACK_AXES)


def use_of_axes(axes: LayerAxes, stack: StackUse, *, rgb: bool, every_plane: bool) -> str:
    """Return what a layer holds and what of it would be used: the end of a sentence, or ''."""
    letters, shape = (axes.letters[:-1], axes.shape[:-1]) if rgb else (axes.letters, axes.shape)
    if not (words := axes_in_words(letters, shape)):
        return ""
    kind = "volume" if axes.is_volume(stack) else "stack"
    planes = axis_words("z", axes.size("z"))
    words = words.replace(planes, f"a {kind} of {planes.removesuffix(' along z')}")
    guess = " (a guess: nothing says what its axes are)" if axes.is_guess else ""
    if axes.others:
        guess = f" (its file holds {axes.others}; the file counts, unless the layer was changed)"
    use = ""
    if stacked := axes.planes(stack):
        count = prod(axes.size(axis) for axis in stacked)
        use = f"; {count} images" if every_plane else "; the shown one is used"
    return f": {words}{guess}{use}"
