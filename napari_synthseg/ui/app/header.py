"""The top of the panel: which project this is, where it lies, and undo."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QMenu,
    QSizePolicy,
    QStyle,
    QStyleOptionToolButton,
    QStylePainter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.viewer.file_actions import FileActions
from napari_synthseg.ui.widgets.parts import row_of

BUTTON_MARGINS_PX = 20
"""Width of a button that no text may cover."""


class Header(QWidget):
    """Project menu and undo buttons, with the name of what they would undo."""

    def __init__(
        self, controller: SessionController, files: FileActions, show_help: Callable[[], object]
    ) -> None:
        super().__init__()
        self._controller = controller
        self.project_button = WideButton()
        self.project_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        actions: dict[str, Callable[[], object]] = {
            "New project": files.new_project,
            "Open project…": files.ask_project,
            "Save as…": files.ask_save_as,
            "Find moved images…": files.find_moved,
            "Show the project's folder": files.show_folder,
        }
        for text, action in actions.items():
            menu.addAction(text).triggered.connect(lambda _=False, act=action: act())
        self.project_button.setMenu(menu)
        self.undo_button, self.redo_button = WideButton(), WideButton()
        self.undo_button.clicked.connect(lambda _=False: controller.undo())
        self.redo_button.clicked.connect(lambda _=False: controller.redo())
        self.help_button = QToolButton()
        self.help_button.setText("?")
        self.help_button.setAccessibleName("Help")
        self.help_button.setToolTip("Help for this step (F1). The key ? shows all keys")
        self.help_button.clicked.connect(lambda _=False: show_help())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 2)
        layout.setSpacing(3)
        layout.addWidget(row_of(self.project_button, self.help_button))
        self._undo_row = row_of(self.undo_button, self.redo_button)
        layout.addWidget(self._undo_row)
        controller.session_changed.connect(self.refresh)
        controller.project_changed.connect(lambda *_: self.refresh())
        self.refresh()

    def refresh(self) -> None:
        """Show project and undo labels as they are now."""
        session = self._controller.session
        folder = session.folder if session else None
        name = folder.name.removesuffix(".synthseg") if folder else "No project yet"
        self.project_button.setText(f"Project: {name}")
        self.project_button.setToolTip(
            f"Every click is saved at once in\n{folder}" if folder else "Open a project"
        )
        undo = session.history.undo_label if session else None
        redo = session.history.redo_label if session else None
        for button, sign, word, label, keys in (
            (self.undo_button, "↶", "Undo", undo, "Ctrl+Z"),
            (self.redo_button, "↷", "Redo", redo, "Ctrl+Shift+Z"),
        ):
            button.setText(f"{sign} {word} {label}" if label else f"{sign} {word}")
            button.setEnabled(label is not None)
            button.setToolTip(f"{word} {label or ''} ({keys})")
        self._share_room(undo, redo)

    def _share_room(self, undo: str | None, redo: str | None) -> None:
        """Leave most of the row to the one that can be pressed."""
        row = self._undo_row.layout()
        row.setStretch(0, 3 if undo and not redo else 1)
        row.setStretch(1, 3 if redo and not undo else 1)


class WideButton(QToolButton):
    """As wide as there is room for; of a text that is too long the end is left out.

    Qt would leave out its middle, which says what is done: "Undo cha…g settings".
    """

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def shown_text(self) -> str:
        """Return what there is room for."""
        room = self.width() - BUTTON_MARGINS_PX
        return str(self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room))

    def paintEvent(self, event: object) -> None:
        """Draw the button."""
        option = QStyleOptionToolButton()
        self.initStyleOption(option)
        option.text = self.shown_text()
        QStylePainter(self).drawComplexControl(QStyle.ComplexControl.CC_ToolButton, option)
