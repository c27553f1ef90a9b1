from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from napari_synthseg.core.annotations import (
    ImageRef,
    InstanceTruth,
)
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.storage import consent
from napari_synthseg.storage.fingerprint import check_fingerprint, fingerprint, is_same
from napari_synthseg.storage.images import describe, open_pixels, relink
from napari_synthseg.storage.uris import rebase, relative_uri, resolve
from tests.helpers.zarr_images import write_ome_zarr


def image_file(path: Path, seed: int = 0, size: int = 24) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size, size), np.uint8)
    Image.fromarray(pixels).save(path, "PNG")
    return path


@pytest.mark.parametrize(
    ("place", "uri"),
    [
        ("a.png", "../a.png"),
        ("other/b c/ü.png", "../other/b c/ü.png"),
        ("p/inside.png", "inside.png"),
        ("p/arrays:1", "./arrays:1"),
        ("p/c:d.png", "./c:d.png"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows forbids colons in names")
def test_names_are_relative_and_lead_back(tmp_path: Path, place: str, uri: str) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    assert relative_uri(path, folder) == uri
    assert resolve(uri, folder) == path.resolve()


def test_the_working_folder_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_file(tmp_path / "a.png")
    (tmp_path / "p").mkdir()
    monkeypatch.chdir(tmp_path)
    assert relative_uri(Path("a.png"), Path("p")) == "../a.png"
    monkeypatch.chdir(tmp_path / "p")
    assert resolve("../a.png", tmp_path / "p").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_links_are_followed_in_folders_but_keep_their_name(tmp_path: Path) -> None:
    real = tmp_path / "deep" / "down" / "project"
    real.mkdir(parents=True)
    (tmp_path / "link").symlink_to(real)
    content = image_file(tmp_path / "store" / "1234")
    (tmp_path / "a.png").symlink_to(content)
    uri = relative_uri(tmp_path / "a.png", tmp_path / "link")
    assert uri == "../../../a.png"
    for folder in (real, tmp_path / "link"):
        assert resolve(uri, folder).read_bytes() == content.read_bytes()


def test_a_missing_file_names_the_old_place(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        resolve("../gone/a.tif", tmp_path / "p")
    assert "'../gone/a.tif'" in str(caught.value)
    assert str(tmp_path / "gone" / "a.tif") in str(caught.value)
    assert "relink" in str(caught.value)


@pytest.mark.parametrize(
    "uri",
    ["", "a\0b", "http://x.org/a.tif", "s3://bucket/a", "file:///etc/passwd"],
)
def test_names_that_are_no_paths_are_refused(tmp_path: Path, uri: str) -> None:
    with pytest.raises(InputError):
        resolve(uri, tmp_path)


@pytest.mark.parametrize(
    "uri", [r"\\server\share\a.tif", "//server/share/a.tif", r"C:\a.tif", "D:a.tif", r"\a.tif"]
)
def test_servers_and_drives_are_never_asked_without_consent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    def touched(*_: object, **__: object) -> None:
        raise AssertionError("the path was looked at")

    for name in ("exists", "stat", "is_file", "is_dir", "open", "resolve"):
        monkeypatch.setattr(type(tmp_path), name, touched)
    monkeypatch.setattr(consent, "_remembered", set)
    with pytest.raises(InputError, match=r"another operating system|you have not opened"):
        resolve(uri, tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="no device files")
def test_devices_and_pipes_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        resolve("pipe", tmp_path)
    with pytest.raises(InputError, match="neither a file nor a folder"):
        describe(tmp_path / "pipe")


# --- consent ---------------------------------------------------------------------------------


def test_absolute_paths_need_consent(tmp_path: Path) -> None:
    path = image_file(tmp_path / "elsewhere" / "a.png")
    uri = path.as_posix()
    with pytest.raises(InputError, match="you have not opened"):
        open_pixels(ImageRef(uri=uri), tmp_path / "p")
    consent.allow(path)
    assert open_pixels(ImageRef(uri=uri), tmp_path / "p").shape == (1, 24, 24)


def test_a_file_the_user_just_gave_may_be_read(tmp_path: Path) -> None:
    (ref,) = describe(image_file(tmp_path / "a.png"))
    assert Path(ref.uri).is_absolute()
    assert open_pixels(ref, tmp_path / "p").shape == (1, 24, 24)


def test_consent_is_remembered_for_what_was_given_and_below(tmp_path: Path) -> None:
    consent.allow(tmp_path / "share", remember=True)
    consent.allow(tmp_path / "once")
    consent.end_session()
    assert consent.is_allowed(tmp_path / "share" / "deep" / "a.tif")
    assert consent.is_allowed(tmp_path / "share")
    assert not consent.is_allowed(tmp_path / "share2")
    assert not consent.is_allowed(tmp_path / "share" / ".." / "other")
    assert not consent.is_allowed(tmp_path)
    assert not consent.is_allowed(tmp_path / "once")


def test_a_path_on_another_drive_stays_absolute_and_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_drive(*_: object) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    path = image_file(tmp_path / "a.png")
    monkeypatch.setattr("os.path.relpath", other_drive)
    uri = relative_uri(path, tmp_path / "p")
    assert uri == path.as_posix()
    consent.end_session()
    assert resolve(uri, tmp_path / "p") == path


def test_a_settings_file_that_is_damaged_allows_nothing(own_settings: Path) -> None:
    consent.allow(Path("/x"), remember=True)
    (file,) = (p for p in own_settings.rglob("*") if p.is_file())
    consent.end_session()
    file.write_bytes(b"\xff\xfe\0\0")
    assert not consent.is_allowed(Path("/x"))
    file.write_text("relative/path\n\n")
    assert not consent.is_allowed(Path.cwd() / "relative" / "path")


# --- fingerprints ----------------------------------------------------------------------------


@given(content=st.binary(max_size=200), at=st.integers(0, 199), flip=st.integers(1, 255))
def test_any_change_of_a_small_file_is_seen(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, at: int, flip: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "content"
    path.write_bytes(content)
    before = fingerprint(path)
    assert fingerprint(path) == before
    changed = bytearray(content + b"\0" * max(0, at + 1 - len(content)))
    changed[at] ^= flip
    path.write_bytes(changed)
    assert fingerprint(path) != before


def test_large_files_are_compared_by_size_and_ends(tmp_path: Path) -> None:
    path = tmp_path / "large"
    content = bytearray(3 * 2**20 + 5)
    path.write_bytes(content)
    seen = {fingerprint(path)}
    for at in (0, len(content) - 1):
        content[at] = 1
        path.write_bytes(content)
        seen.add(fingerprint(path))
    path.write_bytes(content + b"\0")
    seen.add(fingerprint(path))
    assert len(seen) == 4
    with pytest.raises(InputError, match="content differs"):
        check_fingerprint(path, "0" * 16)
    check_fingerprint(path, "")


def test_a_changed_image_is_refused_until_relinked(tmp_path: Path) -> None:
    path = image_file(tmp_path / "a.png")
    (ref,) = describe(path)
    image_file(path, seed=1)
    with pytest.raises(InputError, match=r"a\.png' is not the image that was added"):
        open_pixels(ref, tmp_path)
    again = relink(ref, path, tmp_path)
    assert again.id == ref.id
    assert open_pixels(again, tmp_path).shape == (1, 24, 24)


def test_a_moved_image_is_relinked(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    path = image_file(tmp_path / "a.png")
    region = ((0, 10), (0, 24))
    ref = describe(path)[0].model_copy(
        update={"uri": relative_uri(path, folder), "region": region, "role": "test"}
    )
    before = open_pixels(ref, folder).read()
    moved = path.rename(tmp_path / "b.png")
    with pytest.raises(InputError, match="relink"):
        open_pixels(ref, folder)
    again = relink(ref, moved, folder)
    assert (again.uri, again.region, again.role) == ("../b.png", region, "test")
    np.testing.assert_array_equal(open_pixels(again, folder).read(), before)
    with pytest.raises(InputError, match="region"):
        relink(ref, image_file(tmp_path / "small.png", size=8), folder)


def test_a_changed_zarr_is_seen_by_its_metadata(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write_ome_zarr(path, np.zeros((40, 50), np.uint8), "yx")
    (ref,) = describe(path)
    assert open_pixels(ref, tmp_path).shape == (1, 40, 50)
    write_ome_zarr(path, np.zeros((40, 60), np.uint8), "yx")
    with pytest.raises(InputError, match="content differs"):
        open_pixels(ref, tmp_path)


# --- moving a project ------------------------------------------------------------------------


def test_rebase_keeps_what_names_mean(tmp_path: Path) -> None:
    for name in ("old", "new/deep"):
        (tmp_path / name).mkdir(parents=True)
    project = Project(
        images=(
            ImageRef(id="a", uri="../a.tif"),
            ImageRef(id="b", uri="arrays:b"),
            ImageRef(id="c", uri="/abs/c.tif"),
            ImageRef(id="d", uri="inside.tif"),
        ),
        truths=(InstanceTruth(image="a", source="../masks/a.png"),),
    )
    moved = rebase(project, tmp_path / "old", tmp_path / "new" / "deep")
    assert [r.uri for r in moved.images] == [
        "../../a.tif",
        "arrays:b",
        "/abs/c.tif",
        "../../old/inside.tif",
    ]
    assert moved.truths[0].source == "../../masks/a.png"
    assert rebase(moved, tmp_path / "new" / "deep", tmp_path / "old") == project


def test_label_images_that_come_into_an_ome_zarr_image_do_not_change_it(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write_ome_zarr(path, np.zeros((20, 24), np.uint8), "yx")
    before = fingerprint(path)
    zarr.open_group(str(path), mode="r+").create_group("labels")
    files = sorted(path.rglob("zarr.json"))
    counted = hashlib.sha256()  # as versions before took them
    for file in (f for f in files if len(f.relative_to(path).parts) < 3):
        counted.update(file.relative_to(path).as_posix().encode() + b"\0" + file.read_bytes())
    assert fingerprint(path) == before
    assert is_same(path, before) and is_same(path, counted.hexdigest()[:16])
    assert not is_same(path, "0" * 16)
