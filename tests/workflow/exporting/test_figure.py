"""Figures for a talk: what is on them, in files that other programs open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_synthseg.core.errors import InputError
from napari_synthseg.workflow.exporting import figure
from napari_synthseg.workflow.exporting.figure import scale_bar_length


def test_a_figure_has_outlines_a_scale_bar_and_a_legend(masked, tmp_path: Path) -> None:
    out = tmp_path / "figures"
    done = masked.session.export("figure", out, format="svg").result()
    assert sorted(p.name for p in out.iterdir()) == ["cells.svg", "empty.svg"]
    assert done.message.startswith("2 figure(s) of the truth written to")
    text = (out / "cells.svg").read_text()
    for words in ("nucleus: 2", "debris: 2", "2 µm"):  # 70 pixels of .25 um
        assert words in text, words
    assert masked.session.project.class_named("nucleus").color in text
    with pytest.raises(InputError, match="exists already"):
        masked.session.export("figure", out, format="svg").result()


@pytest.mark.parametrize("limit", [5000, 0])
def test_outlines_lie_on_the_objects(masked, tmp_path: Path, monkeypatch, limit: int) -> None:
    monkeypatch.setattr(figure, "MAX_VECTORS", limit)
    masked.session.export("figure", tmp_path, images=masked.session.project.images[:1]).result()
    picture = np.asarray(Image.open(tmp_path / "cells.png").convert("RGB")).astype(int)
    orange = np.all(np.abs(picture - (230, 159, 0)) < 30, axis=2)
    scale = picture.shape[1] / 71
    rows = np.flatnonzero(orange[:, round(33 * scale)]) / scale  # through the second object
    rows = rows[rows > 16]  # below the legend
    assert rows.min() == pytest.approx(20, abs=2)
    assert rows.max() == pytest.approx(40, abs=2)


@pytest.mark.parametrize(("width", "length"), [(100, 20), (81, 20), (79, 10), (0.5, 0.1)])
def test_scale_bars_have_round_lengths(width: float, length: float) -> None:
    assert scale_bar_length(width) == pytest.approx(length)
