"""From clicks to scores on images of which a part counts: nothing outside of it plays a role."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.labels import instances_of
from napari_synthseg.workflow.session import Session
from tests.helpers.sessions import true_masks

Invoke = Callable[..., Any]
LIMITS = ("--roi", "0,0,95,160", "--exclude", "0,0,95,40")
QUICK = ("--set", "batch_size=2", "--set", "crop=64", "--steps", 2)


def counts(y: float, x: float) -> bool:
    return y + 0.5 < 95 and x + 0.5 >= 40


@pytest.fixture(scope="module")
def project(invoke: Invoke, field: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a project of a clicked image and one with masks, both limited; train a model."""
    folder = tmp_path_factory.mktemp("limits")
    test = folder / "test.tif"
    image = tifffile.imread(field.image).astype(float)
    noise = np.random.default_rng(9).normal(0, 30, image.shape)
    tifffile.imwrite(test, (image + noise).clip(0).astype(np.uint16))
    (folder / "masks").mkdir()
    shutil.copy(field.masks / "cells.tif", folder / "masks" / "test.tif")
    made = folder / "p.synthseg"
    for command in (
        ("new", made, field.image, test, "--class", "small:11", "--class", "large:19"),
        ("import", made, field.clicks),
        ("import", made, "--masks", folder / "masks", "--instance", "--role", "test"),
        ("regions", made, *LIMITS),
        ("train", made, "--task", "segment", "--name", "quick", *QUICK),
    ):
        done = invoke(*command)
        assert done.code == 0, done.err
    return made


def test_only_clicks_that_count_give_patches(invoke: Invoke, project: Path, tmp_path: Path) -> None:
    done = invoke("patches", project, "--out", tmp_path / "patches.csv", "--json")
    assert done.code == 0, done.err
    with (tmp_path / "patches.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows
    with Session.open(project).result() as session:
        clicks = {c.id: c.position for c in session.project.clicks}
        inside = sum(counts(*position) for position in clicks.values())
    assert 0 < inside < len(clicks)
    assert done.result["patches"] == len(rows) == inside


def test_what_is_found_and_scored_lies_where_the_image_counts(
    invoke: Invoke, project: Path, tmp_path: Path
) -> None:
    test = project.parent / "test.tif"
    found: dict[str, list[tuple[float, float]]] = {}
    for name in ("limited", "whole"):
        done = invoke("predict", project, "quick", test, "--out", tmp_path / name)
        assert done.code == 0, done.err
        with (tmp_path / name / "objects.csv").open() as file:
            found[name] = [(float(row["y"]), float(row["x"])) for row in csv.DictReader(file)]
        with Session.open(project).result() as session:
            (run,) = session.project.runs
            (ref,) = [i for i in session.project.images if i.name == "test.tif"]
            scores = session.score(run, session.predict(run, [ref]).result()).result()
            truth = instances_of(true_masks(session, ref))
        number = len(set(np.unique(truth.ids[truth.ids > 0]).tolist()))
        if name == "limited":
            right = [counts(*center) for center in found[name]]
            assert right and all(right)
            assert 0 < scores.objects <= number
            limited = scores.objects
            assert invoke("regions", project, "--clear").code == 0
        else:
            assert scores.objects > limited
    limits = [center for center in found["whole"] if counts(*center)]
    # other tiles round other values: a pixel at an edge may belong to either
    np.testing.assert_allclose(sorted(found["limited"]), sorted(limits), atol=0.2)
    assert len(found["whole"]) > len(found["limited"])
