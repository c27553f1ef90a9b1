"""Which specimen an image shows."""

from pathlib import Path

import pytest

from napari_synthseg.core.annotations import ImageRef, find_specimen, named_specimen, own_group


@pytest.mark.parametrize(
    ("pattern", "stem", "found"),
    [("spot[0-9]", "a_spot3_1", "spot3"), ("(m[0-9]+)_", "m12_left", "m12"), ("x", "abc", None),
     ("a(b)?", "ac", "a")],
)  # fmt: skip
def test_a_pattern_finds_the_specimen_in_a_name(pattern, stem, found):
    assert find_specimen(pattern, stem) == found


@pytest.mark.parametrize("uri", ["images/one.tif", "../images/one.tif", "C:\\images\\one.tif"])
def test_an_image_alone_has_no_named_specimen(uri):
    ref = ImageRef(id="i", uri=uri, name="one", group=own_group(Path("images/one.tif")))
    assert named_specimen(ref) == ""
    assert named_specimen(ref.model_copy(update={"group": "mouse 1"})) == "mouse 1"
    assert named_specimen(ref.model_copy(update={"group": ""})) == ""
