"""Every sample keeps the same promises, whatever it shows."""

import socket
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from napari_synthseg import sample_data
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import contains, intersect, region_shape
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.io.points.clicks import read_clicks
from napari_synthseg.sample_data.nuclei import read_nuclei
from napari_synthseg.workflow.session import Session
from tests.helpers.sessions import true_masks

NAMES = ("nuclei", "tissue", "sediment")


def load(name, **kwargs):
    try:
        return sample_data.load(name, **kwargs)
    except InputError as error:
        if name != "nuclei":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module", params=NAMES)
def named(request):
    return request.param, load(request.param)


@pytest.fixture
def session(tmp_path):
    session = Session.create(tmp_path / "a.synthseg")
    yield session
    session.close().result()


# --- content ---------------------------------------------------------------------------------


def test_names_and_titles():
    assert tuple(sample_data.SAMPLES) == NAMES
    for name, sample in sample_data.SAMPLES.items():
        assert sample.name == name
        assert sample.note
        assert sample.simulated == ("simulated" in sample.title)
        assert sample.simulated == sample.note.startswith("Simulated")


def test_the_parts_are_disjoint_and_an_object_apart(named):
    _, content = named
    widest = max(c.diameter for c in content.classes)
    grown = tuple((a - widest, b + widest) for a, b in content.train)
    assert intersect(grown, content.test) is None
    for (start, stop), length in zip(
        (*content.train, *content.test), content.image.shape[:2] * 2, strict=True
    ):
        assert 0 <= start < stop <= length


def test_every_class_is_clicked_inside_the_clicked_part(named):
    _, content = named
    assert {c.cls for c in content.clicks} == {c.value for c in content.classes}
    assert all(contains(content.train, c.position) for c in content.clicks)
    assert len({c.position for c in content.clicks}) == len(content.clicks)


def test_the_truth_fits_the_held_out_part(named):
    _, content = named
    values = {c.value for c in content.classes}
    if isinstance(content.truth, InstanceLabels):
        assert content.truth.ids.shape == region_shape(content.test)
        assert set(content.truth.classes) == set(np.unique(content.truth.ids).tolist()) - {0}
        assert set(content.truth.classes.values()) == values
    else:
        assert set(content.truth.classes.tolist()) == values
        assert all(contains(content.test, p) for p in content.truth.positions)


def test_reading_twice_gives_the_same(named):
    name, content = named
    again = sample_data.load(name)
    assert np.array_equal(again.image, content.image)
    assert again.clicks == content.clicks


def test_reading_needs_no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("a sample asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name in NAMES:
        load(name)


def test_fewer_clicks_are_nested_balanced_and_not_exhaustive():
    sediment = sample_data.load("sediment")
    twelve, six = (sediment.with_clicks(n) for n in (12, 6))
    assert set(six.clicks) < set(twelve.clicks) < set(sediment.clicks)
    assert [sum(c.cls == v for c in twelve.clicks) for v in (1, 2, 3)] == [4, 4, 4]
    assert sediment.exhaustive
    assert not twelve.exhaustive
    assert sediment.with_clicks(10_000).exhaustive
    with pytest.raises(InputError, match="at least 1"):
        sediment.with_clicks(0)


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"'moon'.*nuclei, tissue, sediment"):
        sample_data.load("moon")


# --- nuclei ----------------------------------------------------------------------------------


def test_nuclei_are_the_true_ones():
    content = load("nuclei")
    assert content.image.shape == (512, 512)
    assert len(content.clicks) == 67
    assert content.truth.count == 57


def test_without_the_extra_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr("napari_synthseg.sample_data.nuclei.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'napari-synthseg\[samples\]'"):
        read_nuclei()


# --- project ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_fill_makes_two_parts_of_one_picture(session, name):
    content = load(name)
    sample_data.fill(session, name)
    train, test = session.project.images
    assert train.uri == test.uri
    assert (train.role, test.role) == ("train", "test")
    assert train.exhaustive
    assert test.exhaustive
    assert (train.region, test.region) == (content.train, content.test)
    simulated = sample_data.SAMPLES[name].simulated
    assert ("simulated" in train.name, "simulated" in test.name) == (simulated, simulated)
    assert session.project.classes == content.classes
    clicked = session.project.clicks_on(train)
    assert [(c.cls, c.position) for c in clicked] == [(c.cls, c.position) for c in content.clicks]
    if isinstance(content.truth, InstanceLabels):
        assert np.array_equal(true_masks(session, test).ids, content.truth.ids)
        assert true_masks(session, test).classes == content.truth.classes
        assert not session.project.clicks_on(test)
    else:
        marked = [c.position for c in session.project.clicks_on(test)]
        assert marked == [tuple(p) for p in content.truth.positions.tolist()]
        assert true_masks(session, test) is None
    assert true_masks(session, train) is None


def test_nothing_of_a_sample_that_was_just_opened_can_be_undone(tmp_path):
    with sample_data.new_project(tmp_path / "new.synthseg", "nuclei").result() as session:
        assert session.project.truths
        assert session.history.undo_label is None


def test_fill_with_few_clicks(session):
    sample_data.fill(session, "tissue", clicks=12)
    train, test = session.project.images
    assert len(session.project.clicks_on(train)) == 12
    assert not train.exhaustive
    assert len(session.project.clicks_on(test)) == 28


@pytest.mark.parametrize(("table", "part"), [("clicks", 0), ("truth", 1)])
def test_the_tissue_tables_can_be_imported_too(session, table, part):
    sample_data.fill(session, "tissue")
    ref = session.project.images[part]
    path = Path(str(files("napari_synthseg.sample_data"))) / f"tissue_{table}.csv"
    read = read_clicks(path, session.project, lambda _: (512, 512)).clicks
    assert {c.position for c in read} == {c.position for c in session.project.clicks_on(ref)}
    assert {c.image for c in read} == {ref.id}


# --- napari ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_layers_are_what_napari_takes(name):
    content = load(name)
    layers = getattr(sample_data, f"{name}_sample")()
    kinds = [kind for _, _, kind in layers]
    assert kinds == ["image", "points", "labels" if name != "tissue" else "points"]
    for _, meta, _ in layers:
        assert meta["metadata"]["napari_synthseg"]["sample"] == name
    image, clicks, truth = layers
    assert np.array_equal(image[0], content.image)
    assert ("simulated" in image[1]["name"]) == sample_data.SAMPLES[name].simulated
    assert clicks[1]["name"] == "Clicks"
    assert set(clicks[1]["features"]["class"]) == {c.name for c in content.classes}
    assert "held-out" in truth[1]["name"]


def test_layers_can_be_made():
    layers = pytest.importorskip("napari.layers", reason="napari is not installed")
    for data, meta, kind in sample_data.tissue_sample() + sample_data.sediment_sample():
        layer = layers.Layer.create(data, meta, kind)
        assert type(layer) is getattr(layers, kind.title())


def test_samples_load_no_window_and_no_network_library():
    code = (
        "import sys\n"
        "from napari_synthseg import sample_data\n"
        "[sample_data.load(n) for n in ('tissue', 'sediment')]\n"
        "print([m for m in ('torch', 'napari', 'qtpy', 'stardist') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
