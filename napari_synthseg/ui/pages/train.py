"""Step 4: train in the background, and see how it goes."""

from __future__ import annotations

from typing import Any

from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.pages.page import NextStep, Page
from napari_synthseg.ui.pages.task_choice import TaskChoice
from napari_synthseg.ui.pages.training.device_choice import DeviceChoice
from napari_synthseg.ui.pages.training.live_box import LiveBox
from napari_synthseg.ui.pages.training.runs_window import RunsWindow
from napari_synthseg.ui.pages.work_box import WorkBox
from napari_synthseg.ui.presenters.in_panel import in_panel
from napari_synthseg.ui.presenters.runs import describe_run, run_words
from napari_synthseg.ui.presenters.steps import RESULTS, TRAIN, is_marked, is_trained, why_locked
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.forms import ModelForm
from napari_synthseg.ui.widgets.parts import ChoiceBox, push_button, quiet_label, row_of
from napari_synthseg.ui.widgets.style import Colors

SOURCES = {
    "synthetic": "A model learns from freshly made dual images.",
    "real": "A model learns from your real images and what is known of them.",
    "mixed": "A model learns from dual images and from your real images, mixed.",
}
"""Source of a training spec -> what the user reads."""

BACKGROUND_WORK = (
    "It runs in the background: you can go on marking. A part is held out, to keep the network at "
    "its best (its best weights). 'More settings' has other sources."
)

WHILE_TRAINING = "You can go on marking meanwhile."
"""A single line, since a small screen must have room for the curve below."""


class TrainPage(Page):
    """The training form, start, pause and stop, the loss curve and the runs so far."""

    def __init__(self, controller: SessionController, layers: Layers, colors: Colors) -> None:
        super().__init__(controller, layers)
        self.runs_window: RunsWindow | None = None
        self.introduction, self.report = quiet_label(), quiet_label()
        self.task = TaskChoice(self._spec)
        self.form: ModelForm[TrainSpec] = ModelForm(
            self._spec, shown=("minutes", "steps"), hidden=("task", "model", "start", "device")
        )
        self.device = DeviceChoice(controller, self._spec)
        for box in (self.task, self.form, self.device):
            box.changed.connect(self._on_spec_changed)
        self.work = WorkBox(
            controller,
            "training",
            colors,
            self.start,
            ("Start a new run with these settings", "Stop now and keep the best weights so far"),
            "Stopped; the best weights are kept.",
        )
        self.live = LiveBox(controller, layers)
        self.work.progressed.connect(self.live.take)
        self.runs = ChoiceBox(tip="The run that is reported below, or gone on with", name="Run")
        self.runs.chosen.connect(lambda _: self._show_report())
        self.resume_button = push_button(
            "Go on", self._on_resume, "Go on with this run from its last checkpoint"
        )
        self.compare_button = push_button(
            "Compare runs…", self._on_compare, "All runs in a table: settings, time, scores"
        )
        self.add(
            self.introduction, self.task, self.form, self.device, self.live, self.work,
            row_of(self.runs, self.resume_button, stretch=self.runs), self.report,
            self.compare_button,
        )  # fmt: skip
        controller.edit_lock.guard(
            self.task, self.form, self.device, self.work.start_button, self.resume_button
        )
        self.refresh()

    # --- showing -----------------------------------------------------------------------------

    @property
    def _spec(self) -> TrainSpec:
        """What the user chose, and what suits what is marked for the rest."""
        return self.session.suitable_spec if self.session is not None else TrainSpec()

    def hint(self) -> str:
        """Say what goes on."""
        if self.work.job is not None:
            return "Paused." if self.work.is_paused else "Training: the error (loss) should fall."
        if is_trained(self.project):
            return "A model is trained. See what it finds, or train longer."
        return "Set how long to train, then start."

    def next_step(self) -> NextStep:
        """Offer to start, then to see the results."""
        if self.work.job is not None:
            words = "Paused" if self.work.is_paused else "Training…"
            return NextStep(words, None, "Wait for the end, or press Stop.")
        if is_trained(self.project):
            return self.going_to("Next: see the results", RESULTS)
        why = "" if is_marked(self.project) else why_locked(TRAIN, self.project)
        return NextStep("Start training", self.start, why, edits=True)

    def enter(self) -> None:
        """Show what suits what is marked, until the user chooses."""
        self.layers.look_at_image()
        self.device.look()
        self.work.curve.prepare()
        self.refresh()

    def start(self, **changes: Any) -> None:
        """Start a training run in the background; `changes` are of the settings shown."""
        spec = self.form.model.model_copy(update=changes)
        self._run(spec)

    def _run(self, how: TrainSpec | TrainingRun) -> None:
        live = self.live.begin()
        self.work.run(lambda session: session.train(how, live=live))

    def refresh(self) -> None:
        """Show settings, buttons and runs as they are now."""
        project, idle = self.project, self.work.job is None
        if idle:
            self.task.show_spec(self._spec, project.runs)
            self.form.set_model(self._spec)
            self.device.show_spec(self._spec)
        cautions = self.session.cautions if self.session is not None else ()
        words = f"{SOURCES[self.form.model.source]} {BACKGROUND_WORK}"
        first = () if is_trained(project) else (words,)  # else it was read, and the curve has room
        before = "\n".join((*first, *(in_panel(f"Note: {c}.") for c in cautions)))
        self.introduction.setText(before if idle else WHILE_TRAINING)
        self.introduction.setVisible(bool(self.introduction.text()))
        self.work.start_button.setEnabled(idle and is_marked(project))
        self.work.start_button.setText("Train again" if is_trained(project) else "Start")
        for settings in (self.form, self.task, self.device):
            settings.setVisible(idle)
        runs = project.runs
        named = {run.id: run_words(run, run.id == self._running) for run in runs}
        if self.runs.fill(named) and runs:
            self.runs.choose(runs[-1].id)
        self.runs.setVisible(bool(runs))
        self.compare_button.setVisible(bool(runs))
        self._show_report()
        self.next_step_changed.emit()

    @property
    def _chosen(self) -> TrainingRun | None:
        """The run that is chosen."""
        return self.project.find_run(self.runs.value)

    @property
    def _running(self) -> str:
        """Id of the run that is being trained; empty where none is."""
        return self.work.job.subject if self.work.job is not None else ""

    def _show_report(self) -> None:
        run = self._chosen
        is_over = run is not None and run.id != self._running
        self.report.setText(describe_run(run) if run is not None and is_over else "")
        self.report.setVisible(bool(self.report.text()))
        stopped = run is not None and run.state != "done"
        self.resume_button.setVisible(stopped and self.work.job is None)

    # --- editing -----------------------------------------------------------------------------

    def _on_resume(self) -> None:
        if (run := self._chosen) is not None:
            self._go_on(run)

    def _go_on(self, run: TrainingRun) -> None:
        self.runs.choose(run.id)
        self._run(run)

    def _on_compare(self) -> None:
        """Show all runs in a window of their own."""
        if self.runs_window is None:
            self.runs_window = RunsWindow(self.controller, self, self._go_on)
            self.runs_window.destroyed.connect(self._on_window_closed)
        self.runs_window.show()
        self.runs_window.raise_()

    def _on_window_closed(self, _: object = None) -> None:
        self.runs_window = None

    def _on_spec_changed(self, spec: TrainSpec) -> None:
        """Keep what the user has changed, and only that: the rest goes on to follow the marks."""
        shown = self._spec
        chosen = {name: value for name, value in spec if value != getattr(shown, name)}
        train_spec = self.project.train_spec.model_copy(update=chosen)
        new = self.project.model_copy(update={"train_spec": train_spec})
        self.edit(new, "change training settings")

    # --- following ---------------------------------------------------------------------------

    def _on_project_changed(self, new: Project, old: Project) -> None:
        marked = bool(new.clicks) != bool(old.clicks) or bool(new.truths) != bool(old.truths)
        if new.runs is not old.runs or new.train_spec is not old.train_spec or marked:
            self.refresh()

    def _on_work_changed(self) -> None:
        if self.work.job is None:
            self.live.end()
        self.refresh()
