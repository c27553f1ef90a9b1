"""Which specimen an image belongs to."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QLabel, QWidget

from napari_synthseg.core.annotations import ImageRef, named_specimen
from napari_synthseg.core.project import Project
from napari_synthseg.ui.widgets.parts import column_in, row_of

MAX_NAME_LENGTH = 64


class SpecimenBox(QWidget):
    """Which specimen the image in view belongs to; empty: the image stands alone."""

    named = Signal(str)
    """The name that the user gave."""

    def __init__(self) -> None:
        super().__init__()
        self.names = QComboBox()
        self.names.setEditable(True)
        self.names.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        line = self.names.lineEdit()
        line.setPlaceholderText("of this image alone")
        line.setMaxLength(MAX_NAME_LENGTH)
        label = QLabel("Specimen")
        label.setBuddy(self.names)
        self.setToolTip(
            "Name the specimen (animal, slide, well) where several images show the same one. "
            "Images of one specimen are all used either for training or for checking, never for "
            "both, so that scores are honest."
        )
        column_in(self, row_of(label, self.names, stretch=self.names))
        self._shown = ""
        line.editingFinished.connect(self._on_named)
        self.names.activated.connect(self._on_named)

    def show_images(self, project: Project, refs: tuple[ImageRef, ...]) -> None:
        """Show the specimen of an image; nothing where there is no other image."""
        self.setVisible(bool(refs) and len({r.uri for r in project.images}) > 1)
        if self.names.lineEdit().isModified():
            return  # it is being typed
        known = {named_specimen(ref) for ref in refs}
        self._shown = known.pop() if len(known) == 1 else ""
        with QSignalBlocker(self.names):
            self.names.clear()
            self.names.addItems(sorted({named_specimen(ref) for ref in project.images} - {""}))
            self.names.setEditText(self._shown)

    def _on_named(self) -> None:
        self.names.lineEdit().setModified(False)
        name = self.names.currentText().strip()
        if name != self._shown:
            self._shown = name
            self.named.emit(name)
