"""The units of a study: one arm, one training seed, one draw of images.

A unit is named by what determines its result, so that a rerun finds what is done and a changed
setting runs anew only what it changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from benchmarks.study.draw import Draw, Sample
from benchmarks.study.tables import Arm, Study
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.recipe import Recipe, load_recipe, recipe_class
from napari_synthseg.core.specs import TrainSpec
from napari_synthseg.synthesis import PRESETS, default_recipe

OF_REGIONS = ("semantic", "classify")
"""Tasks that masks of regions can teach."""

SEEDS = ("seed", "learning_seed")
"""Parameters of recipes that follow the training seed."""


@dataclass(frozen=True)
class Unit:
    """One training and its scores.

    Attributes
    ----------
    arm, seed, image_seed
        Which one it is.
    spec
        What is trained.
    train, test
        Images to train on and to score on.
    base
        The images that every arm has: the typical diameter is measured on them.
    class_names
        What the objects are called, by class value from 1.
    scored_on
        The images to score on, in words.
    """

    arm: Arm
    seed: int
    image_seed: int
    spec: TrainSpec
    train: tuple[Sample, ...]
    test: tuple[Sample, ...]
    base: tuple[Sample, ...]
    class_names: tuple[str, ...]
    scored_on: str

    def settings(self) -> dict[str, Any]:
        """Return all that determines the result, but for the versions of the programs.

        Settings that are left at their defaults are left out, so that a new setting does not make
        old results look outdated.
        """
        arm = self.arm.model_dump(mode="json", exclude_defaults=True)
        return {
            "arm": {k: v for k, v in arm.items() if k not in ("name", "images", "factor")},
            "training": self.spec.model_dump(mode="json", exclude_defaults=True),
            "seed": self.seed,
            "image_seed": self.image_seed,
            "train": [s.identity() for s in self.train],
            "test": [s.identity() for s in self.test],
            "diameter_from": [s.identity() for s in self.base],
        }

    @property
    def label(self) -> str:
        """Name for people."""
        return f"{self.arm.name}, seed {self.seed}, images {self.image_seed}"

    def name(self) -> str:
        """Return the stem of the unit's files: readable, with a digest of its settings."""
        text = json.dumps(self.settings(), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        return f"{self.arm.name}-s{self.seed}-i{self.image_seed}-{digest}"


def plan(study: Study) -> list[Unit]:
    """Return all units, the first seed of every arm first.

    All arms of one draw are scored on the same images, which are none that any of them trains on.

    Raises
    ------
    InputError
        If data are missing or too few, or a recipe cannot be made.
    """
    for arm in study.arm:
        _check_source(study, arm)
    draws: dict[int, Draw] = {}
    units = []
    for seed in study.train.seeds:
        for image_seed in study.data.image_seeds(seed):
            if image_seed not in draws:
                draws[image_seed] = study.data.draw(study.largest, image_seed)
            units += [_unit(study, arm, seed, image_seed, draws[image_seed]) for arm in study.arm]
    return units


def _check_source(study: Study, arm: Arm) -> None:
    """Refuse an arm whose recipe or task cannot learn from its source."""
    if study.data.regions and study.train.task not in OF_REGIONS:
        raise InputError(
            f"[train] task = '{study.train.task}': the masks are of regions, without objects: "
            f"choose {' or '.join(OF_REGIONS)}."
        )
    learns = None if arm.source == "real" else recipe_of(arm, 0).learns_from
    if arm.source == "masks" and learns != "masks":
        raise InputError(
            f"[[arm]] '{arm.name}': the source 'masks' needs a recipe that learns from masks, such "
            'as recipe = { kind = "vq" }.'
        )
    if learns == "masks" and arm.source not in ("masks", "mixed"):
        raise InputError(
            f"[[arm]] '{arm.name}': this recipe learns from true masks: write source = 'masks', or "
            "'mixed'."
        )
    if study.data.regions and learns == "patches":
        raise InputError(
            f"[[arm]] '{arm.name}': regions have no objects to click on: use the source 'real', or "
            "'masks' or 'mixed' with a recipe that learns from masks."
        )


def choose(units: list[Unit], only: Collection[str]) -> list[Unit]:
    """Return the units of the arms named, or all where none is.

    Raises
    ------
    InputError
        If there is no arm of such a name.
    """
    names = list(dict.fromkeys(u.arm.name for u in units))
    for name in only:
        if name not in names:
            raise InputError(f"There is no arm '{name}' in this study. Arms: {', '.join(names)}.")
    return [u for u in units if not only or u.arm.name in only]


def _unit(study: Study, arm: Arm, seed: int, image_seed: int, draw: Draw) -> Unit:
    data = study.data
    own = {"seed": seed, **arm.model_dump(include={"start", "steps"}, exclude_none=True)}
    spec = study.train.spec(**own, source="real", pairs=None, real_fraction=0.0)
    if arm.source != "real":
        share = study.train.real_fraction if arm.real_fraction is None else arm.real_fraction
        pairs = arm.pairs or study.train.pairs
        source = "mixed" if arm.source == "mixed" else "synthetic"
        spec = study.train.spec(**own, source=source, pairs=pairs, real_fraction=share)
    drawn = draw.train[: arm.image_count(data.images)]
    return Unit(
        arm=arm,
        seed=seed,
        image_seed=image_seed,
        spec=spec,
        train=tuple(s for sample in drawn for s in data.training_samples(sample, arm.source)),
        test=draw.test,
        base=draw.train[: data.images],
        class_names=data.class_names,
        scored_on=data.describe(),
    )


def recipe_of(arm: Arm, seed: int) -> Recipe:
    """Return an arm's recipe: a preset or the default one, with the arm's parameters.

    Each training seed makes dual images of its own, and what the recipe learns is learned anew,
    unless the arm gives a seed.

    Raises
    ------
    InputError
        If there is no such preset or parameter, or a value does not fit; the message names the arm.
    """
    start = _preset(arm.name, arm.preset) if arm.preset else default_recipe()
    wanted = dict(arm.recipe)
    if wanted.get("kind", start.kind) != start.kind:
        try:
            start = recipe_class(wanted["kind"])()
        except InputError as error:
            raise InputError(f"[[arm]] '{arm.name}': {error}") from None
    fields = type(start).model_fields
    for name in wanted:
        if name not in fields:
            raise InputError(
                f"[[arm]] '{arm.name}', recipe: there is no parameter '{name}'. "
                f"Known: {', '.join(fields)}."
            )
    for name in SEEDS:
        if name in fields:
            wanted.setdefault(name, seed)
    try:
        return load_recipe({**start.model_dump(), **wanted})
    except InputError as error:
        raise InputError(f"[[arm]] '{arm.name}': {error}") from None


def _preset(arm: str, name: str) -> Recipe:
    if name not in PRESETS:
        raise InputError(
            f"[[arm]] '{arm}': there is no preset '{name}'. Known: {', '.join(PRESETS)}."
        )
    return PRESETS[name]
