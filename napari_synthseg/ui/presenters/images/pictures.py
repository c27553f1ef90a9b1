"""Pictures: what several images of a project, its parts, may have in common; and lists of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from operator import attrgetter
from threading import Lock

from cachetools import LRUCache, cached

from napari_synthseg.core.annotations import ImageRef, RegionTruth, Role, named_specimen
from napari_synthseg.core.project import Project

ImageKey = tuple[str, tuple[tuple[str, int], ...], tuple[int, ...] | None, bool]
"""What the parts (regions) of one image have in common: file, plane, channels, how it is read."""

KEPT_PROJECTS = 4
"""Projects whose pictures are remembered: those of all windows, and the ones just before."""

ROLES: dict[Role, str] = {
    "train": "for training",
    "validate": "to choose the best weights",
    "test": "for scoring only",
}
"""What an image is for, in words."""

SHORT_ROLES: dict[Role, str] = {**ROLES, "validate": "held out"}
"""The same where there is little room."""


def image_key(ref: ImageRef) -> ImageKey:
    """Return what the parts (regions) of one image have in common."""
    return ref.uri, tuple(sorted(ref.plane.items())), ref.channels, ref.as_stored


def parts_of(project: Project, key: ImageKey) -> tuple[ImageRef, ...]:
    """Return the parts (regions) that a project has of an image."""
    picture = _pictures(project.images).by_key.get(key)
    return picture.refs if picture is not None else ()


def common_name(refs: Sequence[ImageRef]) -> str:
    """Return a name for an image: the words with which the names of all its parts begin."""
    words = zip(*(ref.name.split() for ref in refs), strict=False)
    common = takewhile(lambda same: len(set(same)) == 1, words)
    return " ".join(first for first, *_ in common) or refs[0].name or "image"


@dataclass(frozen=True)
class PictureRow:
    """One picture in the list of images.

    Attributes
    ----------
    key
        The picture.
    refs
        Its parts, as the project has them.
    name
        What it is called.
    detail
        What is marked on it and what it is for, in a few words.
    is_done
        Every object on it is clicked.
    """

    key: ImageKey
    refs: tuple[ImageRef, ...]
    name: str
    detail: str
    is_done: bool

    @property
    def tip(self) -> str:
        """More words about it, and those of which the end may not be in sight."""
        roles = ", ".join(f"{ref.name}: {ROLES[ref.role]}" for ref in self.refs)
        return f"{self.detail}\n{roles}\n{self.refs[0].uri}"


@dataclass(frozen=True, eq=False)
class _Picture:
    """What follows from the images alone: `words` say what a picture is for."""

    refs: tuple[ImageRef, ...]
    name: str
    words: tuple[str, ...]
    is_done: bool

    @classmethod
    def of(cls, refs: Sequence[ImageRef]) -> _Picture:
        is_done = any(ref.exhaustive for ref in clickable(refs))
        return cls(tuple(refs), common_name(refs), tuple(_words(refs)), is_done)


@dataclass(frozen=True, eq=False)
class _Pictures:
    """The pictures of the images of a project; it holds these, whose id it is found by."""

    images: tuple[ImageRef, ...]
    by_key: Mapping[ImageKey, _Picture]


@cached(LRUCache(KEPT_PROJECTS), key=id, lock=Lock())
def _pictures(images: tuple[ImageRef, ...]) -> _Pictures:
    """Return the pictures, in the order in which they were added; asked for many times a click."""
    refs: dict[ImageKey, list[ImageRef]] = {}
    for ref in images:
        refs.setdefault(image_key(ref), []).append(ref)
    return _Pictures(images, {key: _Picture.of(each) for key, each in refs.items()})


def list_pictures(project: Project) -> list[PictureRow]:
    """Return the pictures of a project, in the order in which they were added."""
    counts = Counter(map(attrgetter("image", "cls"), project.clicks))
    painted = {truth.image for truth in project.truths if isinstance(truth, RegionTruth)}
    truths = {truth.image for truth in project.truths} - painted
    marked = {image for image, _ in counts} | painted | truths

    def detail(picture: _Picture) -> str:
        ids = [ref.id for ref in picture.refs]
        words = ["nothing marked"]
        if not marked.isdisjoint(ids):
            words = _marks(ids, counts, painted, truths, project.class_names) or words
        return " · ".join((*words, *picture.words))

    return [
        PictureRow(key, picture.refs, picture.name, detail(picture), picture.is_done)
        for key, picture in _pictures(project.images).by_key.items()
    ]


def clickable(refs: Sequence[ImageRef]) -> list[ImageRef]:
    """Return the parts of a picture to click: those for training, else one that is held out."""
    return [ref for ref in refs if ref.role == "train" or len(refs) == 1]


def _marks(
    ids: Sequence[str],
    counts: Mapping[tuple[str, int], int],
    painted: set[str],
    truths: set[str],
    names: Mapping[int, str],
) -> list[str]:
    """Return what is marked on a picture, whose parts have these ids."""
    sums = {n: sum(counts.get((ident, value), 0) for ident in ids) for value, n in names.items()}
    clicked = ", ".join(f"{count} ({name})" for name, count in sums.items() if count)
    words = [clicked] if clicked else []
    words += ["painted"] if not painted.isdisjoint(ids) else []
    words += ["has truth"] if not truths.isdisjoint(ids) else []
    return words


def _words(refs: Sequence[ImageRef]) -> list[str]:
    """Return what a picture is for."""
    roles = dict.fromkeys(ref.role for ref in refs)
    words = ["several parts"] if len(roles) > 1 else []
    words += [SHORT_ROLES[role] for role in roles if len(roles) == 1 and role != "train"]
    words += sorted({named_specimen(ref) for ref in refs} - {""})
    words += ["part counts"] if any(ref.is_limited for ref in refs) else []
    return words


def neighbor(rows: Sequence[PictureRow], shown: ImageKey | None, step: int) -> PictureRow | None:
    """Return the picture `step` after the shown one (the first where none is); None at the ends."""
    keys = [row.key for row in rows]
    place = keys.index(shown) + step if shown in keys else 0
    return rows[place] if 0 <= place < len(rows) else None
