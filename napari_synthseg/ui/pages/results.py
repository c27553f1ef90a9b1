"""Step 5: what the model finds on real images, and how good it is."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QListWidget, QListWidgetItem, QPushButton

from napari_synthseg.core.annotations import ImageRef, MaskTruth
from napari_synthseg.core.predictions import (
    HeatMaps,
    ImageTagsPrediction,
    ObjectPrediction,
    Prediction,
    RegionPrediction,
)
from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.scores import Scores
from napari_synthseg.tasks.registry import task_info
from napari_synthseg.ui.app.controller import SessionController
from napari_synthseg.ui.app.notices import show_input_errors, warn
from napari_synthseg.ui.pages.heat_map_box import HeatMapBox
from napari_synthseg.ui.pages.panel import NextStep, Panel
from napari_synthseg.ui.presenters.scores import overlay_text, score_tables
from napari_synthseg.ui.viewer.displayed_image import image_key
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.viewer.output_layers import PREDICTION
from napari_synthseg.ui.widgets.area_table import AreaTable
from napari_synthseg.ui.widgets.data_table import TableList
from napari_synthseg.ui.widgets.parts import quiet_label
from napari_synthseg.ui.widgets.shown_table import ShownTable

AREAS = "Share of each image's area that the model gave to each class:"

ROLE_WORDS = {"train": "training part", "validate": "held out", "test": "held out for scoring"}


class ResultsPanel(Panel):
    """Predict into new layers; score where there is ground truth."""

    def __init__(self, controller: SessionController, layers: Layers) -> None:
        super().__init__(controller, layers)
        self.runs = QComboBox()
        self.runs.currentIndexChanged.connect(self._on_run_chosen)
        self.body.addWidget(quiet_label("Model"))
        self.body.addWidget(self.runs)
        self.body.addWidget(quiet_label("Images to predict"))
        self.images = QListWidget()
        self.images.itemChanged.connect(lambda *_: self.next_step_changed.emit())
        self.body.addWidget(self.images)
        self.predict_button = QPushButton("Predict again")
        self.predict_button.clicked.connect(self.predict)
        self.body.addWidget(self.predict_button)
        self.adapt = QCheckBox("Fit the model to my images first")
        self.adapt.setToolTip(
            "Measures the batch norms of the network anew on the training images, without labels "
            "(AdaBN). It may help a model trained on dual images; compare with and without."
        )
        self.body.addWidget(self.adapt)
        self.found = quiet_label()
        self.body.addWidget(self.found)
        self.shown = ShownTable()
        self.body.addWidget(self.shown)
        self.areas = AreaTable()
        self.body.addWidget(self.areas)
        self.evidence = HeatMapBox(layers.heat_maps)
        self.evidence.asked.connect(self.explain)
        self.body.addWidget(self.evidence)
        self.truth_box = QCheckBox("Show the true masks (lines)")
        self.truth_box.toggled.connect(self._on_truth_toggled)
        self.body.addWidget(self.truth_box)
        self.scores = TableList()
        self.body.addWidget(self.scores)
        self.body.addStretch()
        self._predicted: dict[str, int] = {}
        self._unshown: dict[str, tuple[Prediction, TrainingRun]] = {}
        layers.image_changed.connect(self._on_image_changed)
        controller.session_changed.connect(self._on_session_changed)
        controller.project_changed.connect(self._on_project_changed)
        controller.work_changed.connect(self._on_work_changed)

    # --- showing -----------------------------------------------------------------------------

    def hint(self) -> str:
        """Say what to look at."""
        if self.controller.job("short") is not None:
            return "Coloring regions…" if self._colors else "Looking for objects…"
        if not self._predicted:
            return "See what the model finds."
        what = "Paint" if self._colors else "Click"
        return f"Not good enough? {what} where it fails, and train again."

    def next_step(self) -> NextStep:
        """Offer to predict, then to go on clicking."""
        if self.controller.job("short") is not None:
            return NextStep("Predict", None, "Wait for the end, or cancel.")
        if not self._predicted:
            why = "" if self._chosen() else "Tick at least one image."
            return NextStep("Predict", self.predict, why)
        words = "Improve: paint more regions" if self._colors else "Improve: click more objects"
        return NextStep(words, lambda: self.go_to.emit(0))

    @property
    def _colors(self) -> bool:
        """Whether the model colors regions, without telling objects apart."""
        run = self._run()
        return run is not None and task_info(run.task).marking == "regions"

    def enter(self) -> None:
        """Show the runs and images; predict at once the first time."""
        self.layers.look_at_image(clicks=False)
        self.refresh()
        if self._run() is not None and self._run().id not in self._predicted:
            self.predict()

    def refresh(self) -> None:
        """Show runs, images and scores as they are now."""
        self._show_runs()
        self._show_images()
        self._show_scores()
        self.evidence.show_for(self._run())
        self.next_step_changed.emit()

    def _show_runs(self) -> None:
        session = self.controller.session
        runs = [r for r in session.project.runs if r.model] if session else []
        ids = [self.runs.itemData(i) for i in range(self.runs.count())]
        if ids != [r.id for r in runs]:
            self.runs.blockSignals(True)
            self.runs.clear()
            for run in runs:
                self.runs.addItem(f"{run.name} ({run.steps} steps)", run.id)
            self.runs.setCurrentIndex(self.runs.count() - 1)
            self.runs.blockSignals(False)

    def _show_images(self) -> None:
        refs = self.controller.session.project.images if self.controller.session else ()
        words = [f"{ref.name} ({ROLE_WORDS[ref.role]})" for ref in refs]
        items = [self.images.item(i) for i in range(self.images.count())]
        ids = [item.data(Qt.ItemDataRole.UserRole) for item in items]
        if ids == [r.id for r in refs] and words == [item.text() for item in items]:
            return
        shown = self.layers.field.refs if self.layers.field else refs[:1]
        held = [r.id for r in refs if r.role == "test"]
        wanted = held or [r.id for r in shown]
        self.images.blockSignals(True)
        self.images.clear()
        for ref, text in zip(refs, words, strict=True):
            item = QListWidgetItem(text)
            item.setData(Qt.ItemDataRole.UserRole, ref.id)
            state = Qt.CheckState.Checked if ref.id in wanted else Qt.CheckState.Unchecked
            item.setCheckState(state)
            self.images.addItem(item)
        self.images.setFixedHeight(10 + 22 * max(2, min(len(refs), 6)))
        self.images.blockSignals(False)

    def _show_scores(self) -> None:
        run = self._run()
        scores = run.scores[-1] if run is not None and run.scores else None
        if scores is None:
            self.scores.show_tables(())
        else:
            caption = f"Scores, {scores.caption()}"
            self.scores.show_tables(score_tables(scores), caption, scores.warnings)
        session = self.controller.session
        truths = session.project.truths if session is not None else ()
        self.truth_box.setVisible(any(isinstance(t, MaskTruth) for t in truths))
        if not self.isVisible():
            return
        self.layers.outputs.show_text(overlay_text(scores) if scores is not None else "")

    # --- work --------------------------------------------------------------------------------

    def predict(self) -> None:
        """Predict the ticked images, each into a new layer, then score."""
        session, run, refs = self.controller.session, self._run(), self._chosen()
        if session is None or run is None or not refs:
            return
        show_input_errors(
            lambda: self.controller.run(
                session.predict(run, refs, self.adapt.isChecked()),
                lambda found: self._on_predicted(run, found),
            )
        )

    def explain(self, method: str = "") -> None:
        """Map where on the image in view the model finds what speaks for each class."""
        session, run, field = self.controller.session, self._run(), self.layers.field
        if session is None or run is None or field is None:
            return
        ticked = {ref.id for ref in self._chosen()}
        refs = [ref for ref in field.refs if ref.id in ticked] or list(field.refs)
        job = session.explain(run, refs[:1], method, adapt=self.adapt.isChecked())
        show_input_errors(
            lambda: self.controller.run(job, lambda made: self._on_explained(run, made))
        )

    def _on_explained(self, run: TrainingRun, made: Sequence[HeatMaps]) -> None:
        session, field = self.controller.session, self.layers.field
        for maps in made:
            if session is None or field is None:
                return
            ref = session.project.image(maps.image)
            if image_key(ref) == image_key(field.refs[0]):
                name = f"{run.name}, {ref.name}"
                self.evidence.show_maps(maps, session.project, name, field.placement)
            if session.project.truth_of(ref, "instance", "boxes"):
                self.controller.run(session.score(run, made), self._on_scored)

    def _on_predicted(self, run: TrainingRun, found: Sequence[Prediction]) -> None:
        session = self.controller.session
        if session is None:
            return
        counts = [len(p.objects) for p in found if isinstance(p, ObjectPrediction)]
        self._predicted[run.id] = sum(counts)
        colors = task_info(run.task).marking == "regions"
        self.found.setText(AREAS if colors else _found_text(found, session.project))
        self.shown.show_predictions(found, session.project)
        regions = [p for p in found if isinstance(p, RegionPrediction)]
        self.areas.show_predictions(regions, session.project)
        self._unshown = {p.image: (p, run) for p in found}
        if not self._show_found() and found:  # none of them is of the image in view
            self.layers.show_image(session.project.image(found[0].image))
        if self._can_score(found):
            self.controller.run(session.score(run, found), self._on_scored)
        self.next_step_changed.emit()

    def _show_found(self) -> bool:
        """Show what was found on the image in view; tell whether there was anything."""
        session, field, shown = self.controller.session, self.layers.field, False
        for ident in [ref.id for ref in field.refs] if field else ():
            if session is not None and ident in self._unshown:
                prediction, run = self._unshown.pop(ident)
                name = f"{PREDICTION}{run.name}, {session.project.image(ident).name}"
                self.layers.show_prediction(prediction, name)
                shown = True
        return shown

    def _on_image_changed(self) -> None:
        if self.isVisible() and self.layers.field is not None and self._unshown:
            self.layers.look_at_image(clicks=False)
            self._show_found()

    def _on_scored(self, scores: Scores) -> None:
        self.refresh()

    def _can_score(self, found: Sequence[Prediction]) -> bool:
        project = self.controller.session.project if self.controller.session else Project()
        images = {p.image for p in found}
        refs = [ref for ref in project.images if ref.id in images]
        run = self._run()
        kinds = task_info(run.task).truth_kinds if run is not None else ()
        known = any(project.truth_of(ref, *kinds) for ref in refs)
        return known or any(project.clicks_on(ref) for ref in refs if ref.role != "train")

    def _run(self) -> TrainingRun | None:
        session, ident = self.controller.session, self.runs.currentData()
        return session.project.run(ident) if session and ident else None

    def _chosen(self) -> list[ImageRef]:
        session = self.controller.session
        items = [self.images.item(i) for i in range(self.images.count())]
        ids = [
            i.data(Qt.ItemDataRole.UserRole)
            for i in items
            if i.checkState() == Qt.CheckState.Checked
        ]
        return [session.project.image(i) for i in ids] if session else []

    def _on_truth_toggled(self, checked: bool) -> None:
        session, field = self.controller.session, self.layers.field
        if session is None or field is None:
            return
        masked = {t.image for t in session.project.truths if isinstance(t, MaskTruth)}
        refs = [r for r in field.refs if r.id in masked]
        if checked and refs:
            truth = session.truth(refs[0])
            origin = (
                [start for start, _ in refs[0].region] if refs[0].region else (0,) * refs[0].ndim
            )
            show_input_errors(lambda: self.layers.show_truth(truth, origin))
        else:
            self.layers.outputs.hide_truth()
            if checked:
                warn("There are no true masks for this image.")

    # --- following ---------------------------------------------------------------------------

    def _on_run_chosen(self) -> None:
        self.evidence.show_for(self._run())
        self._show_scores()
        self.next_step_changed.emit()

    def _on_work_changed(self) -> None:
        for button in (self.predict_button, self.evidence.button):
            button.setEnabled(self.controller.job("short") is None)
        self.next_step_changed.emit()

    def _on_session_changed(self) -> None:
        self._predicted.clear()
        self._unshown.clear()
        self.evidence.clear()
        self.shown.hide()
        self.areas.hide()
        self.found.setText("")
        self.truth_box.setChecked(False)
        self.refresh()

    def _on_project_changed(self, new: Project, old: Project) -> None:
        if new.runs is not old.runs or new.images is not old.images:
            self.refresh()


def _found_text(found: Sequence[Prediction], project: Project) -> str:
    names = {c.value: c.name for c in project.classes}
    counts: dict[str, int] = {}
    for prediction in found:
        for thing in prediction.objects if isinstance(prediction, ObjectPrediction) else ():
            name = names.get(thing.cls, f"class {thing.cls}")
            counts[name] = counts.get(name, 0) + 1
    if any(isinstance(prediction, ImageTagsPrediction) for prediction in found):
        return "How likely an image shows each class; bold: reported."
    if not counts:
        return (
            "No object was found. Look at the dual images: do they resemble this image? Then "
            "train longer."
        )
    return "Found: " + ", ".join(f"{number} {name}" for name, number in counts.items())
