"""Step 2: look at the patches, and reject those that are no good examples."""

from __future__ import annotations

from qtpy.QtCore import QItemSelectionModel, QModelIndex, QSignalBlocker
from qtpy.QtWidgets import QComboBox

from napari_synthseg.core.annotations import Verdict, VerdictState
from napari_synthseg.core.patch import Patch, PatchLibrary
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.pages.masks_box import MasksBox
from napari_synthseg.ui.pages.page import NextStep, Page
from napari_synthseg.ui.presenters.patch_choice import (
    ALL,
    ORDERS,
    choose,
    count_choices,
    describe_library,
    describe_patch,
    summary_lines,
    verdict_reason,
)
from napari_synthseg.ui.presenters.steps import DUAL_IMAGES
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.gallery import PATCH_ROLE, Gallery
from napari_synthseg.ui.widgets.link_list import LinkList
from napari_synthseg.ui.widgets.parts import (
    fit_narrow,
    notice_label,
    push_button,
    quiet_label,
    row_of,
)

MAX_KEPT_SELECTION = 200
"""A larger selection than this is not carried over to another view of the patches."""


class PatchesPage(Page):
    """The gallery, with verdicts."""

    def __init__(self, controller: SessionController, layers: Layers) -> None:
        super().__init__(controller, layers)
        self.summary, self.notes, self.about = quiet_label(), notice_label(), quiet_label()
        self.about.setFixedHeight(3 * self.about.fontMetrics().lineSpacing() + 4)
        self.health = LinkList("Issues by class")
        self.health.chosen.connect(self._on_issue_chosen)
        self.order, self.filter = QComboBox(), QComboBox()
        self.order.addItems(list(ORDERS))
        self.order.setToolTip("Order of the patches")
        self.filter.setToolTip("Show only patches with this verdict or this issue")
        for box in (self.order, self.filter):
            fit_narrow(box)
            box.currentIndexChanged.connect(self._on_choice)
        self.gallery = Gallery()
        self.gallery.doubleClicked.connect(self._on_double_click)
        self.gallery.rejection_wanted.connect(self.set_rejected)
        self.gallery.selectionModel().selectionChanged.connect(self._show_selection)
        self.suggested_button = push_button(
            "",
            self.reject_suggested,
            "Reject all patches that the check calls doubtful, in one step that can be undone; "
            "patches that you accepted stay",
        )
        self.reject_button = push_button(
            "Reject (R)",
            lambda: self.set_rejected(True),
            "Do not use the selected patches (R or Del)",
        )
        self.accept_button = push_button(
            "Accept (A)",
            lambda: self.set_rejected(False),
            "Use the selected patches, whatever the check says about them (A)",
        )
        self.again_button = push_button(
            "Cut again", self.cut, "Cut all patches again from the current clicks and diameters"
        )
        self.masks = MasksBox(controller, layers)
        self.add(self.summary, self.health, self.notes, row_of(self.order, self.filter))
        self.body.addWidget(self.gallery, 1)
        self.add(
            self.about,
            self.suggested_button,
            row_of(self.reject_button, self.accept_button, self.again_button),
            self.masks,
        )
        controller.library_changed.connect(self.refresh)
        controller.session_changed.connect(self.refresh)
        controller.project_changed.connect(lambda *_: self.next_step_changed.emit())
        controller.work_changed.connect(self.next_step_changed)

    # --- showing -----------------------------------------------------------------------------

    @property
    def _library(self) -> PatchLibrary | None:
        return self.controller.session.library if self.controller.session else None

    @property
    def _is_current(self) -> bool:
        """Whether the patches were cut from the clicks of now."""
        session = self.controller.session
        return session is not None and session.library_is_current

    def hint(self) -> str:
        """Say what the gallery is for, or that it is out of date."""
        if busy := self.busy_hint():
            return busy
        if self._library is None:
            return "Cut a patch around each click."
        if not self._is_current:
            return "Clicks or diameters have changed: cut the patches again."
        return "Is each object outlined well? Reject those that are not."

    def next_step(self) -> NextStep:
        """Offer the dual images once there are usable patches."""
        words, library = "Next: make dual images", self._library
        if self.controller.job("short") is not None:
            return NextStep(words, None, "Wait until the patches are cut.")
        if library is None or not self._is_current:
            return NextStep("Cut the patches", self.cut)
        why = "" if library.usable() else "No patch is usable: check class diameter and clicks."
        return self.going_to(words, DUAL_IMAGES, why)

    def enter(self) -> None:
        """Cut the patches if they are missing or out of date."""
        self.layers.look_at_image()
        if not self._is_current:
            self.cut()
        self.refresh()

    def cut(self) -> None:
        """Cut patches in the background."""
        self.controller.start(lambda session: session.cut_patches())

    def refresh(self) -> None:
        """Show the current library."""
        library, classes = self._library, self.controller.project.classes
        counts = count_choices(library)
        self.summary.setText(describe_library(counts))
        self.health.show_lines(summary_lines(library, classes))
        self.notes.setText("\n".join(library.notes) if library else "")
        self.notes.setVisible(bool(self.notes.text()))
        self.gallery.painter.colors = {c.value: c.color for c in classes}
        suggested = counts.get("doubtful", 0)
        self.suggested_button.setText(f"Reject all suggested ({suggested})")
        self.suggested_button.setVisible(suggested > 0)
        chosen = self.filter.currentData() or ALL  # kept where it still occurs
        with QSignalBlocker(self.filter):
            self.filter.clear()
            for name, count in counts.items():
                self.filter.addItem(f"{name} ({count})", name)
            self.filter.setCurrentIndex(max(0, self.filter.findData(chosen)))
        self._show_patches()
        self.next_step_changed.emit()

    def _show_patches(self) -> None:
        library, project = self._library, self.controller.project
        if library is None:
            self.gallery.patches.show(())
            return
        kept = {p.id for p in self.gallery.selected()[:MAX_KEPT_SELECTION]}
        row = next(iter(self.gallery.selected_rows()), 0)
        self.gallery.patches.show(
            choose(library, self.filter.currentData(), self.order.currentText()),
            library,
            project.class_names,
            {i.id: i.name for i in project.images},
        )
        if kept and not self.gallery.selected_rows():
            self._select_again(kept, row)
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
        """Say what is wrong with the selected patch, and what can be done."""
        library, patches = self._library, self.gallery.selected()
        self.reject_button.setEnabled(bool(patches))
        self.accept_button.setEnabled(bool(patches))
        if len(patches) == 1 and library is not None:
            text = describe_patch(patches[0], library)
        elif patches:
            text = f"{len(patches)} patches selected."
        else:
            text = "Select a patch to read about it."
        self.about.setText(text)
        self.about.setToolTip("\n".join(i.reason for p in patches[:1] for i in p.issues))

    def _on_choice(self, _: int) -> None:
        self._show_patches()
        rows = self.gallery.selected_rows()
        if rows:
            self.gallery.scrollTo(self.gallery.patches.index(rows[0]))
        else:
            self.gallery.scrollToTop()

    def _on_issue_chosen(self, kind: str) -> None:
        self.filter.setCurrentIndex(max(0, self.filter.findData(kind.replace("-", " "))))

    # --- verdicts ----------------------------------------------------------------------------

    def set_rejected(self, rejected: bool) -> None:
        """Reject the selected patches, or accept them whatever the check says."""
        patches = self.gallery.selected()
        count = "patch" if len(patches) == 1 else f"{len(patches)} patches"
        state: VerdictState = "rejected" if rejected else "accepted"
        self._judge(patches, state, f"{'reject' if rejected else 'accept'} {count}")

    def reject_suggested(self) -> None:
        """Reject all that the check calls doubtful and that was not judged yet, as one edit."""
        patches = list(self._library.suggested()) if self._library else []
        self._judge(patches, "rejected", f"reject {len(patches)} suggested patches")

    def _judge(self, patches: list[Patch], state: VerdictState, label: str) -> None:
        if patches:
            verdicts = [
                Verdict(patch=p.id, state=state, reason=verdict_reason(p, state)) for p in patches
            ]
            self.controller.edit(self.controller.project.with_verdicts(*verdicts), label)

    def _on_double_click(self, index: QModelIndex) -> None:
        self.layers.look_at_patch(index.data(PATCH_ROLE))
