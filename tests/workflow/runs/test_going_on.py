"""A run that goes on: what was known of its old weights goes, and a failure takes nothing away."""

from __future__ import annotations

import pytest

from tests.helpers.clicked_fields import TINY, images_by_role


@pytest.fixture
def stopped(clicked):
    """A session with a run that was stopped at step 5 of 9, and the run."""
    job = clicked.train(TINY.model_copy(update={"steps": 9}), "long")
    job.progressed.connect(lambda news: job.cancel() if news.metrics.get("step") == 5 else None)
    run = job.result()
    assert (run.state, run.steps) == ("cancelled", 5)
    return clicked, run


def judged(session, run):
    """Predict and score the image for testing, choose a least score; return what was found."""
    found = session.predict(run, [images_by_role(session)["test"]]).result()
    session.score(run, found).result()
    session.set_least_score(run, 0.7)
    return found


def test_scores_and_predictions_of_the_old_weights_go(stopped):
    session, run = stopped
    judged(session, run)
    known = session.project.run("long")
    assert (len(known.scores), known.least_score, len(session.found[run.id])) == (1, 0.7, 1)
    resumed = session.train(known).result()
    assert (resumed.steps, resumed.scores, resumed.least_score) == (9, (), None)
    assert session.project.run("long") == resumed
    assert not session.found.get(run.id)
    session.undo()
    assert session.project.run("long").least_score is None, "it was of the old weights"


def test_what_old_weights_found_is_not_recorded_after_the_run_went_on(stopped):
    session, run = stopped
    found = judged(session, run)
    scoring = session.score(run, found)
    predicting = session.predict(run, [images_by_role(session)["test"]])
    resumed = session.train(session.project.run("long")).result()
    scoring.result()
    predicting.result()
    assert session.project.run("long") == resumed
    assert resumed.scores == ()
    assert not session.found.get(run.id)
