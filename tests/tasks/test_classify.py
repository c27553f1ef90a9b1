"""A classifier learns which classes are shown; of what is not known it learns nothing."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_synthseg.core.annotations import Click, ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import UNKNOWN, DualImage, ImageTags, InstanceLabels
from napari_synthseg.core.patch import ClickedImage
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.recipe import Synthesizer
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.tasks.classify.prediction import strongest_field
from napari_synthseg.tasks.classify.targets import find_tags, tags_of_field
from napari_synthseg.tasks.classify.task import (
    SAMPLED_CROPS,
    choose_thresholds,
    mean_average_precision,
)
from napari_synthseg.tasks.predict import load_predictor, predict_image
from napari_synthseg.training.augmentation import Augmentation, random_crop
from tests.helpers.disks import Disks, draw_disks
from tests.helpers.training import make_task, train_model

SPEC = TrainSpec(task="classify", steps=3, batch_size=2, crop=32, device="cpu")
TINY = SPEC.model_copy(update={"model": ModelSpec(width=4, depth=2)})


class Either(Synthesizer):
    """Dual images of which every other shows dark disks as well as bright ones."""

    def pair(self, index):
        pair = draw_disks((64, 64), index, count=6)
        kept = {i: c for i, c in pair.labels.classes.items() if c == 1 or index % 2}
        shown = np.isin(pair.labels.ids, list(kept))
        image = np.where(shown | (pair.labels.ids == 0), pair.image, 0.4).astype(np.float32)
        return DualImage(image, InstanceLabels(np.where(shown, pair.labels.ids, 0), kept), index)


def task_of(spec=TINY, pairs=None, **data):
    return make_task(spec, pairs or Disks(), **data)


def test_half_an_object_counts_and_less_is_left_open():
    ids = np.zeros((20, 40), np.int32)
    ids[5:15, 5:15], ids[5:15, 25:35] = 1, 2
    whole = InstanceLabels(ids, {1: 1, 2: 2})
    assert find_tags(whole, (1, 2, 3)).tolist() == [1, 1, 0]
    most = InstanceLabels(ids[:, 8:], whole.classes)
    assert find_tags(most, (1, 2), whole).tolist() == [1, 1]
    little = InstanceLabels(ids[:, 12:], whole.classes)
    assert find_tags(little, (1, 2), whole).tolist() == [UNKNOWN, 1]
    none = InstanceLabels(ids[:, 16:], whole.classes)
    assert find_tags(none, (1, 2), whole).tolist() == [0, 1]


@given(st.integers(0, 500), st.floats(1.2, 2.5))
@settings(max_examples=20, deadline=None)
def test_a_crop_that_is_larger_than_the_image_shows_what_the_image_shows(seed, zoom):
    pair = draw_disks((64, 64), seed)
    still = Augmentation(zoom=zoom, turn=False, noise=0, blur=0)
    crop = random_crop(pair, (192, 192), still, np.random.default_rng(seed))
    found = find_tags(crop.labels, (1, 2), pair.labels, crop.zoom)
    assert found.tolist() == [c in pair.labels.classes.values() for c in (1, 2)]


@pytest.mark.parametrize("zoom", [0.8, 1.4])
def test_of_a_volume_an_object_that_the_crop_cuts_along_z_is_not_whole(zoom):
    zz, yy, xx = np.mgrid[:64, :64, :64] - 31.5
    pair = InstanceLabels((zz**2 + yy**2 + xx**2 < 14**2).astype(np.int32), {1: 1})
    edge = round(64 * zoom)
    near = [np.minimum(((np.arange(edge) + 0.5) / zoom).astype(int), 63)] * 3
    crop = pair.with_array(pair.ids[np.ix_(*near)])
    assert find_tags(crop, (1,), pair, zoom).tolist() == [1]
    shown = [int(edge * share) for share in (0.47, 0.53)]  # less than half of the ball, and more
    cut = [find_tags(crop.with_array(crop.ids[:n]), (1,), pair, zoom).tolist() for n in shown]
    assert cut == [[UNKNOWN], [1]]


def test_what_is_not_known_is_left_open():
    ids = np.zeros((20, 20), np.int32)
    ids[2:8, 2:8], ids[12:] = 1, UNKNOWN
    assert find_tags(InstanceLabels(ids, {1: 2}), (1, 2)).tolist() == [UNKNOWN, 1]


def test_where_only_the_image_is_labelled_all_of_it_stays_in_sight():
    image = np.zeros((1, 64, 64), np.float32)
    image[0, ::63, ::63] = 1  # the four corners
    labels = ImageTags(frozenset({2}), (64, 64))
    plain = Augmentation(gain=1, gamma=1, offset=0, noise=0, blur=0)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        crop = random_crop(DualImage(image, labels, 0), (64, 64), plain, rng)
        assert crop.zoom <= 1
        assert (crop.image[0] > 0.1).sum() >= 4
        assert find_tags(crop.labels, (1, 2), labels, crop.zoom).tolist() == [0, 1]


@pytest.mark.parametrize("exhaustive", [True, False])
def test_clicks_tell_what_a_field_shows(exhaustive):
    ref = ImageRef(id="a", uri="a", exhaustive=exhaustive)
    clicks = (
        Click(image="a", position=(10, 10), cls=1),
        Click(image="a", position=(10, 34), cls=2),
    )
    image = ClickedImage(ref, ArraySource(np.zeros((1, 64, 64), np.float32)), clicks)
    rest = 0 if exhaustive else UNKNOWN
    told = tags_of_field(image, ((0, 32), (0, 32)), (1, 2, 3), 4.0)
    assert told.tolist() == [1, UNKNOWN, rest]
    assert tags_of_field(image, ((0, 32), (0, 28)), (1, 2, 3), 4.0).tolist() == [1, rest, rest]


def test_unknown_presence_does_not_count():
    task = task_of()
    said, true = torch.randn(4, 2), torch.tensor([[1.0, 0], [0, 1], [1, UNKNOWN], [UNKNOWN, 0]])
    other = torch.where(true == UNKNOWN, torch.randn(4, 2), said)
    assert float(task.loss(said, (true,))) == pytest.approx(float(task.loss(other, (true,))))
    nothing = torch.full((4, 2), float(UNKNOWN))
    assert float(task.loss(said, (nothing,))) == 0


def test_a_network_that_cannot_do_it_is_refused():
    spec = SPEC.model_copy(update={"model": ModelSpec(name="unet")})
    with pytest.raises(InputError, match="cannot classify: choose small, resnet18"):
        task_of(spec)


@pytest.mark.parametrize("name", ["small", "resnet18", "densenet121"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_network_trains_and_takes_any_size(name, channels):
    spec = TINY.model_copy(update={"steps": 1, "model": ModelSpec(name=name, width=4, depth=2)})
    work = train_model(spec, Disks(channels=channels), class_names={1: "a", 2: "b"}, diameter=12)
    model = turn(work)
    assert model.rule.kind == "classify"
    assert model.spec.name == name
    assert model.out_channels == 2


def turn(work):
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value


def test_it_learns_what_is_shown():
    spec = TrainSpec(
        task="classify", steps=60, batch_size=4, crop=64, device="cpu", learning_rate=1e-2,
        model=ModelSpec(width=4, depth=2),
    )  # fmt: skip
    held = tuple(Either().pair(i) for i in range(1000, 1012))
    work = train_model(
        spec, Either(), class_names={1: "bright", 2: "dark"}, diameter=12, val_pairs=held
    )
    model = turn(work)
    assert "held-out pairs AP" in model.selection
    assert model.history[-1].validation["held-out pairs AP"] > 0.9


def test_the_threshold_of_a_class_is_in_the_middle_of_the_best():
    found = np.array([[0.1, 0.5], [0.2, 0.5], [0.8, 0.5], [0.9, 0.5]], np.float32)
    truth = np.array([[0, 0], [0, 0], [1, 0], [1, 0]], np.float32)
    assert choose_thresholds(found, truth) == pytest.approx((0.5, 0.5), abs=0.051)
    assert mean_average_precision(found, truth) == 1.0
    assert mean_average_precision(found[:, 1:], truth[:, 1:]) is None


def test_an_image_of_any_size_is_classified_by_tiles_as_in_one():
    spec = TINY.model_copy(update={"steps": 2})
    model = turn(train_model(spec, Disks(), class_names={1: "a", 2: "b"}, diameter=12))
    predictor = load_predictor(model.record, model.weights, "cpu")
    pixels = ArraySource(draw_disks((100, 130), 3).image)
    whole, tiled = (
        turn(predict_image(predictor, pixels, image="a", run="r", block=block))
        for block in ((256, 256), (32, 32))
    )
    assert whole.probabilities.keys() == whole.thresholds.keys() == {1, 2}
    assert tiled.probabilities == pytest.approx(whole.probabilities, abs=2e-4)


class Crowd(Synthesizer):
    """A source of images with many disks of one size."""

    def __init__(self, count):
        self.count = count

    def pair(self, index):
        return draw_disks((192, 192), index, count=self.count, radius=5)


def crowd_task(count, crop):
    spec = TrainSpec(task="classify", crop=crop, batch_size=8)
    return make_task(spec, Crowd(count), diameter=10.0)


def test_crops_get_smaller_until_not_all_show_the_same():
    task = crowd_task(30, 192)
    assert 64 <= task.rule.field[0] < 192
    shown = exhaust(task.draw_targets(SAMPLED_CROPS)).numpy()
    assert shown.mean(axis=0).max() <= 0.9
    assert any("pixels: nearly all of 192" in note for note in task.notes)
    assert task.make_batch(0).images.shape[2:] == task.rule.field


@pytest.mark.parametrize(("count", "told"), [(300, "%"), (8, ""), (1, "0%")])
def test_what_nearly_all_crops_show_is_told(count, told):
    notes = crowd_task(count, 64).notes
    if not told:
        assert notes == ()
    else:
        assert any("'bright'" in note and told in note for note in notes)


@pytest.mark.parametrize("shape", [(20,), (9, 14), (4, 7, 6)])
@pytest.mark.parametrize("edge", [1, 3, 5, 50])
def test_strongest_field_is_the_largest_mean_of_half_overlapping_fields(shape, edge):
    evidence = torch.randn(2, *shape, generator=torch.Generator().manual_seed(3))
    sizes = [min(edge, n) for n in shape]
    starts = [
        sorted({*range(0, n - s, max(s // 2, 1)), n - s}) for n, s in zip(shape, sizes, strict=True)
    ]
    means = [
        evidence[(slice(None), *(slice(a, a + s) for a, s in zip(at, sizes, strict=True)))]
        .flatten(1)
        .mean(dim=1)
        for at in product(*starts)
    ]
    found = strongest_field(evidence, (edge,) * len(shape))
    assert torch.allclose(found, torch.stack(means).max(dim=0).values, atol=1e-5)
    whole = strongest_field(evidence, ())
    assert torch.allclose(whole, evidence.flatten(1).mean(dim=1), atol=1e-5)


def test_few_objects_on_a_large_image_are_not_drowned_by_its_background():
    evidence = torch.full((2, 40, 40), -3.0)
    evidence[0, 10:14, 20:24] = 5.0
    assert strongest_field(evidence, (4, 4))[0] > 4
    assert strongest_field(evidence, (4, 4))[1] < 0
    assert strongest_field(evidence, ())[0] < 0


def test_large_held_out_images_are_validated_by_tiles_with_the_same_figures(monkeypatch):
    held = tuple(draw_disks((96, 128), seed, count=1 + 2 * seed, radius=8) for seed in range(4))
    task = task_of(val_pairs=held)
    net = task.build_network().eval()
    figures, counts = [], []
    for edge in (512, 32):
        monkeypatch.setattr("napari_synthseg.tasks.classify.prediction.BLOCK_PX", edge)
        news = [step.message for step in task.validate(net, torch.device("cpu"))]
        counts.append(sum("image" in message for message in news))
        figures.append(turn(task.validate(net, torch.device("cpu"))).values)
    assert counts == [4, 4 * 12]
    assert figures[1] == pytest.approx(figures[0]) != {}
