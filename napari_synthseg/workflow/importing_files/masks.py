"""Importing the label images of a folder."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.core.project import Project
from napari_synthseg.io.result_files import by_stem
from napari_synthseg.workflow.importing import Imported, MaskKind, read_masks
from napari_synthseg.workflow.importing_files.kinds import ImportOptions, with_role


def import_masks(
    masks: Path, kind: MaskKind, project: Project, folder: Path, options: ImportOptions
) -> Generator[Progress, None, Imported]:
    """Read the label images of a folder that are named as images of the project.

    Raises
    ------
    InputError
        If none is, one does not fit, or the class is not there.
    """
    by_patches = kind == "patch_masks"
    if by_patches and not project.classes:
        raise InputError("The project has no class yet: add one first.")
    named = options.class_name
    cls = project.class_named(named) if named else next(iter(project.classes), None)
    images = [i for i in project.images if i.role == "train" or not by_patches]
    matched, unused = _match(images, masks)
    made: list[Imported] = []
    for number, (image, path) in enumerate(matched):
        work = read_masks(image, path, kind, project, folder, cls.value if cls else 1)
        part = number / len(matched), (number + 1) / len(matched)
        made.append((yield from subprogress(work, *part)))
    clicks = tuple(click for each in made for click in each.clicks)
    figures: dict[str, Any] = {"masks": len(matched), "unused": unused}
    if by_patches:
        figures["clicks"] = len(clicks)
        message = (
            f"Patches of {len(matched)} image(s) are cut by these masks; {len(clicks)} object(s) "
            "without a click got one"
        )
    else:
        figures |= {"kind": kind, "role": options.role}
        message = f"True masks added to {len(matched)} image(s)"
    rest = f"; {unused} file(s) belong to no image." if unused else "."
    return Imported(
        images=with_role((image for image, _ in matched), options.role),
        clicks=clicks,
        truths=tuple(truth for each in made for truth in each.truths),
        patch_masks=tuple(masks for each in made for masks in each.patch_masks),
        figures=figures,
        message=message + rest,
    )


def _match(images: Sequence[ImageRef], folder: Path) -> tuple[list[tuple[ImageRef, Path]], int]:
    """Return images with the files of their stems, and how many files belong to none."""
    files = by_stem(folder)
    matched = [(i, files[Path(i.name).stem]) for i in images if Path(i.name).stem in files]
    if not matched:
        stems = ", ".join(sorted({Path(i.name).stem for i in images})[:3]) or "none"
        raise InputError(
            f"No file in {folder} is named as an image of the project (such as {stems}): a mask "
            "has the name of its image, with any image extension."
        )
    return matched, len(files) - len({path for _, path in matched})
