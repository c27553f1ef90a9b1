"""A grid detector learns boxes from labels, and gives them back."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_synthseg.core.boxes import Boxes, measure_box_iou
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import UNKNOWN, DualImage, InstanceLabels
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.recipe import Synthesizer
from napari_synthseg.core.runs import ModelRecord, TrainingRun
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.networks.registry import build_network
from napari_synthseg.storage.predictions import KeptPredictions
from napari_synthseg.tasks.detect import DetectRule
from napari_synthseg.tasks.detect.centers import UNKNOWN_HEAT, center_loss, make_maps, read_maps
from napari_synthseg.tasks.detect.grouping import group_sizes, overlap_sizes, suppress_overlaps
from napari_synthseg.tasks.detect.heads import FORMS
from napari_synthseg.tasks.detect.task import DetectTask
from napari_synthseg.tasks.detect.yolo import EMPTY, FIELDS, OPEN, grid_loss, make_grid, read_grid
from napari_synthseg.tasks.predict import load_predictor, predict_image
from napari_synthseg.training.crop_boxes import ShownBoxes, find_boxes
from napari_synthseg.workflow.session import Session
from tests.helpers.disks import Disks, draw_disks
from tests.helpers.sessions import add_array
from tests.helpers.training import make_task, train_model

RULE = DetectRule(
    class_values=(1, 2),
    diameter=12.0,
    anchors=(10.0, 10.0, 20.0, 30.0),
    stride=16,
    thresholds=(0.3, 0.3),
)


def some_boxes(seed, count=6, shape=(96, 128)):
    """Return boxes whose middles lie in cells of their own."""
    rng = np.random.default_rng(seed)
    cells = rng.permutation((shape[0] // 16) * (shape[1] // 16))[:count]
    corner = np.stack(np.divmod(cells, shape[1] // 16), axis=1) * 16
    middles = corner + rng.uniform(1, 15, (count, 2))
    extents = rng.uniform(6, 30, (count, 2))
    boxes = np.hstack([middles - extents / 2, middles + extents / 2])
    return ShownBoxes(Boxes.of(boxes, rng.integers(1, 3, count)), np.ones(count))


def perfect(boxes, state, classes=2):
    """Return the output that says surely what it should say."""
    anchors, _, rows, columns = boxes.shape
    output = np.zeros((anchors, FIELDS + classes, rows, columns))
    inside = np.clip(boxes[:, :2].astype(float), 1e-6, 1 - 1e-6)
    output[:, :2] = np.log(inside / (1 - inside))
    output[:, 2:4] = boxes[:, 2:]
    output[:, 4] = np.where(state >= 0, 20, -20)
    for cls in range(classes):
        output[:, FIELDS + cls] = np.where(state == cls, 20, -20)
    return output.reshape(-1, rows, columns).astype(np.float32)


@given(st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_a_perfect_output_gives_the_true_boxes_back(seed):
    true = some_boxes(seed)
    boxes, state = make_grid(true, (96, 128), RULE)
    assert (state >= 0).sum() == len(true.boxes)
    found = read_grid(perfect(boxes, state), RULE.model_copy(update={"overlap": 1.0}))
    assert len(found) == len(true.boxes)
    overlaps = measure_box_iou(true.boxes.corners, found.corners)
    match = overlaps.argmax(axis=1)
    assert overlaps.max(axis=1).min() > 0.99
    assert (found.classes[match] == true.boxes.classes).all()
    assert found.scores.min() > 0.99


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_a_perfect_output_has_no_loss_and_any_other_has(seed):
    boxes, state = make_grid(some_boxes(seed), (96, 128), RULE)
    output = torch.from_numpy(perfect(boxes, state))[None]
    targets = torch.from_numpy(boxes)[None], torch.from_numpy(state)[None]
    assert float(grid_loss(output, *targets)) == pytest.approx(0, abs=2e-3)
    rng = torch.Generator().manual_seed(seed)
    worse = output + torch.randn(output.shape, generator=rng)
    assert float(grid_loss(worse, *targets)) > 0.01


def test_what_is_hardly_shown_and_what_is_unknown_is_left_open():
    little = ShownBoxes(Boxes.of([(20, 36, 40, 60)]), np.array([0.3]))
    unknown = np.zeros((96, 128), bool)
    unknown[90:, 120:] = True
    _, state = make_grid(little, (96, 128), RULE, unknown)
    assert (state[:, 1:3, 2:4] == OPEN).all()
    assert (state[:, 5, 7] == OPEN).all()
    assert (state[:, 3:5] == EMPTY).all()
    boxes, state = np.zeros((1, 2, 4, 6, 8), np.float32), np.full((1, 2, 6, 8), OPEN)
    output = torch.randn(1, 2 * (FIELDS + 2), 6, 8)
    assert float(grid_loss(output, torch.from_numpy(boxes), torch.from_numpy(state))) == 0


MAPS = RULE.model_copy(update={"anchors": (15.0, 18.0), "stride": 2, "form": "centers"})


def perfect_maps(heat, sizes):
    """Return the output of a network that knows all."""
    known = np.clip(heat.astype(float), 1e-6, 1 - 1e-6)
    return np.concatenate([np.log(known / (1 - known)), sizes]).astype(np.float32)


@given(st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_perfect_maps_give_the_true_boxes_back(seed):
    true = some_boxes(seed)
    heat, sizes, weight = make_maps(true, (96, 128), MAPS)
    output = perfect_maps(heat, sizes)
    found = read_maps(output, MAPS, 0.9)
    overlaps = measure_box_iou(true.boxes.corners, found.corners)
    overlaps *= true.boxes.classes[:, None] == found.classes
    assert np.median(overlaps.max(axis=1)) > 0.7  # to a pixel; neighbors may share their size
    targets = (torch.from_numpy(part)[None] for part in (heat, sizes, weight))
    assert float(center_loss(torch.from_numpy(output)[None], *targets)) < 1.0


def test_maps_of_what_is_hardly_shown_and_what_is_unknown_are_left_open():
    some = ShownBoxes(Boxes.of([(20, 36, 40, 60), (26, 40, 34, 48)], [1, 2]), np.array([0.3, 1.0]))
    unknown = np.zeros((96, 128), bool)
    unknown[90:, 120:] = True
    heat, _, weight = make_maps(some, (96, 128), MAPS, unknown)
    assert (heat[0, 10:20, 18:30] == UNKNOWN_HEAT).all()
    assert (heat[:, 46:, 61:] == UNKNOWN_HEAT).all()
    assert heat[1].max() == 1 and weight.max() == 1  # the small one on top is known
    empty = torch.full((1, 2, 48, 64), UNKNOWN_HEAT)
    output = torch.randn(1, 4, 48, 64)
    assert float(center_loss(output, empty, output[:, 2:], torch.zeros(1, 48, 64))) == 0


def test_nothing_is_learned_where_an_object_may_have_no_box():
    boxes = Boxes.of([(16, 32, 48, 64), (60, 90, 70, 100)], [1, 2])
    some = ShownBoxes(boxes, np.ones(2), frozenset({1}))
    heat, *_ = make_maps(some, (96, 128), MAPS)
    marked = np.zeros((48, 64), bool)
    marked[8:24, 16:32] = marked[30:35, 45:50] = True
    assert (heat[0, ~marked] == UNKNOWN_HEAT).all()
    assert (heat[0, marked] >= 0).all() and heat[0].max() == 1
    assert (heat[1] >= 0).all()  # of the other class all objects have one
    _, state = make_grid(some, (96, 128), RULE)
    assert (state[:, :1] == OPEN).all() and (state[:, 1:3, :2] == OPEN).all()
    assert (state[:, 1:3, 2:4] == EMPTY).any() and (state >= 0).sum() == 2


def test_boxes_of_labels():
    ids = np.zeros((20, 30), np.int32)
    ids[2:8, 3:13], ids[10:20, 25:], ids[0, 0] = 1, 2, UNKNOWN
    whole = InstanceLabels(np.pad(ids, ((0, 0), (0, 10)), mode="edge"), {1: 5, 2: 6})
    found = find_boxes(InstanceLabels(ids, {1: 5, 2: 6}), whole)
    assert found.boxes.corners.tolist() == [[2, 3, 8, 13], [10, 25, 20, 30]]
    assert found.boxes.classes.tolist() == [5, 6]
    assert found.share.tolist() == pytest.approx([1, 1 / 3])
    assert len(find_boxes(InstanceLabels(np.zeros((4, 4), np.int32))).boxes) == 0


def test_of_boxes_that_overlap_the_best_stays():
    boxes = np.array([[0.0, 0, 10, 10], [1, 1, 11, 11], [0, 20, 10, 30], [0, 0, 10, 10]])
    scores = np.array([0.5, 0.9, 0.1, 0.2])
    assert suppress_overlaps(boxes, scores, 0.45).tolist() == [1, 2]
    assert suppress_overlaps(boxes, scores, 1.0).tolist() == [1, 0, 3, 2]


@pytest.mark.parametrize(("count", "most"), [(0, 0.45), (1, 0.45), (1500, 0.1), (1500, 0.7)])
def test_many_boxes_are_thinned_out_as_one_by_one(count, most):
    rng = np.random.default_rng(count)
    middles, sizes = rng.uniform(0, 300, (count, 2)), rng.uniform(5, 60, (count, 2))
    boxes = np.hstack([middles - sizes / 2, middles + sizes / 2])
    scores = rng.random(count).round(2)
    expected: list[int] = []
    for number in np.argsort(-scores, kind="stable").tolist():
        overlaps = measure_box_iou(boxes[[number]], boxes[expected])
        if not (overlaps > most).any():
            expected.append(number)
    assert suppress_overlaps(boxes, scores, most).tolist() == expected


@given(st.integers(0, 300))
@settings(max_examples=20, deadline=None)
def test_sizes_are_grouped_by_likeness(seed):
    rng = np.random.default_rng(seed)
    centers = np.array([[10.0, 10], [40, 12], [90, 100]])
    sizes = np.concatenate([c * rng.uniform(0.93, 1.07, (30, 2)) for c in centers])
    found = group_sizes(sizes, 3, seed)
    assert overlap_sizes(centers, found).max(axis=1).min() > 0.75
    assert len(group_sizes(np.full((5, 2), 7.0), 5)) == 1


@pytest.mark.parametrize("name", ["yolo", "darknet19"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_network_has_the_cells_it_says(name, channels):
    net: Any = build_network(ModelSpec(name=name, width=4), channels, 2 * (FIELDS + 2)).eval()
    with torch.no_grad():
        output = net(torch.zeros((1, channels, 96, 128)))
    assert output.shape == (1, 2 * (FIELDS + 2), 96 // net.stride, 128 // net.stride)


def test_the_light_network_is_light():
    from torch.utils.flop_counter import FlopCounterMode

    net = build_network(ModelSpec(name="yolo"), 3, 5 * (FIELDS + 3)).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros((1, 3, 416, 416)))
    assert counter.get_total_flops() / 2 < 1e9


def turn(work):
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value


class Same(Synthesizer):
    """The same dual image over and over."""

    def __init__(self, pair):
        self._pair = pair

    def pair(self, index):
        return self._pair


@pytest.mark.parametrize("name", ["yolo", "centers"])
def test_one_image_can_be_learned_by_heart(name):
    pair = draw_disks((64, 64), 1, count=6, radius=8)
    spec = TrainSpec(task="detect", crop=64, model=ModelSpec(name=name))
    task = make_task(spec, Same(pair), diameter=16.0)
    assert isinstance(task, DetectTask)
    form = FORMS[task.rule.form]
    targets = tuple(
        torch.from_numpy(t)[None]
        for t in form.encode(find_boxes(pair.labels), (64, 64), task.rule, None)
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = build_network(task.spec.model, 1, task.out_channels)
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3)
    image = torch.from_numpy(pair.image)[None]
    first = loss = task.loss(net(image), targets)
    for _ in range(120):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss = task.loss(net(image), targets)
    assert float(loss) < 0.01 * float(first)
    found = form.read(net.eval()(image).detach().numpy()[0], task.rule, 0.5)
    assert len(found) == len(find_boxes(pair.labels).boxes)


class Large(Disks):
    """Disks of 20 pixels."""

    def pair(self, index):
        return draw_disks((96, 96), index, count=6, radius=10)


@pytest.fixture(scope="module", params=["yolo", "centers"])
def learned(request):
    """A model that learned to find disks."""
    spec = TrainSpec(
        task="detect", steps=120, batch_size=4, crop=96, device="cpu", learning_rate=5e-3,
        model=ModelSpec(name=request.param, width=8, depth=3),
    )  # fmt: skip
    held = tuple(Large().pair(i) for i in range(1000, 1012))
    return turn(
        train_model(spec, Large(), class_names={1: "a", 2: "b"}, diameter=20, val_pairs=held)
    )


def test_it_learns_to_find_objects(learned):
    assert learned.rule.kind == "detect"
    assert learned.history[-1].validation["held-out pairs F1"] > 0.7


@pytest.mark.parametrize("name", ["yolo", "centers"])
def test_a_detector_is_trained_without_held_out_pairs(name):
    spec = TrainSpec(
        task="detect", steps=2, batch_size=2, crop=96, device="cpu",
        model=ModelSpec(name=name, width=8, depth=3),
    )  # fmt: skip
    model = turn(train_model(spec, Large(), class_names={1: "a", 2: "b"}, diameter=20))
    assert model.rule.kind == "detect"
    assert not any("pairs" in name for point in model.history for name in point.validation)


def test_volumes_are_refused():
    volume = DualImage(
        np.zeros((1, 4, 16, 16), np.float32), InstanceLabels(np.zeros((4, 16, 16), np.int32)), 0
    )
    with pytest.raises(InputError, match="flat images only"):
        make_task(TrainSpec(task="detect"), Same(volume), {1: "a"}, 5.0)


def test_images_without_objects_are_refused():
    empty = DualImage(
        np.zeros((1, 64, 64), np.float32), InstanceLabels(np.zeros((64, 64), np.int32)), 0
    )
    with pytest.raises(InputError, match="nothing to detect"):
        make_task(TrainSpec(task="detect"), Same(empty), {1: "a"}, 5.0)


@pytest.fixture(scope="module")
def detector(learned):
    """A network with weights that answer to what is on the image."""
    return load_predictor(learned.record, learned.weights, "cpu")


def test_all_that_an_unsure_detector_finds_has_an_extent_and_can_be_kept(tmp_path):
    """Its guesses beyond the border, of which nothing is left on the image, are none."""
    torch.manual_seed(0)
    spec = ModelSpec(name="yolo", width=4)
    net = build_network(spec, 1, 2 * (FIELDS + 2))
    model = ModelRecord(spec=spec, in_channels=1, out_channels=2 * (FIELDS + 2), rule=RULE)
    weights = {name: values.numpy() for name, values in net.state_dict().items()}
    image = np.random.default_rng(0).random((97, 130), np.float32)
    with Session.create(tmp_path / "p.synthseg") as session:
        ref = add_array(session, image, "yx", "noise")
        run = TrainingRun(id="r", name="run 1", state="done", model=model)
        work = predict_image(
            load_predictor(model, weights, "cpu"), ArraySource(image[None]), image=ref.id, run="r"
        )
        found = turn(work)
        assert len(found.candidates) > 100
        corners = np.array([thing.box for thing in found.candidates])
        assert (corners[..., 0] < corners[..., 1]).all()
        kept = KeptPredictions(session.folder, run)
        kept.save(ref, found)
        again = kept.load(ref)
    assert (again.objects, again.candidates) == (found.objects, found.candidates)


def test_boxes_by_tiles_are_those_of_the_whole(detector):
    pixels = ArraySource(
        draw_disks((460, 440), 5, count=60, radius=10).image, ((50, 450), (7, 437))
    )
    whole, tiled = (
        turn(predict_image(detector, pixels, image="a", run="r", block=block))
        for block in ((512, 512), (128, 128))
    )
    strong = [[o for o in p.candidates if o.score > 0.1] for p in (whole, tiled)]
    assert len(strong[0]) == len(strong[1]) > 20
    boxes = [np.array([np.ravel(o.box, "F") for o in part]) for part in strong]
    kinds = [np.array([o.cls for o in part]) for part in strong]
    like = measure_box_iou(*boxes) * (kinds[0][:, None] == kinds[1])
    match = like.argmax(axis=1)
    assert sorted(match) == list(range(len(match)))
    assert like.max(axis=1).min() > 0.98
    edges = np.array([o.box for o in whole.candidates])
    assert edges[:, 0].min() >= 50
    assert edges[:, 0].max() <= 450
    assert edges[:, 1].min() >= 7
    assert edges[:, 1].max() <= 437
    assert len(whole.objects) <= len(whole.candidates)
    assert [o.id for o in whole.objects] == list(range(1, len(whole.objects) + 1))


@pytest.mark.parametrize(("radius", "factor"), [(6, 1), (18, 2), (60, 6)])
def test_images_are_reduced_as_far_as_the_smallest_class_allows(radius, factor):
    class Filled(Synthesizer):
        def pair(self, index):
            return draw_disks((256, 256), index, count=3, radius=radius)

    spec = TrainSpec(task="detect", crop=64)
    task = make_task(spec, Filled(), diameter=20)
    net: Any = build_network(task.spec.model, 1, task.out_channels)
    assert isinstance(task, DetectTask)
    assert task.spec.model.reduce == factor
    assert net.stride == task.rule.stride == 16 * factor
    edge = task.crop[0]
    assert edge % net.multiple == 0
    assert edge <= 256


def test_reduced_network_says_the_same_of_an_image_twice_as_large():
    spec = ModelSpec(name="yolo", width=4)
    plain = build_network(spec, 1, 7).eval()
    half = build_network(spec.model_copy(update={"reduce": 2}), 1, 7).eval()
    half.detector.load_state_dict(plain.state_dict())
    image = torch.rand(1, 1, 64, 96)
    large = image.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    assert torch.allclose(plain(image), half(large), atol=1e-5)


def test_large_held_out_images_are_validated_by_tiles_with_the_same_figures(detector, monkeypatch):
    spec = TrainSpec(task="detect", crop=96, device="cpu", model=detector.spec)
    held = (draw_disks((300, 320), 7, count=40, radius=10),)
    task = make_task(spec, Large(), diameter=20.0, val_pairs=held)
    task.rule = detector.rule
    figures, messages = [], []
    for edge in (512, 64):
        monkeypatch.setattr("napari_synthseg.tasks.detect.task.VALIDATION_BLOCK_PX", edge)
        work = task.validate(detector.net, detector.device)
        news = [n.message for n in iter(partial(next, work, None), None)]
        messages.append([message for message in news if message.startswith("image")])
        figures.append(turn(task.validate(detector.net, detector.device, tune=True)).values)
    assert len(messages[0]) == 1
    assert len(messages[1]) == 25
    assert messages[1][3] == "image 1 of 1: tile 4 of 25"
    # of 40 objects, one may decide on the threshold that is chosen
    assert figures[1] == pytest.approx(figures[0], abs=0.05)
    assert figures[0]["held-out pairs F1"] > 0.1
