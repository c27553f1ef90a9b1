"""Which images are trained on and which are scored on: never the same, never by chance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.study.folder_data import FolderData
from benchmarks.study.halved_data import is_for_tuning
from benchmarks.study.tables import Study
from napari_synthseg.core.errors import InputError

STEMS = st.lists(
    st.from_regex(r"[a-d][0-9]{1,3}", fullmatch=True), min_size=4, max_size=30, unique=True
)


def folder_of(stems: list[str], root: Path) -> Path:
    """Make an empty file for each image and its masks: drawing does not read them."""
    for kind, suffix in (("images", ".tif"), ("masks", ".png")):
        (root / kind).mkdir()
        for stem in stems:
            (root / kind / f"{stem}{suffix}").touch()
    return root


@settings(max_examples=40)
@given(
    stems=STEMS,
    count=st.integers(1, 12),
    seed=st.integers(0, 5),
    part=st.sampled_from(["tuning", "closing"]),
    group=st.sampled_from(["stem", "^[a-d]", "^([a-d])[0-9]"]),
    limit=st.none() | st.integers(1, 5),
)
def test_draws_keep_their_promises(stems, count, seed, part, group, limit) -> None:
    with TemporaryDirectory() as folder:
        where = folder_of(stems, Path(folder))
        data = FolderData(folder=str(where), images=1, part=part, group=group, limit=limit)
        try:
            draw = data.draw(count, seed)
        except InputError:
            return
        names = [s.name for s in draw.train]
        assert len(set(names)) == count
        assert [s.name for s in data.draw(1, seed).train] == names[:1]
    tested = {s.name for s in draw.test}
    assert tested and len(tested) <= (limit or len(stems))
    assert not {s.group for s in draw.train} & {s.group for s in draw.test}
    assert {is_for_tuning(name) for name in tested} == {part == "tuning"}
    for_tuning = [is_for_tuning(name) for name in names]
    if part == "tuning":
        assert all(for_tuning)
    else:  # the closing half is drawn from only when the other is used up
        assert sum(for_tuning) == min(count, sum(map(is_for_tuning, stems)))


def test_images_of_a_smaller_arm_are_the_first_of_a_larger(
    make_study: Callable[..., Study],
) -> None:
    data = make_study().data
    three, four = data.draw(3, 1), data.draw(4, 1)
    assert four.train[:3] == three.train
    assert data.draw(3, 2).train != three.train


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"folder": "moon"}, "SYNTHSEG_DATA"),
        ({"folder": "../elsewhere"}, "leads out of the data folder"),
        ({"folder": "discs/images"}, "there is no folder"),
        ({"files": "b*"}, "no PNG or TIFF file"),
        ({"group": "x"}, "finds nothing in 'g"),
        ({"group": "^g"}, "is left to score on"),
    ],
)
def test_missing_data_are_named(
    make_study: Callable[..., Study], data: dict[str, Any], told: str
) -> None:
    with pytest.raises(InputError) as caught:
        make_study(**data).data.draw(2, 0)
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_too_many_images_are_refused(make_study: Callable[..., Study]) -> None:
    with pytest.raises(InputError, match="13 training images are wanted, but"):
        make_study().data.draw(13, 0)


def test_image_without_masks_is_named(tmp_path: Path) -> None:
    folder = folder_of(["a1", "a2"], tmp_path)
    (folder / "masks" / "a2.png").unlink()
    with pytest.raises(InputError, match=r"image 'a2.tif' has no masks"):
        FolderData(folder=str(folder), images=1, part="tuning").draw(1, 0)


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    folder = folder_of(["a1", "a2"], tmp_path)
    (folder / "images" / "a1.png").touch()
    with pytest.raises(InputError, match="two images"):
        FolderData(folder=str(folder), images=1, part="tuning").draw(1, 0)
