"""Step 1: the classes, and marking what is where: clicks on objects, or painted regions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QPushButton

from napari_synthseg.core.annotations import ImageRef, ObjectClass
from napari_synthseg.core.project import Project
from napari_synthseg.ui.app.controller import SessionController
from napari_synthseg.ui.app.notices import show_input_errors, warn
from napari_synthseg.ui.pages.marking_switch import MarkingSwitch
from napari_synthseg.ui.pages.panel import NextStep, Panel
from napari_synthseg.ui.pages.regions_box import RegionsBox
from napari_synthseg.ui.pages.specimen_box import SpecimenBox
from napari_synthseg.ui.presenters.steps import training_clicks, training_regions
from napari_synthseg.ui.viewer.displayed_image import common_name, image_key
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.class_table import ClassTable
from napari_synthseg.ui.widgets.parts import quiet_label

ENOUGH_CLICKS = 5
NAME_LENGTH = 64
ROLES = {"train": "for training", "validate": "held out to choose", "test": "held out for scoring"}


class ClassesPanel(Panel):
    """The list of classes, the image that is shown, and how much is marked on it."""

    def __init__(self, controller: SessionController, layers: Layers) -> None:
        super().__init__(controller, layers)
        self.switch = MarkingSwitch(layers)
        self.body.addWidget(self.switch)
        self.images = QComboBox()
        self.images.activated.connect(self._on_image_chosen)
        self.body.addWidget(self.images)
        self.specimen = SpecimenBox()
        self.specimen.named.connect(self._on_specimen)
        self.body.addWidget(self.specimen)
        self.table = ClassTable()
        self.table.chosen.connect(self.layers.clicks.choose_class)
        self.table.renamed.connect(self._on_renamed)
        self.table.diameter_changed.connect(
            lambda value, diameter: self._change(value, "change diameter", diameter=diameter)
        )
        self.table.color_changed.connect(
            lambda value, color: self._change(value, "change color", color=color)
        )
        self.body.addWidget(self.table)
        self.body.addLayout(self._make_buttons())
        self.exhaustive = QCheckBox("I clicked every object on this image")
        self.exhaustive.setToolTip(
            "Tick this only if it is so: it tells how densely objects lie, and what may be "
            "counted as a wrong find."
        )
        self.exhaustive.toggled.connect(self._on_exhaustive)
        self.body.addWidget(self.exhaustive)
        self.held = QCheckBox("Keep this image for scoring only")
        self.held.setToolTip(
            "A model never learns from it. Paint it, too: it then tells how good the model is on "
            "images that it has not seen."
        )
        self.held.toggled.connect(self._on_held)
        self.body.addWidget(self.held)
        self.clicking = quiet_label(
            "<b>Click</b> adds a center. The ring shows the class's diameter: set it so that "
            "rings fit the objects. <b>S</b> selects and drags, <b>Del</b> deletes, <b>P</b> "
            "adds again, <b>1-9</b> chooses the class, <b>Ctrl+Z</b> undoes. Each click is "
            "saved at once."
        )
        self.body.addWidget(self.clicking)
        self.painting = RegionsBox(controller, layers)
        self.body.addWidget(self.painting)
        self.show_clicks, self.show_regions = (
            QPushButton(f"Show the {name} layer again") for name in ("Clicks", "Regions")
        )
        for button in (self.show_clicks, self.show_regions):
            button.clicked.connect(self._on_show_again)
            self.body.addWidget(button)
        self.body.addStretch()
        controller.project_changed.connect(self._on_project_changed)
        controller.session_changed.connect(self.refresh)
        layers.image_changed.connect(self.refresh)
        layers.clicks.active_class_changed.connect(self._show_active)
        layers.clicks.removed.connect(self.refresh)
        layers.marking_changed.connect(self.refresh)
        layers.regions.changed.connect(self._on_regions_changed)

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.add_button = QPushButton("Add class")
        self.add_button.clicked.connect(self._on_add)
        self.remove_button = QPushButton("Remove class")
        self.remove_button.clicked.connect(self._on_remove)
        row.addWidget(self.add_button)
        row.addWidget(self.remove_button)
        return row

    # --- showing -----------------------------------------------------------------------------

    def hint(self) -> str:
        """Say how to mark, or that enough is marked."""
        if self._paints:
            return self._painting_hint()
        number = len(training_clicks(self._project))
        if number == 0:
            return "Click on the center of a few objects in the image."
        if number < ENOUGH_CLICKS:
            return f"Good. A few more, please: {ENOUGH_CLICKS - number} at least."
        return f"{number} clicks. Click more, or go on: more clicks give better results."

    def next_step(self) -> NextStep:
        """Offer the patches once there are clicks; dual images once there are regions."""
        if self._paints:
            bare = not training_regions(self._project)
            why = "Paint a region on an image for training first." if bare else ""
            return NextStep("Next: make dual images", lambda: self.go_to.emit(2), why)
        few = not training_clicks(self._project)
        why = "Click on the center of at least one object first." if few else ""
        return NextStep("Next: see the patches", lambda: self.go_to.emit(1), why)

    def enter(self) -> None:
        """Bring the picture into view, ready for marking."""
        self.refresh()
        self.layers.look_at_image()
        self.layers.activate_marking()

    @property
    def _paints(self) -> bool:
        return self.layers.marking == "regions"

    def _painting_hint(self) -> str:
        regions = self.layers.regions
        if regions.field is not None and regions.layer is None:
            return "Reading what was painted…"
        if not regions.painted:
            return "Choose a class, and paint some of its regions in the image."
        if all(ref.role == "test" for ref in regions.field.refs) and not training_regions(
            self._project
        ):
            return "Good for scoring. Now paint an image to learn from."
        painted = _percent(sum(regions.shares.values()))
        if not regions.rest_unknown:
            return (
                f"{painted} is painted. The rest counts as background: paint all regions, or go on."
            )
        if len(regions.shares) < 2:
            return "Good. Now paint another class, or background: a model learns from contrasts."
        return f"{painted} is painted. Paint on, or go on to the next step."

    def refresh(self) -> None:
        """Show the session's classes, images and counts."""
        project = self._project
        self._show_images(project)
        amounts = "Area" if self._paints else "Clicks"
        self.table.show_classes(project.classes, sizes=not self._paints, amounts=amounts)
        self._show_amounts()
        refs = self.layers.field.refs if self.layers.field else ()
        self.specimen.show_images(project, tuple(refs))
        with QSignalBlocker(self.exhaustive):
            self.exhaustive.setChecked(any(r.exhaustive for r in refs if r.role == "train"))
        self.exhaustive.setEnabled(any(r.role == "train" for r in refs))
        self.remove_button.setEnabled(len(project.classes) > 1)
        with QSignalBlocker(self.held):
            self.held.setChecked(len(refs) == 1 and refs[0].role == "test")
        self.held.setVisible(self._paints and len(refs) == 1)
        for widget in (self.exhaustive, self.clicking):
            widget.setVisible(not self._paints)
        self.painting.setVisible(self._paints)
        self._offer_layers()
        self._show_active()
        self.next_step_changed.emit()

    def _offer_layers(self) -> None:
        """Offer the layer to mark in again where the user removed it."""
        images, regions = bool(self._project.images), self.layers.regions
        gone = images and not self._paints and self.layers.clicks.layer is None
        self.show_clicks.setVisible(gone)
        gone = images and self._paints and regions.layer is None and regions.field is None
        self.show_regions.setVisible(gone)

    def _show_amounts(self) -> None:
        """Show how many clicks each class has, or how much of the image is painted."""
        if self._paints:
            shares = self.layers.regions.shares
            self.table.show_amounts({value: _percent(share) for value, share in shares.items()})
        else:
            counts = Counter(click.cls for click in training_clicks(self._project))
            self.table.show_amounts({c.value: str(counts[c.value]) for c in self._project.classes})

    def _on_regions_changed(self) -> None:
        self._show_amounts()
        self._offer_layers()
        self.next_step_changed.emit()

    def _show_images(self, project: Project) -> None:
        shown = self.layers.field.refs[0].id if self.layers.field else ""
        fields: dict[Any, list[Any]] = {}
        for ref in project.images:
            fields.setdefault(image_key(ref), []).append(ref)
        with QSignalBlocker(self.images):
            self.images.clear()
            for refs in fields.values():
                parts = ", ".join(f"{r.name}: {ROLES[r.role]}" for r in refs)
                self.images.addItem(common_name(refs), refs[0].id)
                self.images.setItemData(self.images.count() - 1, parts, Qt.ItemDataRole.ToolTipRole)
                if shown in [r.id for r in refs]:
                    self.images.setCurrentIndex(self.images.count() - 1)
            self.images.addItem("Add another image…", "")

    def _show_active(self) -> None:
        self.table.select(self.layers.clicks.active_class)

    def _on_project_changed(self, new: Project, old: Project) -> None:
        same = new.classes is old.classes and new.images is old.images
        if same and new.clicks is not old.clicks:
            self._show_amounts()
            self.next_step_changed.emit()
        elif not same:
            self.refresh()

    # --- editing -----------------------------------------------------------------------------

    @property
    def _project(self) -> Project:
        return self.controller.session.project if self.controller.session else Project()

    def _edit(self, new: Project, what: str) -> None:
        session = self.controller.session
        if session is not None and not show_input_errors(lambda: session.edit(new, what)):
            self.refresh()

    def _change(self, value: int, what: str, **fields: object) -> None:
        project = self._project
        cls = project.object_class(value)
        changed = ObjectClass(**{**cls.model_dump(), **fields})
        if changed != cls:
            show_input_errors(lambda: self._edit(project.with_classes(changed), what))
        self.refresh()

    def _on_renamed(self, value: int, name: str) -> None:
        if name:
            self._change(value, "rename class", name=name[:NAME_LENGTH])
        else:
            warn("A class needs a name.")
            self.refresh()

    def _on_add(self) -> None:
        project = self._project
        names = {c.name for c in project.classes}
        number = len(names) + 1
        while f"class {number}" in names:
            number += 1
        diameter = project.classes[-1].diameter if project.classes else 24.0
        new = project.next_class(f"class {number}", diameter=diameter)
        self._edit(project.with_classes(new), "add class")
        self.layers.clicks.choose_class(new.value)

    def _on_remove(self) -> None:
        project = self._project
        cls = project.object_class(self.layers.clicks.active_class)
        self._edit(project.without_class(cls.value), f"remove class {cls.name}")

    def _on_exhaustive(self, checked: bool) -> None:
        if self.layers.field is None:
            return
        refs = [r for r in self.layers.field.refs if r.role == "train"]
        self._change_images(refs, "mark image as fully clicked", exhaustive=checked)

    def _on_held(self, checked: bool) -> None:
        if self.layers.field is None:
            return
        role = "test" if checked else "train"
        what = "keep image for scoring" if checked else "use image for training"
        self._change_images(self.layers.field.refs, what, role=role)

    def _on_specimen(self, name: str) -> None:
        if self.layers.field is not None:
            self._change_images(self.layers.field.refs, "name the specimen", group=name)

    def _change_images(self, refs: Iterable[ImageRef], what: str, **fields: object) -> None:
        changed = [ref.model_copy(update=fields) for ref in refs]
        self._edit(self._project.with_images(*changed), what)

    def _on_image_chosen(self, index: int) -> None:
        ident = self.images.itemData(index)
        if ident:
            self.layers.show_image(self._project.image(ident))
        else:
            self.refresh()
            self.go_to.emit(-1)

    def _on_show_again(self) -> None:
        if self.layers.field is not None:
            self.layers.activate_marking()
        elif self._project.images:
            self.layers.show_image(self._project.images[0])
        self.refresh()


def _percent(share: float) -> str:
    """Return a share as people read it: little is not nothing."""
    return "" if share == 0 else "<1%" if share < 0.01 else f"{share:.0%}"
