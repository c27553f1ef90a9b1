"""What the table of rounds shows, and when there is none."""

from napari_synthseg.core.project import Project
from napari_synthseg.core.runs import ModelRecord, TrainingRun
from napari_synthseg.core.scores import Scores
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from napari_synthseg.tasks.segment import SegmentRule
from napari_synthseg.ui.presenters.rounds import rounds_table


def scored(value, *images):
    return Scores(
        task="segment", measured_on="real", images=images, objects=9, values={"f1@0.5": value}
    )


def run(name, start, *scores):
    rule = SegmentRule(class_values=(1,), diameter=12.0)
    model = ModelRecord(spec=ModelSpec(name="unet"), in_channels=1, out_channels=3, rule=rule)
    spec = TrainSpec(task="segment", start=start)
    return TrainingRun(
        id=name, name=name, state="done", spec=spec, model=model, steps=50, seconds=31.4,
        scores=scores,
    )  # fmt: skip


def texts(table):
    return [[cell.text for cell in row] for row in table.cells]


def test_each_round_shows_its_score_and_what_it_gained():
    runs = (
        run("one", "scratch", scored(0.7, "t")),
        run("two", "one", scored(0.75, "t")),
        run("three", "two", scored(0.74, "t")),
    )
    table = rounds_table(Project(runs=runs), runs[-1])
    assert [row.text for row in table.rows] == ["one", "two", "three"]
    assert texts(table) == [
        ["0.700", "", "31 s"], ["0.750", "+0.050", "31 s"], ["0.740", "-0.010", "31 s"],
    ]  # fmt: skip
    assert "measured on 9 true objects" in table.caption


def test_scores_on_other_images_are_not_compared():
    runs = (run("one", "scratch", scored(0.7, "a")), run("two", "one", scored(0.75, "b")))
    assert texts(rounds_table(Project(runs=runs), runs[-1]))[0][0] == "-"


def test_without_scores_it_says_how_to_get_some():
    runs = (run("one", "scratch"), run("two", "one"))
    table = rounds_table(Project(runs=runs), runs[-1])
    assert "kept for scoring" in table.caption


def test_a_run_that_went_on_from_none_has_no_table():
    runs = (run("one", "scratch", scored(0.7, "t")), run("two", "pretrained", scored(0.8, "t")))
    assert rounds_table(Project(runs=runs), runs[-1]) is None
    assert rounds_table(Project(), None) is None
