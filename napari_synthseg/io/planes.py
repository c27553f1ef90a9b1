"""Which planes and times of stacks and movies a position in a file belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError

AXIS_WORDS = {"t": "time", "z": "plane along z"}


def choose_plane(
    where: str, images: Sequence[ImageRef], position: Mapping[str, float], how: str = ""
) -> list[ImageRef]:
    """Return the images that are of a plane and a time.

    Parameters
    ----------
    where
        A place in a file, for messages.
    images
        Regions, planes and times of one image.
    position
        Plane "z" and time "t", from 0, where the file says them; other axes do not count.
    how
        How a file says them, with ``{axis}`` in it, for the message where it does not.

    Raises
    ------
    InputError
        If it says none where there are several, one that is not used, or one where there is none.
    """
    left = list(images)
    name = left[0].name
    for axis, word in AXIS_WORDS.items():
        at = position.get(axis)
        used = sorted({i.plane[axis] for i in left if axis in i.plane})
        if axis == "z" and left[0].ndim == 3:
            continue
        if used:
            if at is None and len(used) > 1:
                what = "movie" if axis == "t" else "stack"
                raise InputError(
                    f"{where}: '{name}' is a {what}: give the {word}{how.format(axis=axis)}."
                )
            left = [i for i in left if at is None or i.plane.get(axis) == round(at)]
            if not left:
                raise InputError(
                    f"{where}: {axis} is {at:g}, but the project has no such {word} of "
                    f"'{name}' (it has {used[0]} to {used[-1]}, counted from 0)."
                )
        elif at is not None and round(at) != 0:
            raise InputError(
                f"{where}: {axis} is {at:g}, but '{name}' has only one {word}: give the image that "
                f"it is of, or leave out {axis}."
            )
    return left
