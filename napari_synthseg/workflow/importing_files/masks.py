"""Importing the label images of a folder: which file holds the masks of which image."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from napari_synthseg.core.annotations import ImageRef, InstanceTruth
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.core.project import Project
from napari_synthseg.io.images.files import open_file
from napari_synthseg.io.images.ome_zarr import is_zarr, label_images
from napari_synthseg.io.labels import read_whole
from napari_synthseg.io.naming import (
    ImageNames,
    UnknownNameError,
    image_in_file,
    without_mask_ending,
)
from napari_synthseg.io.result_files import EXTENSIONS
from napari_synthseg.storage.fingerprint import is_same
from napari_synthseg.storage.truths import open_labels
from napari_synthseg.storage.uris import ARRAYS_PREFIX, resolve
from napari_synthseg.workflow.importing import (
    Imported,
    MaskKind,
    class_words,
    classes_beside,
    read_masks,
)
from napari_synthseg.workflow.importing_files.kinds import ImportOptions, narrowed, with_role
from napari_synthseg.workflow.importing_files.orientation import better_orientation

MAX_NAMED = 3
"""Names that a message lists."""


def import_masks(
    masks: Path, kind: MaskKind, project: Project, folder: Path, options: ImportOptions
) -> Generator[Progress, None, Imported]:
    """Read the label images of a folder that are named as images of the project, or a single one.

    A file is named as its image, with one of `MASK_ENDINGS` or without, and may lie in folders
    named as the image's, see `ImageNames`. The images themselves, which may lie beside their
    masks, are never taken for masks.

    Raises
    ------
    InputError
        If none is, one does not fit, may belong to several images or an image to several of them,
        or a class is not there.
    """
    by_patches = kind == "patch_masks"
    if by_patches and not project.classes:
        raise InputError("The project has no class yet: add one first.")
    cls = project.class_named(options.class_name).value if options.class_name else None
    yield Progress(0.0, f"looking through {masks.name}")
    images = [i for i in narrowed(project, options).images if i.role == "train" or not by_patches]
    matched, unused, notes = _match(images, masks, project, folder)
    classes_of = classes_beside(project)
    made: list[Imported] = []
    turned: dict[str, list[str]] = {}
    for number, (image, path) in enumerate(matched):
        work = read_masks(
            image, path, kind, project, folder, cls,
            split=options.split, by_clicks=options.by_clicks, classes_of=classes_of,
        )  # fmt: skip
        part = number / len(matched), (number + 1) / len(matched)
        read = yield from subprogress(work, *part)
        made.append(read)
        for truth in read.truths:
            if isinstance(truth, InstanceTruth):
                labels = open_labels(truth, image, folder)
                if way := better_orientation(labels, image, folder):
                    turned.setdefault(way, []).append(image.name)
    clicks = tuple(click for each in made for click in each.clicks)
    figures: dict[str, Any] = {"masks": len(matched), "unused": len(unused)}
    if by_patches:
        figures["clicks"] = len(clicks)
        message = (
            f"Patches of {len(matched)} image(s) are cut by these masks; {len(clicks)} object(s) "
            "without a click got one"
        )
    else:
        figures |= {"kind": kind, "role": options.role}
        objects = sum(each.figures["objects"] for each in made)
        of_these = f" of {objects} object(s)" if objects else ""
        message = f"True masks{of_these} added to {len(matched)} image(s)"
    if options.split:
        given = (each for one in made for each in (*one.truths, *one.patch_masks))
        figures["objects"] = sum(len(each.classes) for each in given if hasattr(each, "classes"))
        message += f"; each of {figures['objects']} connected pieces is an object"
    listed = ", ".join(unused[:MAX_NAMED]) + (", ..." if len(unused) > MAX_NAMED else "")
    for way, names in turned.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        message += (
            f"; look at the masks of '{names[0]}'{more} before you use them: they would fit far "
            f"better {way}"
        )
    figures["better_if"] = turned
    told = {name: sum(each.figures[name] for each in made) for name in ("by_clicks", "no_class")}
    figures["by_clicks"] = told["by_clicks"]
    notes += class_words(told, project)
    message += "".join(f"; {note}" for note in notes)
    rest = f"; {len(unused)} file(s) belong to no image ({listed})." if unused else "."
    return Imported(
        images=with_role((image for image, _ in matched), options.role),
        clicks=clicks,
        truths=tuple(truth for each in made for truth in each.truths),
        patch_masks=tuple(masks for each in made for masks in each.patch_masks),
        figures=figures,
        message=message + rest,
    )


@dataclass(frozen=True)
class _Candidate:
    path: Path
    has_ending: bool


def _match(
    images: Sequence[ImageRef], masks: Path, project: Project, folder: Path
) -> tuple[list[tuple[ImageRef, Path]], list[str], list[str]]:
    """Return images with the files of their masks, names of files of no image, and notes."""
    if not masks.exists():
        raise InputError(f"There is no file or folder '{masks}': check the name.")
    is_folder = masks.is_dir() and not is_zarr(masks)
    own = _own_files(project, folder)
    names = ImageNames(images, several_files=True)  # `_choose` chooses among them
    candidates: dict[str, list[_Candidate]] = {image.id: [] for image in images}
    unused: list[str] = []
    count = 0
    for path, named in _label_files(masks):
        count += 1
        if Path(os.path.realpath(path)) in own:
            continue
        found = _images_named(names, path, named)
        if not found and not is_folder and len({image_in_file(i) for i in images}) == 1:
            found = [(image, False) for image in images]  # nothing else can be meant
        refs = [i for i, _ in found if not _is_copy(path, i)]
        if not refs:
            unused.append(_shown(path, masks))
        for ref, has_ending in found:
            if ref in refs:
                candidates[ref.id].append(_Candidate(path, has_ending))
    if not count:
        if not is_folder:
            raise InputError(f"'{masks}' holds no label image: give the folder or file of one.")
        lossy = any(path.suffix.lower() in (".jpg", ".jpeg") for path in masks.iterdir())
        told = " JPEG changes values: save the masks as PNG or TIFF." if lossy else ""
        if any(path.suffix.lower() == ".npy" for path in masks.iterdir()):
            told += " What Cellpose saves as _seg.npy is given without --masks."
        raise InputError(f"{masks} holds no label image ({', '.join(sorted(EXTENSIONS))}).{told}")
    matched = []
    for image in images:
        if candidates[image.id]:
            path, others = _choose(image, candidates[image.id])
            matched.append((image, path))
            unused += [_shown(other, masks) for other in others]
    if not matched:
        stems = ", ".join(sorted({Path(i.name).stem for i in images})[:MAX_NAMED]) or "none"
        if not is_folder:
            raise InputError(
                f"'{masks}' is not named as an image of the project (such as {stems}), or is that "
                "image itself: say by --image which image its masks are of."
            )
        raise InputError(
            f"No file in {masks} is named as an image of the project (such as {stems}) and is not "
            "that image itself: a mask has the name of its image, with any image extension, and "
            "may end in _masks, _mask, _labels, _label, _seg or _cp_masks."
        )
    taken = {_shown(path, masks) for _, path in matched}
    return matched, sorted(set(unused) - taken), names.notes()


def _own_files(project: Project, folder: Path) -> set[Path]:
    """Return the files of the project's images; those that are missing now do not count."""
    found = set()
    for uri in {image.uri for image in project.images}:
        if not uri.startswith(ARRAYS_PREFIX):
            try:
                found.add(Path(os.path.realpath(resolve(uri, folder))))
            except InputError:
                continue
    return found


def _is_copy(path: Path, image: ImageRef) -> bool:
    """Tell whether a file is a copy of an image; of zarr folders the fingerprint does not tell."""
    return bool(image.fingerprint) and not is_zarr(path) and is_same(path, image.fingerprint)


def _shown(path: Path, masks: Path) -> str:
    return path.name if path == masks else path.relative_to(masks).as_posix()


def _label_files(masks: Path) -> Iterator[tuple[Path, PurePath]]:
    """Yield label images, in order and none hidden, each with a name that tells its image.

    They are those in a folder and its folders, or a single file. Of an OME-Zarr image they are the
    label images in it, which are named as the image is, not as they are themselves.
    """
    if is_zarr(masks):
        in_labels = next((p for p in (masks, masks.parent) if p.name == "labels"), None)
        image = in_labels.parent if in_labels and is_zarr(in_labels.parent) else masks
        yield from ((path, PurePath(image.name)) for path in label_images(masks) or [masks])
        return
    if masks.is_file():
        yield masks, PurePath(masks.name)
        return
    for place, folders, files in os.walk(masks):
        folders.sort()
        here = Path(place)
        arrays = [name for name in folders if is_zarr(here / name)]
        folders[:] = [
            name
            for name in folders
            if name not in arrays and not name.startswith(".") and not name.endswith(".synthseg")
        ]
        images = [name for name in files if Path(name).suffix.lower() in EXTENSIONS]
        for name in sorted(arrays + images):
            if not name.startswith("."):
                labels: list[Path] = []
                if name in arrays:
                    with suppress(InputError):  # opening it says why
                        labels = label_images(here / name)
                for path in labels or [here / name]:
                    yield path, (here / name).relative_to(masks)


def _images_named(names: ImageNames, path: Path, inner: PurePath) -> list[tuple[ImageRef, bool]]:
    """Return the images that a file is named as, and whether its name has an ending of masks."""
    for stem in dict.fromkeys((inner.stem, without_mask_ending(inner.stem))):
        try:
            found = names.find_stem(str(path), (inner.parent / stem).as_posix(), all_planes=True)
        except UnknownNameError:
            continue
        return [(image, stem != inner.stem) for image in found]
    return []


def _choose(image: ImageRef, candidates: Sequence[_Candidate]) -> tuple[Path, list[Path]]:
    """Return the file with the masks of an image, and the files beside it that it stands for.

    What lies nearer to the top of the folder comes first. A file with an ending comes before one
    without in the same folder, which is then a copy of the image.

    Raises
    ------
    InputError
        If several files with different masks are left.
    """
    depth = min(len(each.path.parts) for each in candidates)
    near = [each for each in candidates if len(each.path.parts) == depth]
    ended = [each for each in near if each.has_ending] or near
    first, *others = [each.path for each in ended]
    for other in others:
        if not _same_pixels(first, other):
            raise InputError(
                f"'{first}' and '{other}' may both hold the masks of '{image.name}', and they "
                "differ: move the one that you do not want out of this folder, or give the other "
                "alone."
            )
    return first, [each.path for each in candidates if each.path != first]


def _same_pixels(one: Path, other: Path) -> bool:
    first, second = (read_whole(open_file(p, as_ids=True), f"'{p}'") for p in (one, other))
    return np.array_equal(first, second)
