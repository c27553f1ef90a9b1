"""The pixels of a project's images, by region."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PureWindowsPath
from threading import Lock
from types import MappingProxyType
from typing import Literal

from cachetools import LRUCache, cached

from napari_synthseg.core.annotations import ImageRef, own_group
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.files import open_file, with_axes
from napari_synthseg.io.images.normalized import SERIES, NormalizedImage
from napari_synthseg.io.images.stacks import StackUse, describe_axes, is_volume
from napari_synthseg.io.images.stored_array import StoredArray, check_stored
from napari_synthseg.io.paths import is_there
from napari_synthseg.storage import consent
from napari_synthseg.storage.arrays import open_array
from napari_synthseg.storage.fingerprint import check_fingerprint, fingerprint, is_same
from napari_synthseg.storage.uris import (
    ARRAYS_PREFIX,
    IMPORT_MASKS,
    RELINK_IMAGE,
    relative_uri,
    resolve,
)

MAX_PLANES = 100_000
"""A file that says it holds more is not believed."""

MAX_COUNTS = 5000
"""Images of which it is kept how many channels they have."""

SeriesChoice = int | Literal["all"] | None
"""Which of the images in a file: one by its number, all, or the only one."""


@dataclass(frozen=True)
class FileImages:
    """What a file holds.

    Attributes
    ----------
    images
        One ref per image or volume, or per plane of a stack.
    axes
        How each axis that may be taken in more than one way is taken, in words.
    notes
        What of the file is not kept, or taken otherwise than it may seem, as in `StoredArray`.
    """

    images: tuple[ImageRef, ...]
    axes: str = ""
    notes: tuple[str, ...] = ()


def describe(
    path: Path,
    axes: str | None = None,
    stack: StackUse = "auto",
    series: SeriesChoice = None,
    plane: Mapping[str, int] = MappingProxyType({}),
    as_stored: bool = False,
) -> tuple[ImageRef, ...]:
    """Return the images of a file; see `look_into`."""
    return look_into(path, axes, stack, series, plane, as_stored).images


def look_into(
    path: Path,
    axes: str | None = None,
    stack: StackUse = "auto",
    series: SeriesChoice = None,
    plane: Mapping[str, int] = MappingProxyType({}),
    as_stored: bool = False,
) -> FileImages:
    """Return what a file holds: one ref per image or volume, or per plane of a stack.

    A stack over t gives a ref for each time, and one over z, unless it is a volume, a ref for
    each plane; all share one `group`, the file with its folder.

    Parameters
    ----------
    path
        An image file, an OME-Zarr folder, or a folder of planes.
    axes
        One letter of "tczyx" per stored axis, where the file does not say or says it wrong.
    stack
        Whether a stack over z is a volume.
    series
        Which of several images in the file.
    plane
        Axis letter, t or z -> the only time or plane that is taken.
    as_stored
        That of the refs.

    Raises
    ------
    InputError
        If it is missing, of no known format, damaged, or has axes that cannot be used.
    """
    path = consent.absolute(path)
    consent.allow(path)
    opened = partial(open_file, path, axes=axes, as_stored=as_stored)
    stored = opened(series=0 if series == "all" else series)
    numbers: Iterable[int | None] = [series] if series != "all" else range(len(stored.series))
    digest = fingerprint(path)
    found = [
        _images_of(path, stored if n in (0, None) else opened(series=n),
                   n if stored.series else None, digest, stack, plane)
        for n in numbers or [None]
    ]  # fmt: skip
    return FileImages(
        tuple(
            ref.model_copy(update={"as_stored": as_stored}) for each in found for ref in each.images
        ),
        "; ".join(dict.fromkeys(each.axes for each in found if each.axes)),
        tuple(dict.fromkeys(note for each in found for note in each.notes)),
    )


def _images_of(
    path: Path,
    stored: StoredArray,
    number: int | None,
    digest: str,
    stack: StackUse,
    plane: Mapping[str, int],
) -> FileImages:
    """Return the refs of one image of a file."""
    spatial = [a for a in "zyx" if a in stored.axes]
    apart = stored.pixel_size.get("z", 1.0) / stored.pixel_size.get("x", 1.0)
    is_apart_known = "x" in stored.pixel_size and "z" in stored.pixel_size
    if "z" in plane or not is_volume(stored.size("z"), apart if is_apart_known else 1.0, stack):
        spatial = ["y", "x"]
    notes = list(stored.notes)
    size = dict(stored.pixel_size)
    if "z" in spatial and "z" not in size and "x" in size:
        size["z"] = min(size["x"], size.get("y", size["x"]))
        notes.append(
            "it does not say how far its planes are apart, which is taken for the width of a "
            "pixel: give the pixel size along z if it is not"
        )
    known = all(a in size for a in spatial)
    if size and not known:
        notes.append("it says the size of a pixel along one axis alone, which is left out")
    stacked = [a for a in "tz" if a in stored.axes and a not in spatial]
    for axis, index in plane.items():
        if axis not in stacked or not 0 <= index < stored.size(axis):
            raise InputError(
                f"'{stored.name}' has no plane {axis}={index}: its axes are '{stored.axes}', its "
                f"shape {stored.shape}."
            )
    planes = [[plane[a]] if a in plane else range(stored.size(a)) for a in stacked]
    if (count := math.prod(map(len, planes))) > MAX_PLANES:
        raise InputError(
            f"'{stored.name}' says that it holds {count} planes: it is damaged, or take one with "
            "--only."
        )
    refs = tuple(
        ImageRef(
            uri=path.as_posix(),
            name=path.name,
            axes=stored.axes,
            plane=dict(zip(stacked, indices, strict=True))
            | ({} if number is None else {SERIES: number}),
            group=own_group(path),
            pixel_size=tuple(size[a] for a in spatial) if known else None,
            unit=stored.unit if known else "px",
            fingerprint=digest,
        )
        for indices in itertools.product(*planes)
    )
    return FileImages(refs, describe_axes(stored, spatial, plane), tuple(notes))


def open_pixels(ref: ImageRef, folder: Path) -> NormalizedImage:
    """Open an image of the project in `folder` for reading by region.

    Only the region that is asked for is read where the format allows (tiled or uncompressed
    TIFF, OME-Zarr, the project's arrays); other files are decoded whole and kept for a while.

    Raises
    ------
    InputError
        If the file is missing, changed or damaged, or holds no such plane, channel or region.
    """
    if ref.uri.startswith(ARRAYS_PREFIX):
        key: Hashable = (folder.resolve(), ref.uri)
    else:
        path = resolve(ref.uri, folder)
        check_fingerprint(path, ref.fingerprint)
        status = path.stat()
        key = (path, status.st_mtime_ns, status.st_size)
    return NormalizedImage(
        ref, _open_whole(ref, folder), (key, ref.plane.get(SERIES), ref.as_stored)
    )


def _source_of(ref: ImageRef, folder: Path) -> Hashable:
    return folder, ref.uri, ref.fingerprint, ref.plane.get(SERIES), ref.axes, ref.as_stored


_counts: LRUCache[Hashable, int] = LRUCache(MAX_COUNTS)
_counts_lock = Lock()


@cached(_counts, key=_source_of, lock=_counts_lock)
def choosable_channels(ref: ImageRef, folder: Path) -> int:
    """Return how many channels an image has to choose from; 1 where they are the colors of RGB.

    Raises
    ------
    InputError
        If it cannot be opened.
    """
    stored = _open_whole(ref, folder)
    return 1 if stored.is_color else stored.size("c")


def counted_channels(ref: ImageRef, folder: Path) -> int | None:
    """Return what `choosable_channels` found of an image, without opening it; None: nothing yet."""
    with _counts_lock:
        return _counts.get(_source_of(ref, folder))


def _open_whole(ref: ImageRef, folder: Path) -> StoredArray:
    """Open all that is stored of an image."""
    series = ref.plane.get(SERIES)
    return open_stored(ref.uri, folder, series=series, axes=ref.axes, as_stored=ref.as_stored)


def relink(ref: ImageRef, path: Path, folder: Path) -> ImageRef:
    """Return `ref` with the path of its file now, or of the file that replaces it.

    Raises
    ------
    InputError
        If the file cannot be read, or holds no such plane, channels or region.
    """
    series = ref.plane.get(SERIES)
    found = describe(path, ref.axes, series=series, as_stored=ref.as_stored)[0]
    relinked = ref.model_copy(
        update={"uri": relative_uri(path, folder), "fingerprint": found.fingerprint}
    )
    open_pixels(relinked, folder)
    whole = open_pixels(relinked.with_all_channels(), folder)
    content = whole.examine().digest if ref.content else ""
    return relinked.model_copy(update={"content": content})


def relink_together(
    image: ImageRef, path: Path, refs: Sequence[ImageRef], folder: Path
) -> tuple[ImageRef, ...]:
    """Return all of `refs` whose path changes when `image` is relinked to `path`.

    These are the images of the same file, and missing images of the same folder whose files are,
    unchanged and under the same name, next to `path`.

    Raises
    ------
    InputError
        If `path` cannot be read, or holds no such plane, channels or region.
    """
    old = PureWindowsPath(image.uri)  # understands the separators of every system
    found = [relink(ref, path, folder) for ref in refs if ref.uri == image.uri]
    for ref in refs:
        place = PureWindowsPath(ref.uri)
        beside = Path(path).with_name(place.name) if place.name else path
        if ref.uri == image.uri or place.parent != old.parent or not is_there(beside):
            continue
        if is_missing(ref, folder) and is_same(beside, ref.fingerprint):
            found.append(relink(ref, beside, folder))
    return tuple(found)


def is_missing(ref: ImageRef, folder: Path) -> bool:
    """Tell whether an image's file is not where the project says, or may not be read there."""
    if ref.uri.startswith(ARRAYS_PREFIX):
        return False
    try:
        check_fingerprint(resolve(ref.uri, folder), ref.fingerprint)
    except InputError:
        return True
    return False


def open_stored(
    uri: str,
    folder: Path,
    *,
    as_ids: bool = False,
    series: int | None = None,
    axes: str | None = None,
    as_stored: bool = False,
) -> StoredArray:
    """Open what a project names; `as_ids` for masks.

    `series`, `axes` and `as_stored` are those of `open_file`.

    Raises
    ------
    InputError
        If it is missing or damaged, or the project may not read it.
    """
    if uri.startswith(ARRAYS_PREFIX):
        again = "import the masks again" if as_ids else "add the image again"
        return check_stored(with_axes(open_array(uri, folder, again), axes))
    path = resolve(uri, folder, IMPORT_MASKS if as_ids else RELINK_IMAGE)
    return open_file(path, as_ids=as_ids, series=series, axes=axes, as_stored=as_stored)
