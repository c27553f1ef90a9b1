"""The torch side of classifying images: several classes may be on an image, or none."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from torch import nn

from napari_synthseg.core.geometry import divide_region, region_shape
from napari_synthseg.core.labels import UNKNOWN, DualImage, ImageTags
from napari_synthseg.core.pixels import ArraySource, FloatImage
from napari_synthseg.core.progress import Progress, in_turn
from napari_synthseg.tasks.classify import ClassifyRule
from napari_synthseg.tasks.classify.prediction import classify_image, find_probabilities
from napari_synthseg.tasks.classify.targets import find_tags, tags_of_field
from napari_synthseg.tasks.task import Task
from napari_synthseg.tasks.validation import PARTS, Part, f1, middle_of_best
from napari_synthseg.training.augmentation import Augmentation, Crop
from napari_synthseg.training.class_logits import ClassLogits, pooled_class_logits
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.trainable import Validation

CANDIDATE_THRESHOLDS = np.linspace(0.05, 0.95, 19)
"""Probabilities among which the threshold of a class is chosen."""

SAMPLED_CROPS = 32
"""Crops on which is counted how often each class is shown."""

MAX_SHARE_SHOWING = 0.9
"""A class on more crops than this share, or on fewer than 1 minus it, can hardly be learned."""

MAX_ZOOM = 1.4
"""Largest factor by which crops are scaled: size is one of the differences between classes."""

MIN_CROP_PX, MIN_CROP_DIAMETERS, CROP_STEP_PX = 64, 2.0, 32
"""Smallest edge of crops, in pixels and in diameters, and the step by which it is reduced."""


class ClassifyTask(Task):
    """A multi-label classifier: one logit a class, binary cross-entropy."""

    rule: ClassifyRule
    predict = staticmethod(classify_image)

    @staticmethod
    def activate(output: torch.Tensor) -> torch.Tensor:
        """Return the probability of each class."""
        return torch.sigmoid(output)

    augmentation = Augmentation(zoom=MAX_ZOOM)

    def prepare(self) -> Generator[Progress, None, DualImage]:
        """Fit network, crops and rule to what the first crops show."""
        first = yield from super().prepare()
        values = self.data.class_values
        self.out_channels = len(values)
        whole = isinstance(first.labels, ImageTags)
        if not whole:
            self.notes = yield from self._choose_crop()
        self.rule = ClassifyRule(
            class_values=values,
            diameter=self.data.diameter,
            thresholds=(0.5,) * len(values),
            spacing=self.data.spacing,
            field=() if whole else self.crop,
        )
        return first

    def _choose_crop(self) -> Generator[Progress, None, tuple[str, ...]]:
        """Make crops smaller while nearly all show some class; return what the user should know.

        A network learns to report what every crop shows without looking at the image.
        """
        asked, shares = self.crop, (yield from self._shares())
        least = max(MIN_CROP_PX, MIN_CROP_DIAMETERS * self.data.diameter)
        while len(asked) == 2 and max(shares) > MAX_SHARE_SHOWING and self.crop[0] > least:
            edge = self.crop[0] - CROP_STEP_PX
            self.crop = (edge, edge)
            shares = yield from self._shares()
        notes = []
        if self.crop != asked:
            notes.append(
                f"crops of {self.crop[0]} pixels: nearly all of {asked[0]} show the same classes"
            )
        for value, share in zip(self.data.class_values, shares, strict=True):
            if not 1 - MAX_SHARE_SHOWING <= share <= MAX_SHARE_SHOWING:
                notes.append(
                    f"{share:.0%} of the crops show '{self.data.class_names[value]}', so that "
                    "little can be learned of it"
                )
        return tuple(notes)

    def _shares(self) -> Generator[Progress, None, list[float]]:
        """Return the share of the first crops that show each class."""
        shown = (yield from self.draw_targets(SAMPLED_CROPS)).numpy()
        known = [column[column != UNKNOWN] for column in shown.T]
        return [float(column.mean()) if len(column) else 1.0 for column in known]

    def make_targets(self, crop: Crop, pair: DualImage) -> tuple[NDArray[Any], ...]:
        """Return which classes the crop shows."""
        return (find_tags(crop.labels, self.data.class_values, pair.labels, crop.zoom),)

    def loss(self, output: torch.Tensor, targets: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the mean binary cross-entropy over what is known."""
        (shown,) = targets
        known = shown != UNKNOWN
        if not bool(known.any()):
            return output.sum() * 0
        return nn.functional.binary_cross_entropy_with_logits(output.float()[known], shown[known])

    def measure(
        self, net: nn.Module, device: torch.device, *, tune: bool = False
    ) -> Generator[Progress, None, Validation]:
        """Compare with what held-out pairs show, and with clicks in fields of held-out images."""
        fields, predictor = list(self._fields()), self.predictor(net, device)
        works = [_read_and_classify(predictor, read) for _, read, _ in fields]
        found = np.array((yield from in_turn(works)), np.float32)
        truth = np.array([true for *_, true in fields], np.float32)
        figures = {}
        for part in PARTS:
            mine = [number for number, (name, *_) in enumerate(fields) if name == part]
            precision = mean_average_precision(found[mine], truth[mine])
            if precision is not None:
                figures[f"held-out {part} AP"] = precision
        rule = self.rule
        if tune and fields:
            rule = rule.model_copy(update={"thresholds": choose_thresholds(found, truth)})
        return Validation.by_mean(figures, rule)

    def _fields(self) -> Iterator[tuple[Part, Callable[[], FloatImage], FloatImage]]:
        """Yield what is held out: how its pixels are read, and which classes it shows.

        Held-out images are divided into fields of which their clicks say that.
        """
        values = self.data.class_values
        for pair in self.data.val_pairs:
            true = find_tags(pair.labels, values, pair.labels)
            yield "pairs", ArraySource(pair.image).read, true
        for image in self.data.val_images:
            region = image.pixels.region
            edges = tuple(min(c, n) for c, n in zip(self.crop, region_shape(region), strict=True))
            for field in divide_region(region, edges):
                if region_shape(field) == edges:  # others are too narrow to compare
                    true = tags_of_field(image, field, values, self.data.diameter / 2)
                    yield "clicks", partial(image.pixels.read, field), true

    @staticmethod
    def class_logits(predictor: Predictor) -> ClassLogits:
        """Return the logits of each place of the last feature maps."""
        return pooled_class_logits(predictor.net, predictor.spec)


def _read_and_classify(
    predictor: Predictor, read: Callable[[], FloatImage]
) -> Generator[Progress, None, FloatImage]:
    return (yield from find_probabilities(predictor, ArraySource(read())))


def mean_average_precision(found: FloatImage, truth: FloatImage) -> float | None:
    """Return the average precision, mean over the classes that are both shown and not shown.

    Parameters
    ----------
    found
        Probabilities, shape (field, class).
    truth
        1 shown, 0 not shown, `UNKNOWN`; the same shape.

    Returns
    -------
    float or None
        None where no class is shown in some fields and not in others.
    """
    each = []
    for scores, shown in zip(found.T, truth.T, strict=True):
        known = shown != UNKNOWN
        if len(np.unique(shown[known])) == 2:
            each.append(float(average_precision_score(shown[known], scores[known])))
    return float(np.mean(each)) if each else None


def choose_thresholds(found: FloatImage, truth: FloatImage) -> tuple[float, ...]:
    """Return for each class the threshold of the highest F1; 0.5 where it is never shown.

    Of thresholds that do equally well the middle one is taken: it is the safest elsewhere.
    """
    chosen = []
    for scores, shown in zip(found.T, truth.T, strict=True):
        known = shown != UNKNOWN
        true = shown[known] == 1
        said = scores[known] >= CANDIDATE_THRESHOLDS[:, None]
        hits, all_true = (said & true).sum(axis=1), np.full(len(said), true.sum())
        scored = f1(np.stack([hits, said.sum(axis=1), all_true], axis=1))
        best = CANDIDATE_THRESHOLDS[middle_of_best(scored, 1e-9)]
        chosen.append(float(best) if true.any() else 0.5)
    return tuple(chosen)
