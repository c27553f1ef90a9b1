"""Look at what the learned recipe makes: a sheet of real crops, reconstructions and drawn pairs.

Learns from a few images of the tuning half of a data set (never from the closing half), with strips
held out, and writes ``NAME.png`` and ``NAME.json``: seconds of learning (wall and processor), pairs
a second with and without keeping what was computed, use of the codebook, bits a code on training
and held-out images, share of pairs turned away by reason. What was learned is kept in the folder.

``SYNTHSEG_DATA=/data python -m benchmarks.learned.sheets superalloy --out sheets``
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.helpers.clicked_images import normalized
from benchmarks.study.halved_data import data_root, is_for_tuning
from napari_synthseg.core.labels import DualImage, MaskedImages, RegionLabels, regions_of
from napari_synthseg.storage.artifacts import FolderArtifactStore
from napari_synthseg.synthesis import VQRecipe
from napari_synthseg.synthesis.vqvae.fit_vqvae import as_pair, decoded
from napari_synthseg.synthesis.vqvae.grids import code_view
from napari_synthseg.synthesis.vqvae.synthesizer import LearnedSynthesizer, Sampler
from napari_synthseg.synthesis.vqvae.views import even_crops, views_of

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


def load_pairs(name: str, count: int) -> MaskedImages:
    """Return training images, and what is held out, of the tuning half."""
    folder, values = SETS[name]
    root = data_root() / folder
    stems = [p.stem for p in sorted((root / "images").iterdir()) if is_for_tuning(p.stem)]
    stems = _apart(stems)
    pairs = [_load(root, stem, number) for number, stem in enumerate(stems[: count + 1])]
    shape = pairs[0].labels.shape
    if min(shape) < 4 * HELD:
        return MaskedImages(tuple(pairs[:count]), tuple(pairs[count:]), values)
    width = shape[1]
    train = [_columns(pair, 0, width - HELD - GAP) for pair in pairs[:count]]
    held = [_columns(pair, width - HELD, width) for pair in pairs[:count]]
    return MaskedImages(tuple(train), tuple(held), values)


def _apart(stems: Sequence[str]) -> list[str]:
    """Return the stems with the first one of each spot in front."""
    first = list({s.split("_")[0]: s for s in reversed(stems)}.values())[::-1]
    if len(first) < 3:  # not named by spots: every other one
        first = list(stems[::3])
    return [*first, *(s for s in stems if s not in first)]


def _load(root: Path, stem: str, number: int) -> DualImage:
    stored = np.asarray(Image.open(next((root / "images").glob(f"{stem}.*"))))
    stored = stored[None] if stored.ndim == 2 else np.moveaxis(stored[..., :3], -1, 0)
    mask = np.asarray(Image.open(root / "masks" / f"{stem}.png"))
    return DualImage(normalized(stored), RegionLabels.of(mask), number)


def _columns(pair: DualImage, start: int, stop: int) -> DualImage:
    image = np.ascontiguousarray(pair.image[:, :, start:stop])
    return DualImage(
        image, RegionLabels.of(regions_of(pair.labels).values[:, start:stop]), pair.index
    )


def learn(
    recipe: VQRecipe, source: MaskedImages, artifacts: FolderArtifactStore
) -> tuple[LearnedSynthesizer, dict[str, Any]]:
    """Learn; return the synthesizer, and what it took."""
    spent: dict[str, Any] = {}
    values: dict[str, float] = {}
    begun, message = (time.monotonic(), time.process_time()), ""
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
        message = stage
        if step.previews:
            told = {k: round(v, 3) for k, v in step.metrics.items()}
            print(f"{step.fraction:.1%}", told, flush=True)
        values |= step.metrics
    return made, {"seconds": spent, "figures": values, "notes": made.notes}


def measure_speed(made: LearnedSynthesizer, sampler: Sampler) -> dict[str, float]:
    """Return pairs a second (processor time), by the kept features and by the plain network."""
    begun = time.process_time()
    made.pairs(range(16))
    took = time.process_time() - begun
    cells = made.size // 4
    codes = torch.zeros((16, cells, cells), dtype=torch.long)
    if made.learned.prior_design.conditions:
        return {"pairs a second": 16 / took}
    with torch.inference_mode():
        begun = time.process_time()
        sampler.prior(codes)
        plain = (time.process_time() - begun) * cells * cells
    return {"pairs a second": 16 / took, "pairs a second, plain (estimated)": 16 / plain}


def picture(pair: DualImage, edge: int) -> NDArray[np.uint8]:
    """Return image and mask next to each other, cut or padded to (edge, 2 edge, 3)."""
    image = np.clip(pair.image[:3] if len(pair.image) >= 3 else pair.image[:1], 0, 1)
    image = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
    mask = COLORS[np.maximum(regions_of(pair.labels).values, 0)]
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
        values = regions_of(pair.labels).values
        y, x = (int(rng.integers(max(n - edge, 0) + 1)) for n in values.shape)
        image = pair.image[:, y : y + edge, x : x + edge]
        crops.append(DualImage(image, RegionLabels.of(values[y : y + edge, x : x + edge]), number))
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
    made, report = learn(recipe, source, FolderArtifactStore(wanted.out))
    report["recipe"] = recipe.model_dump()
    sampler = Sampler(made.recipe, made.learned, made.size)
    report["speed"] = measure_speed(made, sampler)
    count = wanted.columns
    edge = min(made.size, 256)
    crops = real_crops(source, edge, count)
    rows = [crops, reconstruct(made, sampler, crops), without_grain(made, count)]
    rows += [made.pairs(range(k * count, (k + 1) * count)) for k in range(2)]
    name = wanted.name or wanted.data
    sheet(rows, edge).save(wanted.out / f"{name}.png")
    made.pairs(range(64))
    report["gate"] = made.statistics
    facts = made.learned.calibration
    report["facts"] = facts.model_dump(mode="json") if facts else None
    if made.rejected:
        turned = list(made.rejected[:12])
        sheet([turned[i : i + 4] for i in range(0, len(turned), 4)], edge).save(
            wanted.out / f"{name}-rejected.png"
        )
        report["reasons"] = [pair.rejection_reason for pair in made.rejected]
    (wanted.out / f"{name}.json").write_text(json.dumps(report, indent=1, default=str))
    print(json.dumps(report, indent=1, default=str))


def reconstruct(
    made: LearnedSynthesizer, sampler: Sampler, crops: Sequence[DualImage]
) -> list[DualImage]:
    """Return what is left of crops after coding."""
    out = []
    for view in views_of(crops, made.learned.class_values):
        (whole,) = even_crops([view], max(view.shape), 1)
        codes = code_view(sampler.coder, whole, sampler.device).codes
        image, mask = decoded(sampler.coder, torch.from_numpy(codes[None]).to(sampler.device))
        out.append(as_pair(image[0], mask[0], made.learned.class_values, 0))
    return out


if __name__ == "__main__":
    main()
