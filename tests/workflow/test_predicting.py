"""How an image is shown to a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.pixels import ArraySource, counted_part
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import LearnedAppearance, LearnedChannels, ModelRecord, TrainingRun
from napari_synthseg.core.specs import ModelSpec
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.tasks.segment import SegmentRule
from napari_synthseg.training.appearance import measure_appearance
from napari_synthseg.workflow.found.heat_map_files import heat_map_files
from napari_synthseg.workflow.predicting import find_images, show
from napari_synthseg.workflow.session import Session
from tests.helpers.sessions import add_file


def test_an_image_of_other_channels_is_compared_with_nothing(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)
    tifffile.imwrite(tmp_path / "color.tif", pixels, photometric="rgb")
    gray = exhaust(measure_appearance(ArraySource(pixels[None, ..., 0].astype(np.float32))))
    model = ModelRecord(
        spec=ModelSpec(name="unet"), in_channels=1, out_channels=3,
        rule=SegmentRule(class_values=(1,), diameter=12.0),
        learned_from=LearnedAppearance(images=(gray,), ground=(0.0,)),
    )  # fmt: skip
    with Session.create(tmp_path / "p") as session:
        (ref,) = add_file(session, tmp_path / "color.tif")
        view = exhaust(show(model, ref, session.folder))
    assert (view.notes, view.pixels.shape) == ((), (3, 96, 96))


def test_a_part_of_a_slide_is_compared_by_what_counts_of_it(tmp_path):
    tile = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(160, 160)), 3)
    tile = (4000 * (tile - tile.min())).astype(np.uint16)
    tifffile.imwrite(tmp_path / "slide.tif", np.tile(tile, (10, 10)))
    corner = [[(0.0, 0.0), (0.0, 160.0), (160.0, 160.0), (160.0, 0.0)]]
    with Session.create(tmp_path / "p") as session:
        (ref,) = add_file(session, tmp_path / "slide.tif")
        limited = ref.model_copy(update={"roi": (tuple(map(tuple, corner)),)})
        whole, part = (open_pixels(one, session.folder) for one in (ref, limited))
        learned = LearnedAppearance(images=(exhaust(measure_appearance(whole)),), ground=(0.0,))
        model = ModelRecord(
            spec=ModelSpec(name="unet"), in_channels=1, out_channels=3,
            rule=SegmentRule(class_values=(1,), diameter=12.0), learned_from=learned,
        )  # fmt: skip
        assert exhaust(show(model, limited, session.folder)).notes == ()
    assert exhaust(measure_appearance(part)).span == (0.0,)  # what does not count is even
    assert counted_part(limited, part).region == ((0, 160), (0, 160))


@pytest.mark.parametrize(
    ("run_images", "axes"),
    [(("old",), "yx"), (("old", "new"), "yxc"), (("new",), "yxc"), ((), "yxc")],
)
def test_a_file_is_read_as_what_a_run_learned_from(tmp_path, run_images, axes):
    colors = np.random.default_rng(0).integers(0, 2**16, (3, 256)).astype(np.uint16)
    for name in ("old.tif", "other.tif"):
        pixels = np.zeros((40, 50), np.uint8)
        tifffile.imwrite(tmp_path / name, pixels, photometric="palette", colormap=colors)
    old = ImageRef(id="old", uri="../old.tif", axes="yx", as_stored=True)
    project = Project(images=(old, ImageRef(id="new", uri="../new.tif")))
    run = TrainingRun(id="r", name="r", images=run_images)
    paths = [tmp_path / "old.tif", tmp_path / "other.tif"]
    known, other = find_images(paths, project, tmp_path / "p", run)
    assert (known.as_stored, known.axes) == (True, "yx")
    assert (other.as_stored, other.axes) == (axes == "yx", axes)


def test_a_file_of_the_project_is_the_image_that_the_project_knows(tmp_path):
    for name in ("one.tif", "halves.tif", "other.tif"):
        tifffile.imwrite(tmp_path / name, np.zeros((40, 50), np.uint8))
    size = {"pixel_size": (0.5, 0.5), "unit": "um"}
    one = ImageRef(id="one", uri="../one.tif", **size)
    halves = [ImageRef(id=half, uri="../halves.tif", **size) for half in ("left", "right")]
    project = Project(images=(one, *halves))
    run = TrainingRun(id="r", name="r", images=("one",))
    paths = [tmp_path / name for name in ("one.tif", "halves.tif", "other.tif")]
    whole, both, other = find_images(paths, project, tmp_path / "p", run)
    assert (whole.id, whole.pixel_size, whole.unit) == ("one", (0.5, 0.5), "um")
    assert both.id not in ("left", "right"), "it is neither of them"
    assert both.pixel_size == (0.5, 0.5)
    assert other.id not in ("one", "left", "right")
    assert other.pixel_size is None


def test_images_of_one_file_have_each_its_own_channels(tmp_path):
    path = tmp_path / "file.tif"
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(np.zeros((2, 2, 40, 50), np.uint8), metadata={"axes": "TCYX"})
        file.write(np.zeros((2, 3, 40, 50), np.uint8), metadata={"axes": "TCYX"})
    rule = SegmentRule(class_values=(1,), diameter=12.0)
    model = ModelRecord(
        spec=ModelSpec(),
        in_channels=1,
        out_channels=3,
        rule=rule,
        channels=LearnedChannels(by_count={2: (1,)}),
    )
    run = TrainingRun(id="r", name="r", model=model)
    refs = find_images([path], Project(), tmp_path / "p", run, series="all")
    assert [ref.channels for ref in refs] == [(1,), (1,), None, None]
    first = refs[0].model_copy(update={"channels": (0,)})
    project = Project(images=(first, refs[1]))
    found = find_images([path], project, tmp_path / "p", run, series="all")
    assert [ref.channels for ref in found] == [(0,), (1,), None, None]
    assert [ref.id for ref in found[:2]] == [first.id, refs[1].id]


def classes_and_files(names, images=("a.tif",), deleted=()):
    """Return the names of the files of heat maps, by class value, of the last image."""
    values = tuple(range(1, len(names) + 1))
    rule = SegmentRule(class_values=values, diameter=12.0)
    model = ModelRecord(
        spec=ModelSpec(name="unet"), in_channels=1, out_channels=len(names) + 2, rule=rule
    )
    run = TrainingRun(id="r", name="r", state="done", model=model)
    known = {v: name for v, name in zip(values, names, strict=True) if v not in deleted}
    refs = [ImageRef(uri=name, name=name) for name in images]
    files = heat_map_files(Path("out"), run, refs, known)
    return {value: path.name for value, path in files[-1].items()}


def test_heat_maps_of_a_class_that_was_deleted_are_called_by_its_value():
    files = classes_and_files(["pore", "crack"], deleted=[2])
    assert files == {1: "a__pore.tif", 2: "a__class 2.tif"}


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["a/b", "a_b", "c"], {1: "x__a_b_1.tif", 2: "x__a_b_2.tif", 3: "x__c.tif"}),
        (["B", "b"], {1: "x__B_1.tif", 2: "x__b_2.tif"}),
        (["a", "A", "a_1"], {1: "x__a_1_1.tif", 2: "x__A_2.tif", 3: "x__a_1_3.tif"}),
    ],
)
def test_no_heat_map_takes_the_place_of_another_classs(names, files):
    assert classes_and_files(names, ["x.tif"]) == files


def test_an_image_and_a_class_whose_names_are_together_those_of_others_are_refused():
    with pytest.raises(InputError, match=r"written to 'x__a__b.tif': rename a class or an image"):
        classes_and_files(["b", "a__b"], ["x.tif", "x__a.tif"])
