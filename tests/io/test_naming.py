from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.naming import (
    ImageNames,
    UnknownNameError,
    listed,
    name_some,
    unique_names,
    without_mask_ending,
)


def ref(uri: str, **fields: object) -> ImageRef:
    return ImageRef.model_validate({"id": uri, "uri": uri, "name": uri.split("/")[-1], **fields})


ONE, TWO = ref("../day1/img_0001.tif"), ref("../day2/img_0001.tif")


@pytest.mark.parametrize(
    ("uris", "expected"),
    [
        (["a.tif", "b.tif"], ["a.tif", "b.tif"]),
        (["../day1/i.tif", "../day2/i.tif"], ["day1_i.tif", "day2_i.tif"]),
        (["../x/1/i.tif", "../y/1/i.tif"], ["x_1_i.tif", "y_1_i.tif"]),
        (["d/i.png", "d/i.tif"], ["i_png.png", "i_tif.tif"]),
        (["d/i.tif", "d/I.tif"], ["d_i_tif.tif", "d_I_tif_2.tif"]),
        (["d/i.tif", "e/i.tif", "d_i.tif"], ["d_i_tif.tif", "e_i.tif", "d_i.tif"]),
        (["arrays:1", "arrays:2"], ["arrays:1", "arrays:2"]),
    ],
)
def test_outputs_have_names_of_their_own(uris: list[str], expected: list[str]) -> None:
    names = unique_names([ref(uri) for uri in uris])
    stems = [name.rpartition(".")[0].casefold() or name for name in names]
    assert len(set(stems)) == len(uris)
    if uris[0] != "d/i.tif":  # of the odd ones only that they differ is promised
        assert names == expected


def test_layers_of_one_name_are_numbered_and_planes_and_regions_keep_theirs() -> None:
    layers = [ref(f"arrays:{n}", name="cells") for n in range(3)]
    assert unique_names(layers) == ["cells", "cells_2", "cells_3"]
    halves = [ref("a.tif", id=str(n), region=((0, 9), (n, n + 9))) for n in (0, 9)]
    planes = [ref("s.tif", id=f"z{n}", axes="zyx", plane={"z": n}) for n in (0, 1)]
    assert unique_names([*halves, *planes]) == ["a.tif", "a.tif", "s_z0.tif", "s_z1.tif"]


@given(st.lists(st.text("ab/._İß", min_size=1, max_size=6), max_size=6, unique=True))
def test_unique_names_differ_also_where_disks_know_no_case(uris: list[str]) -> None:
    refs = [ref(f"{uri}.tif") for uri in uris]
    stems = [unicodedata.normalize("NFC", n[:-4]).casefold() for n in unique_names(refs)]
    assert len(set(stems)) == len({r.uri for r in refs})


def test_folders_tell_images_of_one_name_apart() -> None:
    names = ImageNames([ONE, TWO])
    assert names.find("", "day2/img_0001.tif") == [TWO]
    assert names.find("", "C:\\scope\\day1\\img_0001.tif") == [ONE]
    assert names.find_stem("", "day2/img_0001") == [TWO]
    assert names.find("", "day1_img_0001.tif") == [ONE]  # as outputs are named
    for unclear in ("img_0001.tif", "day3/img_0001.tif"):
        with pytest.raises(InputError, match=r"'day1/img_0001\.tif' or 'day2/img_0001\.tif'"):
            names.find("row 2", unclear)


def test_an_image_beside_the_project_is_known_by_its_folder() -> None:
    beside = ref("../img_0001.tif", group="day1/img_0001.tif")
    assert ImageNames([beside, TWO]).find("", "day1/img_0001.tif") == [beside]


def test_names_in_two_folders_are_never_one_image() -> None:
    names = ImageNames([ONE])
    names.find("row 2", "day1/img_0001.tif")
    names.find("row 3", "img_0001.tif")
    with pytest.raises(UnknownNameError, match=r"row 4: image 'day2/img_0001.tif' is not in"):
        names.find("row 4", "day2/img_0001.tif")
    names = ImageNames([ONE])
    names.find("row 2", "upload/3/img_0001.tif")
    with pytest.raises(InputError, match=r"'upload/3/img_0001.tif' and 'upload/4/img_0001.tif'"):
        names.find("row 3", "upload/4/img_0001.tif")


def test_an_image_or_a_folder_of_images_can_be_meant() -> None:
    names = ImageNames([ONE, TWO, ref("../day2/other.tif")])
    assert [i.uri for i in names.matching("", "day2")] == [TWO.uri, "../day2/other.tif"]
    assert names.matching("", "day2/img_0001.tif") == [TWO]
    assert names.matching("", "img_0001.tif") == [ONE, TWO]
    with pytest.raises(UnknownNameError, match="--image day9: no image"):
        names.matching("--image day9", "day9")


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
def test_composed_and_decomposed_letters_are_one(stored: str) -> None:
    forms = {
        "NFC": unicodedata.normalize("NFC", "Zellkörper_é.tif"),
        "NFD": unicodedata.normalize("NFD", "Zellkörper_é.tif"),
    }
    image = ref(forms[stored])
    for name in forms.values():
        assert ImageNames([image]).find("", name) == [image]
        assert ImageNames([image]).find_stem("", name[:-4]) == [image]


def test_names_changed_by_an_export_are_matched_or_named() -> None:
    names = ImageNames([ref("a.png")])
    assert names.find("", "3f2a1c9d-a.png")[0].uri == "a.png"
    assert names.renamed == {"3f2a1c9d-a.png": "a.png"}
    for changed in ("a_png.rf.0123456789abcdef.jpg", "a.rf.0123456789abcdef.jpg"):
        with pytest.raises(UnknownNameError, match=r"looks like 'a.png'"):
            names.find("", changed)
        with pytest.raises(UnknownNameError, match=r"looks like 'a.png'"):
            names.find_stem("", changed.removesuffix(".jpg"))


@pytest.mark.parametrize(
    ("listed", "image"),
    [
        ("cells.png", "cells.tif"),
        ("images/Cells.JPG", "cells.tif"),
        ("cells", "cells.tif"),
        ("cells.ome.tif", "cells.tif"),
        ("cells.png", "cells.ome.tiff"),
        ("my%20cells.tif", "my cells.tif"),
        ("https://host/d/cells.tif?signed=a/b&c#d", "cells.tif"),
        ("https://host/d/my%20cells.png?x", "my cells.tif"),
        ("3f2a1c9d-cells.png", "cells.tif"),
    ],
)
def test_names_that_differ_in_ending_case_or_escapes_are_found_and_told(
    listed: str, image: str
) -> None:
    names = ImageNames([ref(f"d/{image}"), ref("d/other.tif")])
    assert names.find("", listed)[0].name == image
    assert names.renamed == {listed: image}
    assert names.notes() == [f"'{listed}' was taken for '{image}'"]


def test_the_own_name_of_an_image_comes_before_another_ending() -> None:
    names = ImageNames([ref("d/a.tif"), ref("d/a.png"), ref("d/b%20.tif")])
    assert names.find("", "a.png")[0].uri == "d/a.png"
    assert names.find("", "b%20.tif")[0].uri == "d/b%20.tif"
    assert not names.renamed and not names.notes()
    with pytest.raises(InputError, match=r"several images of the project are named 'a.jpg'"):
        names.find("", "a.jpg")


@pytest.mark.parametrize("order", [("a.tif", "a.png"), ("a.png", "a.tif"), ("a.png", "A.png")])
def test_two_files_are_never_one_image(order: tuple[str, str]) -> None:
    names = ImageNames([ref("d/a.tif")])
    names.find("row 2", order[0])
    with pytest.raises(InputError, match=rf"row 3: '{order[0]}' and '{order[1]}' would both be"):
        names.find("row 3", order[1])


@pytest.mark.parametrize("stem", ["a_masks", "a-masks", "a_lbl", "a-lbl", "a-labels", "A_Mask"])
def test_masks_are_named_with_either_stroke(stem: str) -> None:
    assert without_mask_ending(stem).lower() == "a"


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, "'a_z0.tif'"), (3, "'a_z0.tif', 'a_z1.tif', 'a_z2.tif'")],
)
def test_few_images_are_all_named_in_a_sentence(count: int, expected: str) -> None:
    planes = [ref("a.tif", id=str(z), plane={"z": z}) for z in range(count)]
    assert name_some(planes) == expected


def test_of_many_images_a_sentence_names_the_first_few() -> None:
    planes = [ref("a.tif", id=str(z), plane={"z": z}) for z in range(200)]
    assert name_some(planes) == "'a_z0.tif', 'a_z1.tif', 'a_z2.tif' and 197 more"
    assert (listed(["a"]), listed(["a", "b", "c"])) == ("'a'", "'a' and 2 more")
