"""Which specimen the image that is shown belongs to."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.project import Project
from napari_synthseg.core.specimens import named_specimen

TIP = (
    "Name the specimen (animal, slide, well) where several images show the same one. Images of one "
    "specimen are never divided between learning and checking, so that checks are honest."
)


class SpecimenBox(QWidget):
    """A name to type, or to choose among those in use; empty: the image stands alone."""

    named = Signal(str)
    """The name that the user gave."""

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.names = QComboBox()
        self.names.setEditable(True)
        self.names.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        line = self.names.lineEdit()
        line.setPlaceholderText("of this image alone")
        line.setMaxLength(64)
        label = QLabel("Specimen")
        label.setBuddy(self.names)
        for widget in (label, self.names):
            widget.setToolTip(TIP)
        row.addWidget(label)
        row.addWidget(self.names, 1)
        self._shown = ""
        line.editingFinished.connect(self._on_named)
        self.names.activated.connect(self._on_named)

    def show_images(self, project: Project, refs: tuple[ImageRef, ...]) -> None:
        """Show the specimen of an image; nothing where there is no other image."""
        self.setVisible(bool(refs) and len({r.uri for r in project.images}) > 1)
        known = {named_specimen(ref) for ref in refs}
        self._shown = known.pop() if len(known) == 1 else ""
        with QSignalBlocker(self.names):
            self.names.clear()
            self.names.addItems(sorted({named_specimen(ref) for ref in project.images} - {""}))
            self.names.setEditText(self._shown)

    def _on_named(self) -> None:
        name = self.names.currentText().strip()
        if name != self._shown:
            self._shown = name
            self.named.emit(name)
