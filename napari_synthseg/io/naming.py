"""Finding the image and the class of a project that a name in a file means, and naming outputs.

Names are compared in one form of Unicode (NFC): a composed and a decomposed umlaut are one letter.
Where images in several folders have one name, the folders before the name tell them apart.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath, PureWindowsPath
from typing import Protocol
from urllib.parse import unquote

from napari_synthseg.core.annotations import ImageRef, ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.normalized import SERIES

ShapeOf = Callable[[ImageRef], tuple[int, ...]]
"""Returns the spatial shape ([z,] y, x) of a whole image, in pixels."""

LABEL_STUDIO_NAME = re.compile(r"[0-9a-f]{8}-(?P<name>.+)", re.DOTALL)
"""Label Studio puts eight digits before the name of an uploaded image, which it does not change."""

ROBOFLOW_NAME = re.compile(
    r"(?P<stem>.+?)(?:[_-](?P<ending>tiff?|png|jpe?g|bmp))?\.rf\.[0-9a-zA-Z]{8,}", re.DOTALL
)
"""Roboflow puts a hash behind the stem of an image, which it may also resize, flip or turn."""


MOST_LISTED = 5
"""Names of images that a message lists."""

MOST_NAMED = 3
"""Names of images that a sentence about them holds, at most: hundreds may be meant."""

URL = re.compile(r"(?P<place>[a-zA-Z][a-zA-Z0-9+.-]+://[^?#]*)([?#].*)?", re.DOTALL)
"""An address, which may say more behind its path."""

MASK_ENDINGS = ("_cp_masks", "_masks", "_mask", "_labels", "_label", "_lbl", "_seg")
"""What programs put behind the name of an image to name its masks; the longest first.

Some of them (MorphoLibJ) write a hyphen in place of the first character.
"""


PLAIN_FOLDERS = frozenset({"images", "labels", "masks", "annotations"})
"""Folders that say what lies in them, not of which image it is: they tell no images apart."""


class ListsImage(Protocol):
    """What a file says of an image: its place for messages, and the name, or stem, of the image."""

    @property
    def where(self) -> str:
        """Its place in the file."""
        ...

    @property
    def name(self) -> str | None:
        """The name, or the stem, of the image; None where the file names none."""
        ...

    @property
    def by_stem(self) -> bool:
        """Whether it is named by its stem."""
        ...


class UnknownNameError(InputError):
    """A file names an image or a class that the project does not have."""


def same_form(name: str) -> str:
    """Return a name as names are compared: in composed form, whichever form a disk stores."""
    return unicodedata.normalize("NFC", name)


def without_mask_ending(stem: str) -> str:
    """Return the stem of the image that a file of masks is named after."""
    plain = stem.lower().replace("-", "_")
    ending = next((e for e in MASK_ENDINGS if plain.endswith(e)), "")
    return stem[: len(stem) - len(ending)]


def plane_name(ref: ImageRef) -> str:
    """Return the file name of an image; that of a stack's plane says which, as ``cells_z3.tif``."""
    name = PurePosixPath(ref.name or PurePosixPath(ref.uri).name)
    planes = "".join(f"_{axis}{index}" for axis, index in sorted(ref.plane.items()))
    return f"{name.stem}{planes}{name.suffix}"


def image_in_file(ref: ImageRef) -> tuple[str, int | None]:
    """Return the file of an image, and its number where the file holds several.

    Regions and planes of one image share them.
    """
    return ref.uri, ref.plane.get(SERIES)


def series_name(ref: ImageRef) -> str:
    """Return the name of the image that a plane is of; in a file of several ``cells_s1.tif``."""
    plane = {axis: at for axis, at in ref.plane.items() if axis == SERIES}
    return plane_name(ref.model_copy(update={"plane": plane}))


def name_some(refs: Sequence[ImageRef]) -> str:
    """Return the names of images for a sentence: of the first few, and how many more there are."""
    return listed([plane_name(ref) for ref in refs], MOST_NAMED)


def listed(names: Sequence[str], most: int = 1) -> str:
    """Return the first of some names, at most so many, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"'{name}'" for name in names[:most]) + more


def folders_of(ref: ImageRef) -> tuple[str, ...]:
    """Return the folders that the file of an image is known to lie in, the innermost last."""
    folders = [p for p in PureWindowsPath(ref.uri).parts[:-1] if p not in ("..", ".", "/")]
    name = PureWindowsPath(ref.uri).name
    if not folders and ref.group.endswith(f"/{name}"):  # beside the project; see `own_group`
        folders = [ref.group.removesuffix(f"/{name}")]
    return tuple(same_form(part) for part in folders if part)


def unique_names(refs: Sequence[ImageRef]) -> list[str]:
    """Return a file name for each image, whose stem no other image has: what outputs are named.

    It is `plane_name`; where several images share its stem, what tells them apart is added: their
    ending, as in ``img_0001_png.png``, their folders, as in ``day1_img_0001.tif``, or a number.
    Upper and lower case are one, because some disks do not tell them apart. Images of one file,
    which are its regions, share a name. `ImageNames` understands all of these names.
    """
    keys = [(ref.uri, plane_name(ref)) for ref in refs]
    spellings = {key: _spellings(ref) for key, ref in zip(keys, refs, strict=True)}
    level = dict.fromkeys(spellings, 0)
    while True:
        names = {key: _spelled(each, level[key]) for key, each in spellings.items()}
        by_stem = defaultdict(list)
        for key, name in names.items():
            by_stem[same_form(PurePosixPath(name).stem).casefold()].append(key)
        clashes = [some for some in by_stem.values() if len(some) > 1]
        if not clashes:
            return [names[key] for key in keys]
        for some in clashes:
            more = [key for key in some if level[key] < len(spellings[key]) - 1]
            for key in more or some[1:]:
                level[key] += 1


def _spellings(ref: ImageRef) -> list[str]:
    """Return names of an image, each more telling than the one before."""
    name = PurePosixPath(plane_name(ref))
    folders = folders_of(ref)
    ended = f"{name.stem}_{name.suffix.removeprefix('.')}{name.suffix}" if name.suffix else ""
    long = ["_".join((*folders[-n:], name.name)) for n in range(1, len(folders) + 1)]
    longest = ["_".join((*folders, ended))] if folders and ended else []
    return [name.name, *([ended] if ended else []), *long, *longest]


def _spelled(spellings: Sequence[str], level: int) -> str:
    beyond = level - len(spellings) + 1
    path = PurePosixPath(spellings[min(level, len(spellings) - 1)])
    return path.name if beyond < 1 else f"{path.stem}_{beyond + 1}{path.suffix}"


class ImageNames:
    """The images of a project by the names that files give them.

    Parameters
    ----------
    images
        The images.
    several_files
        Whether files whose names differ in endings or capitals alone may mean one image, since
        somebody chooses among them; else they are refused.

    Attributes
    ----------
    renamed
        Names in files that are no image's own -> name of the image that each was taken for: another
        program made it of that name, or it differs from it in its ending or in capitals alone.
    """

    def __init__(self, images: Iterable[ImageRef], *, several_files: bool = False) -> None:
        images = list(images)
        self._several_files = several_files
        self._by_name: dict[str, list[ImageRef]] = {}
        self._by_stem: dict[str, list[ImageRef]] = {}
        self._by_bare_stem: dict[str, list[ImageRef]] = {}
        self._spelled: dict[tuple[str, bool], str] = {}
        self._folders = {image.uri: folders_of(image) for image in images}
        self._taken: dict[str, tuple[tuple[str, ...], str]] = {}
        self.renamed: dict[str, str] = {}
        self._found: dict[tuple[str, bool], list[ImageRef]] = {}  # tables repeat their names
        self._unique = dict(zip((i.id for i in images), unique_names(images), strict=True))
        for image in images:
            named = (image.name, PurePosixPath(image.uri).name, plane_name(image))
            more = (series_name(image), self._unique[image.id])
            names = {same_form(name) for name in (*named, *more)}
            for name in names:
                self._by_name.setdefault(name, []).append(image)
            for stem in {PurePosixPath(name).stem for name in names}:
                self._by_stem.setdefault(stem, []).append(image)
            for stem in {bare_stem(PurePosixPath(name).stem) for name in named[:2]}:
                self._by_bare_stem.setdefault(stem, []).append(image)

    def find(self, where: str, name: str, *, all_planes: bool = False) -> list[ImageRef]:
        """Return the images that a file name may mean: several where one is used by regions.

        Folders before the name choose among images of one name, and are overlooked otherwise. Of
        a stack that is used plane by plane the name says the plane, see `plane_name`; with
        `all_planes`, the name of a stack means all of its planes. Of a file of several images that
        are used the name says which, see `series_name`. Where no image has the name, one
        whose name differs in its ending or in capitals alone is meant: other programs often read
        no TIFF, so that people give them pictures of the same name.

        Raises
        ------
        UnknownNameError
            If there is none.
        InputError
            If several fit, or names in two folders would mean one image.
        """
        if (name, all_planes) in self._found:
            return self._found[name, all_planes]
        found = self._look_up(self._by_name, where, name)
        if not found:
            original = self._original(name)
            told = _renamed(original) if original else "Write the name of its file."
            raise UnknownNameError(
                f"{where}: image '{name}' is not in the project (images: {self._listed()}). " + told
            )
        self._found[name, all_planes] = self._of_one(where, name, found, all_planes)
        return self._found[name, all_planes]

    def find_stem(self, where: str, stem: str, *, all_planes: bool = False) -> list[ImageRef]:
        """Return the images whose file names have a stem: where a file is named as its image.

        Folders may stand before the stem, as for `find`. With `all_planes`, the name of a stack
        means all of its planes.

        Raises
        ------
        UnknownNameError
            If there is none.
        InputError
            If several fit, or names in two folders would mean one image.
        """
        found = self._look_up(self._by_stem, where, stem)
        if not found:
            original = self._original(stem)
            told = _renamed(original) if original else "The file has the name of its image."
            raise UnknownNameError(
                f"{where}: no image of the project is named '{stem}' (images: {self._listed()}). "
                + told
            )
        return self._of_one(where, stem, found, all_planes)

    def find_of(self, listed: ListsImage, *, all_planes: bool = False) -> list[ImageRef]:
        """Return the images that what a file lists is of; see `find` and `find_stem`."""
        find = self.find_stem if listed.by_stem else self.find
        return find(listed.where, listed.name or "", all_planes=all_planes)

    def has(self, name: str, *, by_stem: bool = False) -> bool:
        """Tell whether any image may be meant by a name, or a stem; see `find`."""
        known = self._by_stem if by_stem else self._by_name
        last = (_parts(name) or ("",))[-1]
        own = known.get(same_form(name)) or known.get(last)
        return bool(own or self._look_further(known, name)[2])

    def notes(self) -> list[str]:
        """Return what is to be told of names that were no image's own; see `tell_renamed`."""
        return tell_renamed(self.renamed)

    def matching(self, where: str, name: str) -> list[ImageRef]:
        """Return the images that a name or a folder of images means: all that it may.

        Raises
        ------
        UnknownNameError
            If there is none.
        """
        *folders, last = _parts(name) or ("",)
        found = [i for i in self._by_name.get(last, ()) if self._lies_in(i, folders)]
        if not found:
            every = {image.id: image for some in self._by_name.values() for image in some}
            found = [i for i in every.values() if self._lies_in(i, (*folders, last))]
        if not found:
            raise UnknownNameError(
                f"{where}: no image of the project has this name or lies in a folder of this name "
                f"(images: {self._listed()})."
            )
        return found

    def _listed(self) -> str:
        """Return some names of images for a message."""
        names = sorted(set(self._unique.values()))
        more = ", ..." if len(names) > MOST_LISTED else ""
        return ", ".join(names[:MOST_LISTED]) + more if names else "none yet"

    def _lies_in(self, image: ImageRef, folders: Sequence[str]) -> bool:
        known = self._folders[image.uri]
        return not folders or known[-len(folders) :] == tuple(folders)

    def _look_up(
        self, known: dict[str, list[ImageRef]], where: str, name: str
    ) -> list[ImageRef] | None:
        """Return the images of a name, those in the folders before it where there are several."""
        *folders, last = _parts(name) or ("",)
        found = known.get(same_form(name)) or known.get(last)
        is_own = bool(found)
        if not found:
            folders, last, found = self._look_further(known, name)
        if not found:
            return None
        folders = [folder for folder in folders if folder.lower() not in PLAIN_FOLDERS]
        shared = {image.uri: self._shared(image, folders) for image in found}
        best = max(shared.values())
        near = [image for image in found if shared[image.uri] == best]
        if len({image.uri for image in near}) == 1:
            self._take(where, name, tuple(folders), near[0], best)
            if not is_own:
                self.renamed[name] = self._unique[near[0].id]
            self._check_spelling(where, last, near[0], is_own)
        return near

    def _look_further(
        self, known: dict[str, list[ImageRef]], name: str
    ) -> tuple[list[str], str, list[ImageRef] | None]:
        """Return what may be meant by a name that no image has: folders, last part and images."""
        address = URL.fullmatch(name)
        *folders, last = _parts(unquote(address["place"] if address else name)) or ("",)
        if renamed := LABEL_STUDIO_NAME.fullmatch(last):
            last = last if last in known else renamed["name"]
        found = known.get(last)
        if not found:
            stem = last if known is self._by_stem else PurePosixPath(last).stem
            found = self._by_bare_stem.get(bare_stem(stem))
        return folders, last, found

    def _check_spelling(self, where: str, last: str, image: ImageRef, is_own: bool) -> None:
        """Refuse names of two files that would be one image, as ``a.png`` and ``a.tif``."""
        own, other = (self._spelled.get((image.uri, each)) for each in (True, False))
        before = next((each for each in (other, None if is_own else own) if each), last)
        if before != last and not self._several_files:
            raise InputError(
                f"{where}: '{before}' and '{last}' would both be image '{image.name}' of the "
                "project: add both images to it, or leave one out of the file."
            )
        self._spelled.setdefault((image.uri, is_own), last)

    def _shared(self, image: ImageRef, folders: Sequence[str]) -> int:
        """Return how many folders before a name, from the innermost on, are those of an image."""
        known = [f for f in self._folders[image.uri] if f.lower() not in PLAIN_FOLDERS]
        pairs = list(zip(reversed(folders), reversed(known), strict=False))
        return next((n for n, (a, b) in enumerate(pairs) if a != b), len(pairs))

    def _take(
        self, where: str, name: str, folders: tuple[str, ...], image: ImageRef, shared: int
    ) -> None:
        """Note the folders by which an image was found; refuse others that end differently."""
        if not folders:
            return
        before, first = self._taken.setdefault(image.uri, (folders, name))
        short = min(len(before), len(folders))
        if before[-short:] != folders[-short:]:
            if shared < self._shared(image, before):
                raise UnknownNameError(
                    f"{where}: image '{name}' is not in the project, only '{first}' is: add it, or "
                    "leave it out."
                )
            raise InputError(
                f"{where}: '{first}' and '{name}' would both be image '{image.name}' of the "
                "project: add both images to it, or leave one out of the file."
            )

    def _original(self, name: str) -> str | None:
        """Return the likely name, before an export renamed it, of an image of the project."""
        found = ROBOFLOW_NAME.match((_parts(name) or ("",))[-1])
        images = self._by_stem.get(found["stem"]) if found else None
        return images[0].name if images else None

    def _of_one(
        self, where: str, name: str, found: list[ImageRef], all_planes: bool
    ) -> list[ImageRef]:
        """Refuse several images, also of one file, and several planes unless all are meant."""
        if len({i.uri for i in found}) > 1:
            listed = list(dict.fromkeys(self.telling_name(i) for i in found))
            raise InputError(
                f"{where}: several images of the project are named '{name}': write the folder "
                f"before the name, as {' or '.join(repr(n) for n in listed[:2])}, or say by "
                "--image which image or folder of images is meant."
            )
        if len({image_in_file(i) for i in found}) > 1:
            known = list(dict.fromkeys(series_name(i) for i in found))
            raise InputError(
                f"{where}: '{name}' holds several images: name one of them, as '{known[0]}' or "
                f"'{known[1]}'."
            )
        if not all_planes and len({tuple(i.plane.items()) for i in found}) > 1:
            raise InputError(
                f"{where}: '{name}' is a stack: name the plane, as in '{plane_name(found[0])}'."
            )
        return found

    def telling_name(self, image: ImageRef) -> str:
        """Return the name of an image with the folder that it lies in, or its unique name."""
        folders = self._folders[image.uri]
        twins = {i.uri for i in self._by_name[same_form(image.name)]}
        path = (*folders[-1:], image.name)
        told = len({(*self._folders[uri][-1:],) for uri in twins}) == len(twins)
        return "/".join(path) if folders and told else self._unique[image.id]


def tell_renamed(renamed: Mapping[str, str]) -> list[str]:
    """Return what is to be told of names taken for those of images, as a part of a sentence."""
    if not renamed:
        return []
    old, new = next(iter(renamed.items()))
    more = f", and {len(renamed) - 1} more by such names" * (len(renamed) > 1)
    return [f"'{old}' was taken for '{new}'{more}"]


def bare_stem(stem: str) -> str:
    """Return a stem as it is compared where no name fits: in small letters, without ``.ome``."""
    return stem.casefold().removesuffix(".ome")


def _renamed(original: str) -> str:
    return (
        f"It looks like '{original}' after an export that renamed it, and may have resized or "
        "turned it: make the project with the images of that export."
    )


def _parts(name: str) -> tuple[str, ...]:
    """Return the folders and the last part of a name from any system, in the form compared."""
    parts = PureWindowsPath(same_form(name)).parts
    return tuple(part for part in parts if part not in ("..", ".", "/", "\\"))


def find_class(where: str, name: str, classes: Sequence[ObjectClass]) -> int:
    """Return the value of the class with this name; blanks around names do not count.

    Raises
    ------
    UnknownNameError
        If there is none; the message lists those there are.
    """
    wanted = same_form(name.strip())
    found = next((c for c in classes if same_form(c.name.strip()) == wanted), None)
    if found is None:
        known = ", ".join(c.name for c in classes) or "none yet"
        raise UnknownNameError(f"{where}: class '{name}' is not in the project (classes: {known}).")
    return found.value
