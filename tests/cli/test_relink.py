"""A project whose images were moved is told where they are."""

import shutil


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


def test_a_name_that_no_image_has_is_refused(invoke, field, tmp_path):
    assert invoke("new", tmp_path / "p", field.image, "--class", "cell").code == 0
    done = invoke("relink", tmp_path / "p", "other.tif", field.image)
    assert done.code == 2
    assert field.image.name in done.err
    assert len(done.err.splitlines()) == 1
