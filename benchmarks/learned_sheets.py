"""Look at what the learned recipe makes: a sheet of real crops, reconstructions and drawn pairs.

Learns from a few images of the tuning half of a data set (never from the closing half), with strips
held out, and writes ``NAME.png`` and ``NAME.json``: seconds of learning (wall and processor), pairs
a second with and without keeping what was computed, use of the codebook, bits a code on training
and held-out images, share of pairs turned away by reason. What was learned is kept in the folder.

``SYNTHSEG_DATA=/data python benchmarks/learned_sheets.py superalloy --out sheets``
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.study.halved_data import is_for_tuning
from napari_synthseg.core.labels import DualImage, MaskedImages, RegionLabels
from napari_synthseg.core.pixels import Intensity
from napari_synthseg.core.recipe import Kept
from napari_synthseg.synthesis import VQRecipe
from napari_synthseg.synthesis.vqvae.synthesizer import LearnedSynthesizer

HELD = 80
"""Width of the strip that is held out of each image, pixels; small images are held out whole."""

GAP = 16
"""Width of what lies between and is not used, pixels."""

SETS = {
    "superalloy": ("nasa_superalloy_semantic", (1, 2)),
    "membranes": ("isbi2012_em_membranes", (1,)),
    "blood": ("wbc_nucleus_cytoplasm_set1", (1, 2)),
}
COLORS = np.array([[40, 40, 40], [60, 130, 220], [240, 140, 40], [90, 190, 90]], np.uint8)


class Folder:
    """Keeps what was learned as files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def load(self, name: str) -> Kept | None:
        if not (self.path / f"{name}.json").exists():
            return None
        with np.load(self.path / f"{name}.npz", allow_pickle=False) as data:
            arrays = dict(data)
        return arrays, json.loads((self.path / f"{name}.json").read_text())

    def save(self, name: str, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> None:
        np.savez(self.path / f"{name}.npz", **arrays)
        (self.path / f"{name}.json").write_text(json.dumps(meta))


def load_pairs(name: str, count: int) -> MaskedImages:
    """Return training images, and what is held out, of the tuning half."""
    folder, values = SETS[name]
    root = Path(os.environ.get("SYNTHSEG_DATA", "../shared/data")) / folder
    stems = [p.stem for p in sorted((root / "images").iterdir()) if is_for_tuning(p.stem)]
    stems = _apart(stems)
    pairs = [_load(root, stem, number) for number, stem in enumerate(stems[: count + 1])]
    if min(pairs[0].labels.values.shape) < 4 * HELD:
        return MaskedImages(tuple(pairs[:count]), tuple(pairs[count:]), values)
    width = pairs[0].labels.values.shape[1]
    train = [_columns(pair, 0, width - HELD - GAP) for pair in pairs[:count]]
    held = [_columns(pair, width - HELD, width) for pair in pairs[:count]]
    return MaskedImages(tuple(train), tuple(held), values)


def _apart(stems: Sequence[str]) -> list[str]:
    """Return the stems with the first one of each spot in front."""
    seen: set[str] = set()
    first = [s for s in stems if not (s.split("_")[0] in seen or seen.add(s.split("_")[0]))]
    if len(first) < 3:  # not named by spots: every other one
        first = list(stems[::3])
    return [*first, *(s for s in stems if s not in first)]


def _load(root: Path, stem: str, number: int) -> DualImage:
    stored = np.asarray(Image.open(next((root / "images").glob(f"{stem}.*"))))
    stored = stored[None] if stored.ndim == 2 else np.moveaxis(stored[..., :3], -1, 0)
    pixels = Intensity.measure(stored, joint=len(stored) == 3).normalize(stored)
    mask = np.asarray(Image.open(root / "masks" / f"{stem}.png"))
    return DualImage(pixels, RegionLabels.of(mask), number)


def _columns(pair: DualImage, start: int, stop: int) -> DualImage:
    image = np.ascontiguousarray(pair.image[:, :, start:stop])
    return DualImage(image, RegionLabels.of(pair.labels.values[:, start:stop]), pair.index)


def learn(recipe: VQRecipe, source: MaskedImages, artifacts: Folder) -> tuple[Any, dict[str, Any]]:
    """Learn; return the synthesizer, and what it took."""
    spent: dict[str, Any] = {}
    begun, message, pictures, values = (time.monotonic(), time.process_time()), "", {}, {}
    work = recipe.fit(source, artifacts)
    while True:
        try:
            step = next(work)
        except StopIteration as end:
            made = end.value
            break
        now = (time.monotonic(), time.process_time())
        stage = step.message.split(":")[0]
        if stage != message and message:
            spent[message] = {"wall": now[0] - begun[0], "processor": now[1] - begun[1]}
            begun = now
        message, pictures = stage, {**pictures, **step.previews}
        if step.previews:
            told = {k: round(v, 3) for k, v in step.metrics.items()}
            print(f"{step.fraction:.1%}", told, flush=True)
        values |= step.metrics
    return made, {"seconds": spent, "figures": values, "notes": made.notes}


def measure_speed(made: LearnedSynthesizer) -> dict[str, float]:
    """Return pairs a second (processor time), by the kept features and by the plain network."""
    begun = time.process_time()
    made.pairs(range(16))
    took = time.process_time() - begun
    cells = made.size // 4
    machine = made._sampler
    codes = torch.zeros((16, cells, cells), dtype=torch.long)
    if made.learned.prior_design.conditions:
        return {"pairs a second": 16 / took}
    with torch.inference_mode():
        begun = time.process_time()
        machine.prior(codes)
        plain = (time.process_time() - begun) * cells * cells
    return {"pairs a second": 16 / took, "pairs a second, plain (estimated)": 16 / plain}


def picture(pair: DualImage, edge: int) -> NDArray[np.uint8]:
    """Return image and mask next to each other, cut or padded to (edge, 2 edge, 3)."""
    image = np.clip(pair.image[:3] if len(pair.image) >= 3 else pair.image[:1], 0, 1)
    image = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
    mask = COLORS[np.maximum(pair.labels.values, 0)]
    both = [(image * 255).astype(np.uint8)[:edge, :edge], mask[:edge, :edge]]
    out = np.full((edge, 2 * edge + 4, 3), 255, np.uint8)
    for place, part in zip((0, edge), both, strict=True):
        out[: part.shape[0], place : place + part.shape[1]] = part
    return out


def sheet(rows: Sequence[Sequence[DualImage]], edge: int) -> Image.Image:
    """Return rows of pairs as one picture."""
    lines = [np.concatenate([picture(pair, edge) for pair in row], axis=1) for row in rows]
    width = max(line.shape[1] for line in lines)
    padded = [
        np.pad(x, ((0, 4), (0, width - x.shape[1]), (0, 0)), constant_values=255) for x in lines
    ]
    return Image.fromarray(np.concatenate(padded))


def real_crops(source: MaskedImages, edge: int, count: int) -> list[DualImage]:
    """Return crops of the training images."""
    crops = []
    for number in range(count):
        pair = source.train[number % len(source.train)]
        rng = np.random.default_rng(number)
        y, x = (int(rng.integers(max(n - edge, 0) + 1)) for n in pair.labels.values.shape)
        ids = pair.labels.values[y : y + edge, x : x + edge]
        image = pair.image[:, y : y + edge, x : x + edge]
        crops.append(DualImage(image, RegionLabels.of(ids), number))
    return crops


def without_grain(made: LearnedSynthesizer, count: int) -> list[DualImage]:
    """Return the same pairs, as they were decoded."""
    recipe = made.recipe.model_copy(update={"grain": "none", "gate": False})
    return LearnedSynthesizer(recipe, made.learned).pairs(range(count))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=SETS)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--name", default="")
    parser.add_argument("--out", type=Path, default=Path("sheets"))
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--columns", type=int, default=4)
    wanted = parser.parse_args()
    wanted.out.mkdir(parents=True, exist_ok=True)
    recipe = VQRecipe(**dict(item.split("=", 1) for item in wanted.set))
    source = load_pairs(wanted.data, wanted.images)
    made, report = learn(recipe, source, Folder(wanted.out / "kept"))
    report["recipe"] = recipe.model_dump()
    report["speed"] = measure_speed(made)
    count = wanted.columns
    edge = min(made.size, 256)
    machine = made._sampler
    crops = real_crops(source, edge, count)
    rows = [crops, reconstruct(made, machine, crops), without_grain(made, count)]
    rows += [made.pairs(range(k * count, (k + 1) * count)) for k in range(2)]
    name = wanted.name or wanted.data
    sheet(rows, edge).save(wanted.out / f"{name}.png")
    made.pairs(range(64))
    report["gate"] = made.statistics
    facts = made.learned.calibration
    report["facts"] = facts.as_json() if facts else None
    if made.rejected:
        turned = list(made.rejected[:12])
        sheet([turned[i : i + 4] for i in range(0, len(turned), 4)], edge).save(
            wanted.out / f"{name}-rejected.png"
        )
        report["reasons"] = [pair.rejection_reason for pair in made.rejected]
    (wanted.out / f"{name}.json").write_text(json.dumps(report, indent=1, default=str))
    print(json.dumps(report, indent=1, default=str))


def reconstruct(
    made: LearnedSynthesizer, machine: Any, crops: Sequence[DualImage]
) -> list[DualImage]:
    """Return what is left of crops after coding."""
    from napari_synthseg.synthesis.vqvae.fit_vqvae import as_pair, decoded, encoded
    from napari_synthseg.synthesis.vqvae.views import View, even_crops, views_of

    out = []
    for view in views_of(crops, made.learned.class_values):
        (whole,) = even_crops([View(view.image, view.marks)], *view.shape, 1)
        with torch.no_grad():
            codes = encoded(machine.coder, whole, machine.device)
        image, marks = decoded(machine.coder, codes)
        out.append(as_pair(image[0], marks[0], made.learned.class_values, 0))
    return out


if __name__ == "__main__":
    main()
