"""What a task is: the plug point for tasks, known before torch is loaded.

A task is a folder. Its ``__init__`` defines one `TaskInfo`; beside it are targets, loss, decoding,
prediction, evaluation and output files. Everything outside asks the info, never the name.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, ClassVar, Literal

from napari_synthseg.core.annotations import ObjectClass, TruthKind
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.patch import PatchLibrary
from napari_synthseg.core.predictions import PredictionKind
from napari_synthseg.core.runs import DecodingRule
from napari_synthseg.core.scores import Scores, ScoringOptions
from napari_synthseg.core.specs import PRETRAINED, SCRATCH, TrainSpec
from napari_synthseg.io.result_files import OBJECTS_FILE
from napari_synthseg.networks.registry import NetworkKind, networks_of_kind
from napari_synthseg.networks.warm_start import shipped_file
from napari_synthseg.tasks.data import PairChange
from napari_synthseg.tasks.results import (
    ImageResult,
    ObjectWriter,
    ResultWriter,
    score_center_files,
    score_on_clicks,
    scored_images,
)

if TYPE_CHECKING:
    from napari_synthseg.tasks.task import Task

Marking = Literal["clicks", "regions"]
"""How users mark what a task learns from: clicks on objects, or painted regions."""


class TaskInfo(ABC):
    """One task, as everything outside its folder knows it. It has no state.

    Attributes
    ----------
    name
        In projects and on the command line.
    implementation
        Where its `Task` is: ``module:name``, imported when it is first needed.
    title
        What the model does, as a verb and its object.
    description
        What a user should know before choosing it, in sentences.
    networks
        Name of each network that can do it -> what it is called; the default first.
    network_kind
        Kind of these networks: other packages' networks of this kind are offered, too.
    rule_type
        How outputs are read.
    finds
        Kind of the predictions of its models; None: any.
    truth_kinds
        Kinds of ground truth that teach it and that it is scored against, what says most first.
    truth_words
        What they are called in a sentence ("training needs ...").
    marking
        What users mark to teach it.
    needs_objects
        Whether regions cannot teach it.
    scaled
        Whether images are resampled to the working scale, for training and prediction.
    shows_crowded
        Whether a training from clicks also shows clicked images themselves that are too full for a
        canvas.
    defaults
        Fields of `TrainSpec` that are None unless a user sets them -> what they are for this task.
    heat_map_methods
        Ways to explain what its models find, the default first; empty: none.
    maps
        Whether its networks give maps of the extent of the image.
    writes_masks
        Whether its `writer` writes STEM.tif for each image.
    tables
        Names of the tables that it writes.
    writer
        Writes what its models find into files; default: the table of objects.
    score_options
        Options of `ScoringOptions` that `score_files` takes.
    metrics, class_metrics
        What is shown of its scores, in this order, over all classes and of each; empty: all.
    """

    name: ClassVar[str]
    implementation: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    networks: ClassVar[Mapping[str, str]]
    network_kind: ClassVar[NetworkKind | None] = None
    rule_type: ClassVar[type[DecodingRule]]
    finds: ClassVar[PredictionKind | None] = None
    truth_kinds: ClassVar[tuple[TruthKind, ...]]
    truth_words: ClassVar[str]
    marking: ClassVar[Marking] = "clicks"
    needs_objects: ClassVar[bool] = True
    scaled: ClassVar[bool] = False
    shows_crowded: ClassVar[bool] = False
    defaults: ClassVar[Mapping[str, int]] = {"crop": 256, "batch_size": 4}
    heat_map_methods: ClassVar[tuple[str, ...]] = ()
    maps: ClassVar[bool] = False
    writes_masks: ClassVar[bool] = False
    tables: ClassVar[tuple[str, ...]] = (OBJECTS_FILE,)
    writer: ClassVar[type[ResultWriter]] = ObjectWriter
    score_options: ClassVar[tuple[str, ...]] = ("tolerance",)
    metrics: ClassVar[tuple[str, ...]] = ()
    class_metrics: ClassVar[tuple[str, ...]] = ()

    def all_networks(self) -> Mapping[str, str]:
        """Return `networks`, and those of other packages that are of their kind."""
        others = networks_of_kind(self.network_kind) if self.network_kind else {}
        return {**self.networks, **others}

    def load(self) -> type[Task]:
        """Return what trains and predicts; imports torch."""
        task: type[Task] = resolve_name(self.implementation)
        return task

    @staticmethod
    def scored_images(results: Sequence[ImageResult]) -> list[ImageResult]:
        """Return those that `score_images` counts; default: with truth, else with clicks."""
        return scored_images(results)

    @staticmethod
    def score_images(results: Sequence[ImageResult], classes: Sequence[ObjectClass]) -> Scores:
        """Score predictions; default: the centers of objects, against clicks.

        Raises
        ------
        InputError
            If nothing is known of any image that the predictions could be compared with.
        """
        return score_on_clicks(results, classes)

    @staticmethod
    def score_files(predicted: Path, truth: Path, how: ScoringOptions) -> Scores:
        """Score files, ours or not, of the same file stems; default: tables of centers."""
        return score_center_files(predicted, truth, how)

    def heat_map_method(self, asked: str = "") -> str:
        """Return the way to explain a model that is asked for, or the default.

        Raises
        ------
        InputError
            If it does not go with the task.
        """
        if not self.heat_map_methods:
            raise InputError(
                f"Models of the task {self.name} have no heat maps: choose a run of another task."
            )
        if asked and asked not in self.heat_map_methods:
            raise InputError(
                f"There is no method '{asked}' for models of the task {self.name}: choose "
                f"{', '.join(self.heat_map_methods)}."
            )
        return asked or self.heat_map_methods[0]

    def fit_labels(self, spec: TrainSpec, library: PatchLibrary) -> PairChange:
        """Return what is changed on the labels of pairs made of these patches; default: nothing."""
        return lambda pair: pair

    def describe_outputs(
        self, rule: DecodingRule, class_names: Mapping[int, str]
    ) -> tuple[tuple[str, ...], str]:
        """Return what each output of an exported network is called, and how they are read.

        The words are Markdown, for people who write a program that reads them. Default: outputs
        without names (none), which only this program can read.
        """
        return (), f"Outputs are read by the task '{self.name}' of napari-synthseg."

    def fill_in(self, spec: TrainSpec) -> TrainSpec:
        """Return a spec with the task's own defaults where nothing else was set.

        Raises
        ------
        InputError
            If the spec names a network that cannot do the task, or wants to begin with weights that
            do not ship for it.
        """
        known = self.all_networks()
        network = spec.model.name or next(iter(known))
        if network not in known:
            raise InputError(
                f"The network '{network}' cannot {self.name}: choose {', '.join(known)}."
            )
        own = {name: value for name, value in self.defaults.items() if getattr(spec, name) is None}
        model = spec.model.model_copy(update={"name": network})
        ships = shipped_file(model) is not None
        if spec.start == PRETRAINED and not ships:
            raise InputError(
                f"No weights ship for this network ({network}, width {model.width}, depth "
                f"{model.depth}) to begin with: choose {SCRATCH}."
            )
        start = spec.start or (PRETRAINED if ships else SCRATCH)
        return spec.model_copy(update={**own, "task": self.name, "model": model, "start": start})
