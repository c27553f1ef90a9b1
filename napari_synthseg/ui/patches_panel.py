"""Step 2: look at the patches, and reject what is no good example."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QModelIndex
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QPushButton

from napari_synthseg.core.patch import Patch, PatchLibrary
from napari_synthseg.core.project import Verdict
from napari_synthseg.ui.desk import Desk
from napari_synthseg.ui.gallery import PATCH_ROLE, Gallery
from napari_synthseg.ui.layers import Layers
from napari_synthseg.ui.masks_box import MasksBox
from napari_synthseg.ui.notices import attempt
from napari_synthseg.ui.panel import NextStep, Panel, notice_label, quiet_label

ORDERS: dict[str, Callable[[Patch], object]] = {
    "worst first": lambda p: (bool(p.mask.any()), p.quality),
    "best first": lambda p: -p.quality,
    "by class": lambda p: (p.cls, -p.quality),
    "largest first": lambda p: -p.area,
}


class PatchesPanel(Panel):
    """The gallery, with verdicts."""

    def __init__(self, desk: Desk, layers: Layers) -> None:
        super().__init__(desk, layers)
        self.summary = quiet_label()
        self.body.addWidget(self.summary)
        self.notes = notice_label()
        self.body.addWidget(self.notes)
        self.order, self.filter = QComboBox(), QComboBox()
        self.order.addItems(list(ORDERS))
        self.filter.addItems(["all", "in use", "rejected", "no object found"])
        choices = QHBoxLayout()
        for box in (self.order, self.filter):
            box.currentIndexChanged.connect(self._show_patches)
            choices.addWidget(box)
        self.body.addLayout(choices)
        self.gallery = Gallery()
        self.gallery.doubleClicked.connect(self._on_double_click)
        self.gallery.rejection_wanted.connect(self.set_rejected)
        self.gallery.selectionModel().selectionChanged.connect(self._show_buttons)
        self.body.addWidget(self.gallery, 1)
        self.body.addLayout(self._make_buttons())
        self.masks = MasksBox(desk, layers)
        self.body.addWidget(self.masks)
        self.body.addWidget(
            quiet_label(
                "The line is the object found under your click, the bar below its quality. Reject "
                "wrong ones (<b>R</b>), take them back (<b>A</b>); double-click shows one in the "
                "image."
            )
        )
        desk.library_changed.connect(self.refresh)
        desk.session_changed.connect(self.refresh)
        desk.project_changed.connect(lambda *_: self.next_step_changed.emit())
        desk.work_changed.connect(self.next_step_changed)

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.reject_button, self.accept_button = QPushButton("Reject"), QPushButton("Accept")
        self.again_button = QPushButton("Cut again")
        self.again_button.setToolTip("Cut all patches anew from the clicks and diameters of now")
        self.reject_button.clicked.connect(lambda: self.set_rejected(True))
        self.accept_button.clicked.connect(lambda: self.set_rejected(False))
        self.again_button.clicked.connect(self.cut)
        for button in (self.reject_button, self.accept_button, self.again_button):
            row.addWidget(button)
        return row

    # --- showing -----------------------------------------------------------------------------

    def hint(self) -> str:
        """Say what the gallery is for, or that it is out of date."""
        session = self.desk.session
        if self.desk.job("short") is not None:
            return "Looking for the object under each click…"
        if session is None or session.library is None:
            return "Cut a patch around each click."
        if not session.library_is_current:
            return "Clicks or diameters have changed: cut the patches again."
        return "Is each object outlined well? Reject those that are not."

    def next_step(self) -> NextStep:
        """Offer the dual images once there are usable patches."""
        session = self.desk.session
        if self.desk.job("short") is not None:
            return NextStep("Next: make dual images", None, "Wait until the patches are cut.")
        if session is None or session.library is None or not session.library_is_current:
            return NextStep("Cut the patches", self.cut)
        usable = len(session.library.usable())
        why = "" if usable else "No patch is usable: check the class diameter and the clicks."
        return NextStep("Next: make dual images", lambda: self.go_to.emit(2), why)

    def enter(self) -> None:
        """Cut the patches if they are missing or out of date."""
        session = self.desk.session
        self.layers.look_at_image()
        if session is not None and not session.library_is_current:
            self.cut()
        self.refresh()

    def cut(self) -> None:
        """Cut patches in the background."""
        session = self.desk.session
        if session is not None:
            attempt(lambda: self.desk.run(session.cut_patches()))

    def refresh(self) -> None:
        """Show the library of now."""
        session = self.desk.session
        library = session.library if session else None
        self.summary.setText(_summary(library))
        self.notes.setText("\n".join(library.notes) if library else "")
        self.notes.setVisible(bool(library and library.notes))
        if session is not None:
            self.gallery.painter.colors = {c.value: c.color for c in session.project.classes}
        self._show_patches()
        self.next_step_changed.emit()

    def _show_patches(self) -> None:
        session = self.desk.session
        if session is None or session.library is None:
            self.gallery.patches.show((), frozenset(), {})
            return
        library = session.library
        tests: dict[str, Callable[[Patch], bool]] = {
            "all": lambda p: True,
            "in use": lambda p: p.id not in library.rejected and bool(p.mask.any()),
            "rejected": lambda p: p.id in library.rejected,
            "no object found": lambda p: not p.mask.any(),
        }
        chosen = [p for p in library.patches if tests[self.filter.currentText()](p)]
        chosen.sort(key=ORDERS[self.order.currentText()])
        names = {c.value: c.name for c in session.project.classes}
        self.gallery.patches.show(chosen, library.rejected, names)
        self._show_buttons()

    def _show_buttons(self, *_: object) -> None:
        some = bool(self.gallery.selectedIndexes())
        self.reject_button.setEnabled(some)
        self.accept_button.setEnabled(some)

    # --- verdicts ----------------------------------------------------------------------------

    def set_rejected(self, rejected: bool) -> None:
        """Reject the selected patches, or accept them again."""
        session, patches = self.desk.session, self.gallery.selected()
        if session is None or not patches:
            return
        state = "rejected" if rejected else "accepted"
        verdicts = [Verdict(patch=p.id, state=state) for p in patches]
        what = "reject" if rejected else "accept"
        label = f"{what} patch" if len(patches) == 1 else f"{what} {len(patches)} patches"
        attempt(lambda: session.edit(session.project.with_verdicts(*verdicts), label))

    def _on_double_click(self, index: QModelIndex) -> None:
        self.layers.look_at_patch(index.data(PATCH_ROLE))


def _summary(library: PatchLibrary | None) -> str:
    if library is None:
        return "No patches yet."
    usable, empty = len(library.usable()), sum(not p.mask.any() for p in library.patches)
    text = f"{len(library.patches)} patches, {usable} in use"
    if library.rejected:
        text += f", {sum(p.id in library.rejected for p in library.patches)} rejected"
    return text + (f", {empty} without an object" if empty else "")
