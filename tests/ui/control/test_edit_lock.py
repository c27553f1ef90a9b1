"""What edits is disabled while nothing can be changed, and is then as its page wants it."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_synthseg.ui.control.edit_lock import EditLock

pytestmark = pytest.mark.gui


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    "wanted", [(), (True,), (False,), (True, False), (False, True), (True, False, True)]
)
def test_a_control_is_given_back_as_its_page_wanted_it_last(qtbot, before, wanted):
    button, lock = QPushButton(), EditLock()
    qtbot.addWidget(button)
    lock.guard(button)
    button.setEnabled(before)
    for _ in range(2):  # the lock may be set anew
        lock.set("Nothing can be changed here.")
        assert not button.isEnabled()
    for state in wanted:
        button.setEnabled(state)
        assert not button.isEnabled()
    lock.set("")
    assert button.isEnabled() == (before, *wanted)[-1]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("wanted", [(True, False), (False, True), (True, True)])
def test_controls_within_others_are_given_back_too(qtbot, order, wanted):
    box, lock = QWidget(), EditLock()
    qtbot.addWidget(box)
    button = QPushButton()
    QVBoxLayout(box).addWidget(button)
    lock.guard(*(box, button)[::order])
    lock.set("Nothing can be changed here.")
    for control in (box, button):
        control.setEnabled(False)
    for state, control in zip(wanted, (box, button), strict=True):
        control.setEnabled(state)
        assert not button.isEnabled()
    lock.set("")
    assert box.isEnabled() == wanted[0]
    assert button.isEnabled() == all(wanted)


def test_a_control_stays_locked_when_what_it_lies_in_is_enabled(qtbot):
    box, lock = QWidget(), EditLock()
    qtbot.addWidget(box)
    button = QPushButton(box)
    lock.guard(button)
    box.setEnabled(False)
    lock.set("Nothing can be changed here.")
    for state in (True, False, True):
        box.setEnabled(state)
        assert not button.isEnabled()
    lock.set("")
    assert button.isEnabled()
