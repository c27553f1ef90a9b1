"""What recipes learned comes back as it was kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_synthseg.core.errors import InputError
from napari_synthseg.storage.artifacts import FolderArtifactStore
from napari_synthseg.storage.project_store import ProjectStore

ARRAYS = {"codes": np.arange(6).reshape(2, 3).T, "step": np.array(4), "one": np.ones(2, "f4")}
META = {"step": 3, "losses": [0.5, None], "note": "µ"}


def test_what_was_kept_comes_back(tmp_path: Path) -> None:
    artifacts = FolderArtifactStore(tmp_path)
    assert artifacts.load("vq-12ab") is None
    artifacts.save("vq-12ab", {"old": np.zeros(1)}, {})
    artifacts.save("vq-12ab", ARRAYS, META)
    arrays, meta = FolderArtifactStore(tmp_path).load("vq-12ab")
    assert meta == META
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)
    assert [p.name for p in (tmp_path / "generators").iterdir()] == ["vq-12ab.safetensors"]


@pytest.mark.parametrize("name", ["../x", "a/b", "", "a.b", "x" * 65])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    for act in (lambda k: k.load(name), lambda k: k.save(name, ARRAYS, META)):
        with pytest.raises(InputError, match="cannot name a file"):
            act(FolderArtifactStore(tmp_path))


@pytest.mark.parametrize("keep", [0, 40, -7])
def test_a_damaged_generator_names_file_and_remedy(tmp_path: Path, keep: int) -> None:
    artifacts = FolderArtifactStore(tmp_path)
    artifacts.save("g", ARRAYS, META)
    path = tmp_path / "generators" / "g.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"g\.safetensors' is damaged.*delete it"):
        artifacts.load("g")


def test_a_project_opened_for_reading_keeps_nothing_new(tmp_path: Path) -> None:
    folder = tmp_path / "p.synthseg"
    store = ProjectStore.create(folder)
    artifacts = FolderArtifactStore(folder)
    artifacts.save("g", ARRAYS, META)
    store.close()  # now nobody holds the right to write
    artifacts.save("g", ARRAYS, {"changed": True})
    artifacts.save("other", ARRAYS, META)
    assert artifacts.load("g")[1] == META
    assert artifacts.load("other") is None


def test_a_store_knows_whether_it_holds_anything(tmp_path):
    store = FolderArtifactStore(tmp_path)
    assert store.is_empty
    store.save("a", {"x": np.zeros(2)}, {})
    assert not store.is_empty
    assert not FolderArtifactStore(tmp_path).is_empty
