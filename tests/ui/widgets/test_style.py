"""Texts of the panel are read in the dark and in the light theme."""

from __future__ import annotations

import re

import pytest
from qtpy.QtGui import QImage

from napari_synthseg.ui.widgets.style import style_sheet, theme_colors

LEAST_CONTRAST = 4.5
"""Of text, by the accessibility guidelines of the W3C (WCAG 2.2, level AA)."""

LEAST_CONTRAST_OF_SIGNS = 3.0
"""By the same, of what is no text."""


def luminance(color: str) -> float:
    shares = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return sum(w * x for w, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.gui
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_ticks_in_lists_stand_out(theme, qapp):
    from napari._qt.qt_event_loop import get_qapp

    get_qapp()
    colors = theme_colors(theme)
    (icon,) = re.findall(r'url\("(.+/check.svg)"\)', style_sheet(colors))
    picture = QImage(icon)
    tick = max(
        (picture.pixelColor(x, y) for x in range(picture.width()) for y in range(picture.height())),
        key=lambda color: color.alpha(),
    )
    assert contrast(tick.name(), colors.accent) > LEAST_CONTRAST_OF_SIGNS


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_text_stands_out_from_what_it_is_written_on(theme):
    colors = theme_colors(theme)
    pairs = [
        ("#ffffff", colors.accent), ("#ffffff", colors.done), (colors.warning, colors.background),
        *((text, ground) for text in (colors.text, colors.muted, colors.link)
          for ground in (colors.background, colors.foreground)),
    ]  # fmt: skip
    assert {pair for pair in pairs if contrast(*pair) < LEAST_CONTRAST} == set()
