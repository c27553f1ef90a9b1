"""A model of regions, trained in a moment: what is predicted, its areas and its scores."""

from __future__ import annotations

import numpy as np
import pytest

from napari_synthseg.core.labels import RegionLabels
from napari_synthseg.core.specs import ModelSpec, TrainSpec
from tests.helpers.sessions import add_masks
from tests.ui.conftest import SHAPE

pytestmark = pytest.mark.gui


def texts(table):
    """Return a table's cells."""
    return [
        [table.item(r, c).text() for c in range(table.columnCount())]
        for r in range(table.rowCount())
    ]


def test_from_regions_to_a_colored_prediction_with_scores(opened):
    session, panel = opened.session, opened.panel
    session.edit(session.project.with_classes(session.project.next_class("other")), "add class")
    (ref,) = session.project.images
    test = ref.model_copy(update={"id": "held", "name": "held", "role": "test"})
    session.edit(session.project.with_images(test), "add test image")
    values = np.zeros(SHAPE, np.int32)
    values[:40], values[80:] = 1, 2
    for image in (ref, test):
        add_masks(session, image, RegionLabels.of(values), kind="semantic")
    panel.show_step(3)
    spec = panel.train_page.form.model
    assert session.project.train_spec == TrainSpec()  # entering a page edits nothing
    assert (spec.task, spec.source) == ("semantic", "real")
    assert spec == TrainSpec(task="semantic", source="real")
    small = ModelSpec(width=4, depth=2)
    spec = spec.model_copy(
        update={"minutes": None, "steps": 4, "batch_size": 2, "crop": 64, "model": small}
    )
    panel.train_page.form.set_model(spec)
    panel.train_page.work.start_button.click()
    opened.settle()
    (run,) = session.project.runs
    assert run.state == "done", run.error
    panel.show_step(4)
    opened.settle()
    opened.settle()
    results = panel.results_page
    (layer,) = panel.layers.outputs.predictions
    assert layer.data.shape == SHAPE
    color = session.project.object_class(2).color
    assert np.allclose(layer.get_color(2)[:3], [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    assert np.allclose(layer.scale, panel.layers.image.placement.scale)
    areas = [row[0] for row in texts(results.found_table)]
    expected = [f"{np.mean(layer.data == value):.1%}" for value in (1, 2, 0)]
    assert areas == expected
    (scores,) = session.project.run(run.id).scores
    assert scores.task == "semantic"
    results.scores_section.open()
    told = results.scores
    assert told.isVisible()
    assert scores.caption() in told.caption.text()
    overall, _, confusion = told.tables
    assert texts(overall)[0][0] == f"{scores.values['miou']:.3f}"
    headings = [overall.verticalHeaderItem(r).text() for r in range(overall.rowCount())]
    assert headings[:3] == [
        "mIoU, standard", "mIoU, present, by image", "mIoU, present, pooled",
    ]  # fmt: skip
    assert "pixels of absent classes" in headings
    row = texts(confusion)[1]
    counts = scores.confusion[confusion.verticalHeaderItem(1).text()]
    assert row == [f"{count / sum(counts.values()):.1%}" for count in counts.values()]
    assert panel.primary.text() == "Improve: train longer"  # after four steps
    results.truth_box.click()
    opened.settle()
    true = next(layer for layer in opened.viewer.layers if layer.name == "True masks")
    assert np.array_equal(true.data, values)
    assert results.heat_maps.isVisible()
    results.heat_maps.button.click()
    opened.settle()
    opened.settle()
    assert set(results.heat_maps.layers.layers) == {1, 2}
