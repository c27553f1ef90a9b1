"""The dock widget: header, five steps, the page of the current step, and the next thing to do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QApplication,
    QFrame,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_synthseg.core.plugins import plugin_problems
from napari_synthseg.ui.app.close_watch import CloseWatch, ask_before_removing
from napari_synthseg.ui.app.dock_room import DockRoom
from napari_synthseg.ui.app.guided_tour import GuidedTour
from napari_synthseg.ui.app.header import Header
from napari_synthseg.ui.app.help_window import HelpWindow
from napari_synthseg.ui.app.long_work import LongWork
from napari_synthseg.ui.app.shortcuts_window import ShortcutsWindow
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.keys import WindowKeys, bind_widget_keys
from napari_synthseg.ui.control.leaving import may_leave
from napari_synthseg.ui.control.notices import show_input_errors, warn
from napari_synthseg.ui.pages.click import ClickPage
from napari_synthseg.ui.pages.lane_bar import LaneBar
from napari_synthseg.ui.pages.page import NextStep, Page
from napari_synthseg.ui.pages.patches import PatchesPage
from napari_synthseg.ui.pages.results.page import ResultsPage
from napari_synthseg.ui.pages.start import StartPage
from napari_synthseg.ui.pages.synthesize import SynthesizePage
from napari_synthseg.ui.pages.train import TrainPage
from napari_synthseg.ui.presenters.steps import (
    CLICK,
    PAINT,
    START,
    STEP_NAMES,
    is_done,
    why_locked,
)
from napari_synthseg.ui.viewer.file_actions import FileActions
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.viewer.subscriptions import Subscriptions
from napari_synthseg.ui.widgets.parts import Notice, push_button
from napari_synthseg.ui.widgets.stepper import Stepper
from napari_synthseg.ui.widgets.style import style_sheet, theme_colors
from napari_synthseg.ui.widgets.wheel_guard import WheelGuard
from napari_synthseg.workflow.session import call_at_end, wait_until_closed

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Layer

MIN_WIDTH_PX = 350

WIDEST_PX = 440
"""Width of a page up to which the panel grows with the font."""

FLOATING_HEIGHT_PX = 680
"""Height of the panel in a window of its own, until the user makes it another: fits a screen of 768
pixels, and most of a page is in sight."""


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
        self.files = FileActions(viewer, self.controller, self.layers, self)
        self.step = START
        self._tour: GuidedTour | None = None
        self._close_watches: list[CloseWatch] = []
        _panels.add(self)
        self._listening = Subscriptions()
        colors = theme_colors(viewer.theme)
        self.header = Header(self.controller, self.files, self.show_help)
        self.stepper = Stepper(STEP_NAMES, colors)
        shared = (self.controller, self.layers)
        self.start_page = StartPage(*shared, self.files, self.open_sample)
        self.click_page = ClickPage(*shared, self.files)
        self.patches_page = PatchesPage(*shared)
        self.synthesize_page = SynthesizePage(*shared, colors)
        self.train_page = TrainPage(*shared, colors)
        self.results_page = ResultsPage(*shared)
        self.pages: dict[int, Page] = dict(
            enumerate(
                (
                    self.start_page, self.click_page, self.patches_page, self.synthesize_page,
                    self.train_page, self.results_page,
                ),
                START,
            )
        )  # fmt: skip
        self._build()
        everywhere = {
            "next": self.primary.click,
            "step": [partial(self.show_step, step) for step in range(len(STEP_NAMES))],
            "help": self.show_help,
            "shortcuts": self.show_shortcuts,
        }
        self._window_keys = WindowKeys(self, "window", everywhere)
        self._connect()
        self._apply_theme()
        self.show_step(START)
        for problem in plugin_problems():
            warn(problem)

    # --- what others call --------------------------------------------------------------------

    def open_sample(self, name: str, tour: bool = False) -> None:
        """Open a sample; with `tour`, go through all steps to the result, one after another.

        Raises
        ------
        InputError
            If there is no such sample.
        """
        self.files.open_sample(name, self.start_tour if tour else lambda: None)

    def ask_axes(self, layer: Layer) -> None:
        """Show the first page with a layer whose axes may mean several things."""
        self.files.select(layer)
        self.show_step(START)

    def start_tour(self, **options: Any) -> GuidedTour:
        """Take the steps from the shown one to the result; `options` are those of the tour."""
        self._tour = GuidedTour(
            self.controller,
            lambda: self.step,
            self.show_step,
            lambda minutes: self.train_page.start(minutes=minutes, steps=None),
            **options,
        )
        self._tour.start()
        return self._tour

    def show_step(self, step: int) -> None:
        """Show a step's page (0 to 4, or -1 for the first page), unless it is locked."""
        if step >= 0 and (why := why_locked(step, self.controller.project)):
            self.refresh()
            self.hint.setText(why)
            return
        if step != self.step and self.layers.suggestions.is_on:
            # the buttons that answer them are not on every page
            self.layers.suggestions.stop()
        self.step = step
        self.long_work.show_for(step)
        self.stack.setCurrentIndex(step - START)
        self.stack.currentWidget().lay_out()
        self.page.enter()
        self.refresh()

    def show_help(self) -> HelpWindow:
        """Open what the docs say of the step that is shown."""
        window = HelpWindow(self, theme_colors(self.viewer.theme))
        window.show()
        window.show_step(self.step)
        return window

    def show_shortcuts(self) -> ShortcutsWindow:
        """Open the list of all keys."""
        window = ShortcutsWindow(self)
        window.show()
        return window

    @property
    def page(self) -> Page:
        """The page of the step that is shown."""
        return self.pages[self.step]

    def refresh(self) -> None:
        """Show step states, hint and the highlighted button as they are now."""
        session, project = self.controller.session, self.controller.project
        steps = range(len(STEP_NAMES))
        self.stepper.rename(CLICK, STEP_NAMES[CLICK] if self.layers.marking == "clicks" else PAINT)
        self.stepper.show_state(
            self.step,
            [is_done(step, session) for step in steps],
            [why_locked(step, project) for step in steps],
        )
        self.hint.setText(self.page.hint())
        self._show_next_step(self.page.offered_step())
        notice = session.store.notice if session is not None else ""
        self.notice.say(notice)

    def shut_down(self) -> None:
        """End all work, release the project and let go of the viewer; safe to call twice."""
        if self._tour is not None:
            self._tour.stop()
        while self._close_watches:
            self._close_watches.pop().end()
        if isalive(self.stack):
            for number in range(self.stack.count()):
                self.stack.widget(number).end()
        _let_go(self._listening, self._window_keys, self.controller, self.layers)

    # --- building ----------------------------------------------------------------------------

    def minimumSizeHint(self) -> QSize:
        """Return the least size: wider where a large font needs it."""
        hint = super().minimumSizeHint()
        return hint.expandedTo(QSize(MIN_WIDTH_PX, hint.height()))

    def sizeHint(self) -> QSize:
        """Return the size of a window of its own: the pages scroll, and would ask for no height."""
        hint = super().sizeHint()
        return hint.expandedTo(QSize(hint.width(), FLOATING_HEIGHT_PX))

    def _build(self) -> None:
        self.hint = QLabel()
        self.hint.setObjectName("hint")
        self.hint.setWordWrap(True)
        self.notice = Notice()
        self.stack = QStackedWidget()
        for page in self.pages.values():
            self.stack.addWidget(PageArea(page))
        self.primary = push_button("", self._on_primary)
        self.primary.setObjectName("primary")
        self.long_work = LongWork(self.controller)
        self.work = LaneBar(
            self.controller,
            "short",
            tip="Stop this work; what was there before stays as it was",
            is_line=True,
        )
        # else napari puts empty room below it, the more the more panels were opened before
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 8)
        layout.setSpacing(6)
        for widget in (
            self.header, self.notice, self.stepper, self.hint, self.stack,
            *self.long_work.lines.values(), self.work, self.primary,
        ):  # fmt: skip
            layout.addWidget(widget, int(widget is self.stack))
        self._room = DockRoom(self, self.stack)

    def _connect(self) -> None:
        controller, layers = self.controller, self.layers
        self.stepper.chosen.connect(self.show_step)
        for page in self.pages.values():
            page.next_step_changed.connect(self._on_page_changed)
            page.go_to.connect(self.show_step)
        controller.session_changed.connect(lambda: self.show_step(START))
        controller.work_changed.connect(self.refresh)
        layers.image_changed.connect(self._on_image_changed)
        layers.marking_changed.connect(self.refresh)
        listen = self._listening.add
        listen(self._on_layers_changed, self.viewer.layers.selection.events.active)
        listen(self._on_theme_changed, self.viewer.events.theme)
        # where Qt deletes the panel without closing it, nothing of it may be touched any more
        self.destroyed.connect(
            partial(_let_go, self._listening, self._window_keys, controller, layers)
        )
        # the windows are gone by then: what still runs must come to its end on disk
        QApplication.instance().aboutToQuit.connect(self.shut_down)
        QApplication.instance().aboutToQuit.connect(wait_until_closed)
        bind_widget_keys(self, "window", {"undo": controller.undo, "redo": controller.redo})

    def _apply_theme(self) -> None:
        colors = theme_colors(self.viewer.theme)
        self.setStyleSheet(style_sheet(colors))
        self.stepper.set_colors(colors)
        self.patches_page.set_link_color(colors.link)
        for box in (self.train_page.work, self.synthesize_page.learn):
            box.curve.set_colors(colors)

    # --- following ---------------------------------------------------------------------------

    def _show_next_step(self, what: NextStep | None) -> None:
        self.primary.setVisible(what is not None)
        if what is not None:
            self.primary.setText(what.text)
            self.primary.setEnabled(what.is_ready)
            self.primary.setToolTip(what.why_disabled or "What to do next")

    def _on_primary(self) -> None:
        what = self.page.offered_step()
        if what is not None and what.action is not None and what.is_ready:
            show_input_errors(what.action)
            self.refresh()

    def _on_page_changed(self) -> None:
        if self.sender() is self.page:
            self.refresh()

    def _on_image_changed(self) -> None:
        if self.layers.image is not None and self.step == START:
            self.show_step(CLICK)
        else:
            self.refresh()

    def _on_layers_changed(self, event: object = None) -> None:
        if self.step == START:
            self.page.enter()

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
        return cast("bool", super().event(event))

    def _may_remove(self) -> bool:
        return may_leave(self, "Closing the panel", self.controller)

    def showEvent(self, event: QShowEvent) -> None:
        """Follow the window that the panel is shown in."""
        super().showEvent(event)
        self._window_keys.follow(self)
        window = self.window()
        if all(watch.parent() is not window for watch in self._close_watches):
            self._close_watches.append(CloseWatch(window, self.controller, self.shut_down))
        ask_before_removing(self, self._may_remove)
        self._room.follow()


_panels: WeakSet[SynthSegWidget] = WeakSet()


def _shut_down_all() -> None:
    """End all work where a program ends that never ran the event loop: Qt is gone soon."""
    for panel in tuple(_panels):
        panel.shut_down()


call_at_end(_shut_down_all)


def _let_go(
    listening: Subscriptions,
    keys: WindowKeys,
    controller: SessionController,
    layers: Layers,
    _: object = None,
) -> None:
    """End all work, release the project, and follow the viewer, its layers and keys no more."""
    listening.end()
    keys.end()
    controller.clear()
    layers.close()


class PageArea(QScrollArea):
    """Scrolls a page up and down; it is as wide as the page needs, with a font of usual size.

    With larger fonts, up to `WIDEST_PX`, so that the canvas has room; then it scrolls sideways.
    The page has no place, nor any parent, before it is shown: to style and lay out all pages takes
    a third of the time until the panel is open.
    """

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._page = page

    def lay_out(self) -> None:
        """Give the page its place; safe to call again."""
        if self.widget() is None:
            self.setWidget(self._page)
            WheelGuard(self._page)
            _come_after(self, self._page)

    def end(self) -> None:
        """See to it that Qt deletes the page with the panel, also where it was never shown."""
        if self.widget() is None:
            self._page.setParent(self)

    def minimumSizeHint(self) -> QSize:
        """Return the least size, in which the bar covers nothing."""
        if self.widget() is None:
            return QSize()
        bar_px = self.verticalScrollBar().sizeHint().width()
        width = self.widget().minimumSizeHint().width() + bar_px
        return QSize(min(width, WIDEST_PX), super().minimumSizeHint().height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the page where it needs another width."""
        if event.type() == QEvent.Type.LayoutRequest and watched is self.widget():
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))


def _come_after(before: QWidget, late: QWidget) -> None:
    """Let Tab go on to a widget and all in it: Qt puts what comes late after all that was there."""
    group, each = [late], late.nextInFocusChain()
    while late.isAncestorOf(each):
        group.append(each)
        each = each.nextInFocusChain()
    for each in group:
        if each.focusPolicy() != Qt.FocusPolicy.NoFocus:
            QWidget.setTabOrder(before, each)
            before = each
