"""Image files before and after they are added, in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from napari_synthseg.io.images.axes import STACK_AXES
from napari_synthseg.io.images.stacks import StackUse
from napari_synthseg.io.naming import listed
from napari_synthseg.ui.presenters.in_panel import in_panel
from napari_synthseg.ui.presenters.layer_axes import LayerAxes, axes_in_words, possible_axes
from napari_synthseg.workflow.images.adding import FileUse
from napari_synthseg.workflow.images.finding import FoundFile

MAX_TOLD = 8
"""Files that a message names."""


@dataclass(frozen=True)
class AxesQuestion:
    """Files of one shape, and how their axes are used.

    Attributes
    ----------
    files
        The files.
    axes
        What their axes stand for.
    stack
        Whether planes along z are a volume.
    only
        Axis -> the only frame or plane that is taken; none: each is an image.
    """

    files: tuple[FoundFile, ...]
    axes: LayerAxes
    stack: StackUse = "auto"
    only: Mapping[str, int] = field(default_factory=dict)

    @property
    def choices(self) -> dict[str, str]:
        """What the axes may stand for: letters -> words."""
        letters = dict.fromkeys((self.files[0].axes, *possible_axes(self.axes.shape, rgb=False)))
        return {
            each: axes_in_words(each, self.axes.shape) or "one image"
            for each in letters
            if {"y", "x"} <= set(each)
        }

    @property
    def is_open(self) -> bool:
        """Whether its axes may be used in more than one way."""
        stacked = any(self.axes.size(axis) > 1 for axis in "tz")
        return stacked or (self.axes.is_guess and self.axes.size("c") > 1)

    @property
    def planes(self) -> str:
        """Axes along which an image is one of several."""
        return "".join(a for a in self.axes.planes(self.stack) if self.axes.size(a) > 1)

    def title(self) -> str:
        """Return which files these are, and what of them is used."""
        name, more = self.files[0].path.name, len(self.files) - 1
        names = f"'{name}'" + (f" and {more} more" if more else "")
        words = axes_in_words(self.axes.letters, self.axes.shape) or "one plane"
        guess = " (a guess: the file does not name its axes)" if self.axes.is_guess else ""
        return f"{names}: {words}{guess}. {self._use()}"

    def _use(self) -> str:
        left = [axis for axis in self.planes if axis not in self.only]
        count = prod(self.axes.size(axis) for axis in left)
        kind = "volume" if self.axes.is_volume(self.stack) and "z" not in self.only else "image"
        each = f"Gives {count} {kind}{'s' * (count > 1)}"
        return each + (" for each file." if len(self.files) > 1 else ".")

    def uses(self) -> list[FileUse]:
        """Return how each file is used; axes that the file names itself are not told it again."""
        only = {axis: index for axis, index in self.only.items() if axis in self.planes}
        return [
            FileUse(
                each.path, "" if self.axes.letters == each.axes else self.axes.letters,
                self.stack, only,
            )
            for each in self.files
        ]  # fmt: skip

    def with_axes(self, letters: str) -> AxesQuestion:
        """Return it with other axes, as the user says."""
        return replace(self, axes=replace(self.axes, letters=letters, is_guess=False), only={})


def ask_by_shape(files: Sequence[FoundFile], stack: StackUse) -> list[AxesQuestion]:
    """Return files as groups of the same axes and shape (of y and x: any), in their order."""
    groups: dict[tuple[object, ...], list[FoundFile]] = {}
    for each in files:
        sizes = [n for a, n in zip(each.axes, each.shape, strict=True) if a in STACK_AXES]
        groups.setdefault((each.axes, *sizes, each.is_guess), []).append(each)
    return [
        AxesQuestion(
            tuple(group),
            LayerAxes(group[0].axes, group[0].shape, group[0].apart, group[0].is_guess),
            stack,
        )
        for group in groups.values()
    ]


def told_of_files(
    refused: Mapping[str, str],
    notes: Mapping[str, Sequence[str]],
    known: Collection[str] = (),
    masks: Collection[str] = (),
) -> str:
    """Return what is to be told of added files: a line for each that was left out; '' for nothing.

    Parameters
    ----------
    refused
        File -> why it was not added.
    notes
        File -> what else is to be told of it.
    known
        Files that are in the project already.
    masks
        Files that are named as masks of others.
    """
    lines = [f"{name}: {why}" for name, why in refused.items()]
    if refused:
        lines = [f"{len(refused)} of the files could not be added:", *_first(lines)]
    by_note: dict[str, list[str]] = {}
    for name, each in notes.items():
        for note in each:
            by_note.setdefault(note, []).append(name)
    lines += _first([f"{listed(names)}: {note}." for note, names in by_note.items()])
    if known:
        lines.append(f"In the project already: {listed(list(known))}.")
    if masks:
        lines.append(
            f"Named as masks of others, so no images: {listed(list(masks))}. "
            "Take them by 'Import…'."
        )
    return in_panel("\n".join(lines))


def _first(lines: Sequence[str]) -> list[str]:
    more = len(lines) - MAX_TOLD
    return [*lines[:MAX_TOLD], *([f"… and {more} more"] if more > 0 else [])]
