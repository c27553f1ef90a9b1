"""The button that takes over points, boxes, outlines and masks of others, from files and layers."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from napari.layers import Labels, Layer, Points, Shapes
from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.notices import show_input_errors
from napari_synthseg.ui.pages.images.import_dialog import (
    ImportDialog,
    ImportSource,
    file_source,
)
from napari_synthseg.ui.viewer.adding.layer_tables import LayerTable, LayerThings
from napari_synthseg.ui.viewer.labels_menu import (
    objects_in_view,
    plane_in_view,
    require_on_image,
)
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.workflow.importing_files.looking import Importable, look_at, why_no_ids
from napari_synthseg.workflow.jobs import Job

ANNOTATIONS = (
    "Clicks, boxes, outlines, masks (*.csv *.json *.geojson *.xml *.txt *.yaml *.zip *.roi *.npy "
    "*.tif *.tiff *.png);;All files (*)"
)


class ImportButton(QPushButton):
    """Offers files, folders and layers, and opens the questions about what was chosen."""

    def __init__(self, controller: SessionController, layers: Layers) -> None:
        super().__init__("Import…")
        self.setToolTip(
            "Take over what was clicked, boxed, outlined or masked in another program, or in a "
            "layer of napari"
        )
        self._controller, self._layers = controller, layers
        self.dialog: ImportDialog | None = None
        self.menu_ = QMenu(self)
        self.menu_.aboutToShow.connect(self._fill)
        self.setMenu(self.menu_)
        self.setObjectName("menu")

    def _fill(self) -> None:
        self.menu_.clear()
        self.menu_.addAction("From a file…").triggered.connect(lambda: self.ask_file())
        self.menu_.addAction("From a folder…").triggered.connect(lambda: self.ask_folder())
        if layers := self._layers.importable_layers():
            self.menu_.addSeparator()
        for layer in layers:
            self.menu_.addAction(f"Layer: {layer.name}").triggered.connect(
                lambda _=False, chosen=layer: show_input_errors(lambda: self.take_layer(chosen))
            )

    def ask_file(self) -> None:
        """Ask for a file to import."""
        path, _ = QFileDialog.getOpenFileName(self, "Import", "", ANNOTATIONS)
        if path:
            self.take_file(Path(path))

    def ask_folder(self) -> None:
        """Ask for a folder of annotations or label images to import."""
        folder = QFileDialog.getExistingDirectory(self, "Import a folder")
        if folder:
            self.take_file(Path(folder))

    def take_file(self, path: Path) -> None:
        """Look at a file or folder, then ask about it."""
        self._controller.run(look_at(path), lambda found: self._ask(file_source(found)))

    def take_layer(self, layer: Layer) -> None:
        """Ask about what a Points, Shapes or Labels layer shows.

        Raises
        ------
        InputError
            If no image is shown, or the layer is of another kind.
        """
        ref = self._image()
        if ref is None:
            raise InputError(
                "No image is shown: choose the image in step 1 that the layer belongs to."
            )
        if isinstance(layer, Labels):
            self._take_labels(layer, ref)
        elif isinstance(layer, (Points, Shapes)):
            self._take_table(layer, ref)
        else:
            raise InputError(
                f"Layer '{layer.name}' holds neither points nor shapes nor labels: choose another."
            )

    # --- what was chosen ------------------------------------------------------------------------

    def _image(self) -> ImageRef | None:
        """Return the image in view, of several parts the one for training."""
        refs = self._layers.image.refs if self._layers.image else ()
        return next((ref for ref in refs if ref.role == "train"), refs[0] if refs else None)

    def _take_labels(self, layer: Labels, ref: ImageRef) -> None:
        assert self._layers.image is not None
        require_on_image(layer, self._layers.image)
        plane = plane_in_view(layer, self._layers.point, ref.ndim)

        def read() -> ImportSource:
            labels = objects_in_view(layer, plane, ref.ndim)
            title = "a layer of labels"
            found = Importable(Path(), "label image", title, no_ids=why_no_ids(labels.ids))
            return ImportSource(found, layer.name, labels, is_of_shown=True)

        self._controller.run(Job.of(f"read {layer.name}", read), self._ask)

    def _take_table(self, layer: Points | Shapes, ref: ImageRef) -> None:
        image = self._layers.image
        assert image is not None
        things, name = LayerThings.of(layer, image, ref, self._layers.point), layer.name
        is_points = isinstance(layer, Points)

        def read() -> tuple[tempfile.TemporaryDirectory[str], Path, LayerTable]:
            table = things.on_plane()
            if not len(table.counts):
                raise InputError(
                    f"Layer '{name}' holds nothing on the plane that is shown: move the slider."
                )
            folder = tempfile.TemporaryDirectory(prefix="synthseg-")
            file = re.sub(r"[^\w .-]", "_", name) or "layer"
            return folder, table.write(Path(folder.name) / f"{file}.csv"), table

        def look(
            made: tuple[tempfile.TemporaryDirectory[str], Path, LayerTable],
        ) -> None:
            folder, path, table = made
            notes = f"{table.elsewhere} on other planes were left out." if table.elsewhere else ""
            axes = table.axes if is_points else None

            def ask(found: Importable) -> None:
                self._ask(ImportSource(found, name, None, True, axes, notes))
                if self.dialog is not None:
                    self.dialog.finished.connect(lambda _: folder.cleanup())

            self._controller.run(look_at(path), ask)

        self._controller.run(Job.of(f"read {name}", read), look)

    def _ask(self, source: ImportSource) -> None:
        cls = self._layers.clicks.active_class
        dialog = ImportDialog(self.window(), self._controller, source, self._image(), cls)
        dialog.finished.connect(lambda _: self._forget(dialog))
        self.dialog = dialog
        dialog.open()

    def _forget(self, dialog: ImportDialog) -> None:
        if self.dialog is dialog:
            self.dialog = None
