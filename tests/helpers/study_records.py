"""Finished units that nobody trained: for what is made of records."""

from __future__ import annotations

from benchmarks.study.records import Machine, MeasuredOn, Record, TrainedOn, Training
from benchmarks.study.units import Unit


def made_up(unit: Unit, f1: float = 0.5, **fields: object) -> Record:
    """Return the record that a unit would have, had its training given this F1."""
    return Record(
        unit=unit.name(),
        arm=unit.arm.name,
        source=unit.arm.source,
        seed=unit.seed,
        image_seed=unit.image_seed,
        settings=unit.settings(),
        trained_on=TrainedOn(
            images=tuple(s.image.name for s in unit.train), clicks=14, objects=14, diameter=16.0
        ),
        measured_on=MeasuredOn(
            kind="real",
            which=unit.scored_on,
            images=tuple(s.image.name for s in unit.test),
            objects=13,
            caption="measured on 13 true objects (masks) of 2 real images",
        ),
        values={"f1@0.5": f1, "f1@0.7": f1 / 2, "f1@0.8": f1 / 4, "count_error": 0.25},
        training=Training(
            steps=unit.spec.steps or 0,
            selection="last weights",
            wall_seconds=4.0,
            cpu_seconds=3.0,
            device="cpu, 1 threads",
            spec=unit.spec,
        ),
        scoring_seconds=1.0,
        all_seconds=6.0,
        recipe={},
        versions={"napari-synthseg": "0.1.0"},
        machine=Machine(
            system="Linux", processor="P", cores=2, threads=1, load=0.1, python="3.11", code="abc"
        ),
        finished="2026-01-01T00:00:00+00:00",
    ).model_copy(update=fields)
