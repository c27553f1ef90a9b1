"""Blocks give the objects of the whole image."""

import numpy as np
import pytest

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.pixels import ArraySource, scaled
from napari_synthseg.core.runs import DecodingRule, ModelRecord
from napari_synthseg.networks.receptive_field import receptive_radius
from napari_synthseg.tasks.predict import load_predictor, predict_image
from napari_synthseg.workflow.limits import where_it_counts
from tests.helpers.disks import Disks, draw_disks


def predict(predictor, source, **options):
    work = predict_image(predictor, source, image="i", run="r", **options)
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value


def field(shape, seed):
    """Return a field of disks, some of which touch a block's border."""
    return draw_disks(shape, seed, count=shape[0] * shape[1] // 700).image


def test_the_receptive_radius_is_where_influence_ends(trained):
    import torch

    radius, across = receptive_radius(trained.spec)
    assert radius == across
    image = torch.from_numpy(field((256, 256), 0))[None]
    changed = image.clone()
    changed[..., 128, 128] += 5
    with torch.inference_mode():
        difference = (trained.net(image) - trained.net(changed)).abs()[0].amax(dim=0)
    touched = difference.gt(1e-5).nonzero() - 128
    assert 0 < int(touched.abs().max()) <= radius < 64


@pytest.mark.parametrize("seed", range(4))
def test_blocks_and_whole_image_give_the_same_objects(trained, seed):
    source = ArraySource(field((300, 420), seed))
    whole = predict(trained, source, block=(1024, 1024))
    tiled = predict(trained, source, block=(128, 128))
    assert len(whole.objects) > 50, "the field must hold something to compare"
    assert len(tiled.objects) == len(whole.objects)
    assert np.array_equal(tiled.ids > 0, whole.ids > 0)
    together = np.unique(np.stack([whole.ids.ravel(), tiled.ids.ravel()]), axis=1)
    assert together.shape[1] == len(whole.objects) + 1
    scores = sorted(o.score for o in whole.objects), sorted(o.score for o in tiled.objects)
    assert np.allclose(*scores, atol=1e-3)


def test_a_region_is_predicted_in_its_own_place(trained):
    image = field((200, 300), 3)
    region = ((40, 168), (100, 292))
    found = predict(trained, ArraySource(image, region))
    alone = predict(trained, ArraySource(image[:, 40:168, 100:292].copy()))
    assert found.region_origin == (40, 100)
    assert np.array_equal(found.ids, alone.ids)
    for here, there in zip(found.objects, alone.objects, strict=True):
        assert np.allclose(np.subtract(here.center, there.center), (40, 100))
        assert all(a <= c < b for c, (a, b) in zip(here.center, here.box, strict=True))
    assert {o.id for o in found.objects} == set(np.unique(found.ids)) - {0}


class NotedSource(ArraySource):
    """Notes how many pixels are read."""

    read_px = 0

    def read(self, region=None):
        found = super().read(region)
        object.__setattr__(self, "read_px", self.read_px + found[0].size)
        return found


def ring(y0, x0, y1, x1):
    return (((y0, x0), (y0, x1), (y1, x1), (y1, x0)),)


@pytest.mark.parametrize("factor", [1, 0.8])
def test_only_tiles_at_the_region_of_interest_are_predicted(trained, factor):
    """Inside it, all is as if the whole had been."""
    image = field((704, 704), 5)
    limits = {"roi": (ring(260, 160, 420, 330),), "excluded": (ring(260, 160, 290, 330),)}
    ref = ImageRef(id="i", uri="i.tif", **limits)
    block = (64, 64)
    every, noted = NotedSource(image), NotedSource(image)
    whole = predict(trained, scaled(every, factor), block=block)
    part = predict(trained, scaled(noted, factor), block=block, ref=ref)
    found, kept = (where_it_counts(each, ref)[0] for each in (whole, part))
    assert len(found.objects) >= 5, "the part must hold something to compare"
    assert [o.center for o in kept.objects] == [o.center for o in found.objects]
    assert np.array_equal(kept.ids > 0, found.ids > 0)
    together = np.unique(np.stack([kept.ids.ravel(), found.ids.ravel()]), axis=1)
    assert together.shape[1] == len(found.objects) + 1
    assert noted.read_px < 0.5 * every.read_px
    assert part.ids.shape == whole.ids.shape


def test_a_model_of_another_version_is_refused_in_words(trained):
    weights = {k: v.numpy() for k, v in trained.net.state_dict().items()}
    model = ModelRecord(spec=trained.spec, in_channels=1, out_channels=4, rule=trained.rule)
    assert load_predictor(model, weights, "cpu").rule == trained.rule
    other_rule = DecodingRule(**trained.rule.model_dump(), core=0.6)
    for changed, kept in (
        (model.model_copy(update={"rule": other_rule}), weights),
        (model.model_copy(update={"out_channels": 5}), weights),
        (model, dict(list(weights.items())[1:])),
    ):
        with pytest.raises(InputError, match="another version"):
            load_predictor(changed, kept, "cpu")


def test_a_model_of_a_task_that_is_not_installed_is_refused_in_words(trained):
    rule = DecodingRule(kind="count", class_values=(1,), diameter=9.0)
    model = ModelRecord(spec=trained.spec, in_channels=1, out_channels=4, rule=rule)
    with pytest.raises(InputError, match="'count' is not installed: install"):
        load_predictor(model, {}, "cpu")


def test_other_channels_than_trained_on_are_refused(trained):
    with pytest.raises(InputError, match=r"3 channel.*trained on images of 1"):
        predict(trained, ArraySource(np.zeros((3, 64, 64), np.float32)))


@pytest.mark.parametrize("shape", [(5, 7), (1, 64), (33, 31)])
def test_images_of_any_size_are_predicted(trained, shape):
    found = predict(trained, ArraySource(np.zeros((1, *shape), np.float32)))
    assert found.ids.shape == shape


def test_it_learns_to_find_objects_of_two_classes(trained):
    """The whole of learning, small: simulated disks in, the right disks out."""
    right = total = 0
    for index in range(1000, 1006):
        pair = Disks().pair(index)
        found = predict(trained, ArraySource(pair.image))
        classes = {o.id: o.cls for o in found.objects}
        total += len(pair.labels.classes)
        for instance, cls in pair.labels.classes.items():
            under = np.bincount(found.ids[pair.labels.ids == instance]).argmax()
            right += classes.get(int(under)) == cls
    assert right / total > 0.8
