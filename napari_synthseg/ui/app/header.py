"""The top of the panel: which project this is, where it lies, and undo."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_synthseg.ui.app.controller import SessionController
from napari_synthseg.ui.app.file_actions import FileActions
from napari_synthseg.ui.app.notices import show_input_errors


class Header(QWidget):
    """Project menu and undo buttons, with the name of what they would undo."""

    def __init__(self, controller: SessionController, opening: FileActions) -> None:
        super().__init__()
        self._desk = controller
        self.project_button = QToolButton()
        self.project_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.project_button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        menu = QMenu(self)
        for text, action in (
            ("New project", opening.new_project),
            ("Open project…", opening.ask_project),
            ("Save as…", opening.ask_save_as),
            ("Find moved images…", opening.find_moved),
            ("Show the project's folder", opening.show_folder),
        ):
            menu.addAction(text).triggered.connect(lambda _=False, act=action: act())
        self.project_button.setMenu(menu)
        self.undo_button, self.redo_button = QToolButton(), QToolButton()
        row = QHBoxLayout()
        row.setSpacing(4)
        for button, action in ((self.undo_button, self.undo), (self.redo_button, self.redo)):
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            button.clicked.connect(action)
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 4, 2)
        layout.setSpacing(3)
        layout.addWidget(self.project_button)
        layout.addLayout(row)
        controller.session_changed.connect(self.refresh)
        controller.project_changed.connect(lambda *_: self.refresh())
        self.refresh()

    def refresh(self) -> None:
        """Show project and undo labels as they are now."""
        session = self._desk.session
        folder = session.folder if session else None
        name = folder.name.removesuffix(".synthseg") if folder else "No project yet"
        self.project_button.setText(f"Project: {name}")
        self.project_button.setToolTip(
            f"Every click is saved at once in\n{folder}" if folder else "Open a project"
        )
        for button, sign, word, label in (
            (self.undo_button, "↶", "Undo", session.undo_label if session else None),
            (self.redo_button, "↷", "Redo", session.redo_label if session else None),
        ):
            button.setText(f"{sign} {word} {label}" if label else f"{sign} {word}")
            button.setEnabled(label is not None)
            keys = "Ctrl+Z" if word == "Undo" else "Ctrl+Shift+Z"
            button.setToolTip(f"{word} {label or ''} ({keys})")

    def undo(self) -> None:
        """Take back the last edit."""
        if self._desk.session is not None:
            show_input_errors(self._desk.session.undo)

    def redo(self) -> None:
        """Do again what was taken back."""
        if self._desk.session is not None:
            show_input_errors(self._desk.session.redo)
