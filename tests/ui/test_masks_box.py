"""Choosing how masks are found, and bringing masks along."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import Progress
from napari_synthseg.patches.masks.registry import MASK_METHODS, MaskMethod, register
from tests.ui.conftest import CENTERS, DIAMETER, SHAPE

pytestmark = pytest.mark.gui


def squares():
    """Return masks that no method would find: a square in each object."""
    ids = np.zeros(SHAPE, np.int32)
    half = int(DIAMETER / 2) - 2
    for number, (row, column) in enumerate(CENTERS, start=1):
        ids[row - half : row + half, column - half : column + half] = number
    return ids


@pytest.fixture
def disks():
    """A method of a plugin."""

    def outline(objects):
        yield Progress(0.0)
        return []

    yield register(MaskMethod("disks", "Disks", "Round objects", outline))
    del MASK_METHODS["disks"]


def test_without_plugins_there_is_nothing_to_choose(clicked):
    clicked.panel.show_step(1)
    clicked.settle()
    box = clicked.panel.patches_page.masks
    assert box.take_button.isVisible()
    assert not box.method.isVisible()


def test_a_method_is_chosen_and_taken_back(disks, clicked):
    clicked.panel.show_step(1)
    clicked.settle()
    box = clicked.panel.patches_page.masks
    assert "Masks of" in box.title.text()
    assert box.method.isVisible()
    QTest.keyClick(box.method, Qt.Key.Key_Down)
    clicked.settle()
    (cls,) = clicked.session.project.classes
    assert cls.mask_method == "disks"
    assert not clicked.session.library_is_current
    clicked.session.undo()
    assert box.method.currentIndex() == 0


def test_masks_of_a_labels_layer_cut_the_patches(clicked):
    clicked.panel.show_step(1)
    clicked.settle()
    clicked.viewer.add_labels(squares(), name="mine")
    box = clicked.panel.patches_page.masks
    box.menu.fill()
    (action,) = [a for a in box.menu.actions() if a.text() == "Layer: mine"]
    action.trigger()
    clicked.settle()
    library = clicked.session.library
    assert clicked.session.library_is_current
    assert {p.method for p in library.patches} == {"given"}
    assert {p.area for p in library.patches} == {(squares() == 1).sum()}


def test_masks_are_of_the_class_that_is_clicked_in_them_else_of_the_active_one(clicked):
    session, clicks = clicked.session, clicked.session.project.clicks
    project = session.project.with_classes(session.project.next_class("other", diameter=DIAMETER))
    session.edit(project.model_copy(update={"clicks": clicks[1:]}), "a class, a click less")
    clicked.panel.show_step(1)
    clicked.panel.layers.clicks.choose_class(2)
    clicked.settle()
    clicked.panel.patches_page.masks.take_layer(clicked.viewer.add_labels(squares(), name="mine"))
    clicked.settle()
    (masks,) = session.project.patch_masks
    assert Counter(masks.classes.values()) == {1: len(CENTERS) - 1, 2: 1}
    assert [c.cls for c in session.project.clicks].count(2) == 1


def test_masks_that_do_not_fit_are_refused_in_words(clicked):
    clicked.panel.show_step(1)
    clicked.settle()
    layer = clicked.viewer.add_labels(np.ones((7, 7), int), name="wrong")
    clicked.panel.patches_page.masks.take_layer(layer)
    clicked.settle()
    assert not clicked.session.project.patch_masks


def test_a_layer_that_lies_elsewhere_is_refused_in_words(clicked, told):
    clicked.panel.show_step(1)
    clicked.settle()
    moved = clicked.viewer.add_labels(squares(), name="moved", translate=(0, 7))
    other = clicked.viewer.add_labels(squares(), name="other", scale=(0.5, 0.5))
    for layer in (moved, other):
        clicked.panel.patches_page.masks.take_layer(layer)
        clicked.settle()
        assert f"'{layer.name}' does not lie on image 'discs'" in told[-1].message
    assert not clicked.session.project.patch_masks
    clicked.viewer.layers["discs"].translate = (0, 7)  # where the masks are
    clicked.panel.patches_page.masks.take_layer(moved)
    clicked.settle()
    assert clicked.session.project.patch_masks


def test_a_method_that_is_not_installed_is_shown_and_refused_in_words(clicked):
    clicked.panel.show_step(1)
    clicked.settle()
    session = clicked.session
    (cls,) = session.project.classes
    gone = cls.model_copy(update={"mask_method": "gone"})
    session.edit(session.project.with_classes(gone), "class")
    clicked.settle()
    box = clicked.panel.patches_page.masks
    assert box.method.currentData() == "gone"
    assert box.method.toolTip() == "This method is not installed"
    with pytest.raises(InputError, match="mask method 'gone' is not installed"):
        session.cut_patches().result()
