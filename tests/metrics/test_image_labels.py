"""Labels of images; scikit-learn is the oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import average_precision_score, f1_score

from napari_synthseg.core.errors import InputError
from napari_synthseg.metrics.image_labels import score_image_labels
from napari_synthseg.metrics.ranking import average_precision

NAMES = {1: "cell", 2: "crystal"}


def score(true, predicted, names=NAMES, **options):
    images = [f"image {i}" for i in range(len(true))]
    return score_image_labels(images, true, predicted, names, measured_on="real", **options)


@st.composite
def labels_and_scores(draw):
    """Draw (image, class) truth and scores; few levels, so that ties occur."""
    shape = (draw(st.integers(1, 12)), 2)
    levels = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 3.0])
    return draw(hnp.arrays(np.bool_, shape)), draw(hnp.arrays(float, shape, elements=levels))


@given(labels_and_scores())
def test_values_are_those_of_scikit_learn(drawn):
    true, predicted = drawn
    scores = score(true, predicted)
    defined = [i for i in range(2) if true[:, i].any()]
    for i in defined:
        ours = scores.per_class[list(NAMES.values())[i]]
        ap = average_precision_score(true[:, i], predicted[:, i])
        assert ours["ap"] == pytest.approx(ap, abs=1e-12)
        assert ours["f1"] == pytest.approx(f1_score(true[:, i], predicted[:, i] >= 0.5))
        assert ours["prevalence"] == pytest.approx(true[:, i].mean())
    if defined:
        macro = average_precision_score(true[:, defined], predicted[:, defined], average="macro")
        assert scores.values["ap"] == pytest.approx(macro, abs=1e-12)
        micro = f1_score(true, predicted >= 0.5, average="micro", zero_division=0)
        assert scores.values["f1"] == pytest.approx(micro)
    else:
        assert scores.values == {}


@given(labels_and_scores())
def test_only_the_order_of_scores_matters_for_average_precision(drawn):
    true, predicted = drawn
    one, other = score(true, predicted), score(true, np.exp(predicted) + 7)
    for name in NAMES.values():
        assert one.per_class[name].get("ap") == other.per_class[name].get("ap")


@given(hnp.arrays(np.bool_, st.integers(1, 30)))
def test_a_classifier_that_says_nothing_gets_the_prevalence(true):
    if true.any():
        assert average_precision(np.full(true.shape, 0.3), true) == pytest.approx(true.mean())
        assert average_precision(true, true) == 1.0
    else:
        assert np.isnan(average_precision(np.ones(true.shape), true))


def test_a_class_without_positives_has_no_figure_but_its_mistakes_count():
    true = np.array([[1, 0], [0, 0]], bool)
    scores = score(true, [[0.9, 0.8], [0.1, 0.2]])
    assert scores.per_class["crystal"] == {"prevalence": 0.0}
    assert scores.values["ap"] == scores.values["f1_mean"] == 1.0
    assert scores.values["prevalence"] == 0.5
    assert scores.values["precision"] == 0.5
    (warning,) = scores.warnings
    assert "'crystal' is on no image" in warning


def test_a_class_on_every_image_is_warned_of():
    scores = score(np.array([[1, 0], [1, 1]], bool), np.zeros((2, 2)))
    assert scores.per_class["cell"]["ap"] == 1.0
    assert scores.warnings == (
        "Class 'cell' is on every image: any order of them has an average precision of 1.",
    )


def test_classes_that_are_alike_are_warned_of_together():
    scores = score(np.array([[1, 1], [1, 1]], bool), np.zeros((2, 2)))
    assert scores.warnings == (
        "Classes 'cell' and 'crystal' are on every image: any order of them has an average "
        "precision of 1.",
    )
    scores = score(np.zeros((2, 2), bool), np.zeros((2, 2)))
    assert "Classes 'cell' and 'crystal' are on no image" in scores.warnings[0]


def test_thresholds_may_differ_by_class():
    true = np.array([[1, 1], [0, 0]], bool)
    scores = score(true, [[0.4, 0.4], [0.3, 0.3]], threshold={1: 0.35, 2: 0.5})
    assert scores.per_class["cell"]["f1"] == 1.0
    assert scores.per_class["crystal"]["f1"] == 0.0
    assert (scores.task, scores.objects) == ("", 2)
    assert scores.caption() == "measured on 2 true image labels of 2 real images"


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        (np.zeros((0, 2)), np.zeros((0, 2)), "no image"),
        (np.zeros((2, 2)), np.zeros((2, 3)), "prediction has shape"),
        (np.zeros((2, 1)), np.zeros((2, 2)), "truth has shape"),
        (np.zeros((2, 2)), [[0, 0], [0, np.nan]], "'image 1' holds numbers"),
    ],
)
def test_what_cannot_be_scored_is_refused(true, predicted, message):
    with pytest.raises(InputError, match=message):
        score(true, predicted)


def test_what_is_not_known_of_an_image_does_not_count():
    true = [[True, False], [False, True], [False, False]]
    sure = [[0.9, 0.1], [0.8, 0.9], [0.1, 0.2]]
    known = [[True, True], [False, True], [True, True]]
    scores = score_image_labels(
        ["a", "b", "c"], true, sure, {1: "cell", 2: "ring"}, measured_on="real", known=known
    )
    assert scores.values["precision"] == scores.values["ap"] == 1
    assert scores.per_class["cell"]["prevalence"] == 0.5
    assert "1 of 3 images, which may show one" in scores.warnings[0]
