"""The one place where a project changes: edits, undo, and the start and end of long work.

A `Session` holds the current `Project`, replaces it, and says what changed. Each method that
takes long takes a snapshot, returns a `Job`, and leaves it to the caller to start the job and to
hand its result back to `record` on the thread where edits are made. Nothing here knows of Qt,
napari or torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_synthseg.core.errors import InputError, ReadOnlyError
from napari_synthseg.core.outcome import Outcome
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.project import ImageRef, Project, Truth
from napari_synthseg.core.training import Prediction, TrainingRun, TrainSpec
from napari_synthseg.jobs import Job
from napari_synthseg.store.project_store import ProjectStore

if TYPE_CHECKING:
    from napari_synthseg.core.labels import Labels
    from napari_synthseg.core.pixels import PixelSource
    from napari_synthseg.core.recipe import Synthesizer
    from napari_synthseg.core.scores import Scores


class Session:
    """A project being worked on.

    Attributes
    ----------
    project
        The current project; replace it with `edit`.
    library
        The patches cut last, or None; `library_current` tells whether they still fit the clicks.
    synthesizer
        What the current recipe was fitted to last, or None.
    """

    changed = Signal(Project, Project)
    """Emitted after each change with (new, old), on the thread that made it."""

    library_changed = Signal()
    """Emitted when patches were cut, or verdicts changed what synthesis may use."""

    def __init__(self, store: ProjectStore) -> None: ...

    @classmethod
    def create(cls, folder: Path) -> Session:
        """Start a new project in `folder` (made if missing; must not hold a project)."""

    @classmethod
    def open(cls, folder: Path) -> Session:
        """Open the project in `folder`; read-only where another program has it open."""

    # folder: Path, read_only: bool, undo_label: str | None, redo_label: str | None  (properties)

    def edit(self, new: Project, what: str) -> None:
        """Replace the project by `new`; `what` names the edit for undo ("move click")."""

    def undo(self) -> None: ...
    def redo(self) -> None: ...

    def add_file(self, path: Path, **fields: object) -> tuple[ImageRef, ...]:
        """Add the image(s) in a file (one undo step); returns the refs."""

    def add_array(self, array, axes: str, name: str, **fields: object) -> ImageRef:
        """Copy pixels that have no file into the project and add them."""

    def add_truth(self, image: ImageRef, source: Path | Labels) -> Truth: ...

    def pixels(self, image: ImageRef) -> PixelSource: ...
    def truth(self, image: ImageRef) -> Labels | None: ...

    # jobs: not started yet; call job.start() (thread) or job.run() (here)
    def cut_patches(self) -> Job: ...  # value: PatchLibrary
    def synthesize(self, count: int, seed_offset: int = 0) -> Job: ...  # value: list[DualImage]
    def train(self, spec: TrainSpec, name: str = "") -> Job: ...  # subject: run id, yields TrainStep
    def predict(self, run: TrainingRun, images: Sequence[ImageRef]) -> Job: ...  # value: list[Prediction]
    def score(self, run: TrainingRun, predictions: Sequence[Prediction]) -> Job: ...  # value: Scores

    def record(self, job: Job, outcome: Outcome) -> None:
        """Take over what a finished job made (library, run, scores); call on the edit thread."""

    def close(self) -> None:
        """Cancel and join running jobs, flush and release the project."""
