"""Step 2: look at the patches, and reject what is no good example."""

from __future__ import annotations

from qtpy.QtCore import QItemSelectionModel, QModelIndex, QSignalBlocker
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QPushButton

from napari_synthseg.core.annotations import Verdict, VerdictState
from napari_synthseg.core.patch import Patch, PatchLibrary
from napari_synthseg.patches.quality.summary import summarize_classes
from napari_synthseg.ui.app.controller import SessionController
from napari_synthseg.ui.app.notices import show_input_errors
from napari_synthseg.ui.pages.masks_box import MasksBox
from napari_synthseg.ui.pages.panel import NextStep, Panel
from napari_synthseg.ui.presenters.patch_choice import ALL, ORDERS, choose, count_choices
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.gallery import PATCH_ROLE, STATE_WORDS, Gallery
from napari_synthseg.ui.widgets.health_list import HealthList
from napari_synthseg.ui.widgets.parts import fit_narrow, notice_label, quiet_label

MOST_KEPT = 200
"""A larger selection than this is not carried over to another view of the patches."""


class PatchesPanel(Panel):
    """The gallery, with verdicts."""

    def __init__(self, controller: SessionController, layers: Layers) -> None:
        super().__init__(controller, layers)
        self.summary = quiet_label()
        self.body.addWidget(self.summary)
        self.health = HealthList()
        self.health.chosen.connect(self._on_finding)
        self.body.addWidget(self.health)
        self.notes = notice_label()
        self.body.addWidget(self.notes)
        self.order, self.filter = QComboBox(), QComboBox()
        self.order.addItems(list(ORDERS))
        self.order.setToolTip("Order of the patches")
        self.filter.setToolTip("Show only: what stands about the patches, or what was found")
        choices = QHBoxLayout()
        for box in (self.order, self.filter):
            fit_narrow(box)
            box.currentIndexChanged.connect(self._on_choice)
            choices.addWidget(box)
        self.body.addLayout(choices)
        self.gallery = Gallery()
        self.gallery.doubleClicked.connect(self._on_double_click)
        self.gallery.rejection_wanted.connect(self.set_rejected)
        self.gallery.selectionModel().selectionChanged.connect(self._show_selection)
        self.body.addWidget(self.gallery, 1)
        self.about = quiet_label()
        self.about.setFixedHeight(3 * self.about.fontMetrics().lineSpacing() + 4)
        self.body.addWidget(self.about)
        self.suggested_button = QPushButton()
        self.suggested_button.clicked.connect(self.reject_suggested)
        self.body.addWidget(self.suggested_button)
        self.body.addLayout(self._make_buttons())
        self.masks = MasksBox(controller, layers)
        self.body.addWidget(self.masks)
        controller.library_changed.connect(self.refresh)
        controller.session_changed.connect(self.refresh)
        controller.project_changed.connect(lambda *_: self.next_step_changed.emit())
        controller.work_changed.connect(self.next_step_changed)

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.reject_button, self.accept_button = (
            QPushButton("Reject (R)"),
            QPushButton("Accept (A)"),
        )
        self.again_button = QPushButton("Cut again")
        self.reject_button.setToolTip("Do not use the selected patches (R or Del)")
        self.accept_button.setToolTip(
            "Use the selected patches, whatever the check says about them (A)"
        )
        self.again_button.setToolTip("Cut all patches anew from the clicks and diameters of now")
        self.suggested_button.setToolTip(
            "Reject all that the check calls doubtful, in one step that can be undone; patches "
            "that you accepted stay"
        )
        self.reject_button.clicked.connect(lambda: self.set_rejected(True))
        self.accept_button.clicked.connect(lambda: self.set_rejected(False))
        self.again_button.clicked.connect(self.cut)
        for button in (self.reject_button, self.accept_button, self.again_button):
            row.addWidget(button)
        return row

    # --- showing -----------------------------------------------------------------------------

    def hint(self) -> str:
        """Say what the gallery is for, or that it is out of date."""
        session = self.controller.session
        if self.controller.job("short") is not None:
            return "Looking for the object under each click…"
        if session is None or session.library is None:
            return "Cut a patch around each click."
        if not session.library_is_current:
            return "Clicks or diameters have changed: cut the patches again."
        return "Is each object outlined well? Reject those that are not."

    def next_step(self) -> NextStep:
        """Offer the dual images once there are usable patches."""
        session = self.controller.session
        if self.controller.job("short") is not None:
            return NextStep("Next: make dual images", None, "Wait until the patches are cut.")
        if session is None or session.library is None or not session.library_is_current:
            return NextStep("Cut the patches", self.cut)
        usable = len(session.library.usable())
        why = "" if usable else "No patch is usable: check the class diameter and the clicks."
        return NextStep("Next: make dual images", lambda: self.go_to.emit(2), why)

    def enter(self) -> None:
        """Cut the patches if they are missing or out of date."""
        session = self.controller.session
        self.layers.look_at_image()
        if session is not None and not session.library_is_current:
            self.cut()
        self.refresh()

    def cut(self) -> None:
        """Cut patches in the background."""
        session = self.controller.session
        if session is not None:
            show_input_errors(lambda: self.controller.run(session.cut_patches()))

    def refresh(self) -> None:
        """Show the library of now."""
        session = self.controller.session
        library = session.library if session else None
        counts = count_choices(library)
        self.summary.setText(_summary(counts) if library else "No patches yet.")
        classes = session.project.classes if session else ()
        self.health.show_health(summarize_classes(library, classes) if library else ())
        self.notes.setText("\n".join(library.notes) if library else "")
        self.notes.setVisible(bool(library and library.notes))
        self.gallery.painter.colors = {c.value: c.color for c in classes}
        suggested = counts.get("doubtful", 0)
        self.suggested_button.setText(f"Reject all suggested ({suggested})")
        self.suggested_button.setVisible(suggested > 0)
        self._show_choices(counts)
        self._show_patches()
        self.next_step_changed.emit()

    def _show_choices(self, counts: dict[str, int]) -> None:
        """Offer what occurs, with its number; keep the choice where it still occurs."""
        chosen = self.filter.currentData() or ALL
        with QSignalBlocker(self.filter):
            self.filter.clear()
            for name, count in counts.items():
                self.filter.addItem(f"{name} ({count})", name)
            self.filter.setCurrentIndex(max(0, self.filter.findData(chosen)))

    def _show_patches(self) -> None:
        session = self.controller.session
        if session is None or session.library is None:
            self.gallery.patches.show(())
            return
        kept = self.gallery.selected()[:MOST_KEPT]
        row = next(iter(self.gallery.selected_rows()), 0)
        chosen = choose(session.library, self.filter.currentData(), self.order.currentText())
        self.gallery.patches.show(
            chosen,
            session.library,
            {c.value: c.name for c in session.project.classes},
            {i.id: i.name for i in session.project.images},
        )
        if kept and not self.gallery.selected_rows():
            self._select_again({p.id for p in kept}, row)
        self._show_selection()

    def _select_again(self, ids: set[str], row: int) -> None:
        """Select the same patches in the new view; where all are gone, the one in their place."""
        shown = self.gallery.patches.patches
        rows = [n for n, p in enumerate(shown) if p.id in ids] or [min(row, len(shown) - 1)]
        if rows[0] < 0:
            return
        model, keep = self.gallery.selectionModel(), QItemSelectionModel.SelectionFlag.Select
        model.setCurrentIndex(self.gallery.patches.index(rows[0]), keep)
        for place in rows[1:]:
            model.select(self.gallery.patches.index(place), keep)

    def _show_selection(self, *_: object) -> None:
        """Say what is amiss with the selected patch, and what can be done."""
        session, patches = self.controller.session, self.gallery.selected()
        self.reject_button.setEnabled(bool(patches))
        self.accept_button.setEnabled(bool(patches))
        text = (
            f"{len(patches)} patches selected." if patches else "Select a patch to read about it."
        )
        if len(patches) == 1 and session is not None and session.library is not None:
            text = _words(patches[0], session.library)
        if not patches:
            text = "Select a patch to read about it; a double-click shows it in the image."
        self.about.setText(text)
        self.about.setToolTip("\n".join(f.reason for p in patches[:1] for f in p.issues))

    def _on_choice(self, _: int) -> None:
        self._show_patches()
        rows = self.gallery.selected_rows()
        if rows:
            self.gallery.scrollTo(self.gallery.patches.index(rows[0]))
        else:
            self.gallery.scrollToTop()

    def _on_finding(self, kind: str) -> None:
        self.filter.setCurrentIndex(max(0, self.filter.findData(kind)))

    # --- verdicts ----------------------------------------------------------------------------

    def set_rejected(self, rejected: bool) -> None:
        """Reject the selected patches, or accept them whatever the check says."""
        patches = self.gallery.selected()
        what = "reject" if rejected else "accept"
        count = "patch" if len(patches) == 1 else f"{len(patches)} patches"
        self._judge(patches, "rejected" if rejected else "accepted", f"{what} {count}")

    def reject_suggested(self) -> None:
        """Reject all that the check calls doubtful and that was not judged yet, as one edit."""
        session = self.controller.session
        patches = session.library.suggested() if session and session.library else ()
        self._judge(list(patches), "rejected", f"reject {len(patches)} suggested patches")

    def _judge(self, patches: list[Patch], state: VerdictState, label: str) -> None:
        session = self.controller.session
        if session is None or not patches:
            return
        verdicts = [Verdict(patch=p.id, state=state, reason=_why(p, state)) for p in patches]
        show_input_errors(lambda: session.edit(session.project.with_verdicts(*verdicts), label))

    def _on_double_click(self, index: QModelIndex) -> None:
        self.layers.look_at_patch(index.data(PATCH_ROLE))


def _why(patch: Patch, state: VerdictState) -> str:
    """Return the reason that is kept with a verdict."""
    kinds = ", ".join(f.kind for f in patch.issues if f.severity != "note")
    if state == "accepted":
        return f"in spite of: {kinds}" if kinds else ""
    return kinds or "by eye"


def _words(patch: Patch, library: PatchLibrary) -> str:
    """Return what is known of one patch, in a few words."""
    state = STATE_WORDS[library.state(patch)] if patch.area else "not used"
    if not patch.issues:
        return f"Quality {patch.quality:.2f}, {state}. Nothing amiss."
    first, *others = patch.issues
    also = f" Also {', '.join(f.kind for f in others)}." if others else ""
    return f"Quality {patch.quality:.2f}, {state}. {first.kind.capitalize()}: {first.reason}.{also}"


def _summary(counts: dict[str, int]) -> str:
    good = counts.get("good", 0) + counts.get("accepted", 0)
    suspicious = counts.get("suspicious", 0) + counts.get("doubtful", 0)
    return (
        f"{counts[ALL]} patches: <b>{good}</b> good, <b>{suspicious}</b> suspicious, "
        f"<b>{counts.get('rejected', 0)}</b> rejected"
    )
