from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_synthseg.cli.demo import why_no_viewer

Invoke = Callable[..., Any]


def test_headless_demo_takes_the_whole_walk(invoke: Invoke, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    options = ("--sample", "sediment", "--steps", 2, "--clicks", 24, "--out", out)
    done = invoke("demo", "--no-viewer", "--json", *options)
    assert done.code == 0, done.err
    result = done.result
    assert (result["sample"], result["simulated"], result["clicks"]) == ("sediment", True, 24)
    assert result["steps"] == 2
    assert result["selection"].startswith("best on the held-out part")
    assert "of the synthetic image " in result["measured_on"]
    assert set(result["per_class"]) <= {"round cell", "granular cell", "crystal"}
    assert {"f1@0.5", "count_error"} <= result.keys()
    with Image.open(out / "figure.png") as figure:
        pixels = np.asarray(figure.convert("RGB"))
    assert pixels.shape[0] > 1000
    assert np.ptp(pixels) == 255
    (labels,) = out.glob("*_predicted.tif")
    assert tifffile.imread(labels).ndim == 2
    assert "begin with a dozen" not in done.err  # who chose a number of clicks need not be told
    again = invoke("demo", "--no-viewer", *options)
    assert again.code == 2
    assert len(again.err.splitlines()) == 1


@pytest.mark.gui
def test_viewer_demo_docks_the_panel_and_starts_the_walk(
    invoke: Invoke, make_napari_viewer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import napari

    from napari_synthseg.ui.app.widget import SynthSegWidget

    viewer = make_napari_viewer()
    opened: list[tuple[str, bool]] = []
    monkeypatch.setattr(napari, "Viewer", lambda **_: viewer)
    monkeypatch.setattr(napari, "run", lambda: opened.append(("run", True)))
    monkeypatch.setattr(
        SynthSegWidget, "open_sample", lambda _, name, tour=False: opened.append((name, tour))
    )
    assert why_no_viewer() == ""
    done = invoke("demo", "--sample", "tissue")
    assert done.code == 0, done.err
    assert opened == [("tissue", True), ("run", True)]
    assert len(viewer.window.dock_widgets) == 1


def test_no_display_is_given_as_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert why_no_viewer() == "there is no display"
