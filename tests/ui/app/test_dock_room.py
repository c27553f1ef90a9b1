"""The panel docked below napari's own panels: there is a page to work in."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QWidget

from napari_synthseg.ui.app.dock_room import LEAST_PAGE_PX, SETTLED_MS, dock_of

pytestmark = pytest.mark.gui

LEFT = Qt.DockWidgetArea.LeftDockWidgetArea


@pytest.fixture
def docked_left(opened):
    """Return a function that docks the panel on the left of a window of some height."""

    def put(height_px):
        opened.viewer.window.resize(1280, height_px)
        opened.qtbot.wait(50)
        window, dock = opened.panel.window(), dock_of(opened.panel)
        before = window.height()
        window.addDockWidget(LEFT, dock)
        opened.qtbot.wait(2 * SETTLED_MS)
        # as high as it was: it fits its screen
        opened.wait(lambda: window.height() == before, 5000)
        opened.wait(lambda: opened.panel.stack.height() >= LEAST_PAGE_PX, 5000)
        return window, dock

    return put


def titles(docks):
    return [each.windowTitle() for each in docks]


def test_in_a_low_window_the_panel_is_a_tab_on_the_controls(docked_left, opened):
    window, dock = docked_left(780)
    opened.wait(lambda: titles(window.tabifiedDockWidgets(dock)) == ["layer controls"], 5000)
    assert not opened.panel.visibleRegion().isEmpty(), "it is the tab in front"
    layer_list = window.findChild(QDockWidget, "layer list")
    assert layer_list.isVisible() and not window.tabifiedDockWidgets(layer_list)
    opened.click_all()  # the controls of points are higher than those of images
    opened.settle()
    opened.qtbot.wait(2 * SETTLED_MS)
    assert opened.panel.stack.height() >= LEAST_PAGE_PX
    # who pulls it out of the tabs has it so
    window.splitDockWidget(layer_list, dock, Qt.Orientation.Vertical)
    opened.qtbot.wait(2 * SETTLED_MS)
    assert not window.tabifiedDockWidgets(dock)


def test_in_a_high_window_the_others_stay_in_sight(docked_left):
    window, dock = docked_left(1150)
    assert not window.tabifiedDockWidgets(dock)
    assert window.findChild(QDockWidget, "layer controls").isVisible()


def test_another_panel_of_the_same_place_stays_in_sight(bench):
    bench.viewer.window.resize(1280, 780)
    other = QWidget()
    other.setMinimumHeight(300)
    bench.qtbot.wait(2 * SETTLED_MS)
    bench.viewer.window.add_dock_widget(other, name="of another plugin", area="right")
    bench.qtbot.wait(2 * SETTLED_MS)
    assert not other.visibleRegion().isEmpty()
    assert not bench.panel.visibleRegion().isEmpty()
