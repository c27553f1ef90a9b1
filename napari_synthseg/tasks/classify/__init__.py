"""Which classes an image shows: several may be, and it is not said where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from napari_synthseg.core.runs import DecodingRule
from napari_synthseg.io.result_files import LABELS_FILE
from napari_synthseg.tasks.classify import results
from napari_synthseg.tasks.info import TaskInfo


class ClassifyRule(DecodingRule, extra="forbid"):
    """A class is reported from its threshold (a probability) on.

    `field` is the shape of the fields, pixels, that images are looked at in; empty: whole images.
    """

    kind: Literal["classify"] = "classify"
    thresholds: tuple[float, ...]
    field: tuple[int, ...] = ()


class Classify(TaskInfo):
    """A multi-label classifier; where it looks is told by heat maps."""

    name = "classify"
    implementation = "napari_synthseg.tasks.classify.task:ClassifyTask"
    title = "say which classes an image shows"
    description = (
        "A network (classifier) learns what is there but not where. Heat maps then show where it "
        "looks."
    )
    networks: ClassVar = {
        "small": "small and fast",
        "resnet18": "ResNet-18",
        "densenet121": "DenseNet-121: slow without a GPU",
    }
    network_kind = "classifier"
    rule_type = ClassifyRule
    finds = "image_labels"
    truth_kinds = ("instance", "boxes", "image_labels", "semantic")
    truth_words = "true masks, boxes or labels"
    needs_objects = False
    heat_map_methods = ("cam", "gradcam", "gradcam++", "ablation")
    tables = (LABELS_FILE,)
    score_options = ("threshold",)
    metrics = ("ap", "prevalence", "f1", "f1_mean", "precision", "recall")
    writer = results.TagWriter
    scored_images = staticmethod(results.scored_images)
    score_images = staticmethod(results.score_images)
    score_files = staticmethod(results.score_files)

    def describe_outputs(
        self, rule: DecodingRule, class_names: Mapping[int, str]
    ) -> tuple[tuple[str, ...], str]:
        """Return the names of the classes, and from which probability on they are shown."""
        assert isinstance(rule, ClassifyRule)
        names = tuple(class_names.get(value, str(value)) for value in rule.class_values)
        least = ", ".join(f"{n} {t:g}" for n, t in zip(names, rule.thresholds, strict=True))
        field = " by ".join(str(n) for n in rule.field)
        return names, (
            "The probability that the image shows each class, each on its own. A class is shown "
            f"from this probability on: {least}."
            + (f" Images should be as large as those of training, {field} pixels.\n" * bool(field))
        )
