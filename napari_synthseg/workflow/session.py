"""The one place where a project changes: edits, undo, and the start and end of long work.

A `Session` holds the current `Project`, replaces it, and says what changed. Each method that
takes long takes a snapshot, returns a `Job`, and leaves it to the caller to start the job and to
hand its outcome back to `record` on the thread where edits are made. Nothing here knows of Qt,
napari or torch.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from psygnal import Signal

from napari_synthseg.core.annotations import Click, ImageRef, Truth, new_id
from napari_synthseg.core.errors import ReadOnlyError
from napari_synthseg.core.labels import DualImage, Labels
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.pixels import PixelSource
from napari_synthseg.core.predictions import HeatMaps, Prediction
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import ArtifactStore
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.scores import Scores
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.io.images.stacks import StackUse
from napari_synthseg.storage import images, truths
from napari_synthseg.storage.artifacts import FolderArtifactStore
from napari_synthseg.storage.project_store import ProjectStore
from napari_synthseg.synthesis import default_recipe
from napari_synthseg.workflow import cutting, evaluating, fitting, importing, predicting, training
from napari_synthseg.workflow.fitting import Fitted
from napari_synthseg.workflow.history import History
from napari_synthseg.workflow.importing import MaskKind
from napari_synthseg.workflow.jobs import Job, Outcome


class Session:
    """A project being worked on.

    Attributes
    ----------
    project
        The current project; replace it with `edit`.
    library
        The patches cut last, or None; see `library_is_current`.
    fitted
        What dual images were made with last, or None; see `synthesizer_is_current`.
    keeper
        Keeps what recipes learned; the project folder, unless another is put in its place.
    """

    changed = Signal(Project, Project)
    """Emitted after each change with (new, old), on the thread that made it."""

    library_changed = Signal()
    """Emitted when patches were cut, or verdicts changed which of them may be used."""

    def __init__(self, store: ProjectStore) -> None:
        self.store = store
        self.project: Project = store.load()
        self.library: PatchLibrary | None = None
        self._cut_from: Project | None = None
        self.artifacts: ArtifactStore = FolderArtifactStore(store.folder)
        self.fitted: Fitted | None = None
        self._history = History()
        self._merges: dict[Job, Callable[[Outcome], None]] = {}

    @classmethod
    def create(cls, folder: Path) -> Session:
        """Start a new project in `folder`, which is made if missing.

        Raises
        ------
        InputError
            If the folder already holds a project or cannot be written.
        """
        return cls(ProjectStore.create(Path(folder)))

    @classmethod
    def open(cls, folder: Path) -> Session:
        """Open the project in `folder`; read-only where another program has it open.

        Raises
        ------
        InputError
            If there is no project, or it is damaged, or from a newer version.
        """
        return cls(ProjectStore.open(Path(folder)))

    @property
    def folder(self) -> Path:
        """The project's folder."""
        return self.store.folder

    @property
    def read_only(self) -> bool:
        """Whether edits are refused, because another program has the project open."""
        return self.store.read_only

    # --- edits -------------------------------------------------------------------------------

    def edit(self, new: Project, what: str) -> None:
        """Replace the project; `what` names the edit in the undo button ("move click")."""
        if new is self.project:
            return
        self._history.add(what, self._replace(new))

    @property
    def undo_label(self) -> str | None:
        """What `undo` would take back, or None."""
        return self._history.undo_label

    @property
    def redo_label(self) -> str | None:
        """What `redo` would do again, or None."""
        return self._history.redo_label

    def undo(self) -> None:
        """Take back the last edit; training runs stay."""
        self._go_to(self._history.take_back(self.project))

    def redo(self) -> None:
        """Do again what was taken back last."""
        self._go_to(self._history.do_again(self.project))

    def _go_to(self, state: Project | None) -> None:
        if state is not None:
            self._replace(state.model_copy(update={"runs": self.project.runs}))

    def _replace(self, new: Project) -> Project:
        if self.read_only:
            raise ReadOnlyError(
                f"The project '{self.folder.name}' is open for reading only, so nothing was "
                "changed: close it in the other program, or save it under another name."
            )
        old, self.project = self.project, new
        self.store.write(new, old)
        if self.library is not None and new.verdicts is not old.verdicts:
            self.library = self.library.without(new.rejected(), new.accepted())
            self.library_changed.emit()
        self.changed.emit(new, old)
        return old

    # --- images and truth --------------------------------------------------------------------

    def read_file(self, path: Path, stack: StackUse = "auto", **fields: Any) -> Job:
        """Read what a file holds, and add its images; `fields` override those of each `ImageRef`.

        `stack` says whether a stack over z is a volume. The job's value is a tuple of `ImageRef`.
        """
        path = Path(path)

        def take(refs: tuple[ImageRef, ...]) -> None:
            self.edit(self.project.with_images(*refs), f"add {path.name}")

        work = importing.read_images(path, self.folder, fields, stack)
        return self._job(work, f"read {path.name}", take)

    def add_file(self, path: Path, stack: StackUse = "auto", **fields: Any) -> tuple[ImageRef, ...]:
        """Do what `read_file` does, here and now."""
        refs: tuple[ImageRef, ...] = self.complete(self.read_file(path, stack, **fields))
        return refs

    def relink(self, image: ImageRef, path: Path) -> Job:
        """Lead an image to the file where its pixels are now. Value: all images led elsewhere.

        Images of the same file go with it, and so do missing ones whose files lie beside `path`.
        """
        path = Path(path)

        def take(refs: tuple[ImageRef, ...]) -> None:
            self.edit(self.project.with_images(*refs), f"relink {image.name}")

        work = importing.relink_images(image, path, self.project.images, self.folder)
        return self._job(work, f"relink {image.name}", take)

    def find_missing(self) -> Job:
        """Look which images' files are not where the project says. Value: their refs."""
        return self._job(importing.find_missing(self.project, self.folder), "look for images")

    def copy_array(self, array: NDArray[Any], axes: str, name: str, **fields: Any) -> Job:
        """Copy pixels that have no file into the project, and add them.

        The job's value is the `ImageRef`. `axes` gives the array's axes, from "tczyx".
        """

        def take(ref: ImageRef) -> None:
            self.edit(self.project.with_images(ref), f"add {name}")

        work = importing.copy_image(array, axes, name, self.folder, fields)
        return self._job(work, f"copy {name}", take)

    def add_array(self, array: NDArray[Any], axes: str, name: str, **fields: Any) -> ImageRef:
        """Do what `copy_array` does, here and now."""
        ref: ImageRef = self.complete(self.copy_array(array, axes, name, **fields))
        return ref

    def add_truth(
        self, image: ImageRef, source: Path | Labels, kind: MaskKind = "instance"
    ) -> Truth:
        """Add true masks for an image, from a label-image file or from memory.

        Labels from memory have the shape of the image or of its region. The values of masks of the
        kind "semantic" are those of classes.
        """
        truth = importing.make_truth(image, source, kind, self.project, self.folder)
        self.edit(self.project.with_truths(truth), f"add true masks of {image.name}")
        return truth

    def give_masks(self, image: ImageRef, source: Path | Labels, cls: int) -> Job:
        """Let patches of an image be cut by the user's own masks. Value: (`Truth`, new clicks).

        Objects without a click get one, of the class that the masks name, else of class `cls`.
        """

        def take(value: tuple[Truth, tuple[Click, ...]]) -> None:
            masks, clicks = value
            new = self.project.with_truths(masks).with_clicks(*clicks)
            self.edit(new, f"take masks for {image.name}")

        work = importing.read_patch_masks(image, source, self.project, self.folder, cls)
        return self._job(work, f"take masks for {image.name}", take)

    def add_patch_masks(self, image: ImageRef, source: Path | Labels, cls: int = 1) -> int:
        """Do what `give_masks` does, here and now; return the number of new clicks."""
        return len(self.complete(self.give_masks(image, source, cls))[1])

    def pixels(self, image: ImageRef) -> PixelSource:
        """Open an image's pixels for reading by region."""
        return images.open_pixels(image, self.folder)

    def truth(self, image: ImageRef) -> Labels | None:
        """Return an image's true masks inside its region, of objects or else of regions."""
        truth = self.project.truth_of(image, "instance", "semantic")
        return truths.open_labels(truth, image, self.folder) if truth else None

    # --- long work: each returns a job that is not started yet -----------------------------------

    @property
    def library_is_current(self) -> bool:
        """Whether `library` was cut from the images, classes and clicks of now."""
        cut = self._cut_from if self.library is not None else None
        return cut is not None and cutting.cut_alike(cut, self.project)

    @property
    def synthesizer_is_current(self) -> bool:
        """Whether dual images were made with the recipe, and the patches or masks, of now."""
        recipe = self.project.recipe or default_recipe()
        library = self.library if self.library_is_current else None
        return self.fitted is not None and self.fitted.is_current(self.project, recipe, library)

    def cut_patches(self) -> Job:
        """Cut, mask and grade the patches of all clicks. Value: `PatchLibrary`."""
        project = self.project
        work = cutting.cut(project, self.folder)
        return self._job(work, "cut patches", lambda made: self._adopt_library(made, project))

    def synthesize(self, count: int, start: int = 0) -> Job:
        """Make pairs ``start ... start + count - 1``. Value: list of `DualImage`.

        What the recipe learns from is read or cut, and it is fitted, on the way.
        """
        project, fitted = self.project, self.fitted
        library = self.library if self.library_is_current else None

        def work() -> Generator[Progress, None, list[DualImage]]:
            nonlocal fitted
            fitted = yield from fitting.prepare(
                project, self.folder, fitted, library, self.artifacts
            )
            return (yield from fitting.synthesize(fitted.synthesizer, start, count))

        def take(pairs: list[DualImage]) -> None:
            made = fitted.source if fitted else None
            if isinstance(made, PatchLibrary) and made is not self.library:
                self._adopt_library(made, project)
            self.fitted = fitted

        return self._job(work(), "make dual images", take)

    def remake_pairs(self, run: TrainingRun, count: int, start: int = 0) -> Job:
        """Make pairs that a run was trained on, from its record. Value: list of `DualImage`."""
        work = training.remake_pairs(self.project, self.folder, run, start, count, self.artifacts)
        return self._job(work, f"make the dual images of {run.name}")

    def train(self, spec: TrainSpec | None = None, name: str = "") -> Job:
        """Train a model. Subject: the run's id; yields `TrainStep`; value: `TrainingRun`."""
        project = self.project
        name = name or f"run {len(project.runs) + 1}"
        run = training.new_run(project, spec or project.train_spec, new_id(), name)
        self._replace(project.with_run(run))
        return self._training_job(run, project)

    def resume_training(self, run: TrainingRun) -> Job:
        """Go on with a run that was cancelled or cut off, from its last checkpoint."""
        run = run.model_copy(update={"state": "running", "error": ""})
        return self._training_job(run, self.project)

    def _training_job(self, run: TrainingRun, project: Project) -> Job:
        def merge(outcome: Outcome) -> None:  # whatever its state
            ended = outcome.value
            if ended is None:  # ended before a model was there, or failed
                ended = run.model_copy(update={"state": outcome.state, "error": outcome.traceback})
            self._replace(self.project.with_run(ended))

        work = training.train(project, self.folder, run, self.artifacts)
        job = Job(work, f"train {run.name}", run.id)
        self._merges[job] = merge
        return job

    def predict(self, run: TrainingRun, refs: Sequence[ImageRef], adapt: bool = False) -> Job:
        """Find the objects on images. Value: list of `Prediction`; the project stays as it is.

        With `adapt`, the network's batch norms are fitted to the run's training images first.
        """
        run.check_trained()
        ours = frozenset(() if self.read_only else (i.id for i in self.project.images))
        fit_to = self.project.images_of(run) if adapt else None
        work = predicting.predict(self.folder, run, tuple(refs), ours, fit_to)
        return self._job(work, f"predict with {run.name}")

    def explain(
        self,
        run: TrainingRun,
        refs: Sequence[ImageRef],
        method: str = "",
        layer: str = "",
        adapt: bool = False,
    ) -> Job:
        """Map where on images a model finds the evidence for each class. Value: list of `HeatMaps`.

        `method` and `layer` default to what suits the network; `adapt` as in `predict`.
        """
        run.check_trained()
        fit_to = self.project.images_of(run) if adapt else None
        work = predicting.explain(self.folder, run, tuple(refs), method, layer, fit_to)
        return self._job(work, f"explain {run.name}")

    def score(self, run: TrainingRun, found: Sequence[Prediction] | Sequence[HeatMaps]) -> Job:
        """Score predictions, or heat maps, against ground truth. Value: `Scores`, recorded too."""
        work = evaluating.score(self.project, self.folder, run, found)
        return self._job(work, f"score {run.name}", lambda made: self._add_scores(run.id, made))

    def save_as(self, folder: Path) -> Job:
        """Copy the project into another folder. Value: a `Session` on the copy."""

        def work() -> Generator[Progress, None, Session]:
            yield Progress(0.0, f"copying {self.folder.name}")
            return Session(self.store.save_as(Path(folder)))

        return self._job(work(), f"save as {Path(folder).name}")

    def record(self, job: Job, outcome: Outcome) -> None:
        """Take over what a finished job made; call once, on the thread where edits are made."""
        merge = self._merges.pop(job, None)
        if merge is not None:
            merge(outcome)

    def complete(self, job: Job) -> Any:
        """Run a job here, record it, and return its value; raise what made it fail."""
        outcome = job.run()
        self.record(job, outcome)
        if outcome.error is not None:
            raise outcome.error
        return outcome.value

    def close(self) -> None:
        """Cancel and join what still runs, keep its results, write all, release the project."""
        for job in tuple(self._merges):
            job.cancel()
            if job.join() and job.outcome is not None and not self.read_only:
                self.record(job, job.outcome)
        self._merges.clear()
        self.store.close()

    def _job(
        self,
        work: Generator[Any, None, Any],
        name: str,
        take: Callable[[Any], None] | None = None,
    ) -> Job:
        """Return a job whose value is handed to `take` when it is done."""

        def merge(outcome: Outcome) -> None:
            if take is not None and outcome.state == "done":
                take(outcome.value)

        job = Job(work, name)
        self._merges[job] = merge
        return job

    def _adopt_library(self, library: PatchLibrary, cut_from: Project) -> None:
        self.library = library.without(self.project.rejected(), self.project.accepted())
        self._cut_from = cut_from
        self.library_changed.emit()

    def _add_scores(self, run_id: str, scores: Scores) -> None:
        run = self.project.run(run_id)
        kept = tuple(s for s in run.scores if (s.task, s.images) != (scores.task, scores.images))
        self._replace(self.project.with_run(run.model_copy(update={"scores": (*kept, scores)})))
