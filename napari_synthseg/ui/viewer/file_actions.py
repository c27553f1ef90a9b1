"""How images, samples and projects come into the panel."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from napari.layers import Image, Layer, Points
from platformdirs import user_data_path
from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_synthseg import sample_data
from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.progress import Progress
from napari_synthseg.io.images.stacks import StackUse
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.leaving import may_leave
from napari_synthseg.ui.control.notices import tell
from napari_synthseg.ui.presenters.in_panel import in_panel
from napari_synthseg.ui.presenters.layer_axes import LayerAxes
from napari_synthseg.ui.viewer.adding.image_files import IMAGE_FILES, ImageFiles
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.viewer.placement import Placement
from napari_synthseg.ui.viewer.reading.layer_axes import (
    FileAxes,
    array_shape,
    labelled_axes,
    settled_axes,
)
from napari_synthseg.ui.viewer.reading.layer_source import LayerSource, find_source
from napari_synthseg.ui.viewer.reading.layer_view import (
    LayerView,
    finest_level,
    sample_name,
    source_file,
)
from napari_synthseg.ui.viewer.view import unwrapped
from napari_synthseg.workflow.importing import ImageFields, Imported, find_missing
from napari_synthseg.workflow.jobs import Job
from napari_synthseg.workflow.session import Session

if TYPE_CHECKING:
    from napari import Viewer


class FileActions:
    """Opens images, samples and projects in the background, asking for files where need be."""

    def __init__(
        self, viewer: Viewer, controller: SessionController, layers: Layers, parent: QWidget
    ) -> None:
        self._viewer = viewer
        self._controller = controller
        self._layers = layers
        self._parent = parent
        self.stack: StackUse = "auto"
        """How stacks along z are used that are opened from now on."""
        self.every_plane = False
        """Whether each time and plane of a layer becomes an image, not the shown one only."""
        self.images = ImageFiles(
            controller, parent, self._with_project, self._show, lambda: self.stack
        )
        self._said: WeakKeyDictionary[Layer, FileAxes] = WeakKeyDictionary()
        self._chosen: WeakKeyDictionary[Layer, str] = WeakKeyDictionary()

    # --- layers and files --------------------------------------------------------------------

    def find_layer(self) -> Image | None:
        """Return the selected image layer, else the first one, else None; none of ours."""
        active = unwrapped(self._viewer.layers.selection.active)
        for layer in (active, *(unwrapped(layer) for layer in self._viewer.layers)):
            if isinstance(layer, Image) and not self._layers.owns(layer):
                return layer
        return None

    def free_layers(self) -> list[Image]:
        """Return the viewer's image layers that are not in use here."""
        every = (unwrapped(layer) for layer in self._viewer.layers)
        return [x for x in every if isinstance(x, Image) and not self._layers.owns(x)]

    def select(self, layer: Layer) -> None:
        """Make a layer the selected one."""
        self._viewer.layers.selection.active = layer

    def is_clear(self, layer: Image) -> bool:
        """Return whether a layer may be used in one way only."""
        axes = self.axes_of(layer)
        return not axes.is_guess and all(axes.size(axis) == 1 for axis in "tz")

    def axes_of(self, layer: Image) -> LayerAxes:
        """Return what a layer's axes stand for, as far as it is known by now."""
        chosen = self._chosen.get(layer, "")
        return settled_axes(labelled_axes(layer), self._said.get(layer), chosen)

    def choose_axes(self, layer: Image, letters: str) -> None:
        """Use a layer's axes as the user says."""
        self._chosen[layer] = letters

    def read_axes(self, layer: Image, then: Callable[[], object]) -> None:
        """Find out in the background what a layer's file says of its axes; then call `then`."""
        path, shape, rgb = source_file(layer), array_shape(layer), layer.rgb
        known = self._said.get(layer)
        if path is None or (known is not None and known.shape == shape):
            return
        self._said[layer] = FileAxes(shape)

        def show(found: FileAxes) -> None:
            self._said[layer] = found
            then()

        work = partial(FileAxes.read, path, shape, rgb=rgb)
        self._controller.compute(f"look at {path.name}", work, show)

    def use_layer(self, layer: Image) -> None:
        """Add the image of a layer to the project: its file, or its own pixels.

        That of a sample starts a project of its own, with its clicks, where none has images yet.

        Raises
        ------
        InputError
            If it shows an unknown sample.
        """
        name = sample_name(layer)
        if name and not self._controller.project.images:
            self.open_sample(name)
            return
        view = LayerView.of(layer, self._viewer.dims.point)
        labelled, chosen = labelled_axes(layer), self._chosen.get(layer, "")
        stack, every_plane = self.stack, self.every_plane

        def look() -> Generator[Progress, None, LayerSource]:
            yield Progress(0.0, f"looking at {view.name}")
            said = None
            if view.file is not None:
                said = FileAxes.read(view.file, view.shape, rgb=view.rgb)
            axes = settled_axes(labelled, said, chosen)
            return (yield from find_source(view, axes, stack, every_plane=every_plane))

        job = Job(look(), f"look at {view.name}")
        self._controller.run(job, lambda found: self._use(found, view, layer))

    def _use(self, found: LayerSource, view: LayerView, layer: Image) -> None:
        size: ImageFields = {}
        if found.pixel_size is not None:
            size = {"pixel_size": found.pixel_size, "unit": found.unit}
        if found.note:
            tell(found.note)

        def show(refs: Sequence[ImageRef]) -> None:
            unchanged = layer in self._viewer.layers and finest_level(layer) is view.array
            if found.is_shown and unchanged and len(refs) == 1:
                self._layers.adopt(layer, refs)
            else:
                self._show(refs, Placement.of(layer, refs[0].ndim) if found.is_aligned else None)

        self._add_images(
            lambda session: session.add_images(
                found.source,
                found.stack,
                axes=found.axes or "",
                plane=found.plane,
                name=found.name,
                **size,
            ),
            show,
        )

    def open_file(self, path: Path) -> None:
        """Add an image file to the project and show it."""
        self.images.add([path])

    def _with_project(self, then: Callable[[], object]) -> None:
        """Call `then` once there is a project with a class: the one that is shown, or a new one."""

        def go_on() -> None:
            self._require_class()
            then()

        if self._controller.session is not None:
            go_on()
            return

        def show(session: Session) -> None:
            self._controller.show(session)
            go_on()

        start = Job.of("start a project", lambda: Session.create(scratch_folder()))
        self._controller.run(start, show)

    def _require_class(self) -> None:
        """Give a project without a class a first one, so that there is something to click."""
        project, session = self._controller.project, self._controller.session
        if not project.classes and session is not None and not session.read_only:
            self._controller.edit(project.with_classes(project.next_class("object")), "add class")

    def _add_images(
        self,
        make_job: Callable[[Session], Job[Imported]],
        show_images: Callable[[Sequence[ImageRef]], object],
    ) -> None:
        """Run a job that adds images, in a new project if there is none; then show them."""
        self._with_project(
            lambda: self._controller.start(make_job, partial(self._on_added, show_images))
        )

    def _on_added(
        self, show_images: Callable[[Sequence[ImageRef]], object], made: Imported
    ) -> None:
        for note in made.figures.get("notes", ()):
            tell(in_panel(f"'{made.images[0].name}': {note}."))
        show_images(made.images)

    def _show(self, refs: Sequence[ImageRef], placement: Placement | None = None) -> None:
        """Show the first of new images."""
        self._layers.show_image(refs[0], placement=placement)

    # --- samples -----------------------------------------------------------------------------

    def open_sample(self, name: str, then: Callable[[], object] = lambda: None) -> None:
        """Start a new project with a sample, on its layer where napari shows it already.

        Runs in the background; `then` is called when the sample is shown, or will be next.

        Raises
        ------
        InputError
            If there is no such sample.
        """

        def show(session: Session) -> None:
            self._show_sample(session, name)
            then()

        self._open(sample_data.new_project(scratch_folder(name), name), show)

    def _show_sample(self, session: Session, name: str) -> None:
        layers = [unwrapped(layer) for layer in self._viewer.layers]
        self._controller.show(session)
        refs = session.project.images
        shown = [layer for layer in layers if sample_name(layer) == name]
        for layer in shown:
            if isinstance(layer, Points):  # its points are the project's clicks now
                layer.visible = False
                layer.name = f"{layer.name} (sample)"
        image = next((layer for layer in shown if isinstance(layer, Image)), None)
        if image is not None:
            self._layers.adopt(image, refs)
        else:
            self._layers.show_image(refs[0])

    # --- projects ----------------------------------------------------------------------------

    def _may_leave(self) -> bool:
        """Tell whether another project may be shown; ask where that stops long work."""
        return may_leave(self._parent, "Another project", self._controller)

    def _open(self, opening: Job[Session], show: Callable[[Session], object]) -> None:
        """Run a job that opens another project, if the user agrees; then show that."""
        if self._may_leave():
            self._controller.run(opening, show)

    def new_project(self) -> None:
        """Close the project and go back to the start, if the user agrees."""
        if self._may_leave():
            self._controller.show(None)

    def open_project(self, folder: Path) -> None:
        """Open a project in the background and show its first image, if the user agrees.

        That which is shown stays as it is, unless it is read-only: it may be free by now.
        """
        session = self._controller.session
        if session is None or session.read_only or session.folder.resolve() != folder.resolve():
            self._open(Session.open(folder), self._show_project)
            return
        tell(f"'{folder.name}' is open already.")
        if self._layers.image is None:
            self._show_first(session)

    def _show_project(self, session: Session) -> None:
        self._controller.show(session)
        self._require_class()
        self._show_first(session)

    def _show_first(self, session: Session) -> None:
        if session.project.images:
            self._layers.show_image(session.project.images[0])

    def ask_project(self) -> None:
        """Ask for a project folder and open it."""
        folder = QFileDialog.getExistingDirectory(
            self._parent, "Open a project folder (name.synthseg)", str(projects_folder())
        )
        if folder:
            self.open_project(Path(folder))

    def ask_save_as(self) -> None:
        """Ask for a name and go on with a copy of the project there."""
        session = self._controller.session
        if session is None:
            tell("There is nothing to save yet: choose an image first.")
            return
        start = str(Path.home() / session.folder.name)
        name, _ = QFileDialog.getSaveFileName(self._parent, "Save project as", start)
        if name:
            folder = Path(name)
            if folder.suffix != ".synthseg":
                folder = folder.with_name(folder.name + ".synthseg")
            self.save_as(folder)

    def save_as(self, folder: Path) -> None:
        """Copy the project to another folder, in the background, and go on with the copy.

        What is painted is saved first; nothing can be painted until the copy is shown.
        """
        regions = self._layers.regions

        def copy() -> None:
            regions.allow_edits(False)
            started = self._controller.start(
                lambda session: session.save_as(folder),
                self._show_project,
                on_end=lambda _: regions.allow_edits(True),
            )
            regions.allow_edits(not started)

        regions.keeper.save(copy)

    def find_moved(self) -> None:
        """Look for images whose files were moved, and ask where they are now."""
        if self._controller.session is None:
            tell("There is no project yet: choose an image first.")
        self._controller.start(
            lambda session: find_missing(session.project, session.folder), self._ask_relink
        )

    def _ask_relink(self, missing: Sequence[ImageRef]) -> None:
        if not missing:
            tell("No image of this project is missing.")
            return
        first = missing[0]
        path, _ = QFileDialog.getOpenFileName(
            self._parent, f"Where is '{first.name}' now?", first.name, IMAGE_FILES
        )
        if path:
            self._controller.start(
                lambda session: session.relink(first, Path(path)), self._on_relinked
            )

    def _on_relinked(self, made: Imported) -> None:
        names = ", ".join(dict.fromkeys(ref.name for ref in made.images))
        tell(f"Relinked: {names}. If more are missing, choose 'Find moved images' again.")
        self._layers.show_image(made.images[0])

    def show_folder(self) -> None:
        """Show the project's folder in the desktop's file manager."""
        if self._controller.session is not None:
            folder = str(self._controller.session.folder)
            QDesktopServices.openUrl(QUrl.fromLocalFile(folder))


def projects_folder() -> Path:
    """Return the folder of projects that the user has not saved elsewhere."""
    return user_data_path("napari-synthseg") / "projects"


def scratch_folder(name: str = "") -> Path:
    """Return a folder for a new project, named by the time."""
    stem = datetime.now().strftime("%Y-%m-%d %H.%M.%S") + (f" {name}" if name else "")
    folder = projects_folder() / f"{stem}.synthseg"
    number = 2
    while folder.exists():
        folder = projects_folder() / f"{stem} ({number}).synthseg"
        number += 1
    return folder
