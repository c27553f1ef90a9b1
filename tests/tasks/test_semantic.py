"""Each pixel gets a class, whatever the size of the image; what is unknown teaches nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import UNKNOWN, DualImage, RegionLabels
from napari_synthseg.core.pixels import ArraySource
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.explain.cam import explain_image
from napari_synthseg.metrics.semantic import score_semantic
from napari_synthseg.tasks.classify.targets import find_tags
from napari_synthseg.tasks.predict import load_predictor, predict_image
from napari_synthseg.tasks.semantic.loss import region_loss
from napari_synthseg.tasks.semantic.task import MAX_WEIGHT_RATIO, SemanticTask, weigh_classes
from tests.helpers.clicked_discs import finish
from tests.helpers.disks import Disks
from tests.helpers.region_images import Drawn, draw_regions
from tests.helpers.training import make_task, train_model

NAMES = {3: "matrix", 7: "grain"}
SPEC = TrainSpec(
    task="semantic", steps=60, batch_size=4, crop=64, device="cpu", learning_rate=1e-2,
    model=ModelSpec(width=8, depth=2),
)  # fmt: skip


class Renamed(Drawn):
    """Regions whose classes have other values than 1 and 2."""

    def pair(self, index):
        pair = super().pair(index)
        values = np.array([0, 3, 7], np.int32)[pair.labels.values]
        return DualImage(pair.image, RegionLabels.of(values), index)


@pytest.fixture(scope="module")
def trained():
    held = Renamed().pairs([500, 501])
    work = train_model(
        SPEC, Renamed(), class_names=NAMES, diameter=24.0, val_pairs=held, notes=("said",)
    )
    model = finish(work)[1]
    assert "held-out mIoU" in model.selection
    assert model.selection.endswith("; said")
    return load_predictor(model.record, model.weights, "cpu")


def predict(predictor, source, **options):
    return finish(predict_image(predictor, source, image="i", run="r", **options))[1]


def test_it_learns_regions_and_gives_class_values(trained):
    pair = Renamed((96, 128)).pair(900)
    found = predict(trained, ArraySource(pair.image))
    assert set(np.unique(found.values)) == {0, 3, 7}
    assert (found.values == pair.labels.values).mean() > 0.9


@pytest.mark.parametrize(("shape", "seed"), [((150, 210), 0), ((97, 101), 1), ((64, 300), 2)])
def test_blocks_and_whole_image_give_the_same_regions(trained, shape, seed):
    source = ArraySource(draw_regions(shape, seed).image)
    whole = predict(trained, source, block=(1024, 1024))
    tiled = predict(trained, source, block=(64, 64))
    assert np.array_equal(whole.values, tiled.values)
    assert len(np.unique(whole.values)) == 3, "the field must hold something to compare"


def test_a_region_is_predicted_in_its_own_place(trained):
    image = draw_regions((160, 200), 3).image
    region = ((33, 150), (51, 180))
    found = predict(trained, ArraySource(image, region), block=(64, 64))
    alone = predict(trained, ArraySource(image[:, 33:150, 51:180].copy()))
    assert found.region_origin == (33, 51)
    assert np.array_equal(found.values, alone.values)


def test_heat_maps_of_each_class(trained):
    image = ArraySource(draw_regions((64, 64), 4).image)
    logits = SemanticTask.class_logits(trained)
    work = explain_image(trained, logits, image, image="i", run="r", method="gradcam")
    maps = finish(work)[1]
    assert set(maps.maps) == {3, 7}
    assert maps.method == "gradcam"


def test_volumes_are_learned_too():
    spec = SPEC.model_copy(update={"steps": 2, "volume_crop": 16, "volume_planes": 8})
    pairs = Drawn((12, 32, 32))
    work = train_model(
        spec, pairs, class_names={1: "a", 2: "b"}, diameter=8.0, spacing=(2.0, 1.0, 1.0),
        val_pairs=pairs.pairs([7]),
    )  # fmt: skip
    model = finish(work)[1]
    assert model.spec.spatial_dims == 3
    assert model.rule.spacing == (2.0, 1.0, 1.0)


def test_objects_teach_the_class_of_their_pixels():
    spec = SPEC.model_copy(update={"steps": 2})
    task = make_task(spec, Disks())
    assert set(np.unique(task.make_batch(0).targets[0])) == {0, 1, 2}


def logits_of(classes, count):
    return 20.0 * torch.nn.functional.one_hot(classes.clamp(min=0), count).movedim(-1, 1).float()


def test_a_perfect_network_has_no_loss_and_unknown_pixels_do_not_count():
    classes = torch.zeros((2, 16, 16), dtype=torch.long)
    classes[0, :8], classes[1, 3:5, 3:5] = 1, 2
    weights = torch.ones(4)
    assert float(region_loss(logits_of(classes, 4), classes, weights)) < 0.01
    said = torch.randn(2, 4, 16, 16)
    known, other = classes.clone(), said.clone()
    known[:, 4:10] = UNKNOWN
    other[:, :, 4:10] = torch.randn(2, 4, 6, 16)
    loss = float(region_loss(said, known, weights))
    assert loss == pytest.approx(float(region_loss(other, known, weights)))
    assert loss != pytest.approx(float(region_loss(said, classes, weights)))


def test_unknown_pixels_weigh_as_little_as_if_they_were_cut_off():
    classes = torch.randint(0, 3, (2, 16, 16))
    known, said, weights = classes.clone(), torch.randn(2, 4, 16, 16), torch.tensor([1, 2.0, 5, 3])
    known[:, 10:] = UNKNOWN
    cut = region_loss(said[:, :, :10], classes[:, :10], weights)
    assert float(region_loss(said, known, weights)) == pytest.approx(float(cut))


def test_a_batch_of_which_nothing_is_known_teaches_nothing():
    said = torch.randn(1, 3, 8, 8, requires_grad=True)
    nothing = torch.full((1, 8, 8), UNKNOWN)
    loss = region_loss(said, nothing, torch.ones(3))
    loss.backward()
    assert loss.item() == 0
    assert not said.grad.any()


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=9), st.floats(0, 1))
def test_rare_classes_weigh_more_within_bounds(counts, balance):
    counts = np.array(counts, float)
    weights = weigh_classes(counts, balance)
    assert np.isfinite(weights).all()
    assert weights.max() <= MAX_WEIGHT_RATIO * weights.min() * (1 + 1e-9)
    if counts.any():
        assert (weights * counts).sum() / counts.sum() == pytest.approx(1)
        order = np.argsort(-counts, kind="stable")
        assert (np.diff(weights[order]) >= -1e-9).all()


def test_the_balance_goes_from_pixels_to_classes():
    counts = np.array([900.0, 100.0])
    assert weigh_classes(counts, 0) == pytest.approx([1, 1])
    whole = weigh_classes(counts, 1)
    assert whole[0] * 900 == pytest.approx(whole[1] * 100)
    half = weigh_classes(counts, 0.5)
    assert half[1] / half[0] == pytest.approx(3)


def test_a_class_that_no_crop_shows_is_told():
    task = make_task(SPEC, Drawn(), {1: "a", 2: "b", 9: "void"}, 24.0)
    assert task.notes == ("'void' is on none of the first 16 crops",)
    assert isinstance(task, SemanticTask)
    assert len(task.class_weights) == 4


def test_no_class_is_called_as_what_is_none():
    with pytest.raises(InputError, match=r"'background'.*rename"):
        make_task(SPEC, Drawn(), {1: "background", 2: "b"}, 24.0)


def test_what_regions_show():
    ids = np.zeros((20, 20), np.int32)
    ids[:10], ids[19, 18:] = 1, 2  # two of 400 pixels are too few to be sure
    assert find_tags(RegionLabels.of(ids), (1, 2, 3)).tolist() == [1, UNKNOWN, 0]
    whole = RegionLabels.of(ids)
    part = RegionLabels.of(ids[12:])
    assert find_tags(part, (1, 2, 3), whole).tolist() == [0, 1, 0]


def test_weights_are_chosen_by_the_pooled_score_of_the_classes_present(trained):
    held = tuple(Renamed().pairs([500, 501, 502]))
    task = make_task(SPEC, Renamed(), NAMES, 24.0, val_pairs=held)
    found = finish(task.validate(trained.net, trained.device))[1]
    images = [
        (str(n), pair.labels.values, predict(trained, ArraySource(pair.image)).values)
        for n, pair in enumerate(held)
    ]
    scores = score_semantic(images, NAMES, measured_on="real")
    assert found.values == {"held-out mIoU": scores.values["present_miou_pooled"]}
