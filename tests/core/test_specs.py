"""What is asked of training has defaults that go with the task."""

from napari_synthseg.core.specs import TrainSpec


def test_tasks_have_defaults_of_their_own_that_give_way():
    assert (TrainSpec().crop, TrainSpec().batch_size) == (256, 4)
    regions = TrainSpec(task="semantic")
    assert (regions.crop, regions.batch_size) == (128, 8)
    assert TrainSpec(task="semantic", crop=256).crop == 256
    assert TrainSpec(**regions.model_dump()) == regions


def test_what_is_at_its_default_follows_the_task():
    regions = TrainSpec(seed=3).for_task("semantic")
    assert regions == TrainSpec(task="semantic", seed=3)
    assert regions.for_task("segment") == TrainSpec(seed=3)
    chosen = TrainSpec(crop=64).for_task("semantic")
    assert (chosen.crop, chosen.batch_size) == (64, 8)
