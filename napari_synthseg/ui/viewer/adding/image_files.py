"""Adding image files and folders of images: chosen, looked at in the background, then added."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.io.images.stacks import StackUse
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.notices import tell, warn
from napari_synthseg.ui.presenters.images.adding import ask_by_shape, told_of_files
from napari_synthseg.ui.viewer.adding.axes_dialog import AxesDialog
from napari_synthseg.workflow.images.adding import FileUse
from napari_synthseg.workflow.images.finding import FoundFiles, find_images
from napari_synthseg.workflow.importing import Imported

IMAGE_FILES = (
    "Images (*.tif *.tiff *.png *.jpg *.jpeg *.bmp *.czi *.nd2 *.lif *.svs *.lsm *.stk);;"
    "All files (*)"
)


class ImageFiles:
    """Adds files to the project that is shown, or to a new one.

    Parameters
    ----------
    with_project
        Calls a function once there is a project.
    show
        Shows the first of new images.
    stack
        Returns how stacks along z are used, unless the user says otherwise.
    """

    def __init__(
        self,
        controller: SessionController,
        parent: QWidget,
        with_project: Callable[[Callable[[], object]], object],
        show: Callable[[Sequence[ImageRef]], object],
        stack: Callable[[], StackUse],
    ) -> None:
        self._controller, self._parent = controller, parent
        self._with_project, self._show, self._stack = with_project, show, stack
        self.dialog: AxesDialog | None = None

    def ask_files(self) -> None:
        """Ask for image files, one or many, and add them."""
        paths, _ = QFileDialog.getOpenFileNames(self._parent, "Open images", "", IMAGE_FILES)
        if paths:
            self.add([Path(path) for path in paths])

    def ask_folder(self) -> None:
        """Ask for a folder, and add the images in it and in its folders."""
        folder = QFileDialog.getExistingDirectory(self._parent, "Open a folder of images")
        if folder:
            self.add([Path(folder)])

    def add(self, paths: Sequence[Path]) -> None:
        """Add files and folders of images; where axes may mean several things, ask first."""
        self._controller.run(find_images(paths), self._on_found)

    def _on_found(self, found: FoundFiles) -> None:
        questions = ask_by_shape(found.files, self._stack())
        open_ones = [each for each in questions if each.is_open]
        clear = [use for each in questions if not each.is_open for use in each.uses()]
        if not open_ones:
            self._add(clear, found)
            return
        self.dialog = AxesDialog(
            self._parent, open_ones, lambda uses: self._add([*clear, *uses], found)
        )
        self.dialog.open()

    def _add(self, uses: Sequence[FileUse], found: FoundFiles) -> None:
        refused = {path.name: why for path, why in found.refused.items()}
        masks = [path.name for path in found.masks]
        if not uses:
            warn(told_of_files(refused, {}, masks=masks))
            return

        def on_added(made: Imported) -> None:
            figures = made.figures
            every = {**refused, **figures["refused"]}
            told = told_of_files(every, figures["notes"], figures["known"], masks)
            counted = f"{len(made.images)} images were added." if len(made.images) > 1 else ""
            if told or counted:
                (warn if every else tell)("\n".join(filter(None, (counted, told))))
            if made.images:
                self._show(made.images)

        self._with_project(
            lambda: self._controller.start(lambda session: session.add_files(uses), on_added)
        )
