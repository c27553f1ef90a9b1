"""A run's record on disk: the same keys as ever, and what is not known is kept."""

import json
from typing import Any

from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.tasks.registry import task_info

STORED: dict[str, Any] = {
    "spec": {"name": "unet", "width": 8, "depth": 2, "spatial_dims": 2, "flat": 0, "reduce": None},
    "in_channels": 1,
    "out_channels": 3,
    "task": {
        "kind": "count-by-density",
        "class_values": [1, 2],
        "diameter": 9.0,
        "spacing": [],
        "scale": 1.0,
        "scales": {},
        "elongation": 0.0,
        "pixel_size": None,
        "unit": "",
        "kernel": {"sigma": 2.5, "steps": [1, 2]},
    },
}


def written(run):
    return json.loads(json.dumps(run.model_dump(mode="json")))


def test_a_model_of_a_task_that_is_not_installed_is_kept_word_for_word():
    run = TrainingRun(id="a", name="count", state="done", model=STORED)
    assert run.task == "count-by-density"
    assert written(run)["model"] == STORED
    assert TrainingRun(**written(run)) == run


def test_a_run_without_a_model_has_an_empty_one_on_disk():
    run = TrainingRun(id="a", name="cut off", state="cancelled", model={})
    assert run.model is None
    assert run.task == ""
    assert written(run)["model"] == {}


def test_the_first_versions_named_no_task_in_a_rule():
    rule = {k: v for k, v in STORED["task"].items() if k != "kind"}
    run = TrainingRun(id="a", name="old", state="done", model=STORED | {"task": rule})
    assert run.task == ""
    assert task_info(run.task).name == "segment"
