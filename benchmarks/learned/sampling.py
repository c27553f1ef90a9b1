"""How much faster codes are drawn when nothing is computed twice, as ratios within one run.

The plain sampler runs the whole prior once for each code. Its time is that of one pass, measured,
times the number of codes; with ``--whole`` it really draws every code (many minutes). Both get the
same noise, and with ``--whole`` the codes are compared. Processor time of one thread.

``python -m benchmarks.learned.sampling``
"""

from __future__ import annotations

import argparse
import json
import os
import time

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np
import torch
from numpy.typing import NDArray

from napari_synthseg.core.progress import exhaust
from napari_synthseg.synthesis.vqvae.prior import CodePrior, PriorDesign
from napari_synthseg.synthesis.vqvae.sampling import draw_codes

GRIDS = ((32, 16), (64, 16), (32, 1))
"""Edge of the grid in codes, and grids that are drawn together."""


def rngs(count: int) -> list[np.random.Generator]:
    return [np.random.default_rng((0, number)) for number in range(count)]


def draw_plainly(prior: CodePrior, edge: int, count: int) -> NDArray[np.int64]:
    """Return codes, one pass of the network for each."""
    codes = torch.zeros((count, edge, edge), dtype=torch.long)
    noise = rngs(count)
    with torch.inference_mode():
        for y in range(edge):
            for x in range(edge):
                scores = prior(codes)[:, :, y, x].numpy()
                waits = np.stack(
                    [rng.standard_exponential(scores.shape[1], np.float32) for rng in noise]
                )
                codes[:, y, x] = torch.from_numpy((scores - np.log(waits)).argmax(axis=1))
    return codes.numpy()


def measure(prior: CodePrior, edge: int, count: int, *, whole: bool) -> dict[str, float]:
    begun = time.process_time()
    drawn = exhaust(draw_codes(prior, (edge, edge), rngs(count)))
    kept = time.process_time() - begun
    codes = torch.from_numpy(drawn)
    passes = []
    with torch.inference_mode():
        for _ in range(3):
            begun = time.process_time()
            prior(codes)
            passes.append(time.process_time() - begun)
    plain = min(passes) * edge * edge
    found = {"edge": edge, "grids": count, "kept s": kept, "plain s": plain}
    if whole:
        begun = time.process_time()
        same = draw_plainly(prior, edge, count) == drawn
        found |= {"plain s": time.process_time() - begun, "same codes": float(same.mean())}
    return found | {"times as fast": found["plain s"] / kept, "grids a second": count / kept}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--whole", action="store_true", help="draw plainly, too, to the end")
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        prior = CodePrior(PriorDesign(256)).eval()
    rows = [measure(prior, edge, count, whole=wanted.whole) for edge, count in GRIDS]
    if wanted.json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(", ".join(f"{name} {value:.3g}" for name, value in row.items()))


if __name__ == "__main__":
    main()
