"""How well boxes round the masks under clicks fit the boxes that people drew.

``python -m benchmarks.click_boxes --half tuning --images 8`` clicks the middle of every drawn box
of blood smears (BCCD, in the data folder; see SYNTHSEG_DATA), moved at random by a tenth of a
diameter, cuts the patches, and compares the box round each mask with the drawn one: the ratio of
their edges (root of the area), their overlap (IoU), and the share that a score at IoU 0.5 would
take for right. The second line of a class is after its boxes were sized by the class's diameter,
which is the median root of the area of the boxes drawn on 20 other images of the tuning half.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.helpers.clicked_images import HALVES
from benchmarks.study.measure import fill_project
from benchmarks.study.study_file import load_study
from benchmarks.study.units import plan
from napari_synthseg.core.boxes import Boxes, measure_box_iou
from napari_synthseg.core.labels import InstanceLabels, boxes_of
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.progress import exhaust
from napari_synthseg.tasks.detect.box_scale import measure_box_scale
from napari_synthseg.workflow.cutting import cut
from napari_synthseg.workflow.session import Session

STUDY = Path(__file__).parent / "studies" / "blood-boxes.toml"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--half", choices=HALVES, default="tuning")
    parser.add_argument("--images", type=int, default=8)
    options = parser.parse_args()
    study = load_study(STUDY)
    data = study.data.model_copy(update={"part": options.half, "limit": options.images})
    study = study.model_copy(update={"data": data})
    unit = next(u for u in plan(study) if u.arm.source == "clicks" and u.seed == 0)
    unit = replace(unit, train=unit.test, test=())
    with (
        tempfile.TemporaryDirectory() as folder,
        Session.create(Path(folder) / "p.synthseg") as session,
    ):
        fill_project(session, unit)
        library = exhaust(cut(session.project, session.folder))
        drawn = {
            click: box
            for ref, sample in zip(session.project.images, unit.train, strict=True)
            for click, box in _nearest(session, ref.id, boxes_of(sample.labels()))
        }
    growth = measure_box_scale(library)
    names = dict(enumerate(unit.class_names, start=1))
    print(f"{len(unit.train)} images, {options.half} half; sized by {growth}")
    print(f"{'class':10} {'boxes':>9} {'count':>5} {'edge':>6} {'IoU':>6} {'> 0.5':>6}")
    for value, name in names.items():
        for title, factors in (("as found", {}), ("sized", growth)):
            rows = np.array(list(_compare(library, value, drawn, factors)))
            if not len(rows):
                continue
            edge, iou = np.median(rows, axis=0)
            right = (rows[:, 1] > 0.5).mean()
            print(f"{name:10} {title:>9} {len(rows):5} {edge:6.3f} {iou:6.3f} {right:6.3f}")


def _nearest(
    session: Session, image: str, boxes: Boxes
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield each click's id with the drawn box whose middle is nearest."""
    for click in (c for c in session.project.clicks if c.image == image):
        mine = boxes.of_class(click.cls)
        away = ((mine.centers() - click.position) ** 2).sum(axis=1)
        yield click.id, mine.corners[int(away.argmin())]


def _compare(
    library: PatchLibrary,
    value: int,
    drawn: Mapping[str, NDArray[np.float64]],
    growth: Mapping[int, float],
) -> Iterator[tuple[float, float]]:
    """Yield the ratio of edges and the IoU of each box of a class."""
    for patch in library.usable():
        if patch.cls == value:
            labels = InstanceLabels(patch.mask.astype(np.int32), {1: value}, box_scale=growth)
            box = labels.boxes().shifted(patch.origin)
            true = drawn[patch.id]
            ratio = np.prod(box.sizes()[0]) / np.prod(true[2:] - true[:2])
            yield float(np.sqrt(ratio)), float(measure_box_iou(box.corners, true[None])[0, 0])


if __name__ == "__main__":
    main()
