"""What the comparisons here have in common: fewer crops than outside of tests."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from napari_synthseg.realism import classifier


@pytest.fixture(scope="module", autouse=True)
def few_crops() -> Iterator[None]:
    """Let comparisons take 120 crops of each side: most of their time goes there."""
    few = partial(classifier.classifier_two_sample_test, crops=120)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "classifier_two_sample_test", few)
        yield
