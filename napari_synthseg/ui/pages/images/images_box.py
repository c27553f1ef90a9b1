"""The images of the project: which is shown, the next one, a list with pictures, and adding."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QMenu, QPushButton, QWidget

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.project import Project
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.keys import bind_widget_keys
from napari_synthseg.ui.control.notices import show_input_errors
from napari_synthseg.ui.pages.images.details_box import DetailsBox
from napari_synthseg.ui.pages.images.import_button import ImportButton
from napari_synthseg.ui.pages.images.limits_box import LimitsBox
from napari_synthseg.ui.presenters.counting import counted
from napari_synthseg.ui.presenters.images.pictures import (
    ImageKey,
    PictureRow,
    clickable,
    list_pictures,
    neighbor,
)
from napari_synthseg.ui.viewer.file_actions import FileActions
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.fold import Fold, FoldRow
from napari_synthseg.ui.widgets.image_list import PICTURE_PX, ImageList
from napari_synthseg.ui.widgets.parts import ElidedLabel, column_in, push_button, row_of
from napari_synthseg.workflow.images.thumbnails import draw_thumbnail

COUNT_DELAY_MS = 150
"""Time from a click to its count in the list, so that many clicks are counted once."""

BATCH = 8
"""Pictures that are made one after another before they are shown."""


class ImagesBox(QWidget):
    """What images there are, which one is shown, and what is known of it."""

    axes_unclear = Signal()
    """The chosen layer may be used in several ways: the first page says and asks which."""

    def __init__(self, controller: SessionController, layers: Layers, files: FileActions) -> None:
        super().__init__()
        self._controller, self._layers, self._files = controller, layers, files
        self._rows: list[PictureRow] = []
        self._is_asked = False
        self._next: Hashable | None = None
        self.back = push_button("◀", lambda: self.step(-1), "Previous image (key PageUp)")
        self.forward = push_button("▶", lambda: self.step(1), "Next image (key PageDown)")
        for button in (self.back, self.forward):
            button.setFixedWidth(24)
        self.back.setAccessibleName("Previous image")
        self.forward.setAccessibleName("Next image")
        self.title = ElidedLabel()
        self.add_button = QPushButton("Add…")
        self.add_button.setToolTip("Add images to the project: files, folders, layers")
        self.menu = QMenu(self.add_button)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.add_button.setMenu(self.menu)
        self.add_button.setObjectName("menu")
        self.import_button = ImportButton(controller, layers)
        self.list = ImageList("Images of the project")
        self.details = DetailsBox(controller, layers)
        self.limits = LimitsBox(controller, layers)
        self.about = Fold(
            "About this image", self.details, tip="Name, use, specimen, pixel size, channels"
        )
        self.parts = Fold(
            "Which part counts", self.limits, tip="Leave out scale bars, edges, other tissue"
        )
        column_in(
            self,
            row_of(
                self.back, self.forward, self.title, self.add_button, self.import_button,
                stretch=self.title,
            ),
            self.list, FoldRow(self.about, self.parts),
        ).setSpacing(4)  # fmt: skip
        controller.edit_lock.guard(self.add_button, self.import_button, self.details, self.limits)
        bind_widget_keys(
            self,
            "images",
            {"next_image": lambda: self.step(1), "previous_image": lambda: self.step(-1)},
        )
        self._counting = QTimer(self)
        self._counting.setSingleShot(True)
        self._counting.setInterval(COUNT_DELAY_MS)
        self._counting.timeout.connect(self.refresh)
        self._connect()
        self.refresh()

    def _connect(self) -> None:
        model, controller, layers = self.list.images, self._controller, self._layers
        self.list.chosen.connect(self._on_chosen)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._on_menu)
        model.ticked.connect(self._on_ticked)
        model.renamed.connect(lambda key, name: self.details.rename(self._refs_of(key), name))
        model.pictures_wanted.connect(self._make_pictures)
        layers.image_changed.connect(self._on_image_changed)
        layers.marking_changed.connect(self.refresh)
        self.limits.bar_found.connect(self.refresh)
        layers.step_wanted.connect(self.step, Qt.ConnectionType.QueuedConnection)
        controller.work_changed.connect(self._on_work_changed)
        controller.session_changed.connect(self._on_session_changed)
        controller.project_changed.connect(self._on_project_changed)

    # --- showing -----------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the images and the one in view as they are now."""
        self._counting.stop()
        image = self._layers.image
        shown = image.key if image is not None else None
        self._rows = list_pictures(self._controller.project)
        several = len(self._rows) > 1
        self.list.images.can_tick = self._layers.marking == "clicks"
        self.list.show_images(self._rows, shown)
        for widget in (self.back, self.forward, self.list):
            widget.setVisible(several)
        self.back.setEnabled(neighbor(self._rows, shown, -1) is not None)
        self.forward.setEnabled(neighbor(self._rows, shown, 1) is not None)
        done = sum(row.is_done for row in self._rows) if several else 0
        title = self._title(shown)
        self.title.say(f"{title} · {done} ✓" if done else title)
        told = [f"{title}: {row.name}" for row in self._rows if several and row.key == shown]
        told += [f"✓ Every object is clicked on {counted(done, 'image')}"] if done else []
        if told:
            self.title.setToolTip("\n".join(told))
        self.details.refresh()
        self.limits.refresh()
        self.parts.say("Leave out the bar?" if self.limits.asks else "Which part counts")

    def _title(self, shown: ImageKey | None) -> str:
        names = {row.key: row.name for row in self._rows}
        if len(self._rows) <= 1:
            return next(iter(names.values()), "no image")
        place = [*names].index(shown) + 1 if shown in names else "none"
        return f"{place} of {len(self._rows)}"

    def _refs_of(self, key: Hashable) -> tuple[ImageRef, ...]:
        return next((row.refs for row in self._rows if row.key == key), ())

    # --- the image in view -------------------------------------------------------------------

    def step(self, step: int) -> None:
        """Show the image `step` after the one in view."""
        image = self._layers.image
        row = neighbor(self._rows, image.key if image is not None else None, step)
        if row is not None:
            self._on_chosen(row.key)

    def _on_chosen(self, key: Hashable) -> None:
        refs = self._refs_of(key)
        self._is_asked = True
        if self._controller.job("reading") is not None:
            self._next = key  # of several that were asked for meanwhile, the last one is shown
        elif refs:
            self._layers.show_image(refs[0])

    def _on_work_changed(self) -> None:
        """Show the image that was asked for while one was read, else mark the one in view."""
        if not self._is_asked or self._controller.job("reading") is not None:
            return
        self._is_asked = False
        key, self._next = self._next, None
        if key is not None:
            self._on_chosen(key)
        else:
            self.refresh()  # the one that was asked for may not have been read

    def _on_image_changed(self) -> None:
        self.refresh()
        self.limits.look_for_bar()

    # --- following the session ----------------------------------------------------------------

    def _on_session_changed(self) -> None:
        self.list.images.forget_pictures()
        self.limits.forget_bars()
        self.details.channels.forget_counting()
        self._is_asked, self._next = False, None
        self.refresh()

    def _on_project_changed(self, new: Project, old: Project) -> None:
        if new.images is not old.images:
            self.refresh()
            if self._layers.image is None and new.images:
                self._show_nearest(new, old)
        elif new.clicks is not old.clicks or new.truths is not old.truths:
            self._counting.start()

    def _show_nearest(self, new: Project, old: Project) -> None:
        """Show the image after one that was removed, or the one that was brought back."""
        before, left = [ref.id for ref in old.images], {ref.id for ref in new.images}
        gone = [number for number, ident in enumerate(before) if ident not in left]
        back = [ref for ref in new.images if ref.id not in set(before)]
        after = [i for i in before[gone[0] :] if i in left] if gone else []
        ref = back[0] if back else new.image(after[0]) if after else new.images[-1]
        QTimer.singleShot(0, lambda: self._show_if_none(ref.id))

    def _show_if_none(self, ident: str) -> None:
        found = [ref for ref in self._controller.project.images if ref.id == ident]
        if found and self._layers.image is None and self._controller.job("reading") is None:
            self._layers.show_image(found[0])

    # --- editing -----------------------------------------------------------------------------

    def _on_ticked(self, key: Hashable, checked: bool) -> None:
        refs = clickable(self._refs_of(key))
        self.details.change("mark image as fully clicked", refs, exhaustive=checked)

    def _on_menu(self, place: object) -> None:
        index = self.list.indexAt(place)
        if not index.isValid():
            return
        refs = self._rows[index.row()].refs
        menu = QMenu(self.list)
        if len(refs) == 1:
            menu.addAction("Rename (F2)").triggered.connect(lambda: self.list.edit(index))
        menu.addAction("Remove from the project").triggered.connect(
            lambda: self.details.remove(refs)
        )
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.list.viewport().mapToGlobal(place))

    def _fill_menu(self) -> None:
        self.menu.clear()
        images = self._files.images
        self.menu.addAction("Image files…").triggered.connect(lambda: images.ask_files())
        self.menu.addAction("A folder of images…").triggered.connect(lambda: images.ask_folder())
        layers = self._files.free_layers()
        if layers:
            self.menu.addSeparator()
        for layer in layers:
            self.menu.addAction(f"Layer: {layer.name}").triggered.connect(
                lambda _=False, chosen=layer: self._use_layer(chosen)
            )

    def _use_layer(self, layer: Image) -> None:
        if self._files.is_clear(layer):
            show_input_errors(lambda: self._files.use_layer(layer))
        else:
            self._files.select(layer)
            self.axes_unclear.emit()

    # --- pictures ----------------------------------------------------------------------------

    def _make_pictures(self, keys: Sequence[Hashable]) -> None:
        """Make pictures of images in the background, a few at a time."""
        session = self._controller.session
        wanted = {key: refs[0] for key in keys if (refs := self._refs_of(key))}
        if session is None:
            return
        folder, items = session.folder, list(wanted.items())
        for start in range(0, len(items), BATCH):
            batch = items[start : start + BATCH]

            def make(
                batch: list[tuple[Hashable, ImageRef]] = batch,
            ) -> dict[Hashable, NDArray[np.uint8] | None]:
                made = {}
                for key, ref in batch:
                    try:
                        made[key] = draw_thumbnail(ref, folder, 2 * PICTURE_PX)
                    except InputError:  # told where the image is shown
                        made[key] = None
                return made

            self._controller.compute(
                "make pictures of images", make, self.list.images.add_pictures, "pictures"
            )
