"""From clicks to a scored prediction, without a window and without a file of your own.

``python examples/from_clicks.py`` makes a simulated image of urine sediment, of which one part is
clicked, trains for three minutes, and scores what is found on another part. With your own image:
docs/how-to/use-from-python.md.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import napari_synthseg as nss
from napari_synthseg.core.predictions import InstancePrediction
from napari_synthseg.core.progress import Progress
from napari_synthseg.sample_data.catalog import load

MINUTES = 3.0


def main(spec: nss.TrainSpec, folder: Path) -> nss.Scores:
    """Return the scores of one training, in a new project."""
    sample = load("sediment")
    with nss.Session.create(folder) as session:
        # each edit replaces the project, is on disk at once, and can be taken back by its name
        session.edit(session.project.with_classes(*sample.classes), "add classes")
        # two parts of one image: one to learn from, the other only to test on
        for name, region in (("clicked", sample.train), ("held out", sample.test)):
            session.add_images(
                sample.image, axes=sample.axes, name=name, region=region,
                role="test" if region == sample.test else "train", exhaustive=True, synthetic=True,
            ).result()  # fmt: skip
        clicked, held = session.project.images
        # a click is the middle of an object (y, x, in pixels) and its class; no outline is drawn
        clicks = [
            nss.Click(image=clicked.id, position=c.position, cls=c.cls) for c in sample.clicks
        ]
        session.edit(session.project.with_clicks(*clicks), "click objects")
        # the exact masks of the other part: scored on, never learned from
        assert isinstance(sample.truth, nss.InstanceLabels)
        session.import_labels(held, sample.truth).result()

        # long work is a job: `result()` does it here, `start()` would do it in a thread. This one
        # outlines the clicked objects, composes dual images of them, and trains a network on these
        job = session.train(spec)
        job.progressed.connect(show)
        run = job.result()
        (found,) = session.predict(run, [held]).result()
        assert isinstance(found, InstancePrediction)
        scores = session.score(run, [found]).result()
    print(f"\n{len(found.objects)} objects. {scores.caption()}")
    print({name: round(value, 3) for name, value in scores.values.items()})
    print(f"The project, for the panel: {folder}")
    return scores


def show(step: Progress) -> None:
    """Print how far it is, on one line."""
    print(f"\r{step.fraction:4.0%}", end="", file=sys.stderr)


if __name__ == "__main__":
    new = Path(tempfile.mkdtemp()) / "sediment.synthseg"
    main(nss.TrainSpec(task="segment", minutes=MINUTES), new)
