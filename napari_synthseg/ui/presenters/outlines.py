"""Outlines while clicking: which lines are drawn, in which look, and what is said of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ImageRef

if TYPE_CHECKING:
    from napari_synthseg.workflow.outlining.image_outliner import ClickOutline
    from napari_synthseg.workflow.outlining.live_outlines import Outlines

SURE = 0.7
"""From this expected overlap on, a line is drawn through; below it is dashed."""

FAINTEST = 0.45
"""Opacity of the line of an outline that is not sure at all."""

DASH = 4
"""Edges of one dash and the gap after it."""


def drawn_edges(
    outlines: Sequence[ClickOutline], colors: Mapping[int, str], ndim: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the edges to draw, and the color of each.

    Parameters
    ----------
    outlines
        What is shown.
    colors
        Class value -> color as ``#rrggbb``.
    ndim
        Number of spatial axes of the image.

    Returns
    -------
    Starts and steps ``(edge, 2, ([z,] y, x))``, and RGBA from 0 to 1, ``(edge, 4)``.
    """
    drawn = [one for one in outlines if len(one.edges)]
    parts = [one.edges if _is_sure(one) else _dashed(one.edges) for one in drawn]
    counts = [len(part) for part in parts]
    edges = np.zeros((sum(counts), 2, ndim), np.float32)
    if drawn:
        np.concatenate(parts, out=edges[..., -2:])
    if ndim == 3:
        edges[:, 0, 0] = np.repeat([float(one.plane or 0) for one in drawn], counts)
    looks = np.array([_look(one, colors) for one in drawn], np.float32).reshape(-1, 4)
    return edges, np.repeat(looks, counts, axis=0)


def _is_sure(one: ClickOutline) -> bool:
    return one.is_given or one.outline.confidence >= SURE


def _dashed(edges: NDArray[np.float32]) -> NDArray[np.float32]:
    dashed: NDArray[np.float32] = edges[np.arange(len(edges)) % DASH < DASH // 2]
    return dashed


def _look(one: ClickOutline, colors: Mapping[int, str]) -> tuple[float, ...]:
    red, green, blue = bytes.fromhex(colors.get(one.click.cls, "#ffffff").removeprefix("#"))
    sure = 1.0 if one.is_given else one.outline.confidence
    return red / 255, green / 255, blue / 255, FAINTEST + (1 - FAINTEST) * sure


def line_width_px(diameters: Sequence[float], zoom: float) -> float:
    """Return how wide lines are drawn, in pixels of the image.

    About two pixels of the screen, but neither hair-thin nor clumsy beside the smallest objects.

    Parameters
    ----------
    diameters
        Of the classes, pixels of the image.
    zoom
        Pixels of the screen for one of the image.
    """
    smallest = min(diameters, default=20.0)
    return float(np.clip(2.0 / max(zoom, 1e-6), smallest / 24, smallest / 5))


def describe_outline(one: ClickOutline | None, ref: ImageRef | None) -> str:
    """Return what is known of the outline of one click, a sentence; '' where nothing is."""
    if one is None:
        return ""
    if not one.outline.area:
        return "No object was found under this click."
    width = length_words(one.diameter, ref)
    if one.is_given:
        return f"This outline is yours: about {width} wide."
    sure = f"{one.outline.confidence:.0%}"
    if _is_sure(one):
        return f"Outline: about {width} wide, {sure} sure."
    return f"Outline: about {width} wide, but only {sure} sure, so it is dashed."


def length_words(length_px: float, ref: ImageRef | None) -> str:
    """Return a length in pixels of the finest axis, and in physical units where they are known."""
    words = f"{length_px:.3g} px"
    if ref is None or ref.pixel_size is None or ref.unit == "px":
        return words
    return f"{length_px * min(ref.pixel_size):.3g} {ref.unit} ({words})"


def describe_amount(outlines: Outlines) -> str:
    """Return what to know where not all outlines are shown; '' where they are."""
    if not outlines.left_out:
        return ""
    return (
        f"{len(outlines.shown)} outlines nearest to the middle of the view are shown, of "
        f"{len(outlines.shown) + outlines.left_out} clicks."
    )
