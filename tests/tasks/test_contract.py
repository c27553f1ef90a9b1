"""What every task promises to the training loop; a new task is tested by being registered."""

import json

import numpy as np
import pytest
import torch

from napari_synthseg.core.annotations import Click, ImageRef, ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.progress import exhaust, subprogress
from napari_synthseg.core.runs import ModelRecord
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.explain.cam import METHODS
from napari_synthseg.networks.registry import NETWORKS, build_network
from napari_synthseg.tasks import train
from napari_synthseg.tasks.data import TaskData
from napari_synthseg.tasks.predict import load_predictor, predict_image
from napari_synthseg.tasks.registry import describe_task, task_info, task_names
from napari_synthseg.tasks.results import ImageResult
from tests.helpers.disks import Disks
from tests.helpers.training import OnGpuWithoutDoubles, make_task


@pytest.fixture(scope="module", params=task_names())
def info(request):
    return task_info(request.param)


@pytest.fixture(scope="module")
def task(info):
    spec = TrainSpec(
        task=info.name, batch_size=2, crop=64, device="cpu", model=ModelSpec(width=4, depth=2)
    )
    held = tuple(Disks().pairs([90, 91]))
    return make_task(spec, Disks(), val_pairs=held)


def net_of(task):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build_network(task.spec.model, task.in_channels, task.out_channels)


def test_a_batch_is_the_same_at_every_call(task):
    one, again, other = task.make_batch(3), task.make_batch(3), task.make_batch(4)
    assert one.images.shape == (2, task.in_channels, 64, 64)
    for a, b in zip((one.images, *one.targets), (again.images, *again.targets), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(one.images, other.images)


def test_steps_lower_the_loss(task):
    net, batch = net_of(task), task.make_batch(0)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    losses = []
    for _ in range(12):
        loss = task.loss(net(batch.images), batch.targets)
        assert loss.ndim == 0
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.9 * losses[0]


def test_a_network_is_validated_kept_and_used(info, task, tmp_path):
    net = net_of(task).eval()
    with OnGpuWithoutDoubles():
        found = exhaust(task.validate(net, torch.device("cpu"), tune=True))
    assert all(0 <= v <= 1 for v in found.values.values())
    model = ModelRecord(
        spec=task.spec.model,
        in_channels=task.in_channels,
        out_channels=task.out_channels,
        rule=found.rule,
    )
    model = ModelRecord(**json.loads(json.dumps(model.model_dump(mode="json"))))
    weights = {k: v.numpy() for k, v in net.state_dict().items()}
    predictor = load_predictor(model, weights, "cpu")
    assert predictor.rule == found.rule
    shares = []
    pair = Disks().pair(5)
    work = predict_image(predictor, ArraySource(pair.image), image="i", run="r")
    with OnGpuWithoutDoubles():
        prediction = exhaust(subprogress(noted(work, shares)))
    assert (prediction.image, prediction.run) == ("i", "r")
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
    check_files(info, prediction, tmp_path)
    check_scores(info, prediction, pair)


def noted(work, shares):
    """Note the share that is done at each yield."""
    while True:
        try:
            step = next(work)
        except StopIteration as end:
            return end.value
        shares.append(step.fraction)
        yield step


REF = ImageRef(id="i", uri="i.tif", name="i.tif", role="test", exhaustive=True)
NAMES = {1: "bright", 2: "dark"}


def check_files(info, prediction, out):
    writer = info.writer(out, NAMES)
    writer.add(ImageResult(REF, prediction))
    written = writer.finish()
    masks = {"i.tif"} if info.writes_masks else set()
    assert {path.name for path in out.iterdir()} == {*info.tables, *masks}
    assert list(written.figures["per_image"]) == ["i"]
    assert written.lines
    json.dumps(written.figures)


def check_scores(info, prediction, pair):
    clicks = tuple(
        Click(image="i", position=tuple(np.argwhere(pair.labels.ids == i).mean(axis=0)), cls=cls)
        for i, cls in pair.labels.classes.items()
    )
    classes = [ObjectClass(name=name, value=value) for value, name in NAMES.items()]
    truths = [pair.labels] if "instance" in info.truth_kinds else []
    if info.needs_objects:
        truths.append(None)  # the clicks are the truth
    for truth in truths:
        scores = info.score_images([ImageResult(REF, prediction, truth, clicks)], classes)
        assert scores.images == ("i.tif",)
        assert scores.values
        assert np.isfinite(list(scores.values.values())).all()
        assert "real" in scores.caption()


def test_progress_is_told_while_a_task_looks_at_its_pairs(info):
    """At each pair: so work yields at least twice a second, and can be stopped."""

    class Slow(Disks):
        drawn = 0

        def pair(self, index):
            self.drawn += 1
            return super().pair(index)

    pairs = Slow()
    spec = TrainSpec(task=info.name, crop=64, device="cpu", model=ModelSpec(width=4, depth=2))
    seen = [pairs.drawn for _ in train.make_task(TaskData(spec, pairs, NAMES, 12.0))]
    assert seen, "nothing was told"
    assert max(np.diff([0, *seen, pairs.drawn])) <= 1


def test_what_nobody_knows_cannot_be_scored(info, task):
    image = ImageResult(REF.model_copy(update={"role": "train"}), None)
    with pytest.raises(InputError, match="import"):
        info.score_images([image], [])


def test_every_task_has_its_networks_and_refuses_others(info):
    net = build_network(ModelSpec(name=next(iter(info.networks))), 1, 1)
    assert isinstance(net, torch.nn.Module)
    assert set(info.networks) <= set(NETWORKS)
    with pytest.raises(InputError, match="choose"):
        info.fill_in(TrainSpec(model=ModelSpec(name="nothing")))


def test_without_a_name_the_first_task_is_meant():
    first = task_info(task_names()[0])
    assert task_info("") is describe_task("") is first
    assert first.fill_in(TrainSpec()).task == first.name


def test_defaults_of_a_task_give_way_to_what_is_asked_for(info):
    spec = info.fill_in(TrainSpec(task=info.name, crop=96))
    assert spec.crop == 96
    assert spec.batch_size == info.defaults["batch_size"]
    assert info.fill_in(spec) == spec


def test_heat_maps_are_made_by_a_method_of_the_task(info):
    if not info.heat_map_methods:
        with pytest.raises(InputError, match="have no heat maps"):
            info.heat_map_method()
        return
    assert info.heat_map_method() in METHODS
    with pytest.raises(InputError, match="choose"):
        info.heat_map_method("lime")
