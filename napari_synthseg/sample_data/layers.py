"""The samples as napari layers, for File > Open Sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.sample_data.catalog import SAMPLES, load
from napari_synthseg.sample_data.sample import SampleContent

LayerData = tuple[Any, dict[str, Any], str]
"""What napari takes for a layer: data, keyword arguments, layer type."""


def nuclei_sample() -> list[LayerData]:
    """Return the fluorescence micrograph, its clicks and its true masks."""
    return _layers("nuclei")


def tissue_sample() -> list[LayerData]:
    """Return the stained tissue, its clicks and its true centers."""
    return _layers("tissue")


def sediment_sample() -> list[LayerData]:
    """Return the simulated sediment, its clicks and its exact masks."""
    return _layers("sediment")


def _layers(name: str) -> list[LayerData]:
    """Return image, clicks, and truth of the held-out part, which is hidden to begin with."""
    sample, content = SAMPLES[name], load(name)
    mark = {"napari_synthseg": {"sample": name, "note": sample.note}}
    image = {"name": sample.title, "rgb": content.axes == "yxc", "metadata": mark}
    positions = np.array([c.position for c in content.clicks])
    clicks = _points(content, positions, [c.cls for c in content.clicks]) | {"name": "Clicks"}
    return [
        (content.image, image, "image"),
        (positions, clicks | {"metadata": mark}, "points"),
        _truth(content, mark),
    ]


def _truth(content: SampleContent, mark: dict[str, Any]) -> LayerData:
    truth = content.truth
    common = {"visible": False, "metadata": mark}
    if isinstance(truth, InstanceLabels):
        origin = [start for start, _ in content.test]
        masks = {"name": "True masks (held-out part)", "translate": origin}
        return truth.ids, masks | common, "labels"
    centers = _points(content, truth.positions, truth.classes.tolist())
    return truth.positions, centers | {"name": "True centers (held-out part)"} | common, "points"


def _points(content: SampleContent, positions: Any, classes: list[int]) -> dict[str, Any]:
    by_value = {c.value: c for c in content.classes}
    return {
        "ndim": 2,
        "features": {"class": [by_value[v].name for v in classes]},
        "size": [by_value[v].diameter for v in classes],
        "face_color": [by_value[v].color + "18" for v in classes],
        "border_color": [by_value[v].color for v in classes],
        "border_width": 0.1,
    }
