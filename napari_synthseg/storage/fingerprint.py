"""Telling whether a file is still the one that was clicked on, without reading all of it."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Literal

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.images.folder_stack import plane_files
from napari_synthseg.io.images.ome_zarr import METADATA_NAMES, is_zarr
from napari_synthseg.storage.uris import HOW_TO_RELINK

_END_BYTES = 2**20
_PLANE_END_BYTES = 2**12

Given = Literal["image", "masks"]

_CHANGED = {
    "image": (
        "is not the image that was added to the project: its content differs, so clicks may not "
        "fit it. Put the original back, or relink the image if the change is meant "
        f"{HOW_TO_RELINK}."
    ),
    "masks": (
        "does not hold the masks that were imported into the project: its content differs, so they "
        "may not fit the image. Put the original back, or import the masks again if the change is "
        "meant."
    ),
}
"""What a file was given as -> what is said where its content differs."""


def fingerprint(path: Path) -> str:
    """Return a short digest of a file: its size, its first and its last MiB.

    For an OME-Zarr folder: the metadata of its groups and arrays, two levels deep, without those of
    label images, which may come later. For a folder of planes: the names and sizes of all, and the
    first and last bytes of each.
    """
    return _fingerprint(path, ("labels",))


def _fingerprint(path: Path, left_out: tuple[str, ...], with_ends: bool = True) -> str:
    digest = hashlib.sha256()
    if path.is_dir() and not is_zarr(path):
        for file in plane_files(path):
            status = file.stat()
            digest.update(f"{file.name}\0{status.st_size}\0".encode())
            if with_ends:
                digest.update(_ends(file, status.st_size, status.st_mtime_ns))
    elif path.is_dir():
        files = sorted(
            file
            for name in METADATA_NAMES
            for pattern in (name, f"*/{name}")
            for file in path.glob(pattern)
            if file.parent.name not in left_out or file.parent == path
        )
        for file in files:
            digest.update(file.relative_to(path).as_posix().encode() + b"\0" + file.read_bytes())
    else:
        size = path.stat().st_size
        digest.update(str(size).encode())
        with path.open("rb") as stream:
            digest.update(stream.read(_END_BYTES))
            if size > _END_BYTES:
                stream.seek(max(_END_BYTES, size - _END_BYTES))
                digest.update(stream.read(_END_BYTES))
    return digest.hexdigest()[:16]


@lru_cache(maxsize=2**14)
def _ends(plane: Path, size: int, changed_ns: int) -> bytes:
    with plane.open("rb") as stream:
        start = stream.read(_PLANE_END_BYTES)
        stream.seek(max(0, size - _PLANE_END_BYTES))
        return hashlib.sha256(start + stream.read(_PLANE_END_BYTES)).digest()


def is_same(path: Path, expected: str) -> bool:
    """Tell whether a file has a fingerprint, also one as older versions took them.

    They counted label images, and of planes names and sizes alone.
    """
    if fingerprint(path) == expected:
        return True
    return path.is_dir() and _fingerprint(path, (), with_ends=False) == expected


def check_fingerprint(path: Path, expected: str, given: Given = "image") -> None:
    """Refuse a file that is not the one that was given; an empty `expected` matches all.

    Raises
    ------
    InputError
        If the content differs.
    """
    if expected and not is_same(path, expected):
        raise InputError(f"'{path}' {_CHANGED[given]}")
