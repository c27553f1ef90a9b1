"""A project whose images were moved is told where they are."""

import shutil

import numpy as np
import tifffile

from napari_synthseg.storage.uris import resolve
from napari_synthseg.workflow.session import Session


def test_a_moved_image_is_found_again(invoke, field, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    image = shutil.copy(field.image, home / "field.tif")
    assert invoke("new", tmp_path / "p", image, "--class", "cell").code == 0
    home.rename(tmp_path / "away")
    refused = invoke("patches", tmp_path / "p")
    assert refused.code == 2
    done = invoke("relink", tmp_path / "p", "field.tif", tmp_path / "away" / "field.tif", "--json")
    assert done.code == 0, done.err
    assert done.result == {"relinked": ["field.tif"], "missing": []}


def test_of_images_of_one_name_the_moved_one_is_relinked(invoke, tmp_path):
    paths = [tmp_path / day / "img.tif" for day in ("day1", "day2")]
    for seed, path in enumerate(paths):
        path.parent.mkdir()
        noise = np.random.default_rng(seed).integers(0, 999, (32, 32)).astype(np.uint16)
        tifffile.imwrite(path, noise)
    project, moved = tmp_path / "p", tmp_path / "moved" / "img.tif"
    assert invoke("new", project, *paths, "--class", "cell").code == 0
    (tmp_path / "day2").rename(tmp_path / "moved")
    done = invoke("relink", project, "img.tif", tmp_path / "day1" / "img.tif")
    assert (done.code, "'day1/img.tif' or 'day2/img.tif'" in done.err) == (2, True)
    done = invoke("relink", project, "img.tif", moved, "--json")
    assert done.code == 0, done.err
    assert done.result == {"relinked": ["img.tif"], "missing": []}
    with Session.open(project).result() as session:
        files = [resolve(image.uri, session.folder) for image in session.project.images]
    assert [path.resolve() for path in files] == [paths[0].resolve(), moved.resolve()]
    done = invoke("relink", project, "day1/img.tif", paths[0])
    assert done.code == 0, done.err


def test_a_name_that_no_image_has_is_refused(invoke, field, tmp_path):
    assert invoke("new", tmp_path / "p", field.image, "--class", "cell").code == 0
    done = invoke("relink", tmp_path / "p", "other.tif", field.image)
    assert done.code == 2
    assert field.image.name in done.err
    assert len(done.err.splitlines()) == 1
