"""Step 2: look at the patches, and reject those that are no good examples."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from qtpy.QtCore import QItemSelectionModel, QModelIndex, QTimer

from napari_synthseg.core.annotations import Verdict, VerdictState
from napari_synthseg.core.patch import Patch, PatchLibrary
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.notices import tell
from napari_synthseg.ui.pages.masks_box import MasksBox
from napari_synthseg.ui.pages.page import NextStep, Page
from napari_synthseg.ui.presenters.patch_choice import (
    ORDERS,
    Arrangement,
    arrange,
    describe_library,
    describe_patch,
    draw_patch,
    verdict_reason,
)
from napari_synthseg.ui.presenters.steps import DUAL_IMAGES
from napari_synthseg.ui.presenters.thumbnail import Thumbnail
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.gallery import Gallery
from napari_synthseg.ui.widgets.parts import ChoiceBox, Notice, push_button, quiet_label, row_of

MENDED_MS = 500
"""After so long without another mended outline, patches are cut again."""

MOST_AT_ONCE = 5000
"""Patches that are sorted on the spot."""

MAX_KEPT_SELECTION = 200
"""A larger selection than this is not carried over to another view of the patches."""


class PatchesPage(Page):
    """The gallery, with verdicts."""

    def __init__(self, controller: SessionController, layers: Layers) -> None:
        super().__init__(controller, layers)
        self.summary, self.notes, self.about = quiet_label(), Notice(), quiet_label()
        self.about.setFixedHeight(3 * self.about.fontMetrics().lineSpacing() + 4)
        self.issues = Notice("quiet")
        self.issues.linkActivated.connect(self._on_issue_chosen)
        self._link_color = self._lines = ""
        self.order = ChoiceBox({name: name for name in ORDERS}, "Order of the patches", "Order")
        self.filter = ChoiceBox(
            tip="Show only patches with this verdict or this issue", name="Show"
        )
        for box in (self.order, self.filter):
            box.chosen.connect(self._on_choice)
        self._wanted: object = None
        self._is_choice = False
        """Whether other patches, or another order, were chosen, and are not shown yet."""
        self.gallery = Gallery("Patches")
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
        again_button = push_button(
            "Cut again", self.cut, "Cut all patches again from the current clicks and diameters"
        )
        self.masks = MasksBox(controller, layers)
        self.gallery.resizing_wanted.connect(self.resize_outline)
        self._mended = QTimer(self)
        self._mended.setSingleShot(True)
        self._mended.setInterval(MENDED_MS)
        self._mended.timeout.connect(self._cut_mended)
        self.add(
            self.summary, self.issues, self.notes, row_of(self.order, self.filter), self.gallery,
            self.about, self.suggested_button,
            row_of(self.reject_button, self.accept_button, again_button), self.masks,
            stretch=self.gallery,
        )  # fmt: skip
        controller.edit_lock.guard(
            self.suggested_button, self.reject_button, self.accept_button, self.masks
        )
        controller.library_changed.connect(self.refresh)

    # --- showing -----------------------------------------------------------------------------

    @property
    def _library(self) -> PatchLibrary | None:
        return self.session.library if self.session else None

    @property
    def _is_current(self) -> bool:
        """Whether the patches were cut from the clicks of now."""
        return self.session is not None and self.session.library_is_current

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
        if self.is_busy:
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
        """Show the current library; a large one is sorted in the background first."""
        library, classes = self._library, self.project.classes
        choice, order = self.filter.value, self.order.value
        self._wanted = wanted = object()

        def show(made: Arrangement) -> None:
            if self._wanted is wanted:
                self._show(library, made)

        if library is None or len(library.patches) <= MOST_AT_ONCE:
            show(arrange(library, choice, order, classes))
        else:
            what = partial(arrange, library, choice, order, classes)
            self.controller.compute("sort the patches", what, show)

    def _show(self, library: PatchLibrary | None, made: Arrangement) -> None:
        counts = made.counts
        self.summary.setText(describe_library(counts))
        self._lines = "<br>".join(made.lines)
        self._show_issues()
        self.notes.say("\n".join(made.notes))
        suggested = counts.get("doubtful", 0)
        self.suggested_button.setText(f"Reject all suggested ({suggested})")
        self.suggested_button.setVisible(suggested > 0)
        self.filter.fill({name: f"{name} ({count})" for name, count in counts.items()})
        self._show_patches(library, made.patches)
        self.next_step_changed.emit()

    def set_link_color(self, color: str) -> None:
        """Follow the theme."""
        self._link_color = color
        self._show_issues()

    def _show_issues(self) -> None:
        style = f"<style>a {{ color: {self._link_color} }}</style>"
        self.issues.say(style + self._lines if self._lines else "")

    def _show_patches(self, library: PatchLibrary | None, patches: Sequence[Patch]) -> None:
        gallery = self.gallery
        kept = {p.id for p in gallery.selected()[:MAX_KEPT_SELECTION]}
        row = next(iter(gallery.selected_rows()), 0)
        classes = {c.value: c for c in self.project.classes}
        images = {i.id: i.name for i in self.project.images}

        def look(patch: Patch) -> Thumbnail:
            assert library is not None
            return draw_patch(patch, library, classes, images)

        gallery.show_items(patches, look)
        if kept and not gallery.selected_rows():
            self._select_again(kept, row)
        self._show_selection()
        if self._is_choice:
            self._is_choice = False
            rows = gallery.selected_rows()
            if rows:
                gallery.scrollTo(gallery.model().index(rows[0], 0))
            else:
                gallery.scrollToTop()

    def _select_again(self, ids: set[str], row: int) -> None:
        """Select the same patches in the new view; where all are gone, the one in their place."""
        shown = self.gallery.items
        rows = [n for n, p in enumerate(shown) if p.id in ids] or [min(row, len(shown) - 1)]
        if rows[0] < 0:
            return
        model, keep = self.gallery.selectionModel(), QItemSelectionModel.SelectionFlag.Select
        model.setCurrentIndex(self.gallery.model().index(rows[0], 0), keep)
        for place in rows[1:]:
            model.select(self.gallery.model().index(place, 0), keep)

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
        self.about.setToolTip("; ".join(i.reason for p in patches[:1] for i in p.issues))

    def _on_choice(self, _: object) -> None:
        self._is_choice = True
        self.refresh()

    def _on_issue_chosen(self, kind: str) -> None:
        self.filter.setCurrentIndex(max(0, self.filter.findData(kind)))

    # --- mending -----------------------------------------------------------------------------

    def resize_outline(self, steps: int) -> None:
        """Move the outline of the selected patch outwards or inwards; it is cut again at once."""
        patches = self.gallery.selected()
        if len(patches) != 1:
            tell("Select one patch: its outline is what is mended.")
            return
        click = next((c for c in self.project.clicks if c.id == patches[0].id), None)
        if click is not None:
            self.layers.outlines.mender.resize(steps, click)
            self._mended.start()

    def _cut_mended(self) -> None:
        """Cut again when all steps are done, so that a row of key presses is one cut."""
        if self.is_busy or not self.layers.outlines.mender.is_idle:
            self._mended.start()
        elif self.isVisible() and not self._is_current:
            self.cut()

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
            self.edit(self.project.with_verdicts(*verdicts), label)

    def _on_double_click(self, index: QModelIndex) -> None:
        self.layers.look_at_patch(self.gallery.items[index.row()])
