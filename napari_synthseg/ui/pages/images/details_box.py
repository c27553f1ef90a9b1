"""What is known of the image in view: name, use, specimen, pixel size, channels; removing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qtpy.QtWidgets import QLabel, QLineEdit, QWidget

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.pages.images.channels_box import ChannelsBox
from napari_synthseg.ui.pages.images.pixel_size_box import PixelSizeBox
from napari_synthseg.ui.pages.images.specimen_box import MAX_NAME_LENGTH, SpecimenBox
from napari_synthseg.ui.presenters.images.pictures import ROLES, common_name
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.parts import ChoiceBox, column_in, push_button, row_of

ROLE_TIP = (
    "A model never learns from an image that is held out. Click or paint its objects, too: scores "
    "then tell how many of them a model finds on an image that it has not seen."
)

ROLE_EDITS = {
    "train": "use image for training",
    "validate": "use image to choose weights",
    "test": "use image for scoring",
}
"""Role -> what the edit is called."""


class DetailsBox(QWidget):
    """Shows and changes what is known of the image in view."""

    def __init__(self, controller: SessionController, layers: Layers) -> None:
        super().__init__()
        self._controller, self._layers = controller, layers
        self.name, self.role = QLineEdit(), ChoiceBox(ROLES, ROLE_TIP, "Used")
        self.name.setMaxLength(MAX_NAME_LENGTH)
        self.name.setToolTip("What the image is called here; the file keeps its name")
        self.name.setAccessibleName("Name of the image")
        self.name.editingFinished.connect(self._on_named)
        self.role.chosen.connect(self._on_role)
        self.specimen = SpecimenBox()
        self.specimen.named.connect(lambda name: self.change("name specimen", group=name))
        self.pixel_size = PixelSizeBox(layers)
        self.pixel_size.sized.connect(
            lambda size, unit: self.change("set pixel size", pixel_size=size, unit=unit)
        )
        self.channels = ChannelsBox(controller)
        self.channels.outdated.connect(self.refresh)
        self.remove_button = push_button(
            "Remove from the project",
            self._on_remove,
            "Take the image out, with its clicks; the file stays as it is, and Undo brings it back",
        )
        self._role_row = row_of(QLabel("Used"), self.role, stretch=self.role)
        column_in(
            self, row_of(QLabel("Name"), self.name, stretch=self.name), self._role_row,
            self.specimen, self.pixel_size, self.channels, self.remove_button,
        )  # fmt: skip

    @property
    def _refs(self) -> tuple[ImageRef, ...]:
        return self._layers.image.refs if self._layers.image else ()

    def refresh(self) -> None:
        """Show what is known now."""
        refs = self._refs
        self.setEnabled(bool(refs))
        if not (self.name.hasFocus() and self.name.isModified()):  # else it is being typed
            self.name.setText(common_name(refs) if refs else "")
        self.name.setEnabled(len(refs) == 1)
        self._role_row.setVisible(len(refs) == 1)
        if len(refs) == 1:
            self.role.choose(refs[0].role)
        self.specimen.show_images(self._controller.project, refs)
        self.pixel_size.show_images(refs)
        self.channels.show_images(refs, len(self._controller.project.images) == len(refs))

    # --- editing -----------------------------------------------------------------------------

    def change(self, what: str, refs: Iterable[ImageRef] | None = None, **fields: Any) -> None:
        """Change fields of images; without `refs`, of those in view."""
        before = self._refs if refs is None else tuple(refs)
        changed = [ref.model_copy(update=fields) for ref in before]
        if changed and changed != list(before):
            self._controller.edit(self._controller.project.with_images(*changed), what)
        self.refresh()

    def rename(self, refs: tuple[ImageRef, ...], name: str) -> None:
        """Give an image another name; an empty one changes nothing."""
        if len(refs) == 1 and name:
            self.change("rename image", refs, name=name[:MAX_NAME_LENGTH])
        else:
            self.refresh()

    def remove(self, refs: Iterable[ImageRef]) -> None:
        """Take images out of the project, with what is marked on them."""
        project = self._controller.project
        for ref in refs:
            project = project.without_image(ref.id)
        self._controller.edit(project, "remove image")

    def _on_named(self) -> None:
        refs = self._refs
        self.name.setModified(False)
        if refs and self.name.text().strip() != common_name(refs):
            self.rename(refs, self.name.text().strip())

    def _on_role(self, role: str) -> None:
        self.change(ROLE_EDITS[role], role=role)

    def _on_remove(self) -> None:
        self.remove(self._refs)
