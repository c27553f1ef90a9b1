"""Networks that outline objects see images at the working scale; users see their own pixels."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import tifffile

from napari_synthseg.core.annotations import Click, ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.runs import DecodingRule, TrainingRun
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.patches.scaling import scale_for
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.storage.runs import load_weights
from napari_synthseg.tasks.data import TaskData
from napari_synthseg.tasks.predict import load_predictor, predict_image
from napari_synthseg.workflow import choosing, predicting
from napari_synthseg.workflow.predicting import show
from napari_synthseg.workflow.session import Session
from tests.helpers.clicked_discs import CENTERS, disc_image, finish
from tests.helpers.sessions import add_array

RESIZED = "what it shows looks larger or smaller than on the images learned from:"
TIMES = 4
SPEC = TrainSpec(task="segment", steps=2, minutes=None, batch_size=2, crop=64, device="cpu")


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Iterator[Session]:
    """A project of discs 80 pixels wide, all clicked on one image."""
    session = Session.create(tmp_path_factory.mktemp("large") / "discs.synthseg")
    project = session.project.with_classes(session.project.next_class("disc", diameter=80.0))
    session.edit(project, "class")
    centers = [(y * TIMES, x * TIMES) for y, x in CENTERS]
    image, _ = disc_image(centers, (128 * TIMES, 160 * TIMES), 10 * TIMES)
    first = add_array(session, image[0], "yx", "first", exhaustive=True)
    add_array(session, image[0, ::-1].copy(), "yx", "second")
    clicks = [Click(image=first.id, position=c, cls=1) for c in centers]
    session.edit(session.project.with_clicks(*clicks), "click")
    yield session
    session.close().result()


@pytest.fixture(scope="module")
def run(large):
    return large.train(SPEC, "scaled").result()


@pytest.fixture(scope="module")
def unscaled(large):
    return large.train(SPEC.model_copy(update={"working_diameter": 0.0}), "as it is").result()


def areas(pairs):
    return [
        np.bincount(pair.labels.ids.ravel())[1:].max()
        for pair in pairs
        if isinstance(pair.labels, InstanceLabels) and pair.labels.ids.any()
    ]


def test_dual_images_show_objects_of_the_working_diameter(large):
    pairs = large.synthesize(6).result()
    assert 2 * np.sqrt(np.median(areas(pairs)) / np.pi) == pytest.approx(24, rel=0.2)
    assert large.library.diameters[1] == pytest.approx(80, rel=0.05)


def test_the_run_knows_its_scale_and_tells_it(large, run):
    rule = run.model.rule
    assert rule.scale == pytest.approx(24 / 80, rel=0.05)
    assert rule.diameter == pytest.approx(24, rel=0.05)
    assert "images are shrunk to 0.3 of their size" in run.selection


def test_a_previewed_dual_image_is_that_of_a_run_on_all_clicks(large):
    run = large.train(SPEC.model_copy(update={"validation_fraction": 0.0}), "all").result()
    previewed = large.synthesize(2).result()
    remade = large.synthesize(2, run=run).result()
    for one, other in zip(previewed, remade, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.labels.array, other.labels.array)


def test_predictions_and_heat_maps_are_as_large_as_the_image(large, run):
    second = large.project.images[1]
    (found,) = large.predict(run, [second]).result()
    assert found.ids.shape == (128 * TIMES, 160 * TIMES)
    (heat,) = large.explain(run, [second]).result()
    assert heat.maps[1].shape == (128 * TIMES, 160 * TIMES)


def test_zero_leaves_images_as_they_are(unscaled):
    assert unscaled.model.rule.scale == 1
    assert unscaled.model.rule.diameter == pytest.approx(80, rel=0.05)
    assert "of their size" not in unscaled.selection


def test_runs_of_earlier_versions_see_images_as_they_are():
    old = TrainingRun.model_validate({"id": "a", "name": "old", "spec": {"task": "segment"}})
    assert old.spec.working_diameter == 0
    assert TrainingRun(id="b", name="new").spec.working_diameter == 24


def test_a_clicked_image_is_seen_at_a_scale_of_its_own(large):
    centers = [(y * 2, x * 2) for y, x in CENTERS]
    half = add_array(large, disc_image(centers, (256, 320), 20)[0][0], "yx", "half")
    clicks = [Click(image=half.id, position=c, cls=1) for c in centers]
    large.edit(large.project.with_clicks(*clicks), "click")
    run = large.train(SPEC, "both").result()  # one of the two images is held out
    large.undo()
    rule = run.model.rule
    first = large.project.images[0]
    assert rule.scale_for(half) == pytest.approx(2 * rule.scale_for(first), rel=0.1)
    assert set(rule.scales) == {first.id, half.id}
    assert len(run.images) == 1
    assert exhaust(show(run.model, half, large.folder)).scale == "that which it was learned at"
    assert rule.scale_for(half, 2.0) == rule.scale / 2, "what is asked counts"


def test_physical_sizes_are_kept_where_pixel_sizes_are_known(large):
    image = large.project.images[0].model_copy(update={"pixel_size": (0.5, 0.5), "unit": "um"})
    rule = DecodingRule(class_values=(1,), diameter=24, scale=0.3, pixel_size=0.25, unit="um")
    assert rule.scale_for(image) == pytest.approx(0.6)
    assert rule.scale_for(image.model_copy(update={"unit": "px"})) == 0.3
    assert rule.scale_for(image.model_copy(update={"pixel_size": None})) == 0.3
    as_it_is = rule.model_copy(update={"scale": 1.0, "pixel_size": 0.5})
    assert as_it_is.scale_for(image) == 1
    finer = image.model_copy(update={"pixel_size": (0.2, 0.2)})
    assert as_it_is.scale_for(finer) == pytest.approx(0.4)
    assert as_it_is.scale_for(image.model_copy(update={"pixel_size": (9.0, 9.0)})) == 3
    unscaled = as_it_is.model_copy(update={"pixel_size": None})
    assert unscaled.scale_for(finer) == 1


@pytest.mark.parametrize(
    "sizes", [(0.1,), (0.1, 0.1, 0.1, 0.4), (0.1,) * 9 + (0.2,), (0.4, 0.16, 0.16, 0.32)]
)
def test_objects_of_new_images_are_shown_as_learned_whatever_pixel_sizes_were(sizes):
    """Objects of 10 um, learned at 24 pixels."""
    images = [
        ImageRef(id=str(n), uri=f"{n}.tif", pixel_size=(size, size), unit="um")
        for n, size in enumerate(sizes)
    ]
    scale = scale_for(40.0, {i.id: 10 / min(i.pixel_size) for i in images}, 24.0)
    scales = {i.id: scale.images.get(i.id, scale.usual) for i in images}
    data = TaskData(
        TrainSpec(), None, {1: "a"}, 24.0, scale=scale.usual, scales=scales, images=tuple(images)
    )
    size, unit = data.pixel_size
    rule = DecodingRule(
        class_values=(1,), diameter=24, scale=scale.usual, pixel_size=size, unit=unit
    )
    for size in (0.1, 0.4):
        new = ImageRef(id="new", uri="new.tif", pixel_size=(size, size), unit="um")
        assert 10 / size * float(np.mean(rule.scale_for(new))) == pytest.approx(24, rel=0.05)


def test_volumes_are_shown_with_the_spacing_that_was_learned_from():
    rule = DecodingRule(class_values=(1,), diameter=24, spacing=(1.5, 1, 1), scale=0.5)
    image = ImageRef(id="v", uri="v", axes="zyx", pixel_size=(3, 1, 1), unit="px")
    assert rule.scale_for(image) == pytest.approx((1.0, 0.5, 0.5))
    other = image.model_copy(update={"pixel_size": (6.0, 1.0, 1.0)})
    assert rule.scale_for(other) == pytest.approx((2.0, 0.5, 0.5))
    assert rule.scale_for(image, 2) == pytest.approx((0.5, 0.25, 0.25))


def test_tiles_of_a_resampled_image_give_what_the_whole_gives(large, run):
    predictor = load_predictor(run.trained_model(), load_weights(large.folder, run.id), "cpu")
    pixels = exhaust(show(run.trained_model(), large.project.images[1], large.folder)).pixels
    whole, tiled = (
        finish(predict_image(predictor, pixels, image="a", run="b", block=block))[1]
        for block in ((256, 256), (64, 64))
    )
    np.testing.assert_array_equal(whole.ids > 0, tiled.ids > 0)


def test_what_was_not_resampled_serves_the_images_own_scale_too(large):
    large.synthesize(1).result()
    fitted = large.fitted
    now = large.project, fitted.recipe, large.library
    assert fitted.is_current(*now, 24.0)
    assert not fitted.is_current(*now, 0.0)
    untouched = replace(fitted, source=large.library)  # as where objects are 24 pixels wide
    assert untouched.is_current(*now, 0.0)
    assert not untouched.is_current(*now, 50.0)


def test_large_objects_of_volumes_are_learned_and_found_at_the_working_scale(tmp_path):
    shape, apart, radius = (32, 160, 160), 3.0, 30.0
    centers = [(16.0, y, x) for y in (40.0, 118.0) for x in (42.0, 120.0)]
    ids = np.zeros(shape, np.int32)
    where = np.indices(shape).astype(float)
    for number, center in enumerate(centers, start=1):
        away = [(w - c) * s for w, c, s in zip(where, center, (apart, 1, 1), strict=True)]
        ids[sum(a**2 for a in away) <= radius**2] = number
    noise = np.random.default_rng(0).normal(0, 5, shape)
    with Session.create(tmp_path / "volume.synthseg") as session:
        project = session.project.with_classes(session.project.next_class("b", diameter=60.0))
        session.edit(project, "class")
        fields = {"pixel_size": (apart, 1.0, 1.0), "unit": "px", "exhaustive": True}
        volume = (50 + 120 * (ids > 0) + noise).astype(np.float32)
        image = add_array(session, volume, "zyx", "volume", **fields)
        session.import_labels(image, InstanceLabels(ids, {}), "patch_masks").result()
        spec = TrainSpec(
            task="segment", steps=2, minutes=None, volume_batch=1, volume_crop=32, device="cpu",
            validation_fraction=0.0,
        )  # fmt: skip
        run = session.train(spec, "run").result()
        rule = run.model.rule
        assert rule.scale == pytest.approx(24 / 60, rel=0.05)
        assert rule.spacing == pytest.approx((apart * rule.scale, 1, 1))
        predictor = load_predictor(run.trained_model(), load_weights(session.folder, run.id), "cpu")
        pixels = exhaust(show(run.trained_model(), image, session.folder)).pixels
        assert pixels.shape[1:] == (32, round(160 * rule.scale), round(160 * rule.scale))
        whole, tiled = (
            finish(predict_image(predictor, pixels, image="a", run="b", block=block))[1]
            for block in ((32, 64, 64), (16, 32, 32))
        )
        assert whole.ids.shape == shape
        np.testing.assert_array_equal(whole.ids > 0, tiled.ids > 0)
        (heat,) = session.explain(run, [image]).result()
        assert heat.maps[1].shape == shape


def test_an_image_is_seen_at_the_magnification_that_is_given_or_found(large, run):
    second = large.project.images[1]
    model, folder = run.model, large.folder
    plain = exhaust(show(model, second, folder))
    assert (plain.notes, plain.scale) == ((), "that of the images learned from")
    given = exhaust(show(model, second, folder, 2.0))
    assert given.scale == "magnification 2"
    assert given.pixels.shape[1] == pytest.approx(plain.pixels.shape[1] / 2, abs=1)
    small = disc_image(CENTERS, (128, 160), 10)[0][0]  # a quarter as large
    ref = add_array(large, small, "yx", "small")
    (found,) = large.predict(run, [ref], magnification="auto").result()
    times = float(found.scale.partition(",")[0].removeprefix("magnification "))
    assert times == pytest.approx(0.25, rel=0.5)  # one of those beside it does as well
    assert found.ids.shape == (128, 160)
    assert len(found.objects) == len(CENTERS)
    words = f"it is predicted with a magnification {times:g}, by what is found at several"
    assert any(note.startswith(f"{RESIZED} {words}") for note in found.notes)
    (unasked,) = large.predict(run, [ref]).result()
    np.testing.assert_array_equal(unasked.ids, found.ids)
    assert unasked.notes == found.notes
    (found,) = large.predict(run, [ref], magnification=1.0).result()
    assert "predict it with a magnification of 0.2" in found.notes[0]
    known = ref.model_copy(update={"pixel_size": (0.5, 0.5), "unit": "um"})
    told = model.rule.model_copy(update={"pixel_size": 0.5, "unit": "um"})
    sure = exhaust(show(model.model_copy(update={"rule": told}), known, folder))
    assert (sure.scale, sure.looks_resized) == ("its pixel size", True), "is told, and is left"
    with pytest.raises(InputError, match="above 0"):
        large.predict(run, [ref], magnification=0.0)
    sized = second.model_copy(update={"pixel_size": (0.5, 0.5), "unit": "um"})
    rule = model.rule.model_copy(update={"pixel_size": 0.25, "unit": "um"})
    finer = exhaust(show(model.model_copy(update={"rule": rule}), sized, folder))
    assert finer.scale == "its pixel size"
    assert finer.pixels.shape[1] == pytest.approx(2 * plain.pixels.shape[1], abs=1)


def test_several_magnifications_are_tried_where_nothing_tells_the_scale(
    large, run, unscaled, monkeypatch
):
    tried = []

    def find_half(predictor, ref, pixels):
        tried.append(ref.name)
        return 0.5
        yield

    monkeypatch.setattr(predicting, "find_magnification", find_half)
    first, second = large.project.images[:2]

    def seen(ref, run=run, magnification=None):
        tried.clear()
        (found,) = large.predict(run, [ref], magnification=magnification).result()
        return found

    found = seen(second)
    assert tried == [second.name]
    assert found.scale == "magnification 0.5, by what is found at several"
    assert found.notes[0].startswith("it is predicted with a magnification 0.5, by what")
    assert seen(first).scale == "that which it was learned at"
    assert not tried, "it was learned from"
    assert seen(second, magnification=1.0).scale == "magnification 1"
    assert not tried, "it is told"
    assert seen(second, unscaled).notes == ()
    assert not tried, "the model sees images as they are"
    monkeypatch.setattr(predicting, "find_magnification", lambda *_: find(1.0))
    assert seen(second).notes == (), "as large as those learned from: nothing to tell"
    small = add_array(large, disc_image(CENTERS, (128, 160), 10)[0][0], "yx", "looks resized")
    assert seen(small).notes[0].startswith(f"{RESIZED} it is predicted with a magnification 1")
    monkeypatch.setattr(predicting, "find_magnification", lambda *_: find(None))
    assert seen(small).notes[-1] == "nothing is surely found at any of several magnifications"
    assert seen(second).notes == ()


def find(value):
    return value
    yield


@pytest.mark.parametrize(("gain", "offset"), [(0.05, 0.0), (1.0, 5000.0), (0.1, -3.0)])
def test_a_dimmer_or_brighter_image_shows_what_the_other_one_shows(large, run, gain, offset):
    second = large.project.images[1]
    (usual,) = large.predict(run, [second]).result()
    assert len(usual.objects) == len(CENTERS)
    stored = gain * open_pixels(second, large.folder).read()[0] + offset
    other = add_array(large, stored.astype(np.float32), "yx", f"light {gain} {offset}")
    (found,) = large.predict(run, [other]).result()
    assert found.notes == ()
    differing = np.count_nonzero((found.ids > 0) != (usual.ids > 0))
    assert differing < 0.01 * np.count_nonzero(usual.ids)
    assert len(found.objects) == len(CENTERS)


def test_what_is_exported_is_what_is_predicted_at_a_magnification(large, run, tmp_path):
    small = add_array(large, disc_image(CENTERS, (128, 160), 10)[0][0], "yx", "tiny")
    options = {"run": run, "images": [small], "magnification": 0.5}
    plain = large.export("labels", tmp_path / "plain", run=run, images=[small]).result()
    made = large.export("labels", tmp_path / "made", **options).result()
    without, found = (
        large.predict(run, [small], magnification=times).result()[0] for times in (None, 0.5)
    )
    written = [tifffile.imread(tmp_path / name / "tiny.tif") for name in ("plain", "made")]
    np.testing.assert_array_equal(written[0], without.ids)
    np.testing.assert_array_equal(written[1], found.ids)
    assert (written[0] != written[1]).any()
    assert plain.figures["notes"] == [f"tiny: {note}." for note in without.notes]
    assert RESIZED in plain.figures["notes"][0]
    assert made.figures["notes"] == [f"tiny: {note}." for note in found.notes]
    objects = large.export("objects", tmp_path / "o.csv", **options).result()
    assert objects.figures["objects"] == len(found.objects)
    with pytest.raises(InputError, match="above 0"):
        large.export("labels", tmp_path / "no", **{**options, "magnification": 0.0}).result()


def test_runs_of_earlier_versions_compare_nothing(large, run):
    old = run.model.model_copy(update={"learned_from": None})
    image = add_array(large, np.zeros((64, 64), np.float32), "yx", "black")
    assert exhaust(show(old, image, large.folder)).notes == ()
    assert "hardly more than noise" in exhaust(show(run.model, image, large.folder)).notes[0]


def test_models_of_other_tasks_take_no_magnification(large):
    spec = SPEC.model_copy(update={"task": "detect"})
    run = large.train(spec, "boxes").result()
    with pytest.raises(InputError, match="Leave the magnification out"):
        large.predict(run, [large.project.images[1]], magnification=2.0)


def test_what_the_check_of_the_patches_found_is_told_before_training_and_after(tmp_path):
    """Most clicks lie beside the objects: who does not look at the patches is told, too."""
    image, _ = disc_image(CENTERS, (128, 160), 10)
    with Session.create(tmp_path / "beside.synthseg") as session:
        project = session.project.with_classes(session.project.next_class("disc", diameter=20.0))
        session.edit(project, "class")
        ref = add_array(session, image[0], "yx", "first")
        empty = [(4.0, 4.0), (4.0, 80.0), (4.0, 150.0), (122.0, 4.0), (122.0, 150.0), (64.0, 3.0)]
        clicks = [Click(image=ref.id, position=c, cls=1) for c in (*CENTERS[:3], *empty)]
        session.edit(session.project.with_clicks(*clicks), "click")
        job = session.train(SPEC.model_copy(update={"validation_fraction": 0.0}), "blind")
        said = []
        job.progressed.connect(lambda step: said.append((step.notes, step.metrics)))
        run = job.result()
        before = [notes for notes, metrics in said if not metrics]
        (told,) = {n for notes in before for n in notes if "outlines are unsure" in n}
        assert "reject wrong ones" in told
        assert told in run.selection
        session.cut_patches().result()
        assert told in session.cautions, "and so the page of training says it, before the start"


def test_classes_of_very_unequal_size_are_told_before_training(large):
    project = large.project
    assert large.cautions == ()
    giant = project.next_class("giant", diameter=900.0)
    place = Click(id="g", image=project.images[0].id, position=(250.0, 300.0), cls=giant.value)
    large.edit(project.with_classes(giant), "class")
    assert large.cautions == ()  # of a class that nobody clicked
    large.edit(large.project.with_clicks(place), "click")
    try:
        (caution,) = large.cautions
        assert "'giant' are 11 times as large as those of 'disc'" in caution
        spec = SPEC.model_copy(update={"validation_fraction": 0.0})
        job = large.train(spec, "unequal")
        said = []
        job.progressed.connect(lambda step: said.append((step.notes, step.metrics)))
        run = job.result()
        first = next(n for n, (notes, _) in enumerate(said) if notes)
        assert "in a project with 'giant' alone" in said[first][0][0]
        assert not any("loss" in metrics for _, metrics in said[:first])
        assert said[first][0][0] in run.selection
        unscaled = SPEC.model_copy(update={"working_diameter": 0.0})
        assert choosing.cautions(large.project, unscaled, None) == ()
    finally:
        large.edit(project, "back")
