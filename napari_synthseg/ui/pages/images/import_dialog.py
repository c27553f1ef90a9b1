"""Asks what is made of a file that is imported, imports it, and says what was taken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from napari_synthseg.core.annotations import ImageRef, ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.io.naming import UnknownNameError
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.presenters.images.importing import (
    OF_OBJECTS,
    USE_TIPS,
    USES,
    Question,
    Use,
    found_text,
    mask_kind,
)
from napari_synthseg.ui.presenters.in_panel import in_panel
from napari_synthseg.ui.widgets.parts import ChoiceBox, Notice, check_box, quiet_label
from napari_synthseg.workflow.importing import Imported
from napari_synthseg.workflow.importing_files import ImportOptions
from napari_synthseg.workflow.importing_files.looking import Importable, image_named_as
from napari_synthseg.workflow.jobs import Job, Outcome
from napari_synthseg.workflow.session import Session

WIDTH_PX = 400

POSITION_UNITS = {
    "": "Positions: unit as the file says",
    "px": "Positions: in pixels",
    "um": "Positions: in µm",
    "nm": "Positions: in nm",
    "mm": "Positions: in mm",
}

FIRST_PLANES = {
    None: "Planes: counted as the names tell",
    0: "Planes: the first is number 0",
    1: "Planes: the first is number 1",
}
"""Number of the first plane -> words."""


@dataclass(frozen=True, eq=False)
class ImportSource:
    """What is imported, and what is known of it already.

    Attributes
    ----------
    found
        What it holds.
    title
        What the user calls it: the file's name, or the layer's.
    labels
        Masks of a layer, in place of the file.
    is_of_shown
        Whether it is of the image in view, whatever the file is called.
    axes
        A letter for each axis of the points of a layer.
    notes
        What was left out already.
    """

    found: Importable
    title: str
    labels: InstanceLabels | None = None
    is_of_shown: bool = False
    axes: str | None = None
    notes: str = ""


class ImportDialog(QDialog):
    """Questions about one file, folder or layer; `cls` is the class that is active."""

    def __init__(
        self,
        parent: QWidget,
        controller: SessionController,
        source: ImportSource,
        image: ImageRef | None,
        cls: int,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Import")
        if source.found.source == "label image" and source.labels is None:
            image = image_named_as(source.found.path, controller.project) or image
        self._controller, self._source, self._image = controller, source, image
        self.question = Question.of(source.found)
        target = image.name if image is not None else ""
        self.said = quiet_label(found_text(source.found, source.title, target))
        tips = {use: USE_TIPS[use] for use in self.question.uses}
        self.use = ChoiceBox(tip="What is made of it", name="Use")
        self.use.fill({use: USES[use] for use in self.question.uses}, tips)
        self.use.chosen.connect(lambda _: self._show_choices())
        names = {c.name: f"Class of objects without one: {c.name}" for c in self._classes()}
        tip = "Class of objects of which neither the file nor a click in them says one"
        self.cls = ChoiceBox(names, tip, "Class")
        self.cls.choose(controller.project.class_names.get(cls, next(iter(names), "")))
        self.split = check_box(
            "Each connected piece is an object", lambda _: None,
            "For masks in black and white, or with the values of classes",
        )  # fmt: skip
        self.split.setChecked(bool(source.found.no_ids))
        self.every = check_box(
            "Every object has one", lambda _: None,
            "Images are marked as fully clicked: tick this only if it is true",
        )  # fmt: skip
        self.add_classes = check_box(
            "Add classes that are missing here", lambda _: None,
            "Classes of the file that the project lacks are made",
        )  # fmt: skip
        self.skip = check_box(
            "Leave out what belongs to no image here", lambda _: None,
            "Images of the file that the project lacks are passed over",
        )  # fmt: skip
        shown = image.name if image is not None else ""
        self.here = check_box(
            f"All of it is on '{shown}'", lambda _: None, "Whatever image the file names, or none"
        )
        self.unit = ChoiceBox(
            POSITION_UNITS, "Unit of positions, where the table does not say it", "Unit"
        )
        self.first_plane = ChoiceBox(
            FIRST_PLANES, "From where names of pictures of planes count", "First plane"
        )
        self.problem, self.result = Notice(), quiet_label()
        standard = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(standard.Ok | standard.Cancel)
        self.import_button = self.buttons.button(standard.Ok)
        self.import_button.setText("Import")
        self.close_button = self.buttons.button(standard.Cancel)
        for button in self.buttons.buttons():
            button.setIcon(QIcon())
        self.buttons.accepted.connect(self.start)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for widget in (
            self.said, self.use, self.cls, self.split, self.every, self.problem, self.here,
            self.unit, self.first_plane, self.add_classes, self.skip, self.result, self.buttons,
        ):  # fmt: skip
            layout.addWidget(widget)
        self.setMinimumWidth(WIDTH_PX)
        self.result.hide()
        self._is_importing = self._is_leaving = False
        self._asks_more = self._asks_first_plane = False
        self._show_choices()

    def _classes(self) -> tuple[ObjectClass, ...]:
        return self._controller.project.classes

    # --- asking ------------------------------------------------------------------------------

    @property
    def chosen_use(self) -> Use:
        """What is to be made of it."""
        return self.use.value or "truth"

    def _show_choices(self) -> None:
        """Show the questions that bear on what is to be made of it."""
        use, options = self.chosen_use, self._source.found.options
        self.use.setVisible(len(self.question.uses) > 1)
        has_choice = len(self._classes()) > 1 and use in OF_OBJECTS
        self.cls.setVisible(self.question.asks_class and has_choice)
        self.split.setVisible(self.question.may_split and use in OF_OBJECTS)
        self.every.setVisible(use == "clicks")
        more = self._asks_more
        self.add_classes.setVisible(more and "add_classes" in options)
        self.skip.setVisible(more and "skip_unknown" in options)
        can_name = "image" in options and self._image is not None
        self.here.setVisible(more and can_name and not self._source.is_of_shown)
        self.unit.setVisible(more and "unit" in options)
        self.first_plane.setVisible(self._asks_first_plane)
        QTimer.singleShot(0, self.adjustSize)  # when Qt knows how many lines the words take

    def options(self) -> ImportOptions:
        """Return what was chosen, as far as it says something about this file."""
        source, use = self._source, self.chosen_use
        accepted = source.found.options
        is_masks = source.found.source == "label images"
        here = source.is_of_shown or self.here.isChecked()
        wanted = {
            "image": self._image.name if here and self._image is not None else None,
            "class_name": self.cls.value if self.question.asks_class else None,
            "axes": source.axes,
            "unit": self.unit.value or None,
            "first_plane": self.first_plane.value,
            "add_classes": self.add_classes.isChecked(),
            "skip_unknown": self.skip.isChecked(),
            "as_clicks": use == "clicks",
            "exhaustive": use == "clicks" and self.every.isChecked(),
            "split": self.split.isChecked() and use in OF_OBJECTS,
            "by_clicks": True,
        }
        known = accepted | ({"class_name", "split", "by_clicks"} if is_masks else set())
        return ImportOptions(**{key: value for key, value in wanted.items() if key in known})

    # --- importing ---------------------------------------------------------------------------

    def start(self) -> None:
        """Import it with what was chosen; the questions come back where that is refused."""
        self.problem.say("")
        self._is_importing = self._controller.start(
            self._make_job, self._on_done, on_end=self._on_end
        )
        self.import_button.setEnabled(not self._is_importing)

    def reject(self) -> None:
        """Close; while it is imported, cancel that first and close once it has ended."""
        if self._is_importing:
            self._is_leaving = True
            self._controller.cancel("short")
        else:
            super().reject()

    def _make_job(self, session: Session) -> Job[Imported]:
        source, use = self._source, self.chosen_use
        path, kind = source.found.path, mask_kind(use)
        if source.found.source == "label image":
            if self._image is None:
                raise InputError("No image is shown: show the image that the masks belong to.")
            split = self.split.isChecked() and use in OF_OBJECTS
            value = self._controller.project.class_named(self.cls.value).value
            return session.import_labels(
                self._image, source.labels or path, kind or "instance", value,
                split=split, by_clicks=True,
            )  # fmt: skip
        if source.found.source == "label images":
            return session.import_file(path, self.options(), kind or "instance")
        if kind is not None:
            return session.import_outlines(path, kind, self.options())
        return session.import_file(path, self.options())

    def _on_done(self, made: Imported) -> None:
        text = in_panel(made.message)
        self.result.setText(" ".join(filter(None, (text, self._source.notes))))
        self.result.show()
        for widget in (
            self.use, self.cls, self.split, self.every, self.here, self.unit, self.first_plane,
            self.add_classes, self.skip, self.import_button,
        ):  # fmt: skip
            widget.hide()
        self.close_button.setText("Close")
        QTimer.singleShot(0, self.adjustSize)

    def _on_end(self, outcome: Outcome[Imported]) -> None:
        self._is_importing = False
        self.import_button.setEnabled(True)
        if self._is_leaving and outcome.state == "cancelled":
            self.reject()
        elif outcome.state == "failed" and isinstance(outcome.error, InputError):
            self.problem.say(in_panel(str(outcome.error)))
            self._asks_more = True
            self._asks_first_plane |= "--first-plane" in str(outcome.error)
            if isinstance(outcome.error, UnknownNameError):
                self.problem.say(f"{self.problem.text()} Tick below what is to be done about it.")
            self._show_choices()


def file_source(found: Importable) -> ImportSource:
    """Return a file or folder as what is imported."""
    return ImportSource(found, Path(found.path).name)
