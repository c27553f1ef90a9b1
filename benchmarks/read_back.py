"""``python -m benchmarks.read_back``: what is exported, read by the programs that it is for.

Each program that is there reads what it would be given; what it sees must be what was written.
Those that are missing are named. ImageJ is Debian's (``apt-get install imagej xvfb``), the others
have Pythons of their own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tifffile
import typer
from numpy.typing import NDArray

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.labels import DualImage, InstanceLabels
from napari_synthseg.io.exports.training_pairs import pair_layout
from napari_synthseg.workflow.session import Session

IMAGEJ = Path("/usr/share/java/ij.jar")

SHAPE = (50, 70)

CLASSES = {1: 1, 2: 1, 4: 2, 7: 2, 300: 1}
"""Class of each object."""

MACRO = """
args = split(getArgument(), ",");
open(args[0]);
getPixelSize(unit, width, height);
getLut(red, green, blue);
print("image," + unit + "," + width + "," + height + "," + maxOf(red[1], maxOf(green[1], blue[1])));
labels = getImageID();
roiManager("Open", args[1]);
for (i = 0; i < roiManager("count"); i++) {
  selectImage(labels);
  roiManager("Select", i);
  getRawStatistics(pixels, mean, least, most);
  print("roi," + Roi.getName + "," + pixels + "," + least + "," + most);
}
run("Quit");
"""

READ_CELLPOSE = """
import json, sys
from cellpose import io, version
images, masks, *_ = io.load_train_test_data(sys.argv[1], mask_filter="_masks")
counts = [{int(i): int((m == i).sum()) for i in set(m.ravel()) - {0}} for m in masks]
print(json.dumps([str(version), [list(i.shape) for i in images], counts]))
"""

READ_STARDIST = """
import json, sys, pathlib, stardist
from tifffile import imread
from stardist.geometry import star_dist
from stardist import fill_label_holes
folder = pathlib.Path(sys.argv[1])
images, masks = ([imread(p) for p in sorted((folder / n).iterdir())] for n in ("images", "masks"))
assert all(star_dist(fill_label_holes(m), 32).shape == (*m.shape, 32) for m in masks)
counts = [{int(i): int((m == i).sum()) for i in set(m.ravel().tolist()) - {0}} for m in masks]
print(json.dumps([stardist.__version__, [list(i.shape) for i in images], counts]))
"""

READ_NNUNET = """
import sys
from importlib.metadata import version
from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity
if __name__ == "__main__":
    verify_dataset_integrity(sys.argv[1], 1)
    print(version("nnunetv2"))
"""

Python = Annotated[Path | None, typer.Option(metavar="PYTHON", help="Of its environment.")]


def draw_ids() -> NDArray[np.int32]:
    """Return objects: with a hole, touching, of two parts at the border, with a large id."""
    ids = np.zeros(SHAPE, np.int32)
    ids[2:12, 3:23] = 1
    ids[5:8, 6:10] = 0
    ids[20:40, 30:36], ids[20:40, 36:45] = 2, 7
    ids[45:, 60:64] = ids[45:, 66:] = 4
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    ids[(y - 30) ** 2 + (x - 12) ** 2 < 81] = 300
    return ids


def count_pixels(ids: NDArray[np.int32]) -> dict[int, int]:
    """Return the pixels of each id."""
    return {int(i): int((ids == i).sum()) for i in np.unique(ids) if i}


def read_by_imagej(jar: Path, folder: Path) -> str:
    """Compare label image and ROI set, as ImageJ sees them, with what was written."""
    ids = draw_ids()
    options: dict[str, Any] = {"imagej": True, "resolution": (4, 2), "metadata": {"unit": "um"}}
    tifffile.imwrite(folder / "cells.tif", np.zeros(SHAPE, np.uint8), **options)
    with Session.create(folder / "p.synthseg") as session:
        named = (ObjectClass(name="nucleus", value=1), ObjectClass(name="debris", value=2))
        session.edit(session.project.with_classes(*named), "add classes")
        (image,) = session.add_images(folder / "cells.tif").result().images
        session.import_labels(image, InstanceLabels(ids, CLASSES)).result()
        session.export("labels", folder / "labels").result()
        session.export("objects", folder / "rois", format="imagej").result()
    (folder / "read.ijm").write_text(MACRO)
    given = f"{folder / 'labels' / 'cells.tif'},{folder / 'rois' / 'cells.zip'}"
    command = ["java", "-cp", str(jar), "ij.ImageJ", "-batch", str(folder / "read.ijm"), given]
    told = _run(["xvfb-run", "-a", *command]).splitlines()
    rows = [line.split(",") for line in told if line.startswith(("image,", "roi,"))]
    (_, unit, width, height, brightest), *rois = rows
    assert (unit, float(width), float(height)) == ("µm", 0.25, 0.5), rows[0]
    assert int(brightest) > 150, "the first object is dark"
    seen = {int(name.split("-")[0]): int(pixels) for _, name, pixels, *_ in rois}
    assert seen == count_pixels(ids), seen
    for _, name, _, least, most in rois:
        assert int(least) == int(most) == int(name.split("-")[0]), name
    return f"pixel size, colors, and {len(rois)} ROIs, each exactly its object"


def read_pairs(python: Path, program: str, script: str, folder: Path) -> str:
    """Compare training pairs, as another program reads them, with what was written."""
    ids = draw_ids()
    layout = pair_layout(program, (1, 2))
    image = np.random.default_rng(0).random((2, *SHAPE), np.float32)
    out = folder / "nnUNet_raw" / "Dataset501_Cells"
    for number in range(3):
        pair = DualImage(image, InstanceLabels(ids, CLASSES), number)
        layout.write(out, f"{number:05d}", pair)
    layout.finish(out, 3, 2, {1: "nucleus", 2: "debris"})
    (folder / "read.py").write_text(script)
    told = _run([str(python), str(folder / "read.py"), str(out)]).splitlines()
    if program == "nnunet":
        return f"version {told[-1]}: its check of the dataset passes"
    version, shapes, counts = json.loads(told[-1])
    assert shapes == [[*SHAPE, 2] if program == "stardist" else [2, *SHAPE]] * 3, shapes
    expected = count_pixels(ids)
    if program == "cellpose":  # which numbers the ids anew
        counts = [dict(enumerate(sorted(c.values()))) for c in counts]
        expected = dict(enumerate(sorted(expected.values())))
    assert all({int(i): n for i, n in c.items()} == expected for c in counts), counts
    return f"version {version}: 3 images of 2 channels and all {len(expected)} objects in each"


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def main(
    cellpose: Python = None, stardist: Python = None, nnunet: Python = None, imagej: Path = IMAGEJ
) -> None:
    """Let each program that is there read what is exported for it."""
    checks: dict[str, Callable[[Path], str] | None] = {
        "ImageJ": (lambda folder: read_by_imagej(imagej, folder))
        if imagej.exists() and shutil.which("xvfb-run")
        else None
    }
    for name, python, script in (
        ("cellpose", cellpose, READ_CELLPOSE),
        ("stardist", stardist, READ_STARDIST),
        ("nnunet", nnunet, READ_NNUNET),
    ):
        checks[name] = _pairs_check(python, name, script) if python else None
    for name, check in checks.items():
        with tempfile.TemporaryDirectory() as folder:
            print(f"{name}: {check(Path(folder)) if check else 'not there, not tried'}")


def _pairs_check(python: Path, name: str, script: str) -> Callable[[Path], str]:
    return lambda folder: read_pairs(python, name, script, folder)


if __name__ == "__main__":
    typer.run(main)
