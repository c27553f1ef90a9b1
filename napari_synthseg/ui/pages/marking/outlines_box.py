"""Step 1, the outlines: whether they are shown, and what is known of the chosen one."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QWidget

from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.presenters.outlines import describe_amount, describe_outline
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.parts import (
    check_box,
    column_in,
    push_button,
    quiet_label,
    row_of,
)


class OutlinesBox(QWidget):
    """Shows and hides the outlines, and speaks of the one of the last or selected click."""

    def __init__(self, controller: SessionController, layers: Layers) -> None:
        super().__init__()
        self.controller, self.layers = controller, layers
        self.shown = check_box(
            "Show outlines",
            layers.outlines.set_wanted,
            "Show what was found under each click. A dashed line is not sure. Key O",
        )
        self.about = quiet_label()
        outlines = layers.outlines
        self.again = push_button(
            "Reset",
            outlines.mender.find_again,
            "Find this outline again: takes back all that you mended of it",
        )
        self.mending = row_of(
            push_button(
                "Smaller  [",
                lambda: outlines.mender.resize(-1),
                "Move the outline of the last or selected click inwards. Key [",
            ),
            push_button(
                "Larger  ]",
                lambda: outlines.mender.resize(1),
                "Move the outline of the last or selected click outwards. Key ]",
            ),
            push_button(
                "Paint…",
                outlines.paint,
                "Paint the outline of the last or selected click with napari's brush",
            ),
            self.again,
        )
        self.painting = row_of(
            push_button(
                "Outline is done",
                outlines.painter.finish,
                "Take what is painted for the outline of this object. Key Enter",
            ),
            push_button(
                "Cancel", outlines.painter.cancel, "Leave the outline as it was. Key Escape"
            ),
        )
        said = row_of(self.shown, self.about, stretch=self.about)
        column_in(self, said, self.mending, self.painting)
        layers.outlines.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is known now."""
        outlines = self.layers.outlines
        with QSignalBlocker(self.shown):
            self.shown.setChecked(outlines.is_wanted)
        refs = outlines.image.refs if outlines.image is not None else ()
        said = (
            outlines.feed.problem or describe_outline(outlines.chosen, refs[0] if refs else None),
            describe_amount(outlines.feed.outlines),
        )
        text = " ".join(filter(None, said)) if outlines.is_wanted else ""
        self.about.setText(text)
        self.about.setVisible(bool(text))
        one, is_painting = outlines.chosen, outlines.painter.layer is not None
        is_flat = outlines.image is not None and len(outlines.image.shape) == 2
        self.mending.setVisible(outlines.is_wanted and is_flat and not is_painting)
        self.mending.setEnabled(one is not None)
        self.painting.setVisible(is_painting)
        click = outlines.chosen_click
        mended = click is not None and click.mended is not None
        self.again.setVisible(mended)
