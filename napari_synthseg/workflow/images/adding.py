"""Adding many files to a project in one edit; what cannot be read is told and left out."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.io.images.stacks import StackUse
from napari_synthseg.storage.images import SeriesChoice
from napari_synthseg.workflow.importing import ImageFields, Imported, read_images


@dataclass(frozen=True)
class FileUse:
    """How a file is used.

    Attributes
    ----------
    path
        The file.
    axes
        One letter of "tczyx" for each of its axes; '' as the file says.
    stack
        Whether planes along z are a volume.
    plane
        Axis, t or z -> the only frame or plane that is taken; none: all.
    series
        Of a file with several images, the number of the one that is taken, or "all".
    fields
        Fields of each new `ImageRef`.
    """

    path: Path
    axes: str = ""
    stack: StackUse = "auto"
    plane: Mapping[str, int] = field(default_factory=dict)
    series: SeriesChoice = "all"
    fields: ImageFields = field(default_factory=ImageFields)


def add_files(
    uses: Sequence[FileUse], folder: Path, known: Sequence[ImageRef] = ()
) -> Generator[Progress, None, Imported]:
    """Describe the images of files; `known` are those of the project, which are not added again.

    `Imported.figures` hold, by file name, what was ``refused`` and why, how ``axes`` are taken that
    could be taken otherwise, and ``notes``; and the names of files that are ``known``.

    Raises
    ------
    InputError
        If there is nothing to add, and one file alone was chosen.
    """
    images: list[ImageRef] = []
    refused: dict[str, str] = {}
    axes: dict[str, str] = {}
    notes: dict[str, list[str]] = {}
    present: list[str] = []
    taken = {_identity(ref) for ref in known}
    for number, use in enumerate(uses):
        name, part = use.path.name, (number / len(uses), (number + 1) / len(uses))
        work = read_images(
            use.path, folder, use.fields, use.stack, use.axes or None, use.plane, use.series,
            (*known, *images),
        )  # fmt: skip
        try:
            made = yield from subprogress(work, *part)
        except InputError as error:
            if len(uses) == 1:
                raise
            refused[name] = str(error)
            continue
        new = [ref for ref in made.images if _identity(ref) not in taken]
        taken |= {_identity(ref) for ref in new}
        images += new
        if not new:
            present.append(name)
            continue
        axes[name] = made.figures["axes"]
        if made.figures["notes"]:
            notes[name] = list(made.figures["notes"])
    figures = {"refused": refused, "axes": axes, "notes": notes, "known": present}
    return Imported(
        images=tuple(images), figures=figures, message=_message(images, refused, present)
    )


def _identity(ref: ImageRef) -> tuple[object, ...]:
    return ref.uri, tuple(sorted(ref.plane.items()))


def _message(images: Sequence[ImageRef], refused: Mapping[str, str], present: Sequence[str]) -> str:
    words = [f"{len(images)} image(s) added"]
    if present:
        words.append(f"{len(present)} file(s) are in the project already and stay as they are")
    if refused:
        words.append(f"{len(refused)} file(s) were not added")
    return "; ".join(words) + "."
