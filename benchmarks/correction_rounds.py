"""Rounds of corrections against as many clicks at random: what suggestions gain.

A simulated user clicks a few objects on two images and trains; all arms go on from there. In two,
suggestions are answered by the true masks in each round, and the model goes on from its weights; in
the other as many objects, drawn at random, are clicked, and the model goes on alike. F1 at IoU 0.5
is measured on images of the closing half after each round. A line of JSON for each arm of each
seed, then a table of medians.

``python -m benchmarks.correction_rounds [--datasets fluorescence emps] [--seeds 0 1 2]``
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.helpers.clicked_images import ClickedObjects, read
from napari_synthseg.core.annotations import Click, ImageRef, ObjectClass, Role
from napari_synthseg.core.labels import InstanceLabels
from napari_synthseg.core.predictions import InstancePrediction
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.metrics.instance import score_instances
from napari_synthseg.patches.suggesting.suggestion import Suggestion
from napari_synthseg.workflow.choosing import improving_spec
from napari_synthseg.workflow.session import Session
from napari_synthseg.workflow.suggesting import accept, reject

Arm = Literal["unsure", "sure", "random"]
ARMS: tuple[Arm, ...] = ("unsure", "sure", "random")
"""Suggestions answered the unsure ones first, or the sure ones first, and objects at random."""

ALL = 10_000

Answer = Literal["accept", "reject", "leave"]

ANSWERS: tuple[Answer, ...] = ("accept", "reject", "leave")

TRUE_IOU = 0.5
"""The user accepts a suggestion that overlaps a true object by more."""

MOSTLY_BACKGROUND = 0.8
"""The user rejects a suggestion of which more is background."""


@dataclass(frozen=True)
class Plan:
    """How long and how much: images, clicks at the start, answers a round, steps, crops."""

    images: int = 2
    scored: int = 8
    first: int = 8
    answers: int = 12
    rounds: int = 3
    start_steps: int = 100
    steps: int = 40
    crop: int = 128
    batch: int = 4


@dataclass
class User:
    """Who clicks objects of some images, and which are clicked already."""

    images: Sequence[tuple[ImageRef, ClickedObjects]]
    rng: np.random.Generator
    clicked: set[tuple[str, int]] = field(default_factory=set)

    def click(self, count: int) -> list[Click]:
        """Click objects at random among those that are left, dealt to the images in turn."""
        left = {
            ref.id: self.rng.permutation(
                [n for n in image.numbers if (ref.id, n) not in self.clicked]
            ).tolist()
            for ref, image in self.images
        }
        made: list[Click] = []
        while len(made) < count and any(left.values()):
            for ref, image in self.images:
                if left[ref.id] and len(made) < count:
                    number = left[ref.id].pop()
                    self.clicked.add((ref.id, number))
                    place = tuple(image.positions[number].tolist())
                    made.append(Click(image=ref.id, position=place, cls=1))
        return made

    def answer(self, one: Suggestion) -> Answer:
        """Accept an object that is not clicked yet; reject what is none; leave a bad outline."""
        image = next(image for ref, image in self.images if ref.id == one.image)
        pixels = np.argwhere(one.outline.mask) + one.outline.origin
        under = image.ids[tuple(pixels.T)]
        counts = np.bincount(under, minlength=1)
        background, counts[0] = counts[0], 0
        number = int(counts.argmax())
        union = len(pixels) + np.count_nonzero(image.ids == number) - counts[number]
        if counts[number] > TRUE_IOU * union and (one.image, number) not in self.clicked:
            self.clicked.add((one.image, number))
            return "accept"
        return "reject" if background > MOSTLY_BACKGROUND * len(pixels) else "leave"


def add(session: Session, image: ClickedObjects, role: Role) -> ImageRef:
    """Add an image to the project."""
    stored = image.stored[0] if len(image.stored) == 1 else np.moveaxis(image.stored, 0, -1)
    axes = "yx" if stored.ndim == 2 else "yxc"
    made = session.add_images(np.ascontiguousarray(stored), axes=axes, name=image.name, role=role)
    return made.result().images[0]


def train(session: Session, plan: Plan, seed: int, start: TrainingRun | None) -> TrainingRun:
    """Train a first model, or go on from the last one as the panel does, by steps."""
    spec = TrainSpec(task="segment", crop=plan.crop, batch_size=plan.batch, seed=seed, device="cpu")
    steps = plan.start_steps
    if start is not None:
        steps = plan.steps
        known = {"runs": (start,), "train_spec": spec}
        spec = improving_spec(session.project.model_copy(update=known))
    limit = {"minutes": None, "steps": steps}
    return session.train(spec.model_copy(update=limit)).result()


def score(
    session: Session, run: TrainingRun, tests: Sequence[tuple[ImageRef, ClickedObjects]]
) -> float:
    """Return F1 at IoU 0.5 on the images to score on."""
    found = session.predict(run, [ref for ref, _ in tests]).result()
    pairs = []
    for (ref, image), one in zip(tests, found, strict=True):
        assert isinstance(one, InstancePrediction)
        numbers = [n for n in np.unique(image.ids).tolist() if n]
        truth = InstanceLabels(image.ids, dict.fromkeys(numbers, 1))
        pairs.append((ref.name, truth, one.as_labels()))
    return score_instances(pairs, {1: "object"}, measured_on="real").values["f1@0.5"]


def correct(session: Session, user: User, run: TrainingRun, plan: Plan, arm: Arm) -> list[int]:
    """Answer suggestions, divided among the images; return how many of each answer there were."""
    counts = dict.fromkeys(ANSWERS, 0)
    share = -(-plan.answers // len(user.images))
    for ref, _ in user.images:
        found = session.suggest(ref, run, most=ALL).result().every
        if arm == "sure":
            found = tuple(sorted(found, key=lambda one: -one.confidence))
        left = found[: min(share, plan.answers - sum(counts.values()))]
        answers = {one.id: user.answer(one) for one in left}
        session.edit(accept(session.project, [s for s in left if answers[s.id] == "accept"]), "a")
        session.edit(reject(session.project, [s for s in left if answers[s.id] == "reject"]), "r")
        for answer in answers.values():
            counts[answer] += 1
    return list(counts.values())


def measure(dataset: str, seed: int, plan: Plan, folder: Path) -> list[dict[str, Any]]:
    """Train once, then go through the rounds of each arm from there."""
    rng = np.random.default_rng((seed, *dataset.encode()))
    enough = plan.first + plan.answers * plan.rounds
    teaching = [i for i in read(dataset, "tuning") if len(i.positions) * plan.images >= enough]
    teaching = [teaching[i] for i in rng.permutation(len(teaching))[: plan.images]]
    closing = list(read(dataset, "closing"))
    closing = [closing[i] for i in rng.permutation(len(closing))[: plan.scored]]
    rows = []
    with Session.create(folder) as session:
        images = [(add(session, i, "train"), i) for i in teaching]
        tests = [(add(session, i, "test"), i) for i in closing]
        user = User(images, rng)
        diameter = float(np.median([i.diameter for i in teaching]))
        cls = ObjectClass(name="object", value=1, diameter=diameter)
        begun = session.project.with_classes(cls).with_clicks(*user.click(plan.first))
        session.edit(begun, "click")
        first = train(session, plan, seed, None)
        start = score(session, first, tests)
        for arm in ARMS:
            marked = {"clicks": begun.clicks, "negatives": ()}
            session.edit(session.project.model_copy(update=marked), "start again")
            own = User(images, np.random.default_rng((seed, 1)), set(user.clicked))
            rounds = go_through(session, own, arm, first, plan, seed, tests)
            row: dict[str, Any] = {"dataset": dataset, "seed": seed, "arm": arm}
            row |= {"f1": [round(start, 4), *(r["f1"] for r in rounds)]}
            row |= {key: [r[key] for r in rounds] for key in ("answers", "seconds", "cpu_seconds")}
            rows.append(row)
    return rows


def go_through(
    session: Session,
    user: User,
    arm: Arm,
    run: TrainingRun,
    plan: Plan,
    seed: int,
    tests: Sequence[tuple[ImageRef, ClickedObjects]],
) -> list[dict[str, Any]]:
    """Return what each round of an arm gave."""
    rounds = []
    for _ in range(plan.rounds):
        begun, cpu = time.monotonic(), time.process_time()
        if arm != "random":
            answers = correct(session, user, run, plan, arm)
        else:
            more = user.click(plan.answers)
            session.edit(session.project.with_clicks(*more), "click")
            answers = [len(more), 0, 0]
        run = train(session, plan, seed, run)
        seconds = round(time.monotonic() - begun, 1), round(time.process_time() - cpu, 1)
        value = round(score(session, run, tests), 4)
        rounds.append(
            {"f1": value, "answers": answers, "seconds": seconds[0], "cpu_seconds": seconds[1]}
        )
    return rounds


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return a line for each data set and arm: the median F1 after each round."""
    lines = [f"{'dataset':14}{'arm':12}{'seeds':>6}  F1 before, and after each round"]
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        for arm in ARMS:
            values = [row["f1"] for row in rows if (row["dataset"], row["arm"]) == (dataset, arm)]
            if values:
                medians = "  ".join(f"{value:.3f}" for value in np.median(values, axis=0))
                lines.append(f"{dataset:14}{arm:12}{len(values):6}  {medians}")
        mine = [row for row in rows if row["dataset"] == dataset]
        words = "over random after the last round"
        gains = [(arm, _gains(mine, arm)) for arm in ARMS[:-1]]
        lines += [f"{dataset:14}{arm} {words}: {gain}" for arm, gain in gains if gain]
    return lines


def _gains(rows: Sequence[dict[str, Any]], arm: Arm) -> str:
    last = {(row["seed"], row["arm"]): row["f1"][-1] for row in rows}
    gains = [
        last[seed, arm] - last[seed, "random"]
        for seed in sorted({row["seed"] for row in rows})
        if (seed, arm) in last and (seed, "random") in last
    ]
    each = ", ".join(f"{gain:+.3f}" for gain in gains)
    return f"median {np.median(gains):+.3f} ({each})" if gains else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", nargs="+", default=["fluorescence", "emps"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    for name, value in vars(Plan()).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--out", type=Path, help="lines that are there already are not measured")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    plan = Plan(**{name: getattr(options, name) for name in vars(Plan())})
    rows = []
    if options.out is not None and options.out.exists():
        rows = [json.loads(line) for line in options.out.read_text().splitlines()]
    known = {(row["dataset"], row["seed"]) for row in rows}
    for seed in options.seeds:
        for dataset in options.datasets:
            if (dataset, seed) in known:
                continue
            with tempfile.TemporaryDirectory() as scratch:
                made = measure(dataset, seed, plan, Path(scratch) / "p.synthseg")
            rows += made
            lines = [json.dumps({**row, "plan": vars(plan)}) for row in made]
            print("\n".join(lines), flush=True)
            if options.out is not None:
                with options.out.open("a") as out:
                    out.write("".join(f"{line}\n" for line in lines))
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
