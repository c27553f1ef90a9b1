"""Which channels are used: of the image in view, or of all images at once."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QLineEdit, QWidget

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.storage.images import choosable_channels, counted_channels
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.notices import show_input_errors
from napari_synthseg.ui.presenters.images.pictures import ImageKey, image_key
from napari_synthseg.ui.widgets.parts import check_box, column_in, row_of
from napari_synthseg.workflow.images.channels import parse_channels


class ChannelsBox(QWidget):
    """Shows which channels are used, and changes it; out of sight where there is no choice."""

    outdated = Signal()
    """What is shown may not be how it is now."""

    def __init__(self, controller: SessionController) -> None:
        super().__init__()
        self._controller = controller
        self._refs: tuple[ImageRef, ...] = ()
        self._counting: set[ImageKey] = set()
        self.channels = QLineEdit()
        self.channels.setToolTip(
            "Numbers of the channels that are used, as the slider of the viewer counts them, from "
            "0: type 0, or 0, 2; nothing for all. A model that is trained already goes on looking "
            "at the channels that it learned from."
        )
        self.channels.editingFinished.connect(self._on_typed)
        self.for_all = check_box(
            "On all images", lambda _: None, "Use them of every image that has several channels"
        )
        self.for_all.setChecked(True)
        label = QLabel("Channels")
        label.setBuddy(self.channels)
        column_in(self, row_of(label, self.channels, self.for_all, stretch=self.channels))

    def show_images(self, refs: tuple[ImageRef, ...], is_only_image: bool) -> None:
        """Show the channels of an image; how many it has is found in the background.

        Chosen ones are shown in any case, so that the choice can be taken back: also of RGB, for
        which it cannot be made here, and not for all images at once.
        """
        self._refs = refs
        chosen = refs[0].channels if refs else None
        session = self._controller.session
        count = counted_channels(refs[0], session.folder) if refs and session else None
        several = (count or 1) > 1
        self.setVisible(several or chosen is not None)
        self.for_all.setVisible(not is_only_image and count != 1)
        if count is None:
            self._count_channels()
        self.channels.setPlaceholderText(f"all, 0 to {count - 1}" if count and several else "all")
        if not (self.channels.hasFocus() and self.channels.isModified()):  # else it is being typed
            self.channels.setText(", ".join(map(str, chosen or ())))

    def forget_counting(self) -> None:
        """Forget of which images the channels are being counted: another project follows."""
        self._counting.clear()

    def _count_channels(self) -> None:
        session = self._controller.session
        if not self._refs or session is None:
            return
        ref, folder = self._refs[0], session.folder
        key = image_key(ref.with_all_channels())
        if key in self._counting:
            return
        self._counting.add(key)

        def count() -> int | None:
            try:
                return choosable_channels(ref, folder)
            except InputError:  # told where the image is read; it may be there the next time
                return None

        def show(found: int | None) -> None:
            self._counting.discard(key)
            if found is not None:
                self.outdated.emit()

        self._controller.compute(f"count the channels of {ref.name}", count, show, "pictures")

    def _on_typed(self) -> None:
        is_typed = self.channels.isModified()  # typed again, it holds for other images
        self.channels.setModified(False)
        if not show_input_errors(lambda: self._choose(is_typed)):
            self.outdated.emit()

    def _choose(self, is_typed: bool) -> None:
        channels, refs = parse_channels(self.channels.text()), self._refs
        if not refs or (channels == refs[0].channels and not is_typed):
            return
        images = () if self.for_all.isVisibleTo(self) and self.for_all.isChecked() else refs
        self._controller.start(
            lambda session: session.choose_channels(channels, images),
            on_end=lambda _: self.outdated.emit(),
        )
