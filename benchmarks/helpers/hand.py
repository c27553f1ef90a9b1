"""A user at the window: a mouse and a keyboard of the X server, and eyes that read widgets.

Nothing of the plugin is called. What is pressed is found by what it says, brought into view with
the wheel, and pressed where it lies on the screen, by events that the X server makes (XTEST), so
that what covers, disables or hides a widget is in the way as it is for a user. The user lives in a
thread of its own; the eyes look in the thread of the window, for a moment each time.

There need be no window manager: what one does, giving a new dialog the keyboard, is done here.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from ctypes.util import find_library
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from qtpy.QtCore import QObject, QPoint, QRect, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QMenu,
    QMenuBar,
    QScrollArea,
    QTableWidget,
    QWidget,
)

T = TypeVar("T")

LEFT, WHEEL_UP, WHEEL_DOWN = 1, 4, 5

PAUSE_S = 0.02
"""Between two events of one gesture."""

LOOK_S = 0.05
"""Between two looks at what is waited for."""

HELD_STILL_S = 0.15
"""What has not moved for so long stands still."""

SETTLED_S = 0.4
"""Work is over that has not been seen for so long."""

KEYSYMS = {"PageDown": "Next", "PageUp": "Prior", "Enter": "Return"}
HELD = {"Ctrl": "Control_L", "Shift": "Shift_L", "Alt": "Alt_L"}


class XServer:
    """Mouse and keyboard."""

    def __init__(self) -> None:
        self._x = ctypes.CDLL(find_library("X11") or "libX11.so.6")
        self._test = ctypes.CDLL(find_library("Xtst") or "libXtst.so.6")
        self._x.XOpenDisplay.restype = ctypes.c_void_p
        self._x.XStringToKeysym.restype = self._x.XkbKeycodeToKeysym.restype = ctypes.c_ulong
        display = self._x.XOpenDisplay(None)
        if not display:
            raise SystemExit("There is no X server: run it with xvfb-run.")
        self._display = ctypes.c_void_p(display)

    def _flush(self) -> None:
        self._x.XSync(self._display, 0)
        time.sleep(PAUSE_S)

    def move(self, x: int, y: int) -> None:
        """Move the mouse."""
        self._test.XTestFakeMotionEvent(self._display, -1, int(x), int(y), ctypes.c_ulong(0))
        self._flush()

    def button(self, number: int, is_down: bool) -> None:
        """Press or release a button of the mouse."""
        self._test.XTestFakeButtonEvent(self._display, number, int(is_down), ctypes.c_ulong(0))
        self._flush()

    def press(self, number: int = LEFT, times: int = 1) -> None:
        """Press and release a button of the mouse."""
        for _ in range(times):
            self.button(number, True)
            self.button(number, False)

    def focus(self, window: int) -> None:
        """Give a window the keyboard."""
        self._x.XSetInputFocus(self._display, ctypes.c_ulong(window), 2, ctypes.c_ulong(0))
        self._flush()

    def key(self, name: str, held: Sequence[str] = ()) -> None:
        """Press a key, by the name of its symbol, while others are held."""
        code, shift = self._code(name)
        codes = [self._code(each)[0] for each in (*held, *(("Shift_L",) if shift else ()))]
        for each in (*codes, code):
            self._test.XTestFakeKeyEvent(self._display, each, 1, ctypes.c_ulong(0))
        for each in (code, *reversed(codes)):
            self._test.XTestFakeKeyEvent(self._display, each, 0, ctypes.c_ulong(0))
        self._flush()

    def _code(self, name: str) -> tuple[int, bool]:
        is_letter = len(name) == 1
        symbol = ord(name) if is_letter else self._x.XStringToKeysym(name.encode())
        code = self._x.XKeysymToKeycode(self._display, ctypes.c_ulong(symbol)) & 0xFF
        if not code:
            raise ValueError(f"no key for '{name}'")
        plain = self._x.XkbKeycodeToKeysym(self._display, code, 0, 0)
        return code, is_letter and plain != symbol


class _Caller(QObject):
    """Calls functions in the thread of the window, also while a dialog is open."""

    asked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.asked.connect(lambda call: call(), Qt.ConnectionType.QueuedConnection)


class NotSeenError(Exception):
    """What the user looked for is not there."""


class User:
    """Looks, points, clicks and types; made in the thread of the window, used in another one.

    Parameters
    ----------
    viewer
        The napari viewer; only looked at.
    pictures
        Folder of the pictures of the screen.
    """

    def __init__(self, viewer: Any, pictures: Path) -> None:
        self.viewer, self.pictures = viewer, pictures
        self.server = XServer()
        self._caller = _Caller()
        self.longest_wait_s = 0.0
        """The longest time in which the window did not answer a look."""

    # --- eyes --------------------------------------------------------------------------------

    def look(self, function: Callable[[], T], seconds: float = 120) -> T:
        """Return what a function sees in the thread of the window."""
        if threading.current_thread() is threading.main_thread():
            return function()
        done, seen = threading.Event(), []

        def call() -> None:
            try:
                seen.append((function(), None))
            except Exception as error:  # noqa: BLE001 - told in the user's thread
                seen.append((None, error))
            done.set()

        began = time.monotonic()
        self._caller.asked.emit(call)
        if not done.wait(seconds):
            raise TimeoutError("the window does not answer")
        self.longest_wait_s = max(self.longest_wait_s, time.monotonic() - began)
        value, error = seen[0]
        if error is not None:
            raise error
        return value

    def wait(self, condition: Callable[[], T], what: str, seconds: float = 120) -> T:
        """Return what a condition sees, once that is something."""
        end = time.monotonic() + seconds
        while not (seen := self.look(condition)):
            if time.monotonic() > end:
                raise NotSeenError(f"waited {seconds:.0f} s for: {what}")
            time.sleep(LOOK_S)
        return seen

    def settle(self, seconds: float = 300) -> None:
        """Wait until no work is seen: no button of the panel that cancels."""
        end, quiet = time.monotonic() + seconds, time.monotonic()
        while time.monotonic() - quiet < SETTLED_S:
            if self.sees("Cancel"):
                quiet = time.monotonic()
            if quiet > end:
                raise NotSeenError("work does not end")
            time.sleep(LOOK_S)

    def read(self) -> str:
        """Return all words that are in sight in the window in front."""

        def words() -> str:
            labels = [w for w in self._widgets() if isinstance(w, QLabel)]
            return "\n".join(w.text() for w in labels if not w.visibleRegion().isEmpty())

        return self.look(words)

    def sees(self, text: str) -> bool:
        """Tell whether there is something that says so, in sight or reached by the wheel."""
        return self.look(lambda: self._named(text) is not None)

    def is_enabled(self, text: str) -> bool:
        """Tell whether something that says so can be pressed."""

        def look() -> bool:
            widget = self._named(text)
            return widget is not None and widget.isEnabled()

        return self.look(look)

    def photograph(self, name: str) -> None:
        """Save a picture of the screen."""

        def grab() -> None:
            picture = QApplication.primaryScreen().grabWindow(0)
            picture.save(str(self.pictures / f"{name}.png"))

        self.look(grab)

    def _front(self) -> QWidget:
        """The window that has the keyboard: the dialog in front, or napari's."""
        found = QApplication.activeModalWidget()
        window: QWidget = self.viewer.window._qt_window
        return found if found is not None else window

    def _widgets(self) -> Iterator[QWidget]:
        """Yield what is shown in the window in front; scrolled out of sight, too."""
        front = self._front()
        floating = [w for w in QApplication.topLevelWidgets() if w.isVisible() and w is not front]
        for window in (front, *floating):
            for widget in (window, *window.findChildren(QWidget)):
                if widget.isVisible():
                    yield widget

    def _named(self, text: str) -> QWidget | None:
        """Return what says or is called that: a button, a list, a field; the whole name first."""
        best = None
        for widget in self._widgets():
            names = [widget.accessibleName()]
            if isinstance(widget, QAbstractButton):
                names.append(widget.text().replace("&", ""))
            elif isinstance(widget, QLabel) and widget.buddy() is not None:
                if widget.text() == text:
                    return widget.buddy()
                continue
            if text in names:
                return widget
            if best is None and any(name.startswith(text) for name in names):
                best = widget
        return best

    def _spot(self, find: Callable[[], tuple[QWidget, QRect]]) -> tuple[int, int]:
        """Return where on the screen something lies, once the wheel has brought it into view."""
        for _ in range(80):
            scroll = self.look(lambda: _scroll_to(*find()))
            if scroll is None:
                break
            x, y, wheel = scroll
            self.server.move(x, y)
            self.server.press(wheel)
            time.sleep(LOOK_S)
        else:
            raise NotSeenError("it cannot be brought into view")

        def locate() -> tuple[int, int]:
            widget, rect = find()
            place = widget.mapToGlobal(rect.center())
            top = QApplication.widgetAt(place)
            if top is None or not (top is widget or widget.isAncestorOf(top)):
                raise NotSeenError(f"{widget} is covered by {top}")
            return place.x(), place.y()

        place = None
        while place != (place := self.look(locate)):  # it may still move
            time.sleep(HELD_STILL_S)
        return place

    # --- hands -------------------------------------------------------------------------------

    def press(self, text: str, times: int = 1, seconds: float = 20) -> None:
        """Click on what says so, once it is there and may be pressed."""
        self.wait(lambda: (w := self._named(text)) and w.isEnabled(), f"'{text}'", seconds)

        def find() -> tuple[QWidget, QRect]:
            widget = self._named(text)
            if widget is None:
                raise NotSeenError(f"'{text}' went away")
            rect = widget.rect()
            if isinstance(widget, QAbstractButton):  # of a wide check box only its words
                rect.setWidth(min(rect.width(), widget.sizeHint().width()))
            return widget, rect

        self.server.move(*self._spot(find))
        self.server.press(LEFT, times)
        self.take_keyboard()
        self._breathe()

    def choose(self, name: str, entry: str) -> None:
        """Open a list and click on an entry."""
        self.press(name)

        def popup() -> QAbstractItemView | None:
            front = QApplication.activePopupWidget()
            views = front.findChildren(QAbstractItemView) if front is not None else []
            return views[0] if views else None

        self.wait(popup, f"the list '{name}'")
        time.sleep(0.2)

        def find() -> tuple[QWidget, QRect]:
            view = popup()
            if view is None:
                raise NotSeenError("the list has closed")
            model = view.model()
            texts = [model.index(row, 0).data() for row in range(model.rowCount())]
            row = next((n for n, t in enumerate(texts) if str(t).startswith(entry)), None)
            if row is None:
                raise NotSeenError(f"'{entry}' is not among {texts}")
            return view.viewport(), view.visualRect(model.index(row, 0))

        self.server.move(*self._spot(find))
        self.server.press()
        self._breathe()

    def menu(self, *path: str) -> None:
        """Open a menu of the window's bar, and click on an entry of it."""
        first, *others = path

        def bar() -> tuple[QWidget, QRect]:
            menus = self.viewer.window._qt_window.findChild(QMenuBar)
            return menus, menus.actionGeometry(_action(menus.actions(), first))

        self.server.move(*self._spot(bar))
        self.server.press()
        self.entries(*others)

    def entries(self, *path: str) -> None:
        """Click on entries of the menu that is open."""
        for text in path:
            self.wait(lambda: isinstance(QApplication.activePopupWidget(), QMenu), "a menu")
            time.sleep(0.2)

            def find(text: str = text) -> tuple[QWidget, QRect]:
                menu: Any = QApplication.activePopupWidget()
                return menu, menu.actionGeometry(_action(menu.actions(), text))

            self.server.move(*self._spot(find))
            self.server.press()
        self._breathe()

    def cell(self, table: str, row: int, column: int, text: str | None = None) -> None:
        """Click on a cell of a table; with a text, type it there in place of what it says."""

        def find() -> tuple[QWidget, QRect]:
            views = [w for w in self._widgets() if isinstance(w, QAbstractItemView)]
            view = next(w for w in views if w.accessibleName() == table)
            return view.viewport(), view.visualRect(view.model().index(row, column))

        self.server.move(*self._spot(find))
        self.server.press(LEFT, 1 if text is None else 2)
        if text is not None:
            time.sleep(0.2)
            self.key("Ctrl+a")
            self.type(text)
            self.key("Enter")
        self._breathe()

    def fill(self, name: str, text: str) -> None:
        """Type into a field in place of what it says."""
        self.press(name, times=2)
        self.key("Ctrl+a")
        self.type(text)
        self.key("Enter")

    def answer_file(self, *paths: Path) -> None:
        """Type paths into the file dialog that opens, and press Enter."""
        self.wait(lambda: QApplication.activeModalWidget() is not None, "a file dialog")
        self.wait(
            lambda: isinstance(
                QApplication.focusWidget() or self._front().focusWidget(), QLineEdit
            ),
            "the field of the file's name",
        )
        names = [str(path) for path in paths]
        self.type(names[0] if len(names) == 1 else " ".join(f'"{name}"' for name in names))
        self.key("Enter")
        self.wait(lambda: QApplication.activeModalWidget() is None, "the end of the file dialog")
        self.take_keyboard()
        self._breathe()

    def type(self, text: str) -> None:
        """Type letters."""
        self.take_keyboard()
        for letter in text:
            self.server.key("space" if letter == " " else letter)

    def key(self, keys: str) -> None:
        """Press keys as "Ctrl+Z", "]" or "Alt+4"."""
        self.take_keyboard()
        *held, last = keys.split("+") if len(keys) > 1 else [keys]
        name = last if len(last) > 1 else last.lower()
        self.server.key(KEYSYMS.get(name, name), [HELD[each] for each in held])
        self._breathe()

    def take_keyboard(self) -> None:
        """Give the window in front the keyboard, as a window manager does."""
        if self.look(lambda: QApplication.activePopupWidget() is None):
            front = self.look(lambda: int(self._front().winId()))
            self.server.focus(front)

    def _breathe(self) -> None:
        """Give the window a moment to do what it was asked."""
        time.sleep(PAUSE_S)
        self.look(lambda: None)

    # --- the canvas --------------------------------------------------------------------------

    def layer(self, name: str) -> Any:
        """Return a layer whose name begins so, to look at it; the last one; None if none does."""
        found = [each for each in self.viewer.layers if each.name.startswith(name)]
        return found[-1] if found else None

    def on_screen(self, name: str, position: Sequence[float]) -> tuple[int, int]:
        """Return where on the screen a position of a layer lies."""

        def find() -> tuple[int, int]:
            canvas = self.viewer.window._qt_viewer.canvas.native
            world = np.array(self.layer(name).data_to_world(position))[-2:]
            camera = self.viewer.scene.camera
            y, x = (world - np.array(camera.center[-2:])) * camera.zoom
            spot = QPoint(round(x + canvas.width() / 2), round(y + canvas.height() / 2))
            if not canvas.rect().contains(spot):
                raise NotSeenError(f"{position} of '{name}' is not in view")
            place = canvas.mapToGlobal(spot)
            return place.x(), place.y()

        return self.look(find)

    def click(self, name: str, position: Sequence[float]) -> None:
        """Click on the canvas at a position of a layer."""
        self.server.move(*self.on_screen(name, position))
        self.server.press()
        self._breathe()

    def drag(self, name: str, *positions: Sequence[float]) -> None:
        """Press the mouse at the first position, move it over the others, and release it."""
        spots = [self.on_screen(name, each) for each in positions]
        self.server.move(*spots[0])
        self.server.button(LEFT, True)
        for (x0, y0), (x1, y1) in pairwise(spots):
            for share in np.linspace(0.1, 1, 10):
                self.server.move(round(x0 + share * (x1 - x0)), round(y0 + share * (y1 - y0)))
                time.sleep(0.03)
        self.server.button(LEFT, False)
        self._breathe()


def _action(actions: Sequence[Any], text: str) -> Any:
    words = {action.text().replace("&", ""): action for action in actions if action.isVisible()}
    found = words.get(text) or next((a for w, a in words.items() if w.startswith(text)), None)
    if found is None:
        raise NotSeenError(f"'{text}' is not in the menu: {', '.join(words)}")
    return found


def _scroll_to(widget: QWidget, rect: QRect) -> tuple[int, int, int] | None:
    """Return where to turn the wheel, and which way, to see the middle of a part of a widget."""
    center = widget.mapToGlobal(rect.center())
    area: Any = widget.parentWidget()
    while area is not None:
        if isinstance(area, (QScrollArea, QTableWidget)) and area.verticalScrollBar().isVisible():
            view = area.viewport()
            place = view.mapFromGlobal(center)
            margin = min(12, view.height() // 4)
            if not margin <= place.y() <= view.height() - margin:
                bar = area.verticalScrollBar()
                down = place.y() > margin
                if bar.value() < bar.maximum() if down else bar.value() > bar.minimum():
                    spot = view.mapToGlobal(QPoint(3, view.height() // 2))
                    return spot.x(), spot.y(), WHEEL_DOWN if down else WHEEL_UP
        area = area.parentWidget()
    return None


def combo_texts(user: User, name: str) -> list[str]:
    """Return the entries of a list."""

    def look() -> list[str]:
        box = user._named(name)
        return [box.itemText(n) for n in range(box.count())] if isinstance(box, QComboBox) else []

    return user.look(look)
