"""A file of true masks that is gone: the project opens, and what needs it says what to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_synthseg.cli import run
from napari_synthseg.core.annotations import Click
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.predictions import InstancePrediction, RegionPrediction
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.workflow.evaluating import score
from napari_synthseg.workflow.importing import MaskKind
from napari_synthseg.workflow.session import Session
from tests.helpers.clicked_discs import CENTERS, disc_image, finish
from tests.helpers.sessions import add_file, add_masks, true_masks

SPEC = TrainSpec(
    source="real", steps=1, minutes=None, batch_size=1, crop=32, model=ModelSpec(width=4, depth=2)
)


@pytest.fixture(params=["file", "array"])
def session(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Session]:
    """Return a project with clicks and true masks of each kind, whose files are gone since."""
    image, ids = disc_image(CENTERS)
    stored = np.clip(image[0] * 1e4 + 1e4, 0, 65535).astype(np.uint16)
    tifffile.imwrite(tmp_path / "field.tif", stored)
    tifffile.imwrite(tmp_path / "ids.tif", ids.astype(np.uint16))
    tifffile.imwrite(tmp_path / "values.tif", (ids > 0).astype(np.uint8))
    session = Session.create(tmp_path / "p.synthseg")
    project = session.project.with_classes(session.project.next_class("disc", diameter=20.0))
    session.edit(project, "class")
    (ref,) = add_file(session, tmp_path / "field.tif", exhaustive=True)
    session.edit(
        session.project.with_clicks(*(Click(image=ref.id, position=c, cls=1) for c in CENTERS)),
        "click",
    )
    kinds: tuple[tuple[str, MaskKind], ...] = (("ids", "instance"), ("values", "semantic"))
    for name, kind in kinds:
        path = tmp_path / f"{name}.tif"
        add_masks(session, ref, path, kind)
        if request.param == "array":
            labels = true_masks(session, ref) if kind == "instance" else None
            if labels is not None:
                add_masks(session, ref, labels, kind)
        path.unlink()
    add = session.import_labels(ref, disc_labels(ids), "patch_masks")
    add.result()
    session.close().result()
    shutil.rmtree(tmp_path / "p.synthseg" / "arrays.zarr", ignore_errors=True)
    opened = Session.open(tmp_path / "p.synthseg").result()
    yield opened
    opened.close().result()


def disc_labels(ids: np.ndarray):
    from napari_synthseg.core.labels import InstanceLabels

    return InstanceLabels(ids, dict.fromkeys(range(1, len(CENTERS) + 1), 1))


def scored(session: Session, task: str) -> None:
    (ref,) = session.project.images
    ids = disc_image(CENTERS)[1]
    found = (
        InstancePrediction(image=ref.id, run="r", ids=ids, objects=())
        if task == "segment"
        else RegionPrediction(image=ref.id, run="r", values=ids.astype(np.uint8))
    )
    run = TrainingRun(id="r", name="r", state="done", spec=TrainSpec(task=task))
    finish(score(session.project, session.folder, run, [found]))


@pytest.mark.parametrize(
    "ask",
    [
        lambda session: true_masks(session, session.project.images[0]),
        lambda session: scored(session, "segment"),
        lambda session: scored(session, "semantic"),
        lambda session: session.train(SPEC).result(),
        lambda session: session.train(SPEC.model_copy(update={"task": "semantic"})).result(),
        lambda session: session.cut_patches().result(),
    ],
    ids=["show", "score masks", "score regions", "train", "train regions", "cut"],
)
def test_what_needs_it_says_so(session: Session, ask: Callable[[Session], object]) -> None:
    with pytest.raises(InputError, match="import the masks again"):
        ask(session)


@pytest.mark.parametrize(
    "command",
    [
        ("train", "--task", "segment", "--source", "real", "--steps", "1"),
        ("train", "--task", "semantic", "--source", "real", "--steps", "1"),
        ("export", "--what", "boxes", "--out", "boxes.csv"),
        ("patches",),
    ],
    ids=["train", "train regions", "export", "patches"],
)
def test_commands_say_so_on_one_line(
    session: Session, command: tuple[str, ...], capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    session.close().result()
    monkeypatch.chdir(tmp_path)
    verb, *options = command
    assert run([verb, str(session.folder), *options]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert "import the masks again" in said[-1]
    assert not any("Traceback" in line for line in said)
