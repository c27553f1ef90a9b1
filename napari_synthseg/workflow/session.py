"""The one place where a project changes: edits, undo, and the start and end of long work.

A `Session` holds the current `Project`, replaces it, and says what changed. Each method that takes
long takes a snapshot and returns a `Job`: its `result()` does the work here and now; who starts it
in a thread hands it back to `record` on the thread where edits are made. Nothing here knows of Qt,
napari or torch.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_synthseg.core.annotations import Click, ImageRef, MaskTruth, MendedOutline, new_id
from napari_synthseg.core.errors import InputError, ReadOnlyError
from napari_synthseg.core.geometry import Mask, Region
from napari_synthseg.core.labels import DualImage, PixelLabels
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.predictions import HeatMaps, Prediction, at_score
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.project import Project
from napari_synthseg.core.recipe import Recipe
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.scores import Scores
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.io.images.stacks import StackUse
from napari_synthseg.realism.figure import Comparison
from napari_synthseg.storage import arrays, runs
from napari_synthseg.storage.artifacts import FolderArtifactStore
from napari_synthseg.storage.images import SeriesChoice
from napari_synthseg.storage.predictions import remove_strays
from napari_synthseg.storage.project_store import ProjectStore
from napari_synthseg.storage.uris import named_files
from napari_synthseg.workflow import (
    choosing,
    cutting,
    evaluating,
    exporting,
    fitting,
    importing,
    importing_files,
    painting,
    predicting,
    training,
)
from napari_synthseg.workflow.exporting import ExportKind
from napari_synthseg.workflow.exporting.exported import Exported
from napari_synthseg.workflow.fitting import Fitted
from napari_synthseg.workflow.found.applying import Applied, apply_to_files
from napari_synthseg.workflow.found.heat_map_files import WrittenHeatMaps, write_heat_maps
from napari_synthseg.workflow.found.held_pixels import HeldPixels
from napari_synthseg.workflow.found.judging import Judge, make_judges
from napari_synthseg.workflow.found.measuring import ObjectTable, tabulate
from napari_synthseg.workflow.history import History
from napari_synthseg.workflow.images.adding import FileUse, add_files
from napari_synthseg.workflow.images.channels import choose_channels
from napari_synthseg.workflow.importing import ImageFields, Imported, MaskKind
from napari_synthseg.workflow.importing_files import ImportOptions
from napari_synthseg.workflow.jobs import Job, Outcome
from napari_synthseg.workflow.limits import Limits, limit_images
from napari_synthseg.workflow.outlining import mending
from napari_synthseg.workflow.outlining.live_outlines import LiveOutlines, Outlines
from napari_synthseg.workflow.painting import SavedRegions
from napari_synthseg.workflow.predicting import Magnification
from napari_synthseg.workflow.realism.comparing import DEFAULT_PAIRS, compare
from napari_synthseg.workflow.runs.live_view import LiveView
from napari_synthseg.workflow.runs.records import RunRecords
from napari_synthseg.workflow.suggesting import MOST_SHOWN, Suggestions, suggest

T = TypeVar("T")

logger = logging.getLogger(__name__)

CLOSING_LIMIT_S = 30.0
"""How long the end of a program waits for sessions that are closing."""

_closing: dict[Path, Job[None]] = {}
"""Folder -> the end of the last session on it in this program."""


class Session:
    """A project being worked on; as a context manager it is closed at the end.

    Attributes
    ----------
    project
        The current project; replace it with `edit`.
    library
        The patches cut last, or None; see `library_is_current`.
    suggestions
        Image id -> the objects that were suggested on it last.
    fitted
        What dual images were made with last, or None; see `synthesizer_is_current`.
    artifacts
        Keeps what recipes learn: the project folder, unless another store is put in its place.
    history
        Says what `undo` would take back and `redo` would do again.
    found
        Id of a run -> id of an image of the project -> what the run found on it last, since the
        project was opened, or before it where `recall` was asked for that. Pixels that would fill
        the memory lie in temporary files.
    """

    changed = Signal(Project, Project)
    """Emitted after each change with (new, old), on the thread that made it."""

    library_changed = Signal()
    """Emitted when patches were cut, or verdicts changed which of them may be used."""

    suggestions_changed = Signal()
    """Emitted when objects were suggested on an image."""

    def __init__(self, store: ProjectStore) -> None:
        self.store = store
        self.project: Project = store.load()
        self.library: PatchLibrary | None = None
        self._cut_from: Project | None = None
        self.artifacts = FolderArtifactStore(store.folder)
        self.suggestions: dict[str, Suggestions] = {}
        self.fitted: Fitted | None = None
        self.history = History()
        self._outlines = LiveOutlines(store.folder)
        self.found: dict[str, dict[str, Prediction]] = {}
        self._pixels = HeldPixels(store.folder)
        self._merges: dict[Job[Any], Callable[[Outcome[Any]], None]] = {}
        self._keeping: set[Job[Any]] = set()
        self._writing: set[Job[None]] = set()
        self._copying: Job[Session] | None = None
        self._painted: set[str] = set()
        self._records = RunRecords(store.folder)
        self._end: Job[None] | None = None
        self._closer: threading.Thread | None = None

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
    def open(cls, folder: Path, *, reading: bool = False) -> Job[Session]:
        """Open the project in `folder`; read-only where another program has it open.

        With `reading` it is read-only in any case, and other programs can write it meanwhile.

        The job waits for the end of earlier work on it in this program. It fails with an
        `InputError` if there is no project, or it is damaged, or from a newer version.
        """
        folder = Path(folder)

        def work() -> Generator[Progress, None, Session]:
            yield Progress(0.0, f"opening {folder.name}")
            before = _closing.get(folder.resolve())
            while before is not None and not before.join(0.2):
                yield Progress(0.0, f"waiting for the end of earlier work in {folder.name}")
            return cls(ProjectStore.open(folder, reading=reading))

        return Job(work(), f"open {folder.name}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close().result()

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
        """Replace the project; `what` names the edit in the undo button ("move click").

        Raises
        ------
        ReadOnlyError
            If the project is open for reading only.
        InputError
            If the session is closed.
        """
        if new is self.project:
            return
        self._replace(new, what)

    def undo(self) -> None:
        """Take back the last edit; trained runs stay, with the names and least scores they had."""
        self._go_to(self.history.take_back(self.project))

    def redo(self) -> None:
        """Do again what was taken back last."""
        self._go_to(self.history.do_again(self.project))

    def _go_to(self, state: Project | None) -> None:
        if state is not None:
            now = self.project
            there = self._records.runs_as_of(state, now)
            self._replace_runs(state.model_copy(update={"runs": there}))

    # --- runs --------------------------------------------------------------------------------

    def rename_run(self, run: TrainingRun, name: str) -> None:
        """Give a run another name; can be undone.

        Raises
        ------
        InputError
            If the name is empty, another run has it, or the run is being trained.
        """
        self._require_at_rest(run)
        new = self.project.with_run_renamed(run.id, name)
        if new.run(run.id).name != run.name:
            self._replace_runs(new, f"rename {run.name}")

    def delete_run(self, run: TrainingRun) -> None:
        """Delete a run; can be undone until the session is closed, which removes its files.

        Raises
        ------
        InputError
            If it is being trained.
        """
        self._require_at_rest(run)
        self._replace_runs(self.project.without_run(run.id), f"delete {run.name}")

    def _replace_runs(self, new: Project, what: str | None = None) -> None:
        """Replace the project by one with other records of runs, and write these, too."""
        before = self.project
        if new is not before:
            self._replace(new, what)
            self._write_run_records(before)

    def _require_at_rest(self, run: TrainingRun) -> None:
        if any(job.subject == run.id and job.is_running for job in self.jobs):
            raise InputError(f"'{run.name}' is being trained: stop it first, or wait for its end.")

    def _write_run_records(self, before: Project) -> None:
        """Bring the folders of runs in line with what was edited, in the background."""
        self._let_go_of_written()
        work = self._records.follow(before, self.project, lambda: self.project)
        if work is not None:
            job = self._job(work, "keep the records of runs", keep=True)
            self._writing.add(job)
            job.finished.connect(self._on_records_written)
            if self._is_closing:  # in its thread: the folder is ours until that ends
                job.run()
            else:
                job.start()

    def _on_records_written(self, outcome: Outcome[None]) -> None:
        if outcome.error is not None:
            self.store.failed.emit(str(outcome.error))

    def _let_go_of_written(self) -> None:
        """Forget the work on records of runs that has ended: nothing of it is to be taken over."""
        for job in tuple(self._writing):
            if job.outcome is not None:
                self._writing.discard(job)
                self.record(job)

    def _require_writable(self) -> None:
        if self.read_only:
            raise ReadOnlyError(
                f"The project '{self.folder.name}' is open for reading only, so nothing was "
                f"changed. {self.store.notice}"
            )

    def _replace(self, new: Project, what: str | None = None) -> None:
        """Replace the project, tell so, and remember the state before if it is an edit (`what`)."""
        self._require_writable()
        if (closing := self._is_closing) and threading.current_thread() is not self._closer:
            raise InputError(
                f"The project '{self.folder.name}' is closed: open it again to edit it."
            )
        old, self.project = self.project, new
        self.store.write(new)
        if what is not None:  # before anybody is told, who would ask what can be taken back
            self.history.add(what, old)
        if closing:
            return  # told at once where closing fails, else to nobody
        if self.library is not None and new.verdicts is not old.verdicts:
            self.library = self.library.with_verdicts(new.rejected(), new.accepted())
            self.library_changed.emit()
        self.changed.emit(new, old)

    # --- images and labels: each returns a job that is not started yet -------------------------

    def add_images(
        self,
        source: Path | NDArray[Any],
        stack: StackUse = "auto",
        *,
        axes: str = "",
        plane: Mapping[str, int] | None = None,
        series: SeriesChoice = None,
        name: str = "",
        **fields: Unpack[ImageFields],
    ) -> Job[Imported]:
        """Add the images that a file holds, or copy pixels that have no file into the project.

        The job's message says what of a file is not kept or guessed.

        Parameters
        ----------
        source
            A file, a folder of planes, or pixels.
        stack
            Whether a stack over z is a volume; "auto" leaves that of pixels one.
        axes
            A letter of "tczyx" for each axis: of pixels in this order, of a file where it does not
            say, or says it wrong.
        plane
            Of a file, the only plane that is taken, as ``{"t": 3}``; None for all.
        series
            Of a file with several images, the number of the one that is taken, or "all".
        name
            What an image of pixels is called.
        **fields
            Fields of each new `ImageRef`.

        Raises
        ------
        InputError
            If it is neither a path nor an array; the job, if it cannot be read as an image.
        """
        if isinstance(source, (str, Path)):
            path = Path(source)
            work = importing.read_images(
                path, self.folder, fields, stack, axes or None, plane, series, self.project.images
            )
            return self._importing(work, f"add {path.name}")
        if not hasattr(source, "shape"):
            raise InputError(
                f"Images are added from a path or an array, not from a {type(source).__name__}. "
                "Add several files one by one."
            )
        known = self.project.images
        work = importing.copy_image(source, axes, name, self.folder, fields, known, stack)
        return self._importing(work, f"add {name}")

    def add_files(self, uses: Sequence[FileUse]) -> Job[Imported]:
        """Add the images of many files in one edit; what cannot be read is told and left out."""
        work = add_files(uses, self.folder, self.project.images)
        what = f"add {uses[0].path.name}" if len(uses) == 1 else f"add {len(uses)} images"
        return self._importing(work, what)

    def import_labels(
        self,
        image: ImageRef,
        source: Path | PixelLabels,
        kind: MaskKind = "instance",
        cls: int | None = None,
        *,
        split: bool = False,
        by_clicks: bool = False,
    ) -> Job[Imported]:
        """Add masks of an image, from a label-image file or from memory.

        Labels from memory have the shape of the image or of its region. "instance" and "semantic"
        masks are ground truth; the values of semantic ones are those of classes. By "patch_masks"
        patches are cut; objects without a click get one. An object is of the class that the masks
        or the objects.csv beside them name, else of class `cls`. If that is None, it is of the one
        class of which clicks are in it, else of the first one; with `by_clicks`, clicks of classes
        of about that size come before `cls`, too. With `split`, each connected piece of a value is
        an object.
        """
        work = importing.read_masks(
            image, source, kind, self.project, self.folder, cls, split=split, by_clicks=by_clicks
        )
        return self._importing(work, f"add masks of {image.name}")

    def import_file(
        self,
        path: Path,
        options: ImportOptions = ImportOptions(),  # noqa: B008 - frozen
        masks: MaskKind | None = None,
    ) -> Job[Imported]:
        """Take over the clicks, boxes, outlines or image labels of a file; all of it, or nothing.

        With `masks`, `path` is a folder of label images of that kind, named as the images.
        """
        path, name = Path(path), Path(path).name
        if masks is None:
            work = importing_files.import_file(path, self.project, self.folder, options)
        else:
            work = importing_files.import_masks(path, masks, self.project, self.folder, options)
        return self._importing(work, f"import {name}")

    def import_outlines(
        self,
        path: Path,
        masks: MaskKind,
        options: ImportOptions = ImportOptions(),  # noqa: B008 - frozen
    ) -> Job[Imported]:
        """Make masks of the outlines of a file, or of all files of one format in a folder.

        `import_file` makes true masks of outlines, but boxes of what may be read as boxes, too.
        """
        path = Path(path)
        work = importing_files.import_file(path, self.project, self.folder, options, masks)
        return self._importing(work, f"import {path.name}")

    def limit_images(self, limits: Limits) -> Job[Imported]:
        """Say which parts of images count; one edit, or nothing."""
        work = limit_images(self.project, self.folder, limits)
        return self._importing(work, "set what counts")

    def choose_channels(
        self, channels: Sequence[int] | None, images: Sequence[ImageRef] = ()
    ) -> Job[Imported]:
        """Use only these channels of images, by their numbers from 0; one edit, or nothing.

        None uses all. Without `images` it holds for all that have several channels, but not for
        RGB. Runs that were trained before go on seeing the channels that they learned from.
        """
        chosen = None if channels is None else tuple(channels)
        work = choose_channels(self.project, self.folder, chosen, images)
        return self._importing(work, "choose channels")

    def relink(self, image: ImageRef, path: Path) -> Job[Imported]:
        """Set the file of an image whose file was moved. The job's images are all that changed.

        Images of the same file go with it, and so do missing ones whose files are next to `path`.
        """
        work = importing.relink_images(image, Path(path), self.project.images, self.folder)
        return self._importing(work, f"relink {image.name}")

    def paint(
        self, refs: Sequence[ImageRef], values: NDArray[np.uint8], rest_unknown: bool = False
    ) -> Job[SavedRegions]:
        """Save the regions painted on the parts `refs` of one image, in place of those before.

        Closing waits for this job rather than cancelling it.

        Parameters
        ----------
        refs
            Images with a region in the whole image, or the one without.
        values
            Class values, 0 where nothing is painted, 255 for painted background; shape ([z,] y, x)
            of the whole image. Copied first, in the job. Other values are saved as not painted.
        rest_unknown
            Whether what is not painted is unknown, rather than background.
        """

        def take(made: SavedRegions) -> None:
            self._painted.update(truth.source for truth in made.truths)
            self.edit(painting.with_regions(self.project, refs, made.truths), "paint regions")

        classes = self.project.class_values
        work = painting.save_regions(refs, values, rest_unknown, classes, self.folder)
        return self._job(work, "save the regions", take, keep=True)

    # --- patches, dual images, models: each returns a job that is not started yet ----------------

    def prepare_outlines(self, refs: Sequence[ImageRef]) -> Job[None]:
        """Load the click network and open images, so that the first click does not wait."""
        return Job(self._outlines.prepare(refs), "get ready to outline objects")

    def outline_clicks(
        self, refs: Sequence[ImageRef], around: Region | None = None, *, thorough: bool = False
    ) -> Job[Outlines]:
        """Outline the objects under the clicks on images; quick where most are outlined already.

        The job changes nothing and need not be recorded; a new one may start while one ends. It
        yields `OutlineProgress`, too. The arguments are those of `LiveOutlines.update`.
        """
        work = self._outlines.update(self.project, refs, around, thorough=thorough)
        return Job(work, "outline the objects under the clicks")

    def resize_outline(self, click: Click, steps: int) -> Job[MendedOutline]:
        """Move the outline of an object outwards, or inwards where `steps` is negative; one edit.

        The job fails with an `InputError` where nothing would be left.
        """
        project, name = self.project, "enlarge outline" if steps > 0 else "shrink outline"
        ref = project.image(click.image)
        mending.check_flat(click)

        def work() -> Generator[Progress, None, MendedOutline]:
            yield Progress(0.0, name)
            outline = yield from self._outlines.find(project, ref, click)
            return mending.resized(outline, steps, ref.spacing)

        self._require_writable()
        return self._job(work(), name, lambda made: self._mend(click, made, name))

    def paint_outline(self, click: Click, mask: Mask, origin: Sequence[int]) -> None:
        """Take a painted mask, whose first pixel lies at `origin`, for the outline of an object.

        Raises
        ------
        InputError
            If the mask is empty, or the click lies in a volume.
        """
        mending.check_flat(click)
        self._mend(click, mending.painted(mask, origin), "paint outline")

    def find_outline_again(self, click: Click) -> None:
        """Take back all that was mended of an outline; one edit."""
        self._mend(click, None, "find outline again")

    def _mend(self, click: Click, outline: MendedOutline | None, what: str) -> None:
        now = next((c for c in self.project.clicks if c.id == click.id), None)
        if now is not None and now.mended != outline:
            mended = now.model_copy(update={"mended": outline})
            self.edit(self.project.with_clicks(mended), what)

    @property
    def library_is_current(self) -> bool:
        """Whether `library` was cut from the images, classes and clicks of now."""
        cut = self._cut_from if self.library is not None else None
        return cut is not None and cutting.cut_alike(cut, self.project)

    @property
    def synthesizer_is_current(self) -> bool:
        """Whether dual images were made with the recipe, and the patches or masks, of now."""
        recipe = choosing.suitable_recipe(self.project)
        working = choosing.working_diameter(self.project.train_spec)
        return self.fitted is not None and self.fitted.is_current(
            self.project, recipe, self._current_library(), working
        )

    @property
    def suitable_spec(self) -> TrainSpec:
        """The training settings that the user chose, and what suits the marks for the others."""
        return choosing.suitable_spec(self.project, self.synthesizer_is_current)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What the user should know before training, sentences without a point."""
        return choosing.cautions(self.project, self.suitable_spec, self._current_library())

    def _current_library(self) -> PatchLibrary | None:
        return self.library if self.library_is_current else None

    def cut_patches(self) -> Job[PatchLibrary]:
        """Cut, mask and grade the patches of all clicks."""
        project = self.project
        work = cutting.cut(project, self.folder)
        return self._job(work, "cut patches", lambda made: self._adopt_library(made, project))

    def synthesize(
        self, count: int, start: int = 0, run: TrainingRun | None = None
    ) -> Job[list[DualImage]]:
        """Make pairs ``start ... start + count - 1``, of the project's recipe or of a run's record.

        What the recipe learns from is read or cut, and it is fitted, on the way.
        """
        project, fitted, library = self.project, self.fitted, self._current_library()
        if run is not None:
            remade = training.remake_pairs(project, self.folder, run, start, count, self.artifacts)
            return self._job(remade, f"make the dual images of {run.name}")

        def work() -> Generator[Progress, None, list[DualImage]]:
            nonlocal fitted
            fitted = yield from fitting.fit_recipe(
                project, self.folder, fitted, library, self.artifacts
            )
            return (yield from fitted.synthesizer.draw(range(start, start + count)))

        def take(pairs: list[DualImage]) -> None:
            made = fitted.library if fitted else None
            if made is not None and made is not self.library:
                self._adopt_library(made, project)
            self.fitted = fitted

        return self._job(work(), "make dual images", take)

    def compare_realism(
        self, count: int = DEFAULT_PAIRS, seed: int = 0, recipe: Recipe | None = None
    ) -> Job[Comparison]:
        """Compare the real images with `count` dual images; the project stays as it is.

        `recipe` defaults to the project's own. `seed` draws the windows that are compared.
        """
        project = self.project
        if recipe is not None:
            project = project.model_copy(update={"recipe": recipe})
        work = compare(
            project, self.folder, count, seed, self.fitted, self._current_library(), self.artifacts
        )
        return self._job(work, "compare with real images")

    def train(
        self,
        how: TrainSpec | TrainingRun | None = None,
        name: str = "",
        live: LiveView | None = None,
    ) -> Job[TrainingRun]:
        """Train a model. The job's subject is the run's id.

        Parameters
        ----------
        how
            The training; default: the project's own. A run that was cancelled or cut off goes on
            from its last checkpoint, by its own spec and recipe.
        name
            What a new run is called.
        live
            Says which part of an image is looked at through the model meanwhile; what it finds
            there is the `prediction` of the job's progress.

        Raises
        ------
        ReadOnlyError
            If the project is open for reading only.
        """
        self._require_writable()
        self._require_no_copying()
        if isinstance(how, TrainingRun):
            run = how.in_state("running")
        else:
            name = name or self.project.free_run_name()
            run = training.new_run(self.project, how or self.project.train_spec, new_id(), name)
            self._replace(self.project.with_run(run))

        def merge(outcome: Outcome[TrainingRun]) -> None:  # whatever its state
            ended = outcome.value
            if ended is None:  # ended before a model was there, or failed
                now = self.project.find_run(run.id) if run.model else None  # scored meanwhile
                ended = (now or run).in_state(outcome.state, outcome.traceback)
            else:
                self.found.pop(run.id, None)  # it is of other weights
            # the record that the training wrote itself may lack a score that was given meanwhile,
            # or be gone again where an older one was just being written
            self._replace_runs(self.project.with_run(ended))

        work = training.train(self.project, self.folder, run, self.artifacts, live)
        job = self._job(work, f"train {run.name}", subject=run.id)
        self._merges[job] = merge
        return job

    def predict(
        self,
        run: TrainingRun,
        refs: Sequence[ImageRef],
        adapt: bool = False,
        magnification: Magnification = None,
    ) -> Job[list[Prediction]]:
        """Predict whole images; the project stays as it is.

        With `adapt`, the network's batch norms are fitted to the run's training images first.
        `magnification` says how many times larger objects are than on these. Where an image differs
        from these, its prediction says so.
        """
        fit_to = self._images_to_fit(run, adapt, magnification)
        ours = frozenset(() if self.read_only else (i.id for i in self.project.images))
        work = predicting.predict(
            self.folder, run, tuple(refs), ours, fit_to, magnification, self._pixels.hold
        )

        before = self.project

        def take(found: list[Prediction]) -> None:
            new = self._that_still_hold(found, before)
            if new and not self._went_on(before.find_run(run.id)):
                self.found.setdefault(run.id, {}).update(new)

        return self._job(work, f"predict with {run.name}", take)

    def recall(self, run: TrainingRun) -> Job[list[Prediction]]:
        """Read what a run found on images before the project was opened, as far as it still holds.

        That is where model and image are as they were. What was found since stays. Files that are
        damaged are told in the notes of the job's last progress.
        """
        before, known = self.project, self.found.get(run.id, {})
        unknown = [ref for ref in before.images if ref.id not in known]

        def take(found: list[Prediction]) -> None:
            read = self._that_still_hold(found, before)
            if read and not self._went_on(before.find_run(run.id)):
                self.found[run.id] = read | self.found.get(run.id, {})

        work = predicting.recall(self.folder, run, unknown, self._pixels.hold)
        return self._job(work, f"read what {run.name} found", take)

    def _that_still_hold(
        self, found: Sequence[Prediction], before: Project
    ) -> dict[str, Prediction]:
        """Return what was found on images that models see by now as in an earlier state."""
        then = {ref.id: ref for ref in before.images}
        same = {
            ref.id
            for ref in self.project.images
            if ref.id not in then or predicting.is_seen_as(ref, then[ref.id])
        }
        return {one.image: one for one in found if one.image in same}

    def _went_on(self, before: TrainingRun | None) -> bool:
        """Tell whether a run has other weights by now than in an earlier record of it."""
        now = self.project.find_run(before.id) if before is not None else None
        return now is not None and before is not None and not now.is_trained_as(before)

    def _images_to_fit(
        self, run: TrainingRun, adapt: bool, magnification: Magnification
    ) -> tuple[ImageRef, ...] | None:
        """Refuse a run that cannot be applied so; return the images that it is fitted to first."""
        run.trained_model()
        predicting.check_magnification(run, magnification)
        return self.project.images_of(run) if adapt else None

    def set_least_score(self, run: TrainingRun, least: float | None) -> TrainingRun:
        """Choose the score from which on a run's objects count; None: as its model reports them.

        It holds for what is scored, measured and exported from now on; can be undone. Returns the
        run.

        Raises
        ------
        InputError
            If it is being trained.
        """
        self._require_at_rest(run)
        known = self.project.run(run.id)
        now = known.model_copy(update={"least_score": least})
        if now != known:
            self._replace_runs(self.project.with_run(now), "change least score")
        return now

    def judge(self, run: TrainingRun) -> Job[list[Judge]]:
        """Compare what a run found with what is true, object by object, where that is known."""
        found = tuple(self.found.get(run.id, {}).values())
        work = make_judges(self.project, self.folder, run.task, found)
        return self._job(work, f"compare {run.name} with the truth")

    def measure(self, run: TrainingRun, least: float | None = None) -> Job[ObjectTable]:
        """Measure the objects that a run found, those of a score of at least `least`."""
        refs = {ref.id: ref for ref in self.project.images}
        found = self.found.get(run.id, {})
        known = [(refs[i], at_score(p, least)) for i, p in found.items() if i in refs]
        return self._job(tabulate(known, self.folder), f"measure the objects of {run.name}")

    def apply(
        self,
        run: TrainingRun,
        images: Sequence[Path | ImageRef],
        out: Path,
        adapt: bool = False,
        magnification: Magnification = None,
        overwrite: bool = False,
    ) -> Job[Applied]:
        """Apply a model to images, image files, or all images in folders; write what is found.

        Each image is written as soon as it is predicted. What a cancelled job found so far stays,
        and is its value.
        """
        fit_to = self._images_to_fit(run, adapt, magnification)
        work = apply_to_files(
            self.project, self.folder, run, images, Path(out), fit_to, magnification, overwrite
        )
        return self._job(work, f"apply {run.name}")

    def suggest(
        self,
        ref: ImageRef,
        run: TrainingRun | None = None,
        part: Region | None = None,
        most: int = MOST_SHOWN,
    ) -> Job[Suggestions]:
        """Propose objects on an image that are not clicked yet; kept in `suggestions`.

        `workflow.suggesting.accept` and `reject` say what answers make of the project. The rest is
        as in `workflow.suggesting.suggest`.
        """
        if run is not None:
            run.trained_model()

        def take(found: Suggestions) -> None:
            self.suggestions = {**self.suggestions, found.image: found}
            self.suggestions_changed.emit()

        work = suggest(self.project, self.folder, ref, run, part, most)
        return self._job(work, f"suggest objects on {ref.name}", take)

    def explain(
        self,
        run: TrainingRun,
        refs: Sequence[ImageRef],
        method: str = "",
        layer: str = "",
        adapt: bool = False,
        magnification: Magnification = None,
    ) -> Job[list[HeatMaps]]:
        """Map where on images a model finds each class.

        `method` and `layer` default to what suits the network; the rest is as in `predict`.
        """
        fit_to = self._images_to_fit(run, adapt, magnification)
        work = predicting.explain(
            self.folder, run, tuple(refs), method, layer, fit_to, magnification
        )
        return self._job(work, f"explain {run.name}")

    def write_heat_maps(
        self,
        run: TrainingRun,
        refs: Sequence[ImageRef],
        out: Path,
        method: str = "",
        layer: str = "",
        adapt: bool = False,
        magnification: Magnification = None,
        overwrite: bool = False,
    ) -> Job[WrittenHeatMaps]:
        """Explain a model as `explain` does, and write each image's maps as soon as they are made.

        Files are called STEM__CLASS.tif, and hold float32.
        """
        fit_to = self._images_to_fit(run, adapt, magnification)
        work = write_heat_maps(
            self.folder, run, tuple(refs), self.project.class_names, Path(out), method, layer,
            fit_to, magnification, overwrite, named_files(self.project, self.folder, refs),
        )  # fmt: skip
        return self._job(work, f"explain {run.name}")

    def score(
        self, run: TrainingRun, found: Sequence[Prediction] | Sequence[HeatMaps]
    ) -> Job[Scores]:
        """Score predictions, or heat maps, against ground truth; recorded with the run.

        Where the run goes on meanwhile, they are of other weights, and not recorded.
        """
        before = self.project.find_run(run.id)

        def take(scores: Scores) -> None:
            now = self.project.find_run(run.id)
            if self.read_only or now is None or self._went_on(before):
                return
            others = (s for s in now.scores if (s.task, s.images) != (scores.task, scores.images))
            now = now.model_copy(update={"scores": (*others, scores)})
            self._replace_runs(self.project.with_run(now))

        work = evaluating.score(self.project, self.folder, run, found)
        return self._job(work, f"score {run.name}", take)

    def export(
        self,
        what: ExportKind,
        out: Path,
        *,
        format: str = "",
        run: TrainingRun | None = None,
        pairs: Sequence[DualImage] = (),
        images: Sequence[ImageRef] = (),
        adapt: bool = False,
        magnification: Magnification = None,
        overwrite: bool = False,
    ) -> Job[Exported]:
        """Write clicks, true boxes, dual images, a model, or the labels or objects of images.

        Parameters
        ----------
        what
            "clicks", "boxes", "pairs", "model", "labels", "objects" or "figure".
        out
            A file for tables and COCO, else a folder.
        format
            One of `export_formats`; default: the first.
        run
            Whose model is written, or is applied to find labels or objects; without one these are
            the true ones.
        pairs
            The dual images.
        images
            Of which labels or objects are written, whole images; default: all of the project.
        adapt, magnification
            As in `predict`, for what a run finds.
        overwrite
            Whether existing files may be replaced.
        """
        work = exporting.export(
            what, Path(out), self.project, self.folder,
            format=format, run=run, pairs=pairs, images=images, adapt=adapt,
            magnification=magnification, overwrite=overwrite,
        )  # fmt: skip
        return self._job(work, f"export {what}")

    def save_as(self, folder: Path) -> Job[Session]:
        """Copy the project into another folder. The job's value is a session on the copy.

        Regions that are being saved get there, and so do edits that are made before the job is
        recorded. Until then no other work can start.

        Raises
        ------
        InputError
            If other work is running: the copy would be without it.
        """
        folder = Path(folder)
        running = [job for job in self._merges.keys() - self._keeping if job.is_running]
        if running:
            raise InputError(
                f"Still busy: {running[0].name}. Wait for it, or cancel it; then save the project "
                "under another name."
            )
        copied = self.project

        def work() -> Generator[Progress, None, Session]:
            nonlocal copied
            yield from self._wait_for_kept()  # records of runs are files of the folder
            yield Progress(0.0, f"copying {self.folder.name}")
            copied = self.project
            copy = Session(self.store.save_as(folder))
            try:
                yield from self._wait_for_kept()
            except BaseException:
                copy.store.close()
                raise
            return copy

        def take(copy: Session) -> None:
            if self.project is not copied:
                copy._replace(self.store.copy_later(self.project, copy.store))

        self._copying = self._job(work(), f"save as {folder.name}", take)
        return self._copying

    def _wait_for_kept(self) -> Generator[Progress, None, None]:
        for job in tuple(self._keeping):
            while job.is_running and not job.join(0.2):
                yield Progress(0.5, f"waiting for the end of: {job.name}")

    @property
    def jobs(self) -> tuple[Job[Any], ...]:
        """The jobs that were made and are not recorded yet."""
        self._let_go_of_written()
        return tuple(self._merges)

    # --- the end of work -----------------------------------------------------------------------

    def record(self, job: Job[Any]) -> None:
        """Take over what an ended job made; call once, on the thread where edits are made."""
        merge = self._merges.pop(job, None)
        self._keeping.discard(job)
        if merge is not None and job.outcome is not None:
            merge(job.outcome)

    def _record_here(self, job: Job[Any]) -> None:
        """Take over what `Job.result` made; a script then finds all of it on disk."""
        self.record(job)
        for kept in tuple(self._keeping):
            kept.join()

    def close(self) -> Job[None]:
        """Cancel what runs and release the project; return the running job that does so, at once.

        That job waits for what still runs, keeps the results, and writes all. It fails with an
        `InputError` where not all could be written; the project then stays open: mend the cause
        and close again, or save it elsewhere. The program waits for it, see `wait_until_closed`.
        """
        if self._end is None or not self._is_closing:
            for job in self._merges.keys() - self._keeping:
                job.cancel(quickly=True)
            self._end = Job(self._closing_work(self.project), f"close {self.folder.name}")
            _closing[self.folder.resolve()] = self._end
            self._end.start()
        return self._end

    @property
    def _is_closing(self) -> bool:
        return self._end is not None and self._end.state != "failed"

    def _closing_work(self, then: Project) -> Generator[Progress, None, None]:
        self._closer = threading.current_thread()
        for job in self.jobs:
            yield Progress(0.0, f"waiting for the end of: {job.name}")
            if job.join() and not self.read_only:
                self.record(job)
        self._merges.clear()
        try:
            self.store.flush()
            if not self.read_only:
                kept = {t.source for t in self.project.truths if isinstance(t, MaskTruth)}
                for uri in self._painted - kept:
                    arrays.remove_array(uri, self.folder)  # only undo could have brought it back
                self._painted.clear()
                runs.remove_deleted(self.folder, {run.id for run in self.project.runs})
                remove_strays(self.folder, {ref.id for ref in self.project.images})
            self.store.close()
        except InputError as error:
            logger.error("%s", error)
            if self.project is not then:
                self.changed.emit(self.project, then)
            raise

    def _job(
        self,
        work: Generator[Any, None, T],
        name: str,
        take: Callable[[T], None] | None = None,
        *,
        subject: str = "",
        keep: bool = False,
    ) -> Job[T]:
        """Return a job whose value is handed to `take` when it is done, or was cancelled with one.

        Closing waits for it, rather than cancelling it, where it is to `keep`.
        """
        if not keep:
            self._require_no_copying()

        def merge(outcome: Outcome[T]) -> None:
            if take is not None and outcome.state != "failed" and outcome.value is not None:
                take(outcome.value)

        job = Job(work, name, subject, self._record_here)
        self._merges[job] = merge
        if keep:
            self._keeping.add(job)
        return job

    def _require_no_copying(self) -> None:
        if self._copying is not None and self._copying.is_running:
            raise InputError(f"Still busy: {self._copying.name}. Wait for its end, then try again.")

    def _importing(self, work: Generator[Progress, None, Imported], what: str) -> Job[Imported]:
        self._require_writable()  # before anything is written into the folder
        before = self.project

        def take(made: Imported) -> None:
            self.edit(made.added_to(self.project, before), what)

        return self._job(work, what, take)

    def _adopt_library(self, library: PatchLibrary, cut_from: Project) -> None:
        self.library = library.with_verdicts(self.project.rejected(), self.project.accepted())
        self._cut_from = cut_from
        self.library_changed.emit()


def wait_until_closed(limit_s: float = CLOSING_LIMIT_S) -> None:
    """Wait for the end of all sessions that are closing, `limit_s` seconds at most.

    This is for the end of a program, where it is called at the latest. What has not ended by then
    is named in the log and left.
    """
    end = time.monotonic() + limit_s
    for job in tuple(_closing.values()):
        if not job.join(max(0.0, end - time.monotonic())):
            logger.warning(
                "Left after %.0f s without waiting for the end of: %s. Its work goes on from the "
                "last checkpoint when the project is opened again.", limit_s, job.name,
            )  # fmt: skip
    _closing.clear()


call_at_end: Callable[[Callable[[], object]], Any] = getattr(
    threading, "_register_atexit", atexit.register
)
"""Has a function called at the end of the program, the one that was added last first. Before the
functions of atexit are called executors stop, which the writer and zarr cannot do without."""

call_at_end(wait_until_closed)
