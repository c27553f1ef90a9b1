"""A spec is kept word for word, also with a task that is not installed."""

import json

from napari_synthseg.core.specs import TrainSpec


def test_what_is_left_to_the_task_stays_open_on_disk():
    spec = TrainSpec(task="count-by-density", seed=3)
    assert (spec.crop, spec.batch_size) == (None, None)
    assert TrainSpec(**json.loads(json.dumps(spec.model_dump(mode="json")))) == spec
