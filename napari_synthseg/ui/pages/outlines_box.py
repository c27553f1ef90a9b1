"""Step 1, the outlines: whether they are shown, and what is known of the chosen one."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QWidget

from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.presenters.outlines import describe_amount, describe_outline
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.parts import check_box, column_in, quiet_label


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
        column_in(self, self.shown, self.about)
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
