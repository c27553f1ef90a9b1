"""Step 4: train in the background, and see how it goes."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QComboBox, QHBoxLayout, QProgressBar, QPushButton

from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.ui.app.controller import SessionController
from napari_synthseg.ui.app.notices import show_input_errors
from napari_synthseg.ui.pages.panel import NextStep, Panel
from napari_synthseg.ui.pages.task_choice import TaskChoice
from napari_synthseg.ui.presenters.defaults import with_defaults
from napari_synthseg.ui.presenters.steps import training_clicks, training_regions
from napari_synthseg.ui.viewer.layers import Layers
from napari_synthseg.ui.widgets.curve import LossCurve
from napari_synthseg.ui.widgets.forms import ModelForm
from napari_synthseg.ui.widgets.parts import notice_label, quiet_label
from napari_synthseg.ui.widgets.style import Colors
from napari_synthseg.workflow.jobs import Outcome

SOURCES = {
    "synthetic": "A model learns from freshly made dual images.",
    "real": "A model learns from your real images and what is known of them.",
    "mixed": "A model learns from dual images and from your real images, mixed.",
}
"""Source of a training spec -> what is told."""

BACKGROUND_WORK = (
    "It runs in the background: you can go on marking. A part is held out to choose the best "
    "weights. 'More settings' chooses the source."
)


class TrainPanel(Panel):
    """The training form, start, pause and cancel, the loss curve and the runs so far."""

    def __init__(self, controller: SessionController, layers: Layers, colors: Colors) -> None:
        super().__init__(controller, layers)
        self._held = self._device = ""
        self.told = quiet_label()
        self.body.addWidget(self.told)
        spec = controller.session.project.train_spec if controller.session else TrainSpec()
        self.task = TaskChoice(spec)
        self.task.changed.connect(self._on_spec_changed)
        self.body.addWidget(self.task)
        self.form: ModelForm[TrainSpec] = ModelForm(
            spec,
            shown=("minutes", "device"),
            hidden=("task", "model"),
        )
        self.form.changed.connect(self._on_spec_changed)
        self.form.refused.connect(self._on_refused)
        self.body.addWidget(self.form)
        self.problem = notice_label()
        self.problem.hide()
        self.body.addWidget(self.problem)
        self.body.addLayout(self._make_buttons())
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.body.addWidget(self.bar)
        self.status = quiet_label()
        self.body.addWidget(self.status)
        self.curve = LossCurve(colors)
        self.body.addWidget(self.curve)
        self.body.addLayout(self._make_runs())
        self.report = quiet_label()
        self.body.addWidget(self.report)
        self.body.addStretch()
        controller.session_changed.connect(self._on_session_changed)
        controller.project_changed.connect(self._on_project_changed)
        controller.work_changed.connect(self.refresh)
        self.refresh()

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.start_button = QPushButton("Start")
        self.pause_button, self.cancel_button = QPushButton("Pause"), QPushButton("Stop")
        self.start_button.setToolTip("Start a new run with these settings")
        self.start_button.clicked.connect(self.start)
        self.cancel_button.setToolTip("Stop now and keep the best weights so far")
        self.pause_button.clicked.connect(self._on_pause)
        self.cancel_button.clicked.connect(lambda: self.controller.cancel("training"))
        for button in (self.start_button, self.pause_button, self.cancel_button):
            row.addWidget(button)
        return row

    def _make_runs(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.runs = QComboBox()
        self.runs.currentIndexChanged.connect(self._show_report)
        self.resume_button = QPushButton("Go on")
        self.resume_button.setToolTip("Go on with this run from its last checkpoint")
        self.resume_button.clicked.connect(self._on_resume)
        row.addWidget(self.runs, 1)
        row.addWidget(self.resume_button)
        return row

    # --- showing -----------------------------------------------------------------------------

    def hint(self) -> str:
        """Say what goes on."""
        job = self.controller.job("training")
        if job is not None:
            return "Paused." if job.state == "paused" else "Training. Lower loss is better."
        if self._trained():
            return "A model is trained. See what it finds, or train longer."
        return "Set how long to train, then start."

    def next_step(self) -> NextStep:
        """Offer to start, then to see the results."""
        job = self.controller.job("training")
        if job is not None:
            words = "Paused" if job.state == "paused" else "Training…"
            return NextStep(words, None, "Wait for the end, or press Stop.")
        if self._trained():
            return NextStep("Next: see the results", lambda: self.go_to.emit(4))
        why = "" if self._marked() else "Click on a few objects, or paint regions, first."
        return NextStep("Start training", self.start, why)

    def enter(self) -> None:
        """Show the state of now; suit the task to what is marked, until the user chooses."""
        session = self.controller.session
        if (
            session is not None
            and not session.read_only
            and self.controller.job("training") is None
        ):
            new = with_defaults(session.project, learned=session.synthesizer_is_current)
            show_input_errors(lambda: session.edit(new, "choose what suits regions"))
        self.layers.look_at_image()
        self.refresh()

    def start(self) -> None:
        """Start a training run in the background."""
        session = self.controller.session
        if session is None:
            return
        self.curve.clear()
        self._held = self._device = ""
        show_input_errors(lambda: self._run(session.train(self.form.model)))

    def _run(self, job: Any) -> None:
        self.controller.run(job, lane="training", on_steps=self._on_steps, on_end=self._on_end)

    def refresh(self) -> None:
        """Show buttons and runs as they are now."""
        job = self.controller.job("training")
        paused = job is not None and job.state == "paused"
        self.told.setText(f"{SOURCES[self.form.model.source]} {BACKGROUND_WORK}")
        self.start_button.setEnabled(job is None and self._marked())
        self.start_button.setText("Train again" if self._trained() else "Start")
        self.pause_button.setEnabled(job is not None)
        self.pause_button.setText("Resume" if paused else "Pause")
        self.cancel_button.setEnabled(job is not None)
        self.form.setEnabled(job is None)
        self.task.setEnabled(job is None)
        self._show_runs()
        self.next_step_changed.emit()

    def _show_runs(self) -> None:
        session = self.controller.session
        runs = session.project.runs if session else ()
        texts = [f"{r.name}: {_state(r)}" for r in runs]
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
        session, ident = self.controller.session, self.runs.currentData()
        run = session.project.run(ident) if session and ident else None
        self.report.setText(_report(run) if run else "")
        idle = self.controller.job("training") is None
        stopped = run is not None and run.state != "done"
        self.resume_button.setVisible(stopped and idle)

    def _marked(self) -> bool:
        """Tell whether anything is marked to learn from."""
        session = self.controller.session
        if session is None:
            return False
        return bool(training_clicks(session.project) or training_regions(session.project))

    def _trained(self) -> bool:
        session = self.controller.session
        return session is not None and any(r.model for r in session.project.runs)

    # --- work --------------------------------------------------------------------------------

    def _on_steps(self, news: list[Any]) -> None:
        last = news[-1]
        self.bar.setValue(int(1000 * last.fraction))
        if "step" not in last.metrics:  # still getting ready; the last message is the device
            self._device = last.message
            self.status.setText(f"Getting ready: {self._device}")
            return
        self.curve.add(news)
        held = {k: v for k, v in last.metrics.items() if k.startswith("held")}
        if held:
            self._held = "held out: " + ", ".join(f"{k} {v:.3f}" for k, v in held.items())
        loss = f"loss {last.metrics['loss']:.3f}" if "loss" in last.metrics else ""
        seconds = f"{last.metrics['seconds']:.0f} s" if "seconds" in last.metrics else ""
        now = ", ".join(p for p in (last.message, loss, seconds) if p)
        self.status.setText("\n".join(p for p in (now, self._held, self._device) if p))

    def _on_end(self, outcome: Outcome) -> None:
        words = {"done": "Done.", "cancelled": "Stopped; the best weights are kept."}
        self.status.setText(words.get(outcome.state, "Failed: see the message and the run."))
        self.bar.setValue(1000 if outcome.state == "done" else 0)
        self.refresh()

    def _on_pause(self) -> None:
        job = self.controller.job("training")
        if job is not None:
            self.controller.pause("training", job.state != "paused")

    def _on_resume(self) -> None:
        session, ident = self.controller.session, self.runs.currentData()
        if session is not None and ident:
            run = session.project.run(ident)
            show_input_errors(lambda: self._run(session.resume(run)))

    # --- editing -----------------------------------------------------------------------------

    def _on_spec_changed(self, spec: TrainSpec) -> None:
        session = self.controller.session
        if session is not None:
            new = session.project.model_copy(update={"train_spec": spec})
            show_input_errors(lambda: session.edit(new, "change training settings"))

    def _show_spec(self, spec: TrainSpec) -> None:
        if spec != self.form.model:
            self.form.set_model(spec)
        self.task.show_spec(spec)
        self.refresh()

    def _on_refused(self, why: str) -> None:
        self.problem.setText(why)
        self.problem.setVisible(bool(why))

    def _on_session_changed(self) -> None:
        session = self.controller.session
        if session is not None:
            self._show_spec(session.project.train_spec)
        self.curve.clear()
        self.bar.setValue(0)
        self.status.setText("")
        self.refresh()

    def _on_project_changed(self, new: Project, old: Project) -> None:
        if new.train_spec != old.train_spec:
            self._show_spec(new.train_spec)
        marked = bool(new.clicks) != bool(old.clicks) or bool(new.truths) != bool(old.truths)
        if new.runs is not old.runs or marked:
            self.refresh()


def _state(run: TrainingRun) -> str:
    return f"{run.state}, {run.steps} steps" if run.steps else run.state


def _report(run: TrainingRun) -> str:
    if run.state == "failed":
        return run.error.strip().splitlines()[-1] if run.error else "failed"
    parts = [
        f"on {run.device}" if run.device else "",
        f"{run.seconds:.0f} s" if run.seconds else "",
    ]
    return "\n".join(p for p in (", ".join(p for p in parts if p), run.selection) if p)
