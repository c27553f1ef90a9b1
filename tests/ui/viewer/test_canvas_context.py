"""What OpenGL keeps of a layer is deleted where it was made, whatever Qt drew last."""

from __future__ import annotations

import pytest
from qtpy.QtGui import QOffscreenSurface, QOpenGLContext

pytestmark = pytest.mark.gui

WAYS = {
    "by the user": lambda bench: bench.viewer.layers.remove("discs"),
    "by the panel": lambda bench: bench.panel.layers.outlines.set_wanted(False),
}


@pytest.fixture
def elsewhere():
    """Leave another context current, as Qt 6 does once it has painted a window."""
    surface, context = QOffscreenSurface(), QOpenGLContext()
    surface.create()
    assert context.create()

    def leave():
        assert context.makeCurrent(surface)

    yield leave
    context.doneCurrent()


@pytest.mark.parametrize("how", WAYS)
def test_layers_are_deleted_in_the_context_of_the_canvas(clicked, elsewhere, monkeypatch, how):
    clicked.wait(lambda: clicked.panel.layers.outlines.layer is not None)
    canvas = clicked.viewer.window._qt_viewer.canvas
    own, drawn = canvas.native.context(), canvas._scene_canvas.context
    finish, seen = drawn.finish, []

    def spy():
        seen.append(QOpenGLContext.currentContext() is own)
        finish()

    monkeypatch.setattr(drawn, "finish", spy)
    before = len(clicked.viewer.layers)
    elsewhere()
    WAYS[how](clicked)
    assert len(clicked.viewer.layers) < before
    assert seen and all(seen)
