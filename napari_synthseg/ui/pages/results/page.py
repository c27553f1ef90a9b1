"""The page of step 5: it puts its boxes together, and predicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QListWidget, QListWidgetItem

from napari_synthseg.core.annotations import ImageRef, MaskTruth
from napari_synthseg.core.predictions import HeatMaps, Prediction
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun, few_steps
from napari_synthseg.core.scores import Scores
from napari_synthseg.tasks.registry import describe_task
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.notices import warn
from napari_synthseg.ui.pages.page import NextStep, Page
from napari_synthseg.ui.pages.results.apply_box import ApplyBox
from napari_synthseg.ui.pages.results.errors_box import ErrorsBox
from napari_synthseg.ui.pages.results.found import Found, shows_objects
from napari_synthseg.ui.pages.results.heat_map_box import HeatMapBox
from napari_synthseg.ui.pages.results.objects_box import ObjectsBox
from napari_synthseg.ui.pages.results.take_away_box import TakeAwayBox
from napari_synthseg.ui.pages.results.threshold_box import ThresholdBox
from napari_synthseg.ui.pages.suggesting.improve_box import ImproveBox
from napari_synthseg.ui.pages.suggesting.suggest_box import SuggestBox
from napari_synthseg.ui.presenters.counting import counted
from napari_synthseg.ui.presenters.images.pictures import SHORT_ROLES
from napari_synthseg.ui.presenters.results.overview import (
    can_score,
    describe_found,
    describe_missing,
    describe_notes,
    prediction_table,
)
from napari_synthseg.ui.presenters.results.scores import latest_scores, overlay_text, score_tables
from napari_synthseg.ui.presenters.steps import CLICK, TRAIN
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.viewer.output_layers import PREDICTION
from napari_synthseg.ui.widgets.data_table import DataTable, TableList
from napari_synthseg.ui.widgets.fold import Fold
from napari_synthseg.ui.widgets.parts import ChoiceBox, check_box, push_button, quiet_label, row_of
from napari_synthseg.workflow.jobs import Outcome
from napari_synthseg.workflow.predicting import Magnification

ID_ROLE = Qt.ItemDataRole.UserRole

TRUTH_TIP = "Draw the outlines of the true masks over the image in view"

MOST_ROWS = 4
"""Images that are in sight in their list."""


class ResultsPage(Page):
    """Predict into new layers; score where there is ground truth."""

    def __init__(self, controller: SessionController, layers: Layers) -> None:
        super().__init__(controller, layers)
        self.runs = ChoiceBox(tip="The trained model to predict with", name="Model")
        self.images = QListWidget()
        self.images.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # the ends of names differ
        self.images.setAccessibleName("Images to predict")
        # a bar would cover the last of few rows
        self.images.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.runs.chosen.connect(lambda _: self._on_run_chosen())
        self._ticks_are_chosen = False
        self.images.itemChanged.connect(self._on_ticked)
        self.predict_button = push_button(
            "Predict again", self.predict, "Predict the ticked images, into new layers"
        )
        self.adapt = QCheckBox("Adapt to my images first (AdaBN)")
        self.adapt.setToolTip(
            "Measures the batch norms of the network again on your training images, without "
            "labels (AdaBN). It may help a model trained on dual images; compare with and "
            "without."
        )
        self.magnification = QDoubleSpinBox(maximum=20.0, singleStep=0.5)
        self.magnification.setSpecialValueText("by itself")
        self.magnification.setToolTip(
            "How many times larger objects are, in pixels, than on the images learned from. By "
            "itself: by pixel size, where all images have one; else several are tried on each flat "
            "image that was not learned from, and the one is taken at which the model is surest "
            "and objects are as large as those learned from. Models of several classes try only "
            "where an image looks resized."
        )
        self.magnification_row = row_of(
            quiet_label("Magnification"), self.magnification, stretch=self.magnification
        )
        self.found_text, self.found_table = quiet_label(), DataTable()
        self.found = Found(controller)
        self.threshold = ThresholdBox(self.found)
        self.errors = ErrorsBox(controller, layers, self.found)
        self.objects = ObjectsBox(controller, layers, self.found)
        self.take_away = TakeAwayBox(
            controller, lambda: (self._run, self._chosen()), self._prediction_options
        )
        self.apply = ApplyBox(controller, lambda: self._run, self._prediction_options)
        self.how_section = Fold(
            "How to predict", self.adapt, self.magnification_row, tip="Adapting, magnification"
        )
        self.objects_section = Fold(
            "All objects: table and histogram", self.objects, tip="Measures all objects"
        )
        self.objects_section.opened.connect(self._on_objects_opened)
        self.take_away_section = Fold("Take away…", self.take_away, tip="Write results into files")
        self.apply_section = Fold("Apply to more images…", self.apply, tip="Folders and files")
        self.heat_maps = HeatMapBox(layers.heat_maps)
        self.heat_maps.asked.connect(self.explain)
        self.truth_box = check_box("Show ground-truth outlines", self._on_truth_toggled, TRUTH_TIP)
        layers.outputs.truth_changed.connect(self._show_truth_box)
        self.scores, self.map_scores = TableList(), TableList()
        self.scores_section = Fold(
            "Scores: all figures", self.scores, tip="The first of them stand on the image"
        )
        self.map_scores_section = Fold("Scores of the heat maps", self.map_scores)
        self.suggest = SuggestBox(controller, layers, lambda: self._run)
        self.improve = ImproveBox(controller)
        self.improve.improved.connect(self._on_improved)
        self.add(
            row_of(quiet_label("Model"), self.runs, stretch=self.runs),
            quiet_label("Images to predict"), self.images,
            self.predict_button, self.how_section, self.found_text, self.threshold,
            self.found_table, self.errors, self.suggest, self.improve, self.scores_section,
            self.objects_section, self.truth_box, self.heat_maps, self.map_scores_section,
            self.take_away_section, self.apply_section,
        )  # fmt: skip
        controller.edit_lock.guard(self.suggest)
        self.found.filtered.connect(self._on_filtered)
        self.found.kept.connect(self._score_again)
        self.found.counted.connect(self._show_found_text)
        self._scores_are_old = False
        self.controller.work_changed.connect(self._score_when_free)
        self.controller.work_changed.connect(self._recall_when_free)
        self._recalled: set[str] = set()
        """Ids of runs of which what they found before the project was opened was read."""
        self._wants_recall = False
        self._unshown_maps: dict[tuple[str, str], HeatMaps] = {}
        """Ids of run and image -> maps made last, where the user went to another run or image."""
        layers.image_changed.connect(self._on_image_changed)

    # --- showing -----------------------------------------------------------------------------

    @property
    def _run(self) -> TrainingRun | None:
        """The run that is chosen."""
        return self.project.find_run(self.runs.value)

    @property
    def _is_predicted(self) -> bool:
        """Whether anything is known that the chosen run has found."""
        return self.session is not None and self.runs.value in self.session.found

    @property
    def _advice(self) -> tuple[str, ...]:
        """What comes before marking more."""
        return few_steps(self._run.steps) if self._run is not None else ()

    @property
    def _colors_regions(self) -> bool:
        """Whether the model colors regions, rather than finding objects."""
        return self._run is not None and describe_task(self._run.task).marking == "regions"

    def hint(self) -> str:
        """Say what to look at."""
        if busy := self.busy_hint():
            return busy
        if not self._is_predicted:
            return "See what the model finds."
        for advice in self._advice:
            return f"{advice}."
        what = "Paint" if self._colors_regions else "Click"
        return f"Not good enough? {what} where it fails, and train again."

    def next_step(self) -> NextStep:
        """Offer to predict, then to mark more."""
        if self.is_busy:
            return NextStep("Predict", None, "Wait for the end, or cancel.")
        if not self._is_predicted:
            why = "" if self._chosen() else "Tick at least one image."
            return NextStep("Predict", self.predict, why)
        if self._advice:
            return self.going_to("Improve: train longer", TRAIN)
        what = "paint more regions" if self._colors_regions else "click more objects"
        return self.going_to(f"Improve: {what}", CLICK)

    def enter(self) -> None:
        """Show the runs and images, and what was found before; where nothing was, predict."""
        self.layers.look_at_image(clicks=False)
        self.refresh()
        run = self._run
        if run is None:
            return
        if self.is_busy or run.id in self._recalled:
            self._wants_recall = True
            if not self._is_predicted:
                self.predict()  # where other work runs that is told
            return
        in_view = self._in_view

        def go_on(outcome: Outcome[list[Prediction]]) -> None:
            if outcome.value:
                self._go_to_found(outcome.value, in_view)
            elif (
                outcome.state == "done"
                and not self._is_predicted
                and self.isVisible()
                and self.runs.value == run.id
            ):
                self.predict()

        self._recall(run, go_on)

    def refresh(self) -> None:
        """Show runs, images and scores as they are now."""
        runs = [run for run in self.project.runs if run.model]
        named = {run.id: f"{run.name} ({counted(run.steps, 'step')})" for run in runs}
        if self.runs.fill(named) and runs:
            self.runs.choose(runs[-1].id)
        self._show_images()
        self._show_run()

    def _show_run(self) -> None:
        """Show what the chosen run has found, and how good it is."""
        run = self._run
        if run is None or self.found.run is None or run.id != self.found.run.id:
            self.found.follow(run)
        self._show_found_text()
        self.take_away.refresh()
        self.magnification_row.setVisible(run is not None and describe_task(run.task).scaled)
        self.heat_maps.show_for(run)
        self.suggest.setVisible(run is not None and not self._colors_regions)
        self.suggest.refresh()
        self.improve.show_run(run)
        scores, map_scores = latest_scores(run)
        _show_scores(self.scores_section, self.scores, scores, "Scores")
        title = "Scores of the heat maps"
        _show_scores(self.map_scores_section, self.map_scores, map_scores, title)
        truths = self.project.truths
        self.truth_box.setVisible(any(isinstance(t, MaskTruth) for t in truths))
        self._show_truth_box()
        if self.isVisible():
            on_canvas = scores or map_scores
            self.layers.show_text(overlay_text(on_canvas) if on_canvas is not None else "")
            self._show_in_viewer()
        self.next_step_changed.emit()

    def _show_found_text(self) -> None:
        """Say what was found, from the smallest score on, and what was not predicted yet."""
        found, run, image = list(self.found.predictions.values()), self.found.run, self.layers.image
        self.objects_section.setVisible(shows_objects(found))
        lines = []
        if found:
            lines.append(describe_found(found, self.project, self.found.least))
            lines.append(describe_notes(found, self.project))
        if run is not None:
            lines.append(describe_missing(run, found, image.refs if image is not None else ()))
        self.found_text.setText("\n".join(line for line in lines if line))
        self.found_table.show_table(prediction_table(found, self.project) if found else None)

    def _items(self) -> list[QListWidgetItem]:
        return [self.images.item(i) for i in range(self.images.count())]

    def _show_images(self) -> None:
        refs = self.project.images
        entries = [(ref.id, f"{ref.name} ({SHORT_ROLES[ref.role]})") for ref in refs]
        if entries == [(item.data(ID_ROLE), item.text()) for item in self._items()]:
            return
        shown = self.layers.image.refs if self.layers.image else refs[:1]
        ticked = {r.id for r in refs if r.role == "test"} or {r.id for r in shown}
        kept = self._items() if self._ticks_are_chosen else []
        before = {item.data(ID_ROLE): item.checkState() for item in kept}
        with QSignalBlocker(self.images):
            self.images.clear()
            for ident, text in entries:
                item = QListWidgetItem(text, self.images)
                item.setData(ID_ROLE, ident)
                item.setToolTip(text)
                state = Qt.CheckState.Checked if ident in ticked else Qt.CheckState.Unchecked
                item.setCheckState(before.get(ident, state))
        row_px = max(self.images.sizeHintForRow(0), 1)
        self.images.setFixedHeight(8 + row_px * max(2, min(len(refs), MOST_ROWS)))

    def _on_ticked(self) -> None:
        self._ticks_are_chosen = True
        self.next_step_changed.emit()

    # --- work --------------------------------------------------------------------------------

    def _on_run_chosen(self) -> None:
        self._show_run()
        self._wants_recall = True
        self._recall_when_free()

    def _recall_when_free(self) -> None:
        """Read what the chosen run found before, as soon as no other work runs."""
        if not self._wants_recall or self.is_busy:
            return
        self._wants_recall = False
        run = self._run
        if run is not None and run.id not in self._recalled:
            self._recall(run, lambda outcome: None)

    def _recall(
        self, run: TrainingRun, then: Callable[[Outcome[list[Prediction]]], object]
    ) -> None:
        """Read what a run found before the project was opened, and show it."""

        def show(outcome: Outcome[list[Prediction]]) -> None:
            if outcome.state == "done":
                self._recalled.add(run.id)
            if outcome.value:
                self._show_found(run)
                self.refresh()
            then(outcome)

        self.controller.start(
            lambda session: session.recall(run),
            on_progress=lambda steps: [warn(f"{note}.") for one in steps for note in one.notes],
            on_end=show,
        )

    def _chosen(self) -> list[ImageRef]:
        """Return the ticked images."""
        checked = Qt.CheckState.Checked
        ids = {item.data(ID_ROLE) for item in self._items() if item.checkState() == checked}
        return [ref for ref in self.project.images if ref.id in ids]  # some may be gone just now

    def predict(self) -> None:
        """Predict the ticked images, each into a new layer, then score."""
        run, refs, adapt = self._run, self._chosen(), self.adapt.isChecked()
        if run is not None and refs:
            times = self._magnification(run)
            self.controller.start(
                lambda session: session.predict(run, refs, adapt, times),
                lambda found: self._on_predicted(run, found),
            )

    def _on_improved(self, ident: str) -> None:
        """Show what the next round finds."""
        self.runs.choose(ident)
        self._show_run()
        if self.isVisible() and not self.is_busy:
            self.predict()

    def _magnification(self, run: TrainingRun) -> Magnification:
        """Return what the user set; None: nothing."""
        if not describe_task(run.task).scaled:
            return None
        return self.magnification.value() or None

    def _on_predicted(self, run: TrainingRun, found: Sequence[Prediction]) -> None:
        self._scores_are_old = False  # they follow
        self._show_found(run)
        in_view = self._in_view

        def show_other(_: object = None) -> None:
            self._go_to_found(found, in_view)
            self.refresh()

        if can_score(self.project, run, [p.image for p in found]):
            self.controller.start(lambda session: session.score(run, found), on_end=show_other)
        else:
            show_other()

    @property
    def _in_view(self) -> set[str]:
        """Ids of the image in view."""
        image = self.layers.image
        return {ref.id for ref in image.refs} if image is not None else set()

    def _show_found(self, run: TrainingRun) -> None:
        """Show what is known by now that a run found, unless another one is chosen."""
        if self.found.run is not None and self.found.run.id == run.id:
            self.found.follow(run)
        self._show_in_viewer()

    def _go_to_found(self, found: Sequence[Prediction], in_view: set[str]) -> None:
        """Show an image on which something was found, where the one `in_view` is none of them."""
        there = {ref.id: ref for ref in self.project.images}
        others = [there[one.image] for one in found if one.image in there]
        if others and in_view.isdisjoint(ref.id for ref in others):
            self.layers.show_image(others[0])

    def _show_in_viewer(self) -> None:
        """Let what the chosen run found on the image in view be seen, not what others found."""
        image, run, known = self.layers.image, self.found.run, self.found.predictions
        if image is not None and run is not None:
            for ref in image.refs:
                name, least = f"{PREDICTION}{run.name}, {ref.name}", self.found.least
                prediction = known.get(ref.id)
                self.layers.outputs.show_found_by(run.id, ref.id, prediction, name, image, least)
        self._show_maps()

    def _on_filtered(self) -> None:
        """Show the objects of the image in view from the score on that is chosen now."""
        image, run, known = self.layers.image, self._run, self.found.predictions
        for ref in image.refs if image is not None else ():
            if image is not None and run is not None and ref.id in known:
                name = f"{PREDICTION}{run.name}, {ref.name}"
                self.layers.outputs.show_from(known[ref.id], self.found.least, name, image)

    def _on_objects_opened(self, is_open: bool) -> None:
        if is_open:
            self.found.measure()

    def _score_again(self) -> None:
        """Score what is shown now, as soon as no other work runs."""
        self._scores_are_old = True
        self._score_when_free()

    def _score_when_free(self) -> None:
        run, known = self.found.run, self.found.predictions
        if not self._scores_are_old or self.is_busy:
            return
        self._scores_are_old = False
        if run is not None and can_score(self.project, run, known):
            self.controller.start(
                lambda session: session.score(run, list(known.values())),
                on_end=lambda _: self.refresh(),
            )

    def _prediction_options(self, run: TrainingRun) -> dict[str, Any]:
        """Return what the user chose to predict with."""
        return {"adapt": self.adapt.isChecked(), "magnification": self._magnification(run)}

    def _show_maps(self) -> None:
        """Show the heat maps of the image in view, once; those of other runs go until then."""
        image, run, shown = self.layers.image, self._run, self.heat_maps.maps
        if run is None or image is None:
            return
        if shown is not None and shown.run != run.id:
            if self.heat_maps.layers.layers:  # else the user removed them
                self._unshown_maps[shown.run, shown.image] = shown
            self.heat_maps.clear()
        for ref in image.refs:
            maps = self._unshown_maps.pop((run.id, ref.id), None)
            if maps is not None:
                self.heat_maps.show_maps(maps, self.project, f"{run.name}, {ref.name}", image)

    def explain(self, method: str = "") -> None:
        """Map where on the image in view the model finds evidence for each class."""
        run, image, adapt = self._run, self.layers.image, self.adapt.isChecked()
        if run is None or image is None:
            return
        ticked = {ref.id for ref in self._chosen()}
        ref = next((ref for ref in image.refs if ref.id in ticked), image.refs[0])
        self.controller.start(
            lambda session: session.explain(
                run, [ref], method, adapt=adapt, magnification=self._magnification(run)
            ),
            lambda made: self._on_explained(run, ref, made),
        )

    def _on_explained(self, run: TrainingRun, ref: ImageRef, made: Sequence[HeatMaps]) -> None:
        self._unshown_maps = {(maps.run, maps.image): maps for maps in made}
        self._show_maps()
        if self.project.truth_of(ref, "instance", "boxes"):
            self.controller.start(
                lambda session: session.score(run, made), lambda _: self.refresh()
            )

    def _on_truth_toggled(self, checked: bool) -> None:
        image, outputs = self.layers.image, self.layers.outputs
        ref = outputs.true_part(image) if image is not None else None
        if checked and image is not None and ref is not None:
            outputs.show_truth(ref, image)
        else:
            outputs.hide_truth()

    def _show_truth_box(self) -> None:
        """Let the switch say whether the outlines are shown, where there are any."""
        image, outputs = self.layers.image, self.layers.outputs
        is_known = image is not None and outputs.true_part(image) is not None
        self.truth_box.setEnabled(is_known and not self.is_busy)
        self.truth_box.setToolTip(TRUTH_TIP if is_known else "This image has no true masks")
        with QSignalBlocker(self.truth_box):
            self.truth_box.setChecked(image is not None and outputs.shows_truth_of(image))

    # --- following ---------------------------------------------------------------------------

    def _on_image_changed(self) -> None:
        self._show_truth_box()
        self.heat_maps.show_legend()
        if self.isVisible() and self.layers.image is not None:
            self.layers.look_at_image(clicks=False)
            self._show_in_viewer()
            self._show_found_text()
            self.errors.mark_again()

    def showEvent(self, event: QShowEvent) -> None:
        """Mark objects, and let clicks on the canvas choose them, while the page is seen."""
        super().showEvent(event)
        self.layers.picks.listen(self._on_canvas_click)
        self.errors.mark_again()

    def hideEvent(self, event: QHideEvent) -> None:
        """Take the marks away, and leave clicks to others."""
        super().hideEvent(event)
        self.layers.picks.listen(None)
        self.layers.marks.hide()
        self.layers.marks.unmark()

    def _on_canvas_click(self, world: tuple[float, ...]) -> None:
        if not self.heat_maps.place_button.isChecked():
            self.objects.on_canvas_click(world)

    def _on_work_changed(self) -> None:
        for button in (self.predict_button, self.heat_maps.button):
            button.setEnabled(not self.is_busy)
        self._show_truth_box()
        self.next_step_changed.emit()

    def _on_session_changed(self) -> None:
        self._unshown_maps.clear()
        self._recalled.clear()
        self._wants_recall = False
        self._ticks_are_chosen = False
        self.heat_maps.clear()
        self.found.follow(None)
        self.refresh()

    def _on_project_changed(self, new: Project, old: Project) -> None:
        if new.runs is not old.runs or new.images is not old.images:
            self.refresh()
            self.found.follow_least()


def _show_scores(fold: Fold, box: TableList, scores: Scores | None, title: str) -> None:
    """Show scores with what they were measured on; hides where there are none."""
    fold.setVisible(scores is not None)
    if scores is None:
        box.show_tables(())
    else:
        box.show_tables(score_tables(scores), f"{title}, {scores.caption()}", scores.warnings)
