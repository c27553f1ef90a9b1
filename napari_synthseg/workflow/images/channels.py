"""Which channels of images are used: how many there are, choosing some, and what was learned from.

What depends on the pixels of an image is made anew, as it goes by the `ImageRef`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import LearnedChannels
from napari_synthseg.storage.images import choosable_channels, open_pixels
from napari_synthseg.workflow.importing import Imported

Choice = tuple[int, ...] | None
"""Numbers of channels, from 0; None: all."""


def parse_channels(text: str) -> Choice:
    """Return the channels that a text names, as "0, 2"; an empty one and "all" name all.

    Raises
    ------
    InputError
        If it holds anything but numbers.
    """
    if text.strip() == "all":
        return None
    numbers = text.replace(",", " ").split()
    if not all(number.isdecimal() for number in numbers):
        raise InputError(
            f"'{text}' names no channels: give their numbers, counted from 0, such as 0 or 0,2."
        )
    return tuple(map(int, numbers)) or None


def choose_channels(
    project: Project, folder: Path, channels: Choice, images: Sequence[ImageRef] = ()
) -> Generator[Progress, None, Imported]:
    """Use these channels of images from now on; default: of all that have several.

    Raises
    ------
    InputError
        If an image lacks one of them, or there is no image of several channels.
    """
    chosen = [project.image(ref.id) for ref in images]
    for number, ref in enumerate(() if images else project.images):
        yield Progress(number / len(project.images), f"looking at {ref.name}")
        if choosable_channels(ref, folder) > 1:
            chosen.append(ref)
    if not chosen:
        raise InputError("No image of the project has several channels to choose from.")
    changed = [ref.model_copy(update={"channels": channels}) for ref in chosen]
    for ref in changed:
        yield Progress(1.0, f"looking at {ref.name}")
        open_pixels(ref, folder)  # refuses channels that it lacks
    new = tuple(after for after, ref in zip(changed, chosen, strict=True) if after != ref)
    return Imported(images=new, figures={"images": len(chosen)})


def learned_channels(
    refs: Sequence[ImageRef], folder: Path
) -> Generator[Progress, None, LearnedChannels]:
    """Return the channels of images, as they are learned from."""
    found = {}
    for ref in refs:
        yield Progress(1.0, f"looking at {ref.name}")
        count = count_channels(ref, folder)
        found[ref.id] = count, ref.channels or tuple(range(count))
    return LearnedChannels().with_images(found)


def as_learned(learned: LearnedChannels, in_channels: int, ref: ImageRef, folder: Path) -> ImageRef:
    """Return an image of which those channels are used that a model of `in_channels` sees."""
    if ref.channels is None and learned.are_all:
        return ref  # the usual case, for which no file is opened
    channels = learned.seen(ref, count_channels(ref, folder), in_channels)
    return ref.model_copy(update={"channels": channels})


def count_channels(ref: ImageRef, folder: Path) -> int:
    """Return how many channels an image has in all, the three of RGB among them."""
    return open_pixels(ref.with_all_channels(), folder).shape[0]
