"""The pixels of a project's images, by region."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from pathlib import Path, PureWindowsPath

from napari_synthseg.core.annotations import ImageRef, own_group
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.files import open_file, with_axes
from napari_synthseg.io.images.normalized import NormalizedImage
from napari_synthseg.io.images.stacks import StackUse, is_volume
from napari_synthseg.io.images.stored_array import StoredArray, check_stored
from napari_synthseg.storage import consent
from napari_synthseg.storage.arrays import open_array
from napari_synthseg.storage.fingerprint import check_fingerprint, fingerprint
from napari_synthseg.storage.uris import (
    ARRAYS_PREFIX,
    IMPORT_MASKS,
    RELINK_IMAGE,
    relative_uri,
    resolve,
)


def describe(path: Path, axes: str | None = None, stack: StackUse = "auto") -> tuple[ImageRef, ...]:
    """Return what a file holds: one ref per image or volume, or per plane of a stack.

    A stack over t gives a ref for each time, and one over z, unless it is a volume, a ref for
    each plane; all share one `group`, the file with its folder.

    Parameters
    ----------
    path
        A TIFF, PNG, JPEG or BMP file, or an OME-Zarr folder.
    axes
        One letter of "tczyx" per stored axis, where the file does not say or says it wrong.
    stack
        Whether a stack over z is a volume.

    Raises
    ------
    InputError
        If it is missing, of no known format, damaged, or has axes that cannot be used.
    """
    path = consent.absolute(path)
    consent.allow(path)
    stored = with_axes(open_file(path), axes)
    spatial = [a for a in "zyx" if a in stored.axes]
    apart = stored.pixel_size.get("z", 1.0) / stored.pixel_size.get("x", 1.0)
    if not is_volume(stored.size("z"), apart if "x" in stored.pixel_size else 1.0, stack):
        spatial = ["y", "x"]
    known = all(a in stored.pixel_size for a in spatial)
    digest = fingerprint(path)
    stacked = [a for a in "tz" if a in stored.axes and a not in spatial]
    return tuple(
        ImageRef(
            uri=path.as_posix(),
            name=path.name,
            axes=stored.axes,
            plane=dict(zip(stacked, indices, strict=True)),
            group=own_group(path),
            pixel_size=tuple(stored.pixel_size[a] for a in spatial) if known else None,
            unit=stored.unit if known else "px",
            fingerprint=digest,
        )
        for indices in itertools.product(*(range(stored.size(a)) for a in stacked))
    )


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
    return NormalizedImage(ref, with_axes(open_stored(ref.uri, folder), ref.axes), key)


def relink(ref: ImageRef, path: Path, folder: Path) -> ImageRef:
    """Return `ref` with the path of its file now, or of the file that replaces it.

    Raises
    ------
    InputError
        If the file cannot be read, or holds no such plane, channels or region.
    """
    found = describe(path, ref.axes)[0]
    relinked = ref.model_copy(
        update={"uri": relative_uri(path, folder), "fingerprint": found.fingerprint}
    )
    open_pixels(relinked, folder)
    return relinked


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
        if ref.uri == image.uri or place.parent != old.parent or not beside.exists():
            continue
        if is_missing(ref, folder) and ref.fingerprint == fingerprint(beside):
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


def open_stored(uri: str, folder: Path, *, as_ids: bool = False) -> StoredArray:
    """Open what a project names, as it is stored; `as_ids` for masks.

    Raises
    ------
    InputError
        If it is missing or damaged, or the project may not read it.
    """
    if uri.startswith(ARRAYS_PREFIX):
        again = "import the masks again" if as_ids else "add the image again"
        return check_stored(open_array(uri, folder, again))
    return open_file(resolve(uri, folder, IMPORT_MASKS if as_ids else RELINK_IMAGE), as_ids=as_ids)
