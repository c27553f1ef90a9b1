"""What `import napari_synthseg` gives, and how little it loads."""

import subprocess
import sys

import pytest

import napari_synthseg
from napari_synthseg.workflow.session import Session


def test_all_public_names_are_there():
    assert napari_synthseg.Session is Session
    for name in napari_synthseg.__all__:
        assert getattr(napari_synthseg, name).__name__ == name
    assert set(napari_synthseg.__all__) <= set(dir(napari_synthseg))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = napari_synthseg.nothing


def test_a_project_is_opened_and_closed(tmp_path):
    folder = tmp_path / "p.synthseg"
    with Session.create(folder):
        pass
    with napari_synthseg.open_project(str(folder)) as session:
        assert not session.read_only
    with napari_synthseg.open_project(folder) as session:
        assert not session.read_only


def test_the_names_are_loaded_when_they_are_used():
    code = (
        "import sys, napari_synthseg; "
        "assert not [m for m in sys.modules if m.startswith('napari_synthseg.')]; "
        "assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
