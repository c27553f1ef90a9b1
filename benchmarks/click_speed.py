"""Milliseconds a click, from click to graded patch: today's code and that of an older commit.

Both cut the same clicks on the same crop of a mosaic of real nuclei (``large_bbbc039_mosaic`` in
the folder named by SYNTHSEG_DATA), in turns, each time in a new process: its first click loads what
outlines need, libraries and weights. The older commit is by default the last one that outlined by
rules on the pixels. The rows "network" are today's outlines alone, without background and grades.

``python -m benchmarks.click_speed [--commit HASH] [--clicks 1 12 1000] [--repeats 3]``, alone on
the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.annotations import Click, ImageRef, ObjectClass
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.pixels import ArraySource, FloatImage
from napari_synthseg.core.progress import exhaust

BEFORE = "7835df4fca"

Record = dict[str, dict[str, float]]
"""What was done -> wall and processor seconds."""


# --- one process --------------------------------------------------------------------------------


def measure(pixels: FloatImage, places: NDArray[np.float64], options: argparse.Namespace) -> Record:
    """Time the code that this process imports."""
    cls = ObjectClass(name="nucleus", value=1, diameter=options.diameter)
    record: Record = {}

    def timed(what: str, work: Callable[[int], object], count: int) -> None:
        wall, worked = time.perf_counter(), time.process_time()
        work(count)
        record[what] = {
            "wall": time.perf_counter() - wall,
            "cpu": time.process_time() - worked,
        }

    def cut(count: int) -> None:
        from napari_synthseg.patches.build import build_library

        ref = ImageRef(id="crop", uri="crop")
        clicks = tuple(Click(image="crop", position=tuple(p), cls=1) for p in places[:count])
        library = exhaust(build_library([ClickedImage(ref, ArraySource(pixels), clicks)], [cls]))
        assert len(library.patches) == count

    timed("first click", cut, 1)
    for count in options.clicks:
        places = np.roll(places, -1, axis=0)  # other ones each time: nothing is remembered
        timed(f"{count} clicks", cut, count)
    places = np.roll(places, -1, axis=0)
    cut(12)
    timed("one more after 12", cut, 13)
    if options.network:
        time_network(timed, pixels, places, options)
    return record


def time_network(
    timed: Callable[[str, Callable[[int], object], int], None],
    pixels: FloatImage,
    places: NDArray[np.float64],
    options: argparse.Namespace,
) -> None:
    """Time the outlines alone."""
    from napari_synthseg.networks.click_net import ClassFit, outline_clicks

    fits: dict[int, ClassFit] = {}

    def outline(count: int) -> None:
        classes, diameters = np.ones(count, np.int64), {1: options.diameter}
        work = outline_clicks(ArraySource(pixels), places[:count], classes, diameters, fits=fits)
        exhaust(work)

    outline(1)  # loads what is needed
    for count in options.clicks:
        fits.clear()
        timed(f"network: {count} clicks", outline, count)
    places = np.roll(places, -max(options.clicks), axis=0)
    timed("network: one more, class known", outline, 1)


# --- all of them --------------------------------------------------------------------------------


def crop_mosaic(size: int) -> tuple[FloatImage, NDArray[np.float64]]:
    """Return a crop (channel, y, x) of the mosaic, and a click in each nucleus, in random order."""
    import tifffile

    from benchmarks.helpers.clicked_images import normalized
    from benchmarks.study.halved_data import data_root
    from napari_synthseg.core.labels import InstanceLabels
    from napari_synthseg.patches.simulated_clicks import click_masks

    folder = data_root() / "large_bbbc039_mosaic"
    if not folder.exists():
        raise SystemExit(
            f"There is no folder {folder}: set the environment variable SYNTHSEG_DATA."
        )
    stored = tifffile.imread(folder / "mosaic_image.tif")[None, :size, :size]
    ids = tifffile.imread(folder / "mosaic_labels.tif").astype(np.int32)[:size, :size]
    places = np.array([click.position for click in click_masks(InstanceLabels(ids))])
    return normalized(stored), np.random.default_rng(0).permutation(places)


def run_process(code: Path, data: Path, options: argparse.Namespace, *, network: bool) -> Record:
    """Measure the code of a folder in a new process."""
    counts = [str(count) for count in options.clicks]
    command = [
        sys.executable, "-m", "benchmarks.click_speed", "--data", str(data), "--clicks", *counts,
        "--diameter", str(options.diameter), *(["--network"] if network else []),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=code, env={**os.environ, "PYTHONPATH": str(code)}, check=True,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    record: Record = json.loads(done.stdout.splitlines()[-1])
    return record


def table(before: list[Record], now: list[Record]) -> list[str]:
    """Return medians over the repeats, and their range, a row for each thing that was done."""
    lines = [f"{'':34}{'before: wall ms':>26}{'now: wall ms':>26}{'before, now: cpu ms':>22}"]
    for what in now[-1]:
        count = int(what.split()[-2]) if what.endswith("clicks") else 1
        columns = []
        for records in (before, now):
            wall, cpu = (
                [1000 * r[what][kind] / count for r in records if what in r]
                for kind in ("wall", "cpu")
            )
            shown = (
                f"{statistics.median(wall):.1f} ({min(wall):.1f} to {max(wall):.1f})"
                if wall
                else "-"
            )
            columns.append((shown, f"{statistics.median(cpu):.1f}" if cpu else "-"))
        (old, old_cpu), (new, new_cpu) = columns
        each = f"{what}, each" if count > 1 else what
        lines.append(f"{each:34}{old:>26}{new:>26}{old_cpu + ', ' + new_cpu:>22}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commit", default=BEFORE, help="the code to compare with")
    parser.add_argument("--clicks", type=int, nargs="+", default=[1, 12, 1000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--size", type=int, default=2048, help="edge of the crop, pixels")
    parser.add_argument("--diameter", type=float, default=25.0)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--network", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.data:
        with np.load(options.data) as data:
            print(json.dumps(measure(data["pixels"], data["places"], options)))
        return
    from benchmarks.helpers.older_code import check_out

    before: list[Record] = []
    now: list[Record] = []
    with tempfile.TemporaryDirectory() as folder:
        pixels, places = crop_mosaic(options.size)
        if len(places) < max(options.clicks):
            raise SystemExit(f"The crop has only {len(places)} nuclei: choose a larger --size.")
        data = Path(folder) / "crop.npz"
        np.savez(data, pixels=pixels, places=places)
        older = check_out(options.commit, "click_speed", Path(folder) / "older")
        for _ in range(options.repeats):
            before.append(run_process(older, data, options, network=False))
            print(json.dumps({"before": before[-1]}), flush=True)
            now.append(run_process(Path(__file__).parents[1], data, options, network=True))
            print(json.dumps({"now": now[-1]}), flush=True)
    extent = "x".join(str(edge) for edge in pixels.shape[1:])
    print(f"{extent} pixels, {len(places)} nuclei; before: {options.commit}")
    print("\n".join(table(before, now)))


if __name__ == "__main__":
    main()
