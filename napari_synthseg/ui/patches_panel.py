"""Step 2: look at the patches, and reject what is no good example."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from qtpy.QtCore import QModelIndex, QSignalBlocker
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QPushButton

from napari_synthseg.core.patch import Patch, PatchLibrary
from napari_synthseg.core.project import Verdict
from napari_synthseg.ui.desk import Desk
from napari_synthseg.ui.gallery import PATCH_ROLE, Gallery
from napari_synthseg.ui.layers import Layers
from napari_synthseg.ui.masks_box import MasksBox
from napari_synthseg.ui.notices import attempt
from napari_synthseg.ui.panel import NextStep, Panel, fit_narrow, notice_label, quiet_label

ORDERS: dict[str, Callable[[Patch], object]] = {
    "worst first": lambda p: (bool(p.mask.any()), p.quality),
    "best first": lambda p: -p.quality,
    "most findings first": lambda p: (-len(p.findings), p.quality),
    "by class": lambda p: (p.cls, -p.quality),
    "by image": lambda p: (p.image, p.quality),
    "largest first": lambda p: -p.area,
    "smallest first": lambda p: (not p.mask.any(), p.area),
    "brightest first": lambda p: -_brightness(p),
}

ALL, IN_USE, REJECTED, SUGGESTED = "all", "in use", "rejected", "doubtful"


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
        self.order.setToolTip("Order of the patches")
        self.filter.setToolTip("Which patches are shown: all, by verdict, or by what is amiss")
        choices = QHBoxLayout()
        for box in (self.order, self.filter):
            fit_narrow(box)
            box.currentIndexChanged.connect(self._show_patches)
            choices.addWidget(box)
        self.body.addLayout(choices)
        self.gallery = Gallery()
        self.gallery.doubleClicked.connect(self._on_double_click)
        self.gallery.rejection_wanted.connect(self.set_rejected)
        self.gallery.selectionModel().selectionChanged.connect(self._show_selection)
        self.body.addWidget(self.gallery, 1)
        self.about = quiet_label()
        self.about.setMinimumHeight(2 * self.about.fontMetrics().lineSpacing() + 4)
        self.body.addWidget(self.about)
        self.body.addLayout(self._make_buttons())
        self.masks = MasksBox(desk, layers)
        self.body.addWidget(self.masks)
        self.body.addWidget(
            quiet_label(
                "Outline: the object found; bar: its quality. <b>R</b> rejects, <b>A</b> accepts, "
                "double-click shows it."
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
        self.doubtful_button = QPushButton()
        self.doubtful_button.setToolTip(
            "Reject all that the check finds doubtful, in one step that can be undone; patches "
            "that you accepted stay"
        )
        self.doubtful_button.clicked.connect(self.reject_doubtful)
        self.reject_button.clicked.connect(lambda: self.set_rejected(True))
        self.accept_button.clicked.connect(lambda: self.set_rejected(False))
        self.again_button.clicked.connect(self.cut)
        for button in (self.reject_button, self.accept_button, self.again_button):
            row.addWidget(button)
        self.body.addWidget(self.doubtful_button)
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
        self._show_filters(library)
        self._show_patches()
        self.next_step_changed.emit()

    def _show_filters(self, library: PatchLibrary | None) -> None:
        """Offer what occurs, with its number; keep the choice where it still occurs."""
        chosen = self.filter.currentData() or ALL
        patches = library.patches if library else ()
        counts: dict[str, int] = {ALL: len(patches)}
        if library:
            rejected = sum(p.id in library.rejected for p in patches)
            counts |= {IN_USE: len(library.usable()), REJECTED: rejected}
            counts[SUGGESTED] = len(self._suggested())
            kinds = Counter(kind for p in patches for kind in {f.kind for f in p.findings})
            counts |= dict(sorted(kinds.items()))
        with QSignalBlocker(self.filter):
            self.filter.clear()
            for name, count in counts.items():
                self.filter.addItem(f"{name} ({count})", name)
            self.filter.setCurrentIndex(max(0, self.filter.findData(chosen)))

    def _suggested(self) -> tuple[Patch, ...]:
        session = self.desk.session
        if session is None or session.library is None:
            return ()
        judged = frozenset(v.patch for v in session.project.verdicts)
        return session.library.suggested(judged)

    def _show_patches(self) -> None:
        session = self.desk.session
        if session is None or session.library is None:
            self.gallery.patches.show((), frozenset(), {})
            return
        library = session.library
        name, doubtful = self.filter.currentData(), {p.id for p in self._suggested()}
        tests: dict[str, Callable[[Patch], bool]] = {
            ALL: lambda p: True,
            IN_USE: lambda p: p.id not in library.rejected and bool(p.mask.any()),
            REJECTED: lambda p: p.id in library.rejected,
            SUGGESTED: lambda p: p.id in doubtful,
        }
        wanted = tests.get(name, lambda p: any(f.kind == name for f in p.findings))
        chosen = [p for p in library.patches if wanted(p)]
        chosen.sort(key=ORDERS[self.order.currentText()])
        names = {c.value: c.name for c in session.project.classes}
        self.gallery.patches.show(chosen, library.rejected, names)
        self._show_selection()

    def _show_selection(self, *_: object) -> None:
        """Say what is amiss with the selected patch, and what can be done."""
        patches = self.gallery.selected()
        self.reject_button.setEnabled(bool(patches))
        self.accept_button.setEnabled(bool(patches))
        count = len(self._suggested())
        self.doubtful_button.setText(f"Reject {count} doubtful")
        self.doubtful_button.setVisible(count > 0)
        if len(patches) == 1:
            (patch,) = patches
            amiss = "; ".join(patch.reasons) or "nothing amiss"
            self.about.setText(f"Quality {patch.quality:.2f}: {amiss}.")
        else:
            self.about.setText(f"{len(patches)} patches selected." if patches else "")

    # --- verdicts ----------------------------------------------------------------------------

    def set_rejected(self, rejected: bool) -> None:
        """Reject the selected patches, or accept them again."""
        session, patches = self.desk.session, self.gallery.selected()
        if session is None or not patches:
            return
        state = "rejected" if rejected else "accepted"
        verdicts = [
            Verdict(patch=p.id, state=state, reason=_why(p) if rejected else "") for p in patches
        ]
        what = "reject" if rejected else "accept"
        label = f"{what} patch" if len(patches) == 1 else f"{what} {len(patches)} patches"
        attempt(lambda: session.edit(session.project.with_verdicts(*verdicts), label))

    def reject_doubtful(self) -> None:
        """Reject what the check finds doubtful, as one edit."""
        session, patches = self.desk.session, self._suggested()
        if session is None or not patches:
            return
        verdicts = [Verdict(patch=p.id, state="rejected", reason=_why(p)) for p in patches]
        label = f"reject {len(patches)} doubtful patches"
        attempt(lambda: session.edit(session.project.with_verdicts(*verdicts), label))

    def _on_double_click(self, index: QModelIndex) -> None:
        self.layers.look_at_patch(index.data(PATCH_ROLE))


def _why(patch: Patch) -> str:
    """Return what is kept with a rejection: the gravest finding, or nothing."""
    ranked = sorted(patch.findings, key=lambda f: not f.reject)
    return ranked[0].reason if ranked else ""


def _brightness(patch: Patch) -> float:
    return float(np.median(patch.pixels[:, patch.mask])) if patch.mask.any() else -np.inf


def _summary(library: PatchLibrary | None) -> str:
    if library is None:
        return "No patches yet."
    usable, empty = len(library.usable()), sum(not p.mask.any() for p in library.patches)
    text = f"{len(library.patches)} patches, {usable} in use"
    if library.rejected:
        text += f", {sum(p.id in library.rejected for p in library.patches)} rejected"
    return text + (f", {empty} without an object" if empty else "")
