"""A data folder of small simulated images, and study files that use it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from benchmarks.study.study_file import parse_study
from benchmarks.study.tables import Study
from tests.helpers.clicked_discs import disc_image

TRAIN = {
    "steps": 3,
    "batch_size": 2,
    "crop": 64,
    "device": "cpu",
    "model": {"width": 4, "depth": 2},
}
CENTERS = [(20, 20), (20, 55), (48, 38), (75, 20), (72, 70), (40, 78), (92, 45)]


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write twelve simulated images with masks, as ``ROOT/discs``; return ROOT."""
    root = tmp_path_factory.mktemp("data")
    for kind in ("images", "masks"):
        (root / "discs" / kind).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(12):
        centers = [c + rng.integers(-3, 4, 2) for c in CENTERS]
        image, ids = disc_image(centers, shape=(96, 96), radius=8, seed=number)
        pixels = np.clip(image[0] * 4000 + 500, 0, 65535).astype(np.uint16)
        tifffile.imwrite(root / "discs" / "images" / f"g{number:02d}.tif", pixels)
        tifffile.imwrite(root / "discs" / "masks" / f"g{number:02d}.tif", ids.astype(np.uint16))
    return root


@pytest.fixture(autouse=True)
def data_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let studies find the folder, and share the machine."""
    monkeypatch.setenv("SYNTHSEG_DATA", str(root))


def tables(*arms: dict[str, Any], **data: Any) -> dict[str, Any]:
    """Return the tables of a small study; `data` overrides its [data]."""
    return {
        "study": {"title": "Discs", "question": "Which is better?"},
        "data": {"folder": "discs", "images": 2, "part": "tuning", "limit": 2, **data},
        "train": dict(TRAIN),
        "arm": list(arms) or [{"name": "clicks", "source": "clicks"}],
    }


@pytest.fixture
def make_study() -> Callable[..., Study]:
    """Return a function that makes a small study from arms and keys of [data]."""
    return lambda *arms, **data: parse_study(tables(*arms, **data))


def as_toml(study: dict[str, Any]) -> str:
    """Write tables of plain values as TOML."""
    lines = []
    for name in ("study", "data", "train"):
        lines += [f"[{name}]", *(f"{k} = {_value(v)}" for k, v in study[name].items())]
    for arm in study["arm"]:
        lines += ["[[arm]]", *(f"{k} = {_value(v)}" for k, v in arm.items())]
    return "\n".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')
