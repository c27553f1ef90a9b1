"""What a person must know to use an exported network in another program, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_synthseg.core.pixels import resized


@dataclass(frozen=True)
class ModelCard:
    """The facts.

    Attributes
    ----------
    name, title
        Of the run, and what its model does.
    axes
        Of the input, behind batch and channel: "yx" or "zyx".
    channels
        Of the input.
    joint
        Whether all channels are normalized together, as those of RGB images are.
    multiple
        What extents along `axes` must be multiples of, pixels.
    scale
        Pixels that the network sees for one pixel of the images that it learned from.
    pixel_size, unit
        Size of a pixel as the network sees it; None where it is not known.
    diameter
        Of a usual object, pixels as the network sees it.
    outputs
        What each output is called; empty: see `reading`.
    reading
        How outputs are read.
    measured
        What is known of how good it is, as sentences.
    version
        Of this package.
    """

    name: str
    title: str
    axes: str
    channels: int
    joint: bool
    multiple: tuple[int, ...]
    scale: float
    pixel_size: float | None
    unit: str
    diameter: float
    outputs: tuple[str, ...]
    reading: str
    measured: Sequence[str]
    version: str

    def as_markdown(self) -> str:
        """Return the page."""
        size = (
            "The size of a pixel was not known in training."
            if self.pixel_size is None
            else f"A pixel should be {self.pixel_size:.4g} {self.unit} wide."
        )
        scaled = (
            "Images are taken as they are."
            if self.scale == 1
            else f"It learned from images {resized(self.scale)} (a factor of {self.scale:.4g}). "
            "Resize yours so that objects are as large, and what it finds back to their size."
        )
        together = "all channels together" if self.joint else "each channel on its own"
        measured = "\n".join(f"- {line}" for line in self.measured) or "Nothing was measured."
        extents = " and ".join(
            f"{axis} of {multiple}" for axis, multiple in zip(self.axes, self.multiple, strict=True)
        )
        return f"""# {self.name}

A network that was trained to {self.title}, exported by napari-synthseg {self.version}.

## Input

- Axes: batch, channel, {", ".join(self.axes)}; float32; {self.channels} channel(s). Extents in
  pixels must be multiples: along {extents}.
- Intensity: for each image the 1st percentile becomes 0 and the 99.8th becomes 1, {together};
  values outside are kept.
- Scale: a usual object is {self.diameter:.3g} pixels wide as the network sees it. {size} {scaled}

## Output

{self.reading}
## Validation

{measured}

Check it on images of your own before you rely on it.
"""
