"""Step 1: the classes, and marking what is where: clicks on objects, or painted regions."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker

from napari_synthseg.core.annotations import (
    NEGATIVE_NAME,
    NOT_AN_OBJECT,
    ImageRef,
    ObjectClass,
)
from napari_synthseg.core.project import Project
from napari_synthseg.tasks.info import Marking
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.notices import show_input_errors, warn
from napari_synthseg.ui.pages.images.images_box import ImagesBox
from napari_synthseg.ui.pages.marking.diameter_box import DiameterBox
from napari_synthseg.ui.pages.marking.outlines_box import OutlinesBox
from napari_synthseg.ui.pages.page import NextStep, Page
from napari_synthseg.ui.pages.regions_box import RegionsBox
from napari_synthseg.ui.pages.suggesting.suggest_box import SuggestBox
from napari_synthseg.ui.presenters.images.pictures import clickable
from napari_synthseg.ui.presenters.marking import (
    click_counts,
    clicking_hint,
    free_name,
    negative_color,
    painting_hint,
    percent,
)
from napari_synthseg.ui.presenters.steps import (
    DUAL_IMAGES,
    PATCHES,
    START,
    TRAIN,
    needs_no_dual_images,
)
from napari_synthseg.ui.viewer.file_actions import FileActions
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.class_table import ClassRow, ClassTable
from napari_synthseg.ui.widgets.parts import (
    SwitchRow,
    check_box,
    push_button,
    quiet_label,
    row_by_text,
)
from napari_synthseg.workflow.choosing import has_training_clicks, training_regions

MAX_NAME_LENGTH = 64
DEFAULT_DIAMETER = 24.0

KEYS = (
    "<b>1-9</b> class, <b>0</b> not an object, <b>S</b> select, <b>P</b> click again, <b>Del</b> "
    "delete, <b>?</b> all keys. Each click is saved at once."
)

NEGATIVE_TIP = (
    "Click what an outline took in by mistake: a neighbor, a piece of debris, a shadow. The "
    "outlines of your objects then keep away from that spot. It counts as no object, and nothing "
    "is cut out there. Key 0"
)

SHOW_AGAIN_TIP = "The layer was removed from the viewer; what is marked was kept"

COUNTED = ("clicks", "negatives", "truths")
"""Parts of a project that tell what comes next."""

NOT_SHOWN = "No image is shown, but what you marked is kept. Choose an image in the list to go on."

WAYS: dict[Marking, tuple[str, str]] = {
    "clicks": (
        "Click objects",
        "For what can be counted: cells, nuclei, particles. You click on their centers.",
    ),
    "regions": (
        "Paint regions",
        "For what has no separate objects: phases, layers, membranes. Paint a few areas of each.",
    ),
}  # fmt: skip
"""How to mark -> what its button says, and when it is right."""


class ClickPage(Page):
    """The list of classes, the image that is shown, and how much is marked on it."""

    def __init__(self, controller: SessionController, layers: Layers, files: FileActions) -> None:
        super().__init__(controller, layers)
        self.switch = SwitchRow(WAYS, layers.mark, spacing=0)
        for button in self.switch.buttons.values():
            button.setObjectName("switch")
        self.images = ImagesBox(controller, layers, files)
        self.images.axes_unclear.connect(lambda: self.go_to.emit(START))
        self.table = ClassTable()
        self.table.chosen.connect(layers.clicks.choose_class)
        self.table.changed.connect(self._on_class_changed)
        self.add_button = push_button("Add class", self._on_add, "Add a kind of object")
        self.remove_button = push_button(
            "Remove", self._on_remove, "Remove the selected class, with all its clicks"
        )
        self.remove_button.setAccessibleName("Remove class")
        self.exhaustive = check_box(
            "I clicked every object on this image",
            self._on_exhaustive,
            "Tick this only if it is true: it tells how densely objects lie, and what may be "
            "counted as a false detection.",
        )
        self.clicking = quiet_label(KEYS)
        self.diameter = DiameterBox(controller, layers)
        self.outlines = OutlinesBox(controller, layers)
        self.suggest = SuggestBox(controller, layers)
        self.painting = RegionsBox(controller, layers)
        self.show_clicks = push_button(
            "Show the Clicks layer again", self._on_show_again, SHOW_AGAIN_TIP
        )
        self.show_regions = push_button(
            "Show the Regions layer again", self._on_show_again, SHOW_AGAIN_TIP
        )
        self.add(
            self.images, self.switch, self.table,
            row_by_text(self.add_button, self.remove_button, self.diameter.draw_button),
            self.diameter, self.outlines, self.suggest, self.exhaustive, self.clicking,
            self.painting, self.show_clicks, self.show_regions,
        )  # fmt: skip
        controller.edit_lock.guard(
            self.table,
            self.add_button,
            self.remove_button,
            self.diameter.draw_button,
            self.diameter,
            self.exhaustive,
            self.suggest,
            self.outlines.mending,
        )
        layers.regions.changed.connect(self._on_regions_changed)
        layers.clicks.active_class_changed.connect(self._show_active)
        for signal in (layers.image_changed, layers.clicks.removed, layers.marking_changed):
            signal.connect(self.refresh)

    # --- showing -----------------------------------------------------------------------------

    @property
    def _paints(self) -> bool:
        return self.layers.marking == "regions"

    @property
    def _refs(self) -> tuple[ImageRef, ...]:
        """The images in view: the parts of one picture."""
        return self.layers.image.refs if self.layers.image else ()

    def hint(self) -> str:
        """Say how to mark, or that enough is marked."""
        regions = self.layers.regions
        if self.project.images and self.layers.image is None:
            return self.busy_hint() or NOT_SHOWN
        if not self._paints:
            return clicking_hint(self.project, self._refs)
        if regions.image is not None and regions.layer is None:
            return "Reading what was painted…"
        return painting_hint(self.project, self._refs, regions.shares, regions.rest_unknown)

    def next_step(self) -> NextStep:
        """Offer the patches once there are clicks; dual images once there are regions.

        Where other truth alone is to be learned from, a training is what comes next.
        """
        project = self.project
        if needs_no_dual_images(project):
            return self.going_to("Next: train on what is known", TRAIN)
        if self._paints:
            why = "" if training_regions(project) else "Paint a region on a training image first."
            return self.going_to("Next: make dual images", DUAL_IMAGES, why)
        why = "" if has_training_clicks(project) else "Click on the center of at least one object."
        return self.going_to("Next: see the patches", PATCHES, why)

    def enter(self) -> None:
        """Bring the picture into view, ready for marking."""
        self.refresh()
        self.layers.look_at_image()
        self.layers.activate_marking()

    def refresh(self) -> None:
        """Show the session's classes, images and counts."""
        project, paints = self.project, self._paints
        self.switch.press(self.layers.marking)
        rows = [ClassRow(c.value, c.name, c.color, c.diameter, c.unit) for c in project.classes]
        if not paints:
            color = negative_color(project.classes)
            rows.append(ClassRow(NOT_AN_OBJECT, NEGATIVE_NAME, color, tip=NEGATIVE_TIP))
        self.table.show_classes(rows, sizes=not paints, amounts="Area" if paints else "Clicks")
        self._show_amounts()
        parts = clickable(self._refs)
        with QSignalBlocker(self.exhaustive):
            self.exhaustive.setChecked(any(ref.exhaustive for ref in parts))
        self.exhaustive.setEnabled(bool(parts))
        self.painting.setVisible(paints)
        for widget in (
            self.diameter, self.diameter.draw_button, self.outlines, self.suggest, self.exhaustive,
            self.clicking,
        ):  # fmt: skip
            widget.setVisible(not paints)
        self._offer_layers()
        self._show_active()
        self.next_step_changed.emit()

    def _offer_layers(self) -> None:
        """Offer the layer to mark in again where the user removed it."""
        has_images, regions = bool(self.project.images), self.layers.regions
        no_clicks = self.layers.clicks.layer is None
        no_regions = regions.layer is None and regions.image is None
        self.show_clicks.setVisible(has_images and not self._paints and no_clicks)
        self.show_regions.setVisible(has_images and self._paints and no_regions)

    def _show_amounts(self) -> None:
        """Show how many clicks each class has, or how much of the image is painted."""
        shares = self.layers.regions.shares
        self.table.show_amounts(
            {value: percent(share) for value, share in shares.items()}
            if self._paints
            else click_counts(self.project, self._refs)
        )

    def _show_active(self) -> None:
        clicks = self.layers.clicks
        chosen = clicks.active_class if self._paints else clicks.next_class
        self.table.select(chosen)
        self.remove_button.setEnabled(chosen != NOT_AN_OBJECT and len(self.project.classes) > 1)

    # --- following ---------------------------------------------------------------------------

    def _on_project_changed(self, new: Project, old: Project) -> None:
        if new.classes is not old.classes or new.images is not old.images:
            self.refresh()
        elif any(getattr(new, name) is not getattr(old, name) for name in COUNTED):
            self._show_amounts()
            self.next_step_changed.emit()

    def _on_regions_changed(self) -> None:
        self._show_amounts()
        self._offer_layers()
        self.next_step_changed.emit()

    # --- editing -----------------------------------------------------------------------------

    def _on_class_changed(self, value: int, what: str, new: object) -> None:
        if what == "name" and not new:
            warn("A class needs a name.")
        else:
            show_input_errors(lambda: self._change_class(value, what, new))
        self.refresh()

    def _change_class(self, value: int, what: str, new: object) -> None:
        cls = self.project.object_class(value)
        if isinstance(new, tuple):
            fields = dict(zip(("diameter", "unit"), new, strict=True))
        else:
            fields = {what: new[:MAX_NAME_LENGTH] if isinstance(new, str) else new}
        changed = ObjectClass.model_validate({**cls.model_dump(), **fields})
        if changed.unit != cls.unit:
            for ref in self._refs:
                changed.diameter_px(ref)  # refused here where the image has no such pixel size
        if changed != cls:
            self.edit(self.project.with_classes(changed), f"change {what} of class")

    def _on_add(self) -> None:
        show_input_errors(self._add_class)

    def _add_class(self) -> None:
        project = self.project
        diameter = project.classes[-1].diameter if project.classes else DEFAULT_DIAMETER
        new = project.next_class(free_name(project, "class"), diameter=diameter)
        self.edit(project.with_classes(new), "add class")
        self.layers.clicks.choose_class(new.value)

    def _on_remove(self) -> None:
        project = self.project
        cls = project.object_class(self.layers.clicks.active_class)
        self.edit(project.without_class(cls.value), f"remove class {cls.name}")

    def _on_exhaustive(self, checked: bool) -> None:
        self.images.details.change(
            "mark image as fully clicked", clickable(self._refs), exhaustive=checked
        )

    def _on_show_again(self) -> None:
        images = self.project.images
        if self.layers.image is not None:
            self.layers.activate_marking()
        elif images:
            self.layers.show_image(images[0])
        self.refresh()
