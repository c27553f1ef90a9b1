"""What comes onto the desk: a layer, a file, a sample, a project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Points
from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_synthseg import sample_data
from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.io.images.stacks import StackUse
from napari_synthseg.ui.app.controller import SessionController, projects_folder, scratch_folder
from napari_synthseg.ui.app.notices import show_input_errors, tell
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.viewer.reading import layer_pixels, physical_size, sample_name, source_file
from napari_synthseg.workflow.importing import Imported
from napari_synthseg.workflow.session import Session

if TYPE_CHECKING:
    from napari import Viewer

IMAGE_FILES = "Images (*.tif *.tiff *.png *.jpg *.jpeg);;All files (*)"


class FileActions:
    """Opens things, asking for files where need be."""

    def __init__(
        self, viewer: Viewer, controller: SessionController, layers: Layers, parent: QWidget
    ) -> None:
        self._viewer = viewer
        self._desk = controller
        self._layers = layers
        self._parent = parent
        self.stack: StackUse = "auto"
        """How stacks along z are used that come in now."""

    # --- layers and files --------------------------------------------------------------------

    def find_layer(self) -> Image | None:
        """Return the selected image layer, else the first one, else None; none of ours."""
        active = _unwrapped(self._viewer.layers.selection.active)
        for layer in (active, *(_unwrapped(layer) for layer in self._viewer.layers)):
            if isinstance(layer, Image) and not self._layers.owns(layer):
                return layer
        return None

    def use_layer(self, layer: Image) -> None:
        """Take the image of a layer into the project."""
        if name := sample_name(layer):
            self.open_sample(name)
            return
        path = source_file(layer)
        if path is not None:
            read = self._session().add_images(path, self.stack)
            self._desk.run(read, lambda made: self._show(layer, made.images))
            return
        pixels = layer_pixels(layer, tuple(self._viewer.dims.current_step), self.stack)
        size, unit = physical_size(layer, pixels.ndim)
        job = self._session().add_array(
            pixels.array, pixels.axes, pixels.name, pixel_size=size, unit=unit
        )
        self._desk.run(job, lambda made: self._show(layer if pixels.whole else None, made.images))

    def _show(self, layer: Image | None, refs: Sequence[ImageRef]) -> None:
        if layer is not None and len(refs) == 1:
            self._layers.adopt(layer, refs)
            return
        if len(refs) > 1:
            tell(f"{len(refs)} images were added; choose one at the top of step 1.")
        self._layers.show_image(refs[0])

    def open_file(self, path: Path) -> None:
        """Add an image file to the project and show it."""
        job = self._session().add_images(path, self.stack)
        self._desk.run(job, lambda made: self._show(None, made.images))

    def ask_image(self) -> None:
        """Ask for an image file and open it."""
        path, _ = QFileDialog.getOpenFileName(self._parent, "Open image", "", IMAGE_FILES)
        if path:
            show_input_errors(lambda: self.open_file(Path(path)))

    # --- samples -----------------------------------------------------------------------------

    def open_sample(self, name: str, then: Callable[[], object] = lambda: None) -> None:
        """Start a new project with a sample, on its layer where napari shows it already.

        Runs in the background; `then` is called when the sample is shown, or will be next.

        Raises
        ------
        InputError
            If there is no such sample.
        """
        job = sample_data.new_project(scratch_folder(name), name)

        def show(session: Session) -> None:
            self._show_sample(session, name)
            then()

        self._desk.run(job, show)

    def _show_sample(self, session: Session, name: str) -> None:
        layers = [_unwrapped(layer) for layer in self._viewer.layers]
        self._desk.show(session)
        refs = session.project.images
        shown = [layer for layer in layers if sample_name(layer) == name]
        for layer in shown:
            if isinstance(layer, Points):  # its points are the project's clicks now
                layer.visible = False
                layer.name = f"{layer.name} (sample)"
        for layer in shown:
            if isinstance(layer, Image):
                self._layers.adopt(layer, refs)
                return
        self._layers.show_image(refs[0])

    # --- projects ----------------------------------------------------------------------------

    def new_project(self) -> None:
        """Start a new project."""
        self._desk.show(None)

    def open_project(self, folder: Path) -> None:
        """Open a project, in the background, and show its first image."""
        self._desk.run(Session.opening(folder), self._open)

    def _open(self, session: Session) -> None:
        self._desk.show(session)
        if session.project.images:
            self._layers.show_image(session.project.images[0])

    def ask_project(self) -> None:
        """Ask for a project folder and open it."""
        start = projects_folder()
        folder = QFileDialog.getExistingDirectory(
            self._parent, "Open a project folder (name.synthseg)", str(start)
        )
        if folder:
            show_input_errors(lambda: self.open_project(Path(folder)))

    def ask_save_as(self) -> None:
        """Ask for a name and go on with a copy of the project there."""
        session = self._desk.session
        if session is None:
            tell("There is nothing to save yet: choose an image first.")
            return
        start = str(Path.home() / session.folder.name)
        name, _ = QFileDialog.getSaveFileName(self._parent, "Save project as", start)
        if name:
            folder = Path(name)
            if folder.suffix != ".synthseg":
                folder = folder.with_name(folder.name + ".synthseg")
            show_input_errors(lambda: self.save_as(folder))

    def save_as(self, folder: Path) -> None:
        """Copy the project to another folder, in the background, and go on with the copy."""
        session = self._desk.session
        if session is not None:
            self._desk.run(session.save_as(folder), self._open)

    def find_moved(self) -> None:
        """Look for images whose files were moved, and ask where they are now."""
        session = self._desk.session
        if session is None:
            tell("There is no project yet: choose an image first.")
            return
        self._desk.run(session.find_missing(), self._ask_relink)

    def _ask_relink(self, missing: Sequence[ImageRef]) -> None:
        if not missing:
            tell("No image of this project is missing.")
            return
        first = missing[0]
        path, _ = QFileDialog.getOpenFileName(
            self._parent, f"Where is '{first.name}' now?", first.name, IMAGE_FILES
        )
        if path:
            self.relink(first, Path(path))

    def relink(self, image: ImageRef, path: Path) -> None:
        """Lead an image, and missing ones beside it, to where they are now; show it."""
        session = self._desk.session
        if session is not None:
            self._desk.run(session.relink(image, path), self._on_relinked)

    def _on_relinked(self, made: Imported) -> None:
        names = ", ".join(dict.fromkeys(ref.name for ref in made.images))
        tell(f"Found again: {names}. If more are missing, choose 'Find moved images' again.")
        self._layers.show_image(made.images[0])

    def show_folder(self) -> None:
        """Show the project's folder in the desktop's file manager."""
        if self._desk.session is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._desk.session.folder)))

    def _session(self) -> Session:
        """Return the session, with a class to click with."""
        session = self._desk.need_session()
        if not session.project.classes:
            project = session.project
            session.edit(project.with_classes(project.next_class("object")), "add class")
        return session


def _unwrapped(layer: Any) -> Any:
    """Return the layer itself: napari hands plugins a proxy round it."""
    return getattr(layer, "__wrapped__", layer)
