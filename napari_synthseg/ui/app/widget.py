"""The dock widget: header, five steps, the page of the current step, and the next thing to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QShortcut,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_synthseg.ui.app.close_watch import CloseWatch
from napari_synthseg.ui.app.controller import SessionController
from napari_synthseg.ui.app.file_actions import FileActions
from napari_synthseg.ui.app.guided_tour import GuidedTour
from napari_synthseg.ui.app.header import Header
from napari_synthseg.ui.app.notices import show_input_errors
from napari_synthseg.ui.pages.click import ClassesPanel
from napari_synthseg.ui.pages.panel import NextStep, Panel
from napari_synthseg.ui.pages.patches import PatchesPanel
from napari_synthseg.ui.pages.results import ResultsPanel
from napari_synthseg.ui.pages.start import StartPanel
from napari_synthseg.ui.pages.synthesize import SynthesizePanel
from napari_synthseg.ui.pages.train import TrainPanel
from napari_synthseg.ui.presenters.steps import CLICK, PAINT, STEP_NAMES, is_done, why_locked
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.parts import notice_label
from napari_synthseg.ui.widgets.stepper import Stepper
from napari_synthseg.ui.widgets.style import style_sheet, theme_colors
from napari_synthseg.workflow.session import wait_until_closed

if TYPE_CHECKING:
    import napari.viewer

START = -1
"""The page before the first step."""

MIN_WIDTH = 350


class SynthSegWidget(QWidget):
    """From clicks to a scored model, step by step.

    Parameters
    ----------
    viewer
        The napari viewer that it is docked to.
    """

    # napari finds the parameter to fill by this very annotation
    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.controller = SessionController()
        self.layers = Layers(viewer, self.controller)
        self.opening = FileActions(viewer, self.controller, self.layers, self)
        self.step = START
        self._walk: GuidedTour | None = None
        self._close_watch: CloseWatch | None = None
        colors = theme_colors(viewer.theme)
        self.header = Header(self.controller, self.opening)
        self.stepper = Stepper(STEP_NAMES, colors)
        self.panels = self._make_panels(colors)
        self._build()
        self._connect()
        self._apply_theme()
        self.show_step(START)

    # --- what others call --------------------------------------------------------------------

    def open_sample(self, name: str, walk: bool = False) -> None:
        """Open a sample; with `walk`, go through all steps to the result, one after another.

        Raises
        ------
        InputError
            If there is no such sample.
        """
        self.opening.open_sample(name, self._start_walk if walk else lambda: None)

    def _start_walk(self) -> None:
        self._walk = GuidedTour(self)
        self._walk.start()

    def show_step(self, step: int) -> None:
        """Show a step's page (0 to 4, or -1 for the first page), unless it is locked."""
        if step >= 0 and (why := why_locked(step, self.controller.session)):
            self.refresh()
            self.hint.setText(why)
            return
        self.step = step
        panel = self.panels[step + 1]
        self.stack.setCurrentIndex(step + 1)
        panel.enter()
        self.refresh()

    def refresh(self) -> None:
        """Show step states, hint and the highlighted button as they are now."""
        session, panel = self.controller.session, self.panels[self.step + 1]
        count = len(STEP_NAMES)
        self.stepper.rename(CLICK, STEP_NAMES[CLICK] if self.layers.marking == "clicks" else PAINT)
        self.stepper.show_state(
            self.step,
            [is_done(i, session) for i in range(count)],
            [why_locked(i, session) for i in range(count)],
        )
        self.hint.setText(panel.hint())
        self._show_next_step(panel.next_step())
        notice = session.store.notice if session is not None else ""
        self.notice.setText(notice)
        self.notice.setVisible(bool(notice))

    def shut_down(self) -> None:
        """End all work and release the project; safe to call twice."""
        if self._walk is not None:
            self._walk.stop()
        self.controller.clear()

    # --- building ----------------------------------------------------------------------------

    def _make_panels(self, colors: Any) -> list[Panel]:
        controller, layers, opening = self.controller, self.layers, self.opening
        start = StartPanel(
            controller,
            layers,
            find_layer=opening.find_layer,
            use_layer=lambda layer: show_input_errors(lambda: opening.use_layer(layer)),
            open_image=opening.ask_image,
            open_project=opening.ask_project,
            open_sample=lambda name: show_input_errors(lambda: self.open_sample(name)),
            choose_stack=lambda use: setattr(opening, "stack", use),
        )
        self.synthesize_panel = SynthesizePanel(controller, layers, colors)
        self.train_panel = TrainPanel(controller, layers, colors)
        return [
            start,
            ClassesPanel(controller, layers),
            PatchesPanel(controller, layers),
            self.synthesize_panel,
            self.train_panel,
            ResultsPanel(controller, layers),
        ]

    def _build(self) -> None:
        self.setMinimumWidth(MIN_WIDTH)
        self.hint = QLabel()
        self.hint.setObjectName("hint")
        self.hint.setWordWrap(True)
        self.notice = notice_label()
        self.stack = QStackedWidget()
        for panel in self.panels:
            self.stack.addWidget(_scrollable(panel))
        self.primary = QPushButton()
        self.primary.setObjectName("primary")
        self.primary.clicked.connect(self._on_primary)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 4, 8)
        layout.setSpacing(6)
        for widget in (self.header, self.notice, self.stepper, self.hint):
            layout.addWidget(widget)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self._make_work_row())
        layout.addWidget(self.primary)

    def _make_work_row(self) -> QWidget:
        self.work = QWidget()
        row = QHBoxLayout(self.work)
        row.setContentsMargins(0, 0, 0, 0)
        self.work_label, self.work_bar = QLabel(), QProgressBar()
        self.work_bar.setRange(0, 100)
        self.work_bar.setTextVisible(False)
        self.work_bar.setFixedHeight(8)
        cancel = QPushButton("Cancel")
        cancel.clicked.connect(lambda: self.controller.cancel("short"))
        for widget, stretch in ((self.work_label, 2), (self.work_bar, 1), (cancel, 0)):
            row.addWidget(widget, stretch)
        self.work.hide()
        return self.work

    def _connect(self) -> None:
        self.stepper.chosen.connect(self.show_step)
        for panel in self.panels:
            panel.next_step_changed.connect(self._on_panel_changed)
            panel.go_to.connect(self.show_step)
        self.controller.session_changed.connect(self._on_session_changed)
        self.controller.work_changed.connect(self._on_work_changed)
        self.controller.work_progressed.connect(self._on_work_progressed)
        self.layers.image_changed.connect(self._on_image_changed)
        self.layers.marking_changed.connect(self.refresh)
        self.viewer.layers.selection.events.active.connect(self._on_layers_changed)
        self.viewer.events.theme.connect(self._on_theme_changed)
        for keys, which in ((QKeySequence.StandardKey.Undo, "undo"), ("Ctrl+Shift+Z", "redo")):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(getattr(self.header, which))
        # the windows are gone by then: what is still running must come to its end on disk
        QApplication.instance().aboutToQuit.connect(self.controller.clear)
        QApplication.instance().aboutToQuit.connect(wait_until_closed)

    def _apply_theme(self) -> None:
        colors = theme_colors(self.viewer.theme)
        self.setStyleSheet(style_sheet(colors))
        self.stepper.set_colors(colors)
        for curve in (self.train_panel.curve, self.synthesize_panel.learn.curve):
            curve.set_colors(colors)

    # --- following ---------------------------------------------------------------------------

    def _show_next_step(self, what: NextStep | None) -> None:
        self.primary.setVisible(what is not None)
        if what is not None:
            self.primary.setText(what.text)
            self.primary.setEnabled(what.action is not None and not what.why_disabled)
            self.primary.setToolTip(what.why_disabled)

    def _on_primary(self) -> None:
        what = self.panels[self.step + 1].next_step()
        if what is not None and what.action is not None and not what.why_disabled:
            what.action()
            self.refresh()

    def _on_panel_changed(self) -> None:
        if self.sender() is self.panels[self.step + 1]:
            self.refresh()

    def _on_session_changed(self) -> None:
        self.show_step(START)

    def _on_image_changed(self) -> None:
        if self.layers.field is not None and self.step == START:
            self.show_step(0)
        else:
            self.refresh()

    def _on_layers_changed(self, event: object = None) -> None:
        if self.step == START:
            self.panels[0].enter()

    def _on_work_changed(self) -> None:
        job = self.controller.job("short")
        self.work.setVisible(job is not None)
        if job is not None:
            self.work_bar.setValue(0)
            self.work_label.setText(job.name.capitalize() + "…")
        self.refresh()

    def _on_work_progressed(self, lane: str, fraction: float, message: str) -> None:
        if lane == "short":
            self.work_bar.setValue(int(100 * fraction))
            self.work_label.setText(message[:1].upper() + message[1:])

    def _on_theme_changed(self, event: object = None) -> None:
        QTimer.singleShot(0, self._apply_theme)

    # --- the end -----------------------------------------------------------------------------

    def closeEvent(self, event: QEvent) -> None:
        """End all work before the panel goes."""
        self.shut_down()
        super().closeEvent(event)

    def event(self, event: QEvent) -> bool:
        """End all work when napari takes the panel out of its dock."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.shut_down()
        return super().event(event)

    def showEvent(self, event: QEvent) -> None:
        """Follow the window that the panel is shown in."""
        super().showEvent(event)
        if self._close_watch is None or self._close_watch.parent() is not self.window():
            self._close_watch = CloseWatch(self.window(), self.controller.clear)


def _scrollable(panel: Panel) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(panel)
    return area
