"""Step 4: train in the background, and see how it goes."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QComboBox

from napari_synthseg.core.project import Project
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.pages.page import NextStep, Page
from napari_synthseg.ui.pages.recipe_choice import choose_suitable_recipe
from napari_synthseg.ui.pages.task_choice import TaskChoice
from napari_synthseg.ui.pages.work_box import WorkBox
from napari_synthseg.ui.presenters.runs import describe_run, find_run, run_state
from napari_synthseg.ui.presenters.steps import RESULTS, is_marked, is_trained, suitable_spec
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.forms import ModelForm
from napari_synthseg.ui.widgets.parts import notice_label, push_button, quiet_label, row_of
from napari_synthseg.ui.widgets.style import Colors

SOURCES = {
    "synthetic": "A model learns from freshly made dual images.",
    "real": "A model learns from your real images and what is known of them.",
    "mixed": "A model learns from dual images and from your real images, mixed.",
}
"""Source of a training spec -> what the user reads."""

BACKGROUND_WORK = (
    "It runs in the background: you can go on marking. A part is held out to choose the best "
    "weights. 'More settings' chooses the source."
)


class TrainPage(Page):
    """The training form, start, pause and stop, the loss curve and the runs so far."""

    def __init__(self, controller: SessionController, layers: Layers, colors: Colors) -> None:
        super().__init__(controller, layers)
        self.introduction, self.report = quiet_label(), quiet_label()
        spec = self._spec
        self.task = TaskChoice(spec)
        self.task.changed.connect(self._on_spec_changed)
        self.form: ModelForm[TrainSpec] = ModelForm(
            spec, shown=("minutes", "device"), hidden=("task", "model")
        )
        self.form.changed.connect(self._on_spec_changed)
        self.form.refused.connect(self._on_refused)
        self.problem = notice_label()
        self.problem.hide()
        self.work = WorkBox(
            controller,
            "training",
            colors,
            self.start,
            ("Start a new run with these settings", "Stop now and keep the best weights so far"),
            "Stopped; the best weights are kept.",
        )
        self.runs = QComboBox()
        self.runs.currentIndexChanged.connect(lambda _: self._show_report())
        self.resume_button = push_button(
            "Go on", self._on_resume, "Go on with this run from its last checkpoint"
        )
        self.add(
            self.introduction, self.task, self.form, self.problem, self.work,
            row_of(self.runs, self.resume_button, stretch=self.runs), self.report,
        )  # fmt: skip
        self.body.addStretch()
        controller.session_changed.connect(self._on_session_changed)
        controller.project_changed.connect(self._on_project_changed)
        controller.work_changed.connect(self.refresh)
        self.refresh()

    # --- showing -----------------------------------------------------------------------------

    @property
    def _spec(self) -> TrainSpec:
        """What the user chose, or what suits what is marked."""
        session = self.controller.session
        learned = session is not None and session.synthesizer_is_current
        return suitable_spec(self.controller.project, learned)

    def hint(self) -> str:
        """Say what goes on."""
        if self.work.job is not None:
            return "Paused." if self.work.is_paused else "Training. Lower loss is better."
        if is_trained(self.controller.project):
            return "A model is trained. See what it finds, or train longer."
        return "Set how long to train, then start."

    def next_step(self) -> NextStep:
        """Offer to start, then to see the results."""
        if self.work.job is not None:
            words = "Paused" if self.work.is_paused else "Training…"
            return NextStep(words, None, "Wait for the end, or press Stop.")
        if is_trained(self.controller.project):
            return self.going_to("Next: see the results", RESULTS)
        marked = is_marked(self.controller.project)
        why = "" if marked else "Click on a few objects, or paint regions, first."
        return NextStep("Start training", self.start, why)

    def enter(self) -> None:
        """Show what suits what is marked, until the user chooses."""
        self.layers.look_at_image()
        self._show_spec()
        self.refresh()

    def start(self, **changes: Any) -> None:
        """Start a training run in the background; `changes` are of the settings shown."""
        spec = self.form.model.model_copy(update=changes)
        if spec.source == "real" or choose_suitable_recipe(self.controller):
            self.work.run(lambda session: session.train(spec))

    def refresh(self) -> None:
        """Show buttons and runs as they are now."""
        project, idle = self.controller.project, self.work.job is None
        self.introduction.setText(f"{SOURCES[self.form.model.source]} {BACKGROUND_WORK}")
        self.work.start_button.setEnabled(idle and is_marked(project))
        self.work.start_button.setText("Train again" if is_trained(project) else "Start")
        self.form.setEnabled(idle)
        self.task.setEnabled(idle)
        self._show_runs()
        self.next_step_changed.emit()

    def _show_runs(self) -> None:
        runs = self.controller.project.runs
        texts = [f"{r.name}: {run_state(r)}" for r in runs]
        if texts != [self.runs.itemText(i) for i in range(self.runs.count())]:
            self.runs.blockSignals(True)
            self.runs.clear()
            for run, text in zip(runs, texts, strict=True):
                self.runs.addItem(text, run.id)
            self.runs.setCurrentIndex(self.runs.count() - 1)
            self.runs.blockSignals(False)
        self.runs.setVisible(bool(runs))
        self._show_report()

    def _show_report(self) -> None:
        run = find_run(self.controller.project, self.runs.currentData())
        self.report.setText(describe_run(run) if run else "")
        stopped = run is not None and run.state != "done"
        self.resume_button.setVisible(stopped and self.work.job is None)

    def _show_spec(self) -> None:
        spec = self._spec
        if self.work.job is not None:
            return
        self.task.show_spec(spec)  # also where the form has it already: the task starts from it
        if spec != self.form.model:
            self.form.set_model(spec)
            self.refresh()

    # --- editing -----------------------------------------------------------------------------

    def _on_resume(self) -> None:
        run = find_run(self.controller.project, self.runs.currentData())
        if run is not None:
            self.work.run(lambda session: session.train(run))

    def _on_spec_changed(self, spec: TrainSpec) -> None:
        project = self.controller.project
        new = project.model_copy(update={"train_spec": spec})
        self.controller.edit(new, "change training settings")

    def _on_refused(self, why: str) -> None:
        self.problem.setText(why)
        self.problem.setVisible(bool(why))

    def _on_session_changed(self) -> None:
        self._show_spec()
        self.refresh()

    def _on_project_changed(self, new: Project, old: Project) -> None:
        if new.train_spec != old.train_spec:
            self._show_spec()
        marked = bool(new.clicks) != bool(old.clicks) or bool(new.truths) != bool(old.truths)
        if new.runs is not old.runs or marked:
            self.refresh()
