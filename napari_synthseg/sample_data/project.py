"""A sample as a project: two parts of one picture, the one clicked, the other to be scored."""

from __future__ import annotations

from pathlib import Path

from napari_synthseg.core.annotations import Click, new_id
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.sample_data.catalog import find_sample, load
from napari_synthseg.workflow.jobs import Job
from napari_synthseg.workflow.session import Session


def new_project(folder: Path, name: str) -> Job[Session]:
    """Return the job that makes a new project of a sample, and returns a session on it.

    Raises
    ------
    InputError
        If there is no such sample.
    """
    find_sample(name)

    def make() -> Session:
        session = Session.create(folder)
        try:
            fill(session, name)
            session.history.clear()  # undo goes back to the sample as it was opened
        except BaseException:
            session.close().result()
            raise
        return session

    return Job.of(f"open the sample {name}", make)


def fill(session: Session, name: str, clicks: int | None = None) -> None:
    """Add a sample to a session: its pixels once, its two parts, classes, clicks and truth.

    True centers become clicks on the held-out part, which are never trained on.

    Parameters
    ----------
    session
        A session that can be edited.
    name
        Name of the sample.
    clicks
        How many of its clicks to take; None for all.

    Raises
    ------
    InputError
        If there is no such sample, or what it needs is not installed.
    """
    sample, content = find_sample(name), load(name, clicks)
    picture = f"simulated {name}" if sample.simulated else name
    added = session.add_images(
        content.image,
        axes=content.axes,
        name=f"{picture} clicked",
        region=content.train,
        role="train",
        exhaustive=content.exhaustive,
        synthetic=sample.simulated,
    ).result()
    (train,) = added.images
    test = train.model_copy(
        update={
            "id": new_id(),
            "name": f"{picture} held out",
            "region": content.test,
            "role": "test",
            "exhaustive": True,
        }
    )
    marks = [Click(image=train.id, position=c.position, cls=c.cls) for c in content.clicks]
    truth = content.truth
    if not isinstance(truth, InstanceLabels):
        marks += [
            Click(image=test.id, position=tuple(position), cls=cls)
            for position, cls in zip(truth.positions.tolist(), truth.classes.tolist(), strict=True)
        ]
    project = session.project.with_images(test).with_classes(*content.classes)
    session.edit(project.with_clicks(*marks), f"add sample {name}")
    if isinstance(truth, InstanceLabels):
        session.import_labels(test, truth).result()
