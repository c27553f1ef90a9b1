"""The first page: which image to work on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from napari_synthseg.io.images.stacks import StackUse
from napari_synthseg.sample_data import SAMPLES
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.recent_projects import recent_projects, still_there
from napari_synthseg.ui.pages.page import NextStep, Page
from napari_synthseg.ui.presenters.layer_axes import axes_in_words, possible_axes, use_of_axes
from napari_synthseg.ui.viewer.adding.axes_dialog import STACK_TIP, STACK_USES
from napari_synthseg.ui.viewer.file_actions import FileActions
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.viewer.reading.layer_view import sample_name
from napari_synthseg.ui.widgets.parts import (
    ChoiceBox,
    check_box,
    column_in,
    push_button,
    quiet_label,
    row_of,
)

INTRODUCTION = (
    "You click the centers of a few objects. From these the program makes training images with "
    "exact masks, and trains a model on them. You draw no mask. Phases or layers instead of "
    "objects? Paint a few regions."
)

MAX_NAME_LENGTH = 26
"""Letters of a layer's name on the highlighted button."""


class StartPage(Page):
    """Offers the image layer at hand, a file, a sample, or an earlier project.

    `open_sample` is called with the name of a sample.
    """

    def __init__(
        self,
        controller: SessionController,
        layers: Layers,
        files: FileActions,
        open_sample: Callable[[str], object],
    ) -> None:
        super().__init__(controller, layers)
        self._files, self._open_sample = files, open_sample
        self.here = quiet_label()
        self.stacks = ChoiceBox(STACK_USES, STACK_TIP, "Stacks")
        self.stacks.chosen.connect(self._on_stack_chosen)
        self.axes = ChoiceBox(tip="What the axes of the selected layer stand for", name="Axes")
        self.axes.chosen.connect(self._on_axes_chosen)
        self.every_plane = check_box(
            "Use all of them, each as an image",
            self._on_every_plane,
            "Else only the one is used that is shown now",
        )
        self.sample_buttons: dict[str, QPushButton] = {
            name: push_button(
                sample.title,
                partial(self._open_sample, name),
                "Open this sample, with its clicks, in a new project",
            )
            for name, sample in SAMPLES.items()
        }
        self.opening = row_of(
            push_button("Open images…", files.images.ask_files, "One file, or many at once"),
            push_button("Open folder…", files.images.ask_folder, "All images in a folder, at once"),
        )
        self.recent_title = QLabel("Or go on with one of the last:")
        self.recent = QWidget()
        self._recent_column = column_in(self.recent)
        self._offered: list[Path] | None = None
        samples = QLabel("Or try it on a sample:")
        samples.setContentsMargins(0, 10, 0, 0)
        self.add(
            quiet_label(INTRODUCTION), self.here, self.axes, self.every_plane,
            self.opening,
            push_button(
                "Open project…", files.ask_project, "Go on with a project of an earlier day"
            ),
            self.stacks, self.recent_title, self.recent, samples, *self.sample_buttons.values(),
        )  # fmt: skip
        controller.edit_lock.guard(self.opening)

    def hint(self) -> str:
        """Return what to do first."""
        return "Choose an image to begin."

    def next_step(self) -> NextStep:
        """Offer the image layer that is in the viewer, else the nuclei sample."""
        layer = self._files.find_layer()
        if layer is None:
            return NextStep(
                "Open the sample: fluorescence nuclei", lambda: self._open_sample("nuclei")
            )
        name, sample = layer.name, sample_name(layer)
        if len(name) > MAX_NAME_LENGTH:
            name = f"{name[: MAX_NAME_LENGTH - 1]}…"
        words = f"Use this sample: {sample}" if sample else f"Use layer: {name}"
        edits = not sample or bool(self.project.images)
        return NextStep(words, lambda: self._files.use_layer(layer), edits=edits)

    def _show_recent(self, folders: Sequence[Path]) -> None:
        """Offer projects that were open before."""
        if list(folders) == self._offered:
            return
        self._offered = list(folders)
        while (item := self._recent_column.takeAt(0)) is not None:
            if (button := item.widget()) is not None:
                button.deleteLater()
        for folder in folders:
            button = push_button(
                folder.stem, partial(self._files.open_project, folder), f"Go on with {folder}"
            )
            self._recent_column.addWidget(button)
        self.recent_title.setVisible(bool(folders))
        self.recent.setVisible(bool(folders))

    def enter(self) -> None:
        """Say which layer would be used, and how."""
        known = recent_projects()
        self.controller.compute("look for projects", partial(still_there, known), self._show_recent)
        layer = self._files.find_layer()
        if layer is None:
            self.here.setText("Drop images into napari, open them here, or take a sample.")
            choices: tuple[str, ...] = ()
            planes = ""
        else:
            axes, stack = self._files.axes_of(layer), self._files.stack
            planes, choices = axes.planes(stack), possible_axes(axes.shape, rgb=layer.rgb)
            words = use_of_axes(axes, stack, rgb=layer.rgb, every_plane=self._files.every_plane)
            self.here.setText(
                f"The selected layer is '{layer.name}'{words}. To use another one, select it in "
                "napari's layer list."
            )
            self.axes.fill({each: axes_in_words(each, axes.shape) for each in choices})
            if axes.letters in choices:
                self.axes.choose(axes.letters)
            self._files.read_axes(layer, self.enter)
        self.axes.setVisible(len(choices) > 1)
        self.every_plane.setVisible(bool(planes))
        self.next_step_changed.emit()

    def _on_stack_chosen(self, use: StackUse) -> None:
        self._files.stack = use
        self.enter()

    def _on_axes_chosen(self, letters: str) -> None:
        if (layer := self._files.find_layer()) is not None:
            self._files.choose_axes(layer, letters)
            self.enter()

    def _on_every_plane(self, checked: bool) -> None:
        self._files.every_plane = checked
        self.enter()
