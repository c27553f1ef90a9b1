"""Models as files of other programs: the same outputs, and all that is needed to read them."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from napari_synthseg.core.annotations import new_id
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.runs import DecodingRule, ModelRecord, TrainingRun
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.networks.registry import build_network
from napari_synthseg.storage import runs
from napari_synthseg.tasks.classify import ClassifyRule
from napari_synthseg.tasks.detect import DetectRule
from napari_synthseg.tasks.segment import SegmentRule
from napari_synthseg.training.model import load_weights, weights_of
from napari_synthseg.workflow.session import Session

WIDTHS = {"width": 4, "depth": 2}


def add_run(session: Session, network: str, outputs: int, rule: DecodingRule) -> TrainingRun:
    """Add a run whose network has never learned anything."""
    torch.manual_seed(3)
    spec = ModelSpec(name=network, **WIDTHS)
    net = build_network(spec, 2, outputs)
    record = ModelRecord(spec=spec, in_channels=2, out_channels=outputs, rule=rule)
    run = TrainingRun(
        id=new_id(), name=f"{rule.kind} µ/1", state="done", model=record,
        spec=TrainSpec(task=rule.kind, device="cpu"),
        images=tuple(image.id for image in session.project.images),
    )  # fmt: skip
    runs.save_weights(session.folder, run.id, weights_of(net))
    runs.save_run(session.folder, run)
    session.edit(session.project.with_run(run), "add a run")
    return run


SEGMENT = SegmentRule(class_values=(1, 2), diameter=12, scale=0.5, pixel_size=0.25, unit="um")
CLASSIFY = ClassifyRule(class_values=(1, 2), diameter=12, thresholds=(0.5, 0.25))
DETECT = DetectRule(
    class_values=(1, 2), diameter=12, anchors=(12, 12, 20, 30), stride=16, thresholds=(0.5, 0.3)
)


def needs_onnx() -> None:
    for library in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(library)


@pytest.mark.parametrize(
    ("network", "outputs", "rule", "words"),
    [
        ("unet", 4, SEGMENT, "falls by at least 0.1"),
        ("small", 2, CLASSIFY, "nucleus 0.5, debris 0.25"),
        ("yolo", 14, DETECT, "12 by 12, 20 by 30"),
    ],
)
def test_onnx_gives_what_pytorch_gives(
    masked: Any, tmp_path: Path, network: str, outputs: int, rule: DecodingRule, words: str
) -> None:
    needs_onnx()
    run = add_run(masked.session, network, outputs, rule)
    done = masked.session.export("model", tmp_path / "m", format="onnx", run=run).result()
    assert done.figures["difference"] <= 1e-4
    assert {p.name for p in (tmp_path / "m").iterdir()} == {"model.onnx", "run.json", "README.md"}
    page = (tmp_path / "m" / "README.md").read_text("utf-8")
    assert words in page and "{" not in page
    from napari_synthseg.training.onnx_file import run_onnx

    net = build_network(run.model.spec, 2, outputs)
    load_weights(net, runs.load_weights(masked.session.folder, run.id))
    images = np.random.default_rng(0).random((2, 2, 64, 96), np.float32)
    with torch.inference_mode():
        raw = net.eval()(torch.from_numpy(images))
        expected = {
            "unet": lambda: torch.cat([raw[:, :3].softmax(1), raw[:, 3:].sigmoid()], 1),
            "small": raw.sigmoid,
            "yolo": lambda: raw,
        }[network]().numpy()
    found = run_onnx(tmp_path / "m" / "model.onnx", images)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    with pytest.raises(InputError, match="exists already"):
        masked.session.export("model", tmp_path / "m", format="onnx", run=run).result()


def test_a_package_of_bioimageio_is_valid_and_says_all(masked: Any, tmp_path: Path) -> None:
    needs_onnx()
    spec = pytest.importorskip("bioimageio.spec")
    run = add_run(masked.session, "unet", 4, SEGMENT)
    out = tmp_path / "cells.zip"
    done = masked.session.export("model", out, format="bioimageio", run=run).result()
    assert done.figures["files"] == [str(out)]
    with spec.ValidationContext(perform_io_checks=True, raise_errors=True):
        model = spec.load_model_description(out)
    summary = model.validation_summary
    assert summary.status in ("passed", "valid-format"), summary.format()
    with zipfile.ZipFile(out) as archive:
        described = yaml.safe_load(archive.read("rdf.yaml"))
        page = archive.read("README.md").decode()
        archive.extractall(tmp_path / "package")
    (given,), (found,) = described["inputs"], described["outputs"]
    _, channel, y, x = given["axes"]
    assert (channel["channel_names"], y["size"]["step"], x["size"]["step"]) == (["c0", "c1"], 4, 4)
    assert (y["unit"], y["scale"]) == (
        "micrometer",
        0.5,
    )  # of half as many pixels
    scaling = next(step for step in given["preprocessing"] if step["id"] == "scale_range")
    assert scaling["kwargs"]["axes"] == ["y", "x"]
    assert (scaling["kwargs"]["min_percentile"], scaling["kwargs"]["max_percentile"]) == (1, 99.8)
    names = found["axes"][1]["channel_names"]
    assert names == ["background", "nucleus", "debris", "inner_distance"]
    assert described["config"]["napari_synthseg"]["rule"]["prominence"] == 0.1
    assert "shrunk to 0.5 of their size" in page and "A pixel should be 0.5 um wide" in page
    # the test image has the intensities of the file, at the network's scale
    image = np.load(tmp_path / "package" / "test_image.npy")
    maps = np.load(tmp_path / "package" / "test_maps.npy")
    assert (image.shape[1], maps.shape[1], image.shape[2:]) == (2, 4, maps.shape[2:])
    assert image.min() >= 100 and image.max() <= 60_000
    assert np.allclose(maps[:, :3].sum(axis=1), 1, atol=1e-5)


def test_other_kinds_of_models_are_no_packages(masked: Any, tmp_path: Path) -> None:
    needs_onnx()
    pytest.importorskip("bioimageio.spec")
    run = add_run(masked.session, "small", 2, CLASSIFY)
    with pytest.raises(InputError, match=r"classify give no maps .* choose --format onnx"):
        masked.session.export("model", tmp_path / "m.zip", format="bioimageio", run=run).result()
    assert not (tmp_path / "m.zip").exists()


def test_a_missing_library_names_its_extra(
    masked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = add_run(masked.session, "unet", 4, SEGMENT)
    monkeypatch.setitem(sys.modules, "onnx", None)
    for format in ("onnx", "bioimageio"):
        with pytest.raises(InputError, match=r"'onnx': install it by .*synthseg\[models\]'"):
            masked.session.export("model", tmp_path / "m", format=format, run=run).result()
    assert not (tmp_path / "m").exists()
