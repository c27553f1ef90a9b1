"""What is rarely used is folded away below its heading."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.gui


def test_of_folds_side_by_side_one_is_open_at_a_time(qtbot):
    from qtpy.QtWidgets import QLabel

    from napari_synthseg.ui.widgets.fold import Fold, FoldRow

    first, second = Fold("First", QLabel("one")), Fold("Second", QLabel("two"))
    row = FoldRow(first, second)
    qtbot.addWidget(row)
    row.show()
    closed_px = row.sizeHint().height()
    assert first.button.geometry().top() == second.button.geometry().top()
    first.button.click()
    assert first.body.isVisible()
    second.button.click()
    assert (first.is_open, first.body.isVisible(), second.body.isVisible()) == (False, False, True)
    second.button.click()
    qtbot.waitUntil(lambda: row.sizeHint().height() == closed_px)
