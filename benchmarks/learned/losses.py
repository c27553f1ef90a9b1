"""What does each stage of the learned recipe lose? Reconstruction, grain, or the prior?

For each draw of training images, of the tuning half of a study's data, the recipe is learned once.
Then the same network learns, in the same number of steps, from crops of the real images alone; from
the same crops, coded, decoded and given back their grain; from halves of the two; and from as many
drawn pairs, unchecked. All are scored on real images of other groups.

``SYNTHSEG_DATA=/data python -m benchmarks.learned.losses benchmarks/studies/superalloy-2.toml``
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.measure import fill_project
from benchmarks.study.study_file import load_study
from benchmarks.study.tables import Study
from benchmarks.study.units import Unit, plan
from napari_synthseg.core.labels import DualImage, regions_of
from napari_synthseg.core.predictions import RegionPrediction
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.runs import TrainedModel
from napari_synthseg.core.scores import Scores
from napari_synthseg.metrics.semantic import score_semantic
from napari_synthseg.storage.artifacts import FolderArtifactStore
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.synthesis.datasets import RealDataset
from napari_synthseg.synthesis.vqvae.fit_vqvae import as_pair
from napari_synthseg.synthesis.vqvae.grids import code_view
from napari_synthseg.synthesis.vqvae.synthesizer import LearnedSynthesizer, Sampler
from napari_synthseg.synthesis.vqvae.views import MaskedView, draw_view
from napari_synthseg.tasks.data import TaskData
from napari_synthseg.tasks.predict import load_predictor, predict_image
from napari_synthseg.tasks.train import train_model
from napari_synthseg.workflow.session import Session
from napari_synthseg.workflow.truths import masked_images, read_true_masks

VALUES = ("miou", "boundary_f1")


def stages(made: LearnedSynthesizer, count: int, seed: int) -> dict[str, list[DualImage]]:
    """Return pairs to learn from, by what was done to them.

    Parameters
    ----------
    made
        What was learned.
    count
        Number of pairs of each kind.
    seed
        Of the places of the crops.
    """
    machine = Sampler(made.recipe, made.learned, made.size)
    rng = np.random.default_rng(seed)
    turns, edge = made.recipe.turns, made.size
    real = [draw_view(made.learned.train, edge, rng, turns) for _ in range(count)]
    codes = [code_view(machine.coder, view, machine.device).codes for view in real]
    coded = [machine.develop(c.astype(np.int16), n, 0) for n, c in enumerate(codes)]
    both = list(zip(real, coded, strict=True))
    views = {
        "real crops": real,
        "coded and decoded": coded,
        "decoded images, real masks": [MaskedView(c.image, r.mask) for r, c in both],
        "real images, decoded masks": [MaskedView(r.image, c.mask) for r, c in both],
    }
    values = made.learned.class_values
    pairs = {
        name: [as_pair(view.image, view.mask, values, n) for n, view in enumerate(each)]
        for name, each in views.items()
    }
    unchecked = made.recipe.model_copy(update={"gate": False})
    return pairs | {"drawn": LearnedSynthesizer(unchecked, made.learned).pairs(range(count))}


def learn_and_score(
    session: Session, unit: Unit, pairs: Sequence[DualImage], held: Sequence[DualImage]
) -> Scores:
    """Return the scores, on the unit's real test images, of a network that learned from pairs."""
    names = session.project.class_names
    data = TaskData(unit.spec, RealDataset(pairs), names, diameter=1.0, val_pairs=tuple(held))
    model: TrainedModel = exhaust(train_model(data))
    predictor = load_predictor(model.record, model.weights, unit.spec.device)

    def compared() -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
        for ref in (r for r in session.project.images if r.role == "test"):
            work = predict_image(predictor, open_pixels(ref, session.folder), image=ref.id, run="")
            found = exhaust(work)
            truth = read_true_masks(session.project, session.folder, ref).result()
            assert isinstance(found, RegionPrediction)
            assert truth is not None
            yield ref.name, regions_of(truth).values, found.values

    return score_semantic(compared(), names, measured_on="real")


def measure(study: Study, seed: int, count: int, out: Path) -> Iterator[dict[str, Any]]:
    """Yield the scores of each stage, for one draw of training images."""
    unit = next(u for u in plan(study) if u.seed == seed and u.arm.source != "real")
    with (
        tempfile.TemporaryDirectory() as folder,
        Session.create(Path(folder) / "p.synthseg") as session,
    ):
        fill_project(session, unit)
        images = exhaust(masked_images(session.project, session.folder, unit.spec)).images
        recipe = session.project.recipe
        assert recipe is not None
        made = exhaust(recipe.fit(images, FolderArtifactStore(out)))
        assert isinstance(made, LearnedSynthesizer)
        for name, pairs in stages(made, count, seed).items():
            scores = learn_and_score(session, unit, pairs, images.held)
            figures = {key: scores.values[key] for key in VALUES}
            figures |= {f"iou [{c}]": v["iou"] for c, v in scores.per_class.items()}
            yield {"learned from": name, "seed": seed, "caption": scores.caption(), **figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--out", type=Path, default=Path("losses"))
    wanted = parser.parse_args()
    wanted.out.mkdir(parents=True, exist_ok=True)
    study = load_study(wanted.study)
    study = study.model_copy(
        update={
            "data": study.data.model_copy(update={"part": "tuning"}),
            "train": study.train.model_copy(
                update={"steps": wanted.steps, "seeds": tuple(wanted.seeds)}
            ),
        }
    )
    found = []
    for seed in wanted.seeds:
        for record in measure(study, seed, wanted.count, wanted.out):
            found.append(record)
            print(json.dumps(record), flush=True)
            (wanted.out / "losses.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
