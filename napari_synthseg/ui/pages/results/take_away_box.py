"""Take away: tables, labels, outlines, figures, training pairs and models, into files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QCheckBox, QFileDialog, QSpinBox, QWidget

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.labels import DualImage
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.pages.lane_bar import LaneBar
from napari_synthseg.ui.presenters.results.taking_away import DEFAULT_PAIRS, Parcel, parcels_of
from napari_synthseg.ui.presenters.steps import needs_no_dual_images
from napari_synthseg.ui.widgets.parts import (
    ChoiceBox,
    column_in,
    push_button,
    quiet_label,
    row_of,
)
from napari_synthseg.workflow.exporting.exported import Exported
from napari_synthseg.workflow.jobs import Outcome


class WrittenLine(QWidget):
    """What was written, and a button that opens the folder."""

    opened = Signal(object)
    """The folder that is shown to the user."""

    def __init__(self) -> None:
        super().__init__()
        self._folder: Path | None = None
        self.words = quiet_label()
        self.button = push_button("Open the folder", self._open, "Show it in the file manager")
        column_in(self, self.words, self.button)
        self.hide()

    def say(self, words: str, folder: Path | None = None) -> None:
        """Show a sentence; with a folder, offer to open it; '' hides."""
        self._folder = folder
        self.words.setText(words)
        self.button.setVisible(folder is not None)
        self.setVisible(bool(words))

    def _open(self) -> None:
        if self._folder is not None:
            self.opened.emit(self._folder)
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder)))


class TakeAwayBox(QWidget):
    """Writes what the chosen run finds, or is, into files.

    Parameters
    ----------
    chosen
        Returns the run and the images that are chosen on the page.
    options
        Returns what predictions are made with, as `Session.export` takes it.
    """

    def __init__(
        self,
        controller: SessionController,
        chosen: Callable[[], tuple[TrainingRun | None, Sequence[ImageRef]]],
        options: Callable[[TrainingRun], dict[str, Any]],
    ) -> None:
        super().__init__()
        self.controller, self._chosen, self._options = controller, chosen, options
        self._parcels = dict(parcels_of(None))
        self.what = ChoiceBox({}, "What is written", "What to take away")
        self.what.chosen.connect(lambda _: self._show_what())
        self.about = quiet_label()
        self.count = QSpinBox(minimum=1, maximum=100_000, value=DEFAULT_PAIRS)
        self.count.setToolTip("How many dual images are made")
        self.count.setAccessibleName("Number of pairs")
        self.count.setSuffix(" pairs")
        self.every = QCheckBox("All images of the project")
        self.every.setToolTip("Else only those that are ticked above; always whole images")
        self.replace = QCheckBox("Replace files that are there")
        self.replace.setToolTip("Else nothing is written where one of the files exists")
        self.button = push_button("Write…", self.ask, "Choose where it goes")
        self.bar, self.written = LaneBar(controller, "applying"), WrittenLine()
        column_in(
            self, self.what, self.about, self.count, self.every, self.replace,
            row_of(self.button), self.bar, self.written,
        )  # fmt: skip
        controller.work_changed.connect(self._on_work_changed)
        self.refresh()

    def refresh(self) -> None:
        """Offer what the chosen run allows."""
        run, _ = self._chosen()
        has_pairs = not needs_no_dual_images(self.controller.project)
        self._parcels = dict(parcels_of(run, has_pairs=has_pairs))
        titles = {key: parcel.title for key, parcel in self._parcels.items()}
        tips = {key: parcel.tip for key, parcel in self._parcels.items()}
        self.what.fill(titles, tips)
        self._show_what()

    @property
    def parcel(self) -> Parcel:
        """What is chosen."""
        return self._parcels[self.what.value]

    def _show_what(self) -> None:
        parcel = self.parcel
        self.about.setText(f"For {parcel.tip}.")
        self.count.setVisible(parcel.what == "pairs")
        self.every.setVisible(parcel.is_of_images)

    def _on_work_changed(self) -> None:
        self.button.setEnabled(self.controller.job("applying") is None)

    # --- writing -----------------------------------------------------------------------------

    def ask(self) -> None:
        """Ask for a file or a folder, and write."""
        parcel = self.parcel
        if parcel.file:
            name, _ = QFileDialog.getSaveFileName(
                self, f"Write {parcel.title}", parcel.file,
                options=QFileDialog.Option.DontConfirmOverwrite,
            )  # fmt: skip
        else:
            name = QFileDialog.getExistingDirectory(self, f"Folder for {parcel.title}")
        if name:
            self.write(Path(name))

    def write(self, out: Path) -> None:
        """Write what is chosen to a file or into a folder."""
        run, refs = self._chosen()
        parcel = self.parcel
        self.written.say("")
        if parcel.what == "pairs":
            count = self.count.value()
            self.controller.start(
                lambda session: session.synthesize(count),
                lambda pairs: self._export(out, parcel, None, pairs=pairs),
                lane="applying",
                on_end=self._on_end,
            )
        elif parcel.what == "model":
            self._export(out, parcel, run)
        elif run is not None:
            images = () if self.every.isChecked() else _whole(refs)
            self._export(out, parcel, run, images=images, **self._options(run))

    def _export(
        self,
        out: Path,
        parcel: Parcel,
        run: TrainingRun | None,
        pairs: Sequence[DualImage] = (),
        **options: Any,
    ) -> None:
        replace = self.replace.isChecked()

        def done(made: Exported) -> None:
            self.written.say(made.message, out.parent if parcel.file else out)

        self.controller.start(
            lambda session: session.export(
                parcel.what, out, format=parcel.format, run=run, pairs=pairs, overwrite=replace,
                **options,
            ),
            done, lane="applying", on_end=self._on_end,
        )  # fmt: skip

    def _on_end(self, outcome: Outcome[Any]) -> None:
        if outcome.state == "cancelled":
            self.written.say("Stopped; nothing more is written.")


def _whole(refs: Sequence[ImageRef]) -> list[ImageRef]:
    """Return images without their regions, each once."""
    whole = {(ref.uri, tuple(sorted(ref.plane.items()))): ref for ref in refs}
    return [ref.model_copy(update={"region": None}) for ref in whole.values()]
