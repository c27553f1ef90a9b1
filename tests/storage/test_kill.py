"""Whatever was acknowledged is there after the program was killed in the middle of its work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from napari_synthseg.core.annotations import Click, ImageRef, ObjectClass
from napari_synthseg.core.project import Project
from napari_synthseg.storage.project_store import ProjectStore

EDITS = 1000

CHILD = """
import sys, threading, time
from pathlib import Path
from napari_synthseg.storage import project_store
from tests.storage.test_kill import EDITS, START, edited

if sys.argv[2] == "network":
    project_store.is_local = lambda folder: False
store = project_store.ProjectStore.create(Path(sys.argv[1]))
store.saved.connect(lambda revision: print(revision, flush=True))
store.write(START)
project = START
for number in range(1, EDITS + 1):
    project = edited(project, number)
    store.write(project)
    time.sleep(0.001)
print("all was asked for", flush=True)
threading.Event().wait()
"""

START = Project(
    images=(ImageRef(id="a", uri="a.tif"),), classes=(ObjectClass(name="nucleus", value=1),)
)


def edited(project: Project, number: int) -> Project:
    """Return the project after edit `number`: a click added, or an older one moved."""
    if number % 3:
        return project.with_clicks(Click(id=f"c{number}", image="a", position=(number, 0), cls=1))
    earlier = project.clicks[number % len(project.clicks)]
    return project.with_clicks(earlier.model_copy(update={"position": (number, 1.0)}))


@pytest.mark.parametrize(("disk", "kill_at"), [("local", 40), ("local", 400), ("network", 150)])
def test_no_acknowledged_edit_is_lost(tmp_path: Path, disk: str, kill_at: int) -> None:
    folder = tmp_path / "p"
    child = subprocess.Popen(
        [sys.executable, "-u", "-c", CHILD, str(folder), disk],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    acknowledged = 0
    for line in child.stdout:
        acknowledged = int(line)
        if acknowledged >= kill_at:
            child.kill()  # SIGKILL: nothing of the child runs any more
            break
    rest = child.stdout.read().split()  # said before it died
    child.wait()
    child.stdout.close()
    acknowledged = max([acknowledged, *map(int, rest)])
    assert kill_at <= acknowledged <= EDITS, "killed in the middle"

    store = ProjectStore.open(folder)
    assert not store.read_only  # the lock died with its holder
    found = store.load()
    store.close()
    project, states = START, {1: START}
    for number in range(1, EDITS + 1):
        project = edited(project, number)
        states[number + 1] = project
    # the state after a whole number of edits, and none that was acknowledged is missing
    whole = [revision for revision, state in states.items() if state == found]
    assert len(whole) == 1
    assert whole[0] >= acknowledged
