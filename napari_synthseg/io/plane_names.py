"""Pictures of single planes: which plane of a stack a name such as ``stack_z003.png`` means.

Programs that take no stacks are given each plane as a picture, and name these pictures in what they
save. A name is taken apart only where no image of the project has it. Numbers count from 0 or from
1; which of them, all numbers of a file together tell, or the user: it is never guessed.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.naming import (
    LABEL_STUDIO_NAME,
    ImageNames,
    ListsImage,
    bare_stem,
    image_in_file,
    plane_name,
    same_form,
    series_name,
)
from napari_synthseg.io.planes import choose_plane

NUMBER = re.compile(
    r"[ _.\-]*(?P<word>time|frame|t|slice|plane|page|z)?[ _.\-]*(?P<number>\d{1,6})",
    re.IGNORECASE,
)
"""A number behind the name of a stack, and perhaps what it counts."""

AXIS_OF = {"time": "t", "frame": "t", "t": "t", "slice": "z", "plane": "z", "page": "z", "z": "z"}


@dataclass(frozen=True)
class Stack:
    """A stack in its file.

    Attributes
    ----------
    extents
        Axis, t or z -> how many planes there are along it, in the order of the file.
    files
        Names of the files of its planes along the first of these, where it is a folder of them.
    channels
        How many planes there are for the channels of each of these; those of colors share one.
    """

    extents: Mapping[str, int]
    files: Sequence[str] = ()
    channels: int = 1

    @property
    def planes(self) -> int:
        """How many planes there are in all."""
        return self.channels * math.prod(self.extents.values())

    def place_of(self, index: int) -> dict[str, int]:
        """Return the place along z and t of a plane, where channels change first and t last."""
        rest = index // self.channels
        depth = self.extents.get("z", 1)
        at = {"z": rest % depth, "t": rest // depth}
        return {axis: place for axis, place in at.items() if axis in self.extents}


StackOf = Callable[[ImageRef], Stack]

Key = tuple[str, int | None]
"""What `image_in_file` gives: a file, and the number of the stack in it."""


@dataclass(frozen=True)
class NamedPlane:
    """The image that the name of a picture means, and its place along "t" and "z", from 0."""

    ref: ImageRef
    plane: Mapping[str, int]

    @property
    def name(self) -> str:
        """The name by which `ImageNames` knows the image."""
        return plane_name(self.ref)


@dataclass
class _Said:
    """What one name says of a stack: numbers as written, or the plane itself."""

    refs: list[ImageRef]
    numbers: dict[str, int] = field(default_factory=dict)
    plane: dict[str, int] | None = None
    is_own: bool = False

    @property
    def key(self) -> Key:
        return image_in_file(self.refs[0])


@dataclass
class _Count:
    """All numbers that the names in a file say along an axis of a stack.

    `image` is the first that has one; `is_own` says whether any is named as this program does.
    """

    image: ListsImage
    stack: str
    axis: str
    planes: int
    is_own: bool
    numbers: list[int] = field(default_factory=list)

    def start(self, first: int | None) -> int:
        """Return the number of the first plane; `first` where the user says it."""
        image, lowest, highest = self.image, min(self.numbers), max(self.numbers)
        starts = (0, 1) if first is None else (first,)
        fits = [start for start in starts if start <= lowest and highest - start < self.planes]
        if not fits:
            raise InputError(
                f"{image.where}: '{image.name}' and the other names are of planes {lowest} to "
                f"{highest}, but '{self.stack}' has {self.planes} along {self.axis}: check that "
                "they are of this image."
            )
        if len(fits) > 1 and not self.is_own:
            raise InputError(
                f"{image.where}: names such as '{image.name}' do not tell whether planes of "
                f"'{self.stack}' are counted from 0 or from 1 (the last is {highest}, and there "
                f"are {self.planes}): say it by --first-plane 0 or --first-plane 1."
            )
        return fits[0]


class _PlaneFiles:
    """The files of a folder of planes by their names."""

    def __init__(self, files: Sequence[str]) -> None:
        self._by_name: dict[str, list[int]] = defaultdict(list)
        self._by_stem: dict[str, list[int]] = defaultdict(list)
        for number, file in enumerate(files):
            self._by_name[same_form(file)].append(number)
            self._by_stem[bare_stem(PurePosixPath(file).stem)].append(number)

    def find(self, name: str, bare: str) -> int | None:
        """Return the number of the file of a name, or else of a stem; None where none is meant."""
        found = self._by_name.get(name) or self._by_stem.get(bare) or ()
        return found[0] if len(found) == 1 else None


class PlaneNames:
    """The stacks of a project by the names of pictures of their planes."""

    def __init__(self, images: Iterable[ImageRef], stack_of: StackOf) -> None:
        images = list(images)
        self._names = ImageNames(images)
        self._stack_of = stack_of
        self._stacks: dict[Key, list[ImageRef]] = defaultdict(list)
        self._prefixes: dict[Key, set[str]] = defaultdict(set)
        self._own: dict[str, set[Key]] = defaultdict(set)  # stems of `plane_name` -> stacks
        self._at: dict[tuple[Key, str, int | None], list[ImageRef]] = defaultdict(list)
        self._files: dict[Key, _PlaneFiles] = {}
        for ref in images:
            if ref.ndim == 3 or set(ref.plane) & {"t", "z"}:
                key = image_in_file(ref)
                self._stacks[key].append(ref)
                for axis in "tz":
                    self._at[key, axis, ref.plane.get(axis)].append(ref)
                names = (ref.name, ref.uri, series_name(ref))
                stems = (PurePosixPath(name).stem for name in names)
                self._prefixes[key] |= {bare_stem(stem) for stem in stems} - {""}
                if ref.plane:
                    self._own[same_form(PurePosixPath(plane_name(ref)).stem)].add(key)

    def refs_named(self, where: str, name: str, *, by_stem: bool) -> list[ImageRef]:
        """Return all images of the stack of which a name is a plane's; none where it is no such.

        Raises
        ------
        InputError
            If it may be of several stacks.
        """
        said = self._read(where, name, by_stem)
        return said.refs if said else []

    def find(
        self, listed: Sequence[ListsImage], first: int | None = None
    ) -> list[NamedPlane | None]:
        """Return for each of the images that a file lists the plane that it is; None of others.

        Parameters
        ----------
        listed
            All of them: their numbers together tell from where they count.
        first
            The number of the first plane, where the user says it.

        Raises
        ------
        InputError
            If a name may be of several planes.
        """
        said = [self._read(each.where, each.name or "", each.by_stem) for each in listed]
        own = {each.key for each in said if each and each.is_own}
        counts: dict[tuple[Key, str], _Count] = {}
        for image, each in zip(listed, said, strict=True):
            if each is None:
                continue
            for axis, number in each.numbers.items():
                ref, key = each.refs[0], (each.key, axis)
                if key not in counts:
                    planes = self._stack_of(ref).extents[axis]
                    counts[key] = _Count(image, ref.name, axis, planes, each.key in own)
                counts[key].numbers.append(number)
        starts = {key: count.start(first) for key, count in counts.items()}
        found: list[NamedPlane | None] = []
        for image, each in zip(listed, said, strict=True):
            if each is None:
                found.append(None)
                continue
            plane = each.plane or {a: n - starts[each.key, a] for a, n in each.numbers.items()}
            found.append(self._choose(image.where, each.key, plane))
        return found

    def _read(self, where: str, name: str, by_stem: bool) -> _Said | None:
        """Return what a name says; None where it is an image's own, or of no stack."""
        parts = PureWindowsPath(same_form(name)).parts
        if not parts or not self._stacks:
            return None
        last = parts[-1]
        stem = last if by_stem else PurePosixPath(last).stem
        if self._names.has(name, by_stem=by_stem):
            own = self._read_all(self._own.get(stem, ()), last, stem)
            for each in own:
                each.is_own = True
            return own[0] if len(own) == 1 and own[0].plane is None else None
        said = self._read_all(self._stacks, last, stem)
        if not said and (uploaded := LABEL_STUDIO_NAME.fullmatch(last)):
            last = uploaded["name"]
            stem = last if by_stem else PurePosixPath(last).stem
            said = self._read_all(self._stacks, last, stem)
        if len(said) > 1:
            one, other = (series_name(each.refs[0]) for each in said[:2])
            raise InputError(
                f"{where}: '{name}' may be a plane of '{one}' or of '{other}': say which "
                "by --image."
            )
        return said[0] if said else None

    def _read_all(self, keys: Iterable[Key], last: str, stem: str) -> list[_Said]:
        found = (self._read_as(self._stacks[key], last, stem) for key in keys)
        return [each for each in found if each is not None]

    def _read_as(self, refs: list[ImageRef], last: str, stem: str) -> _Said | None:
        """Return what a name says if it is that of a plane of one stack."""
        key, bare = image_in_file(refs[0]), stem.casefold()
        fitting = [name for name in self._prefixes[key] if bare.startswith(name)]
        prefix = max(fitting, key=len, default=None)
        try:
            stack = self._stack_of(refs[0])
        except InputError:
            if prefix is None:
                return None  # it cannot be read, and nothing says that this is of it
            raise
        extents = stack.extents
        if stack.files and extents:
            if key not in self._files:
                self._files[key] = _PlaneFiles(stack.files)
            number = self._files[key].find(last, bare)
            if number is not None:
                return _Said(refs, plane={next(iter(extents)): number})
        if prefix is None:
            return None
        rest = bare[len(prefix) :].removeprefix(".ome")
        numbers: dict[str, int] = {}
        place = 0
        while place < len(rest):
            match = NUMBER.match(rest, place)
            if match is None:
                return None
            word = match["word"]
            axis = AXIS_OF[word.lower()] if word else next(iter(extents), "")
            if axis not in extents or axis in numbers or (not word and len(extents) > 1):
                return None
            numbers[axis] = int(match["number"])
            place = match.end()
        return _Said(refs, numbers) if numbers else None

    def _choose(self, where: str, key: Key, plane: Mapping[str, int]) -> NamedPlane | None:
        """Return the image of a plane; None where the project does not use that plane."""
        of_axes = (
            [*self._at.get((key, axis, at), ()), *self._at.get((key, axis, None), ())]
            for axis, at in plane.items()
        )
        near = min(of_axes, key=len)
        there = [r for r in near if all(r.plane.get(a, at) == at for a, at in plane.items())]
        return NamedPlane(choose_plane(where, there, plane)[0], plane) if there else None
