"""Collects pictures of a window into one short animation of moderate size."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

WIDTH_PX = 960
COLORS = 96
"""Of the whole animation: fewer make it smaller, and grays of a micrograph need some."""


class Film:
    """Frames of a window, each shown for its own time."""

    def __init__(self, grab: Callable[[], Any]) -> None:
        """Take the pictures by `grab`, which returns a QPixmap."""
        self._grab = grab
        self._frames: list[Image.Image] = []
        self._times_ms: list[int] = []

    def shoot(self, shown_ms: int) -> None:
        """Take one picture."""
        from qtpy.QtCore import QBuffer, QIODevice

        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.ReadWrite)
        self._grab().save(buffer, "PNG")
        picture = Image.open(BytesIO(bytes(buffer.data()))).convert("RGB")
        height = round(picture.height * WIDTH_PX / picture.width)
        self._frames.append(picture.resize((WIDTH_PX, height), Image.Resampling.LANCZOS))
        self._times_ms.append(shown_ms)

    def save(self, path: Path) -> None:
        """Write the animation as a GIF that repeats; what does not change is written once."""
        strip = Image.new("RGB", (WIDTH_PX, sum(f.height for f in self._frames)))
        top = 0
        for frame in self._frames:
            strip.paste(frame, (0, top))
            top += frame.height
        palette = strip.quantize(COLORS, Image.Quantize.MEDIANCUT)
        none = Image.Dither.NONE
        first, *others = (f.quantize(palette=palette, dither=none) for f in self._frames)
        first.save(
            path, save_all=True, append_images=others, duration=self._times_ms, loop=0,
            optimize=False, disposal=1,
        )  # fmt: skip
