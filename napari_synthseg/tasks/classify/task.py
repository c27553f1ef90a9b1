"""The torch side of classifying images: several classes may be on an image, or none."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from torch import nn

from napari_synthseg.core.geometry import divide_region, region_shape
from napari_synthseg.core.labels import UNKNOWN, DualImage, ImageTags
from napari_synthseg.core.pixels import ArraySource, FloatImage
from napari_synthseg.core.progress import Progress, subprogress
from napari_synthseg.tasks.classify.prediction import classify_image, find_probabilities
from napari_synthseg.tasks.classify.rule import ClassifyRule
from napari_synthseg.tasks.classify.targets import find_tags, tags_of_field, tags_of_pair
from napari_synthseg.tasks.task import Task, TaskData
from napari_synthseg.training.augmentation import Augmentation, Crop
from napari_synthseg.training.class_logits import ClassLogits, pooled_class_logits
from napari_synthseg.training.model import Predictor
from napari_synthseg.training.trainable import Validation
from napari_synthseg.training.volumes import batch_size, crop_shape, fit_spec

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
    augmentation = Augmentation(zoom=MAX_ZOOM)

    def __init__(self, data: TaskData) -> None:
        super().__init__(data)
        first = data.pairs.pair(0)
        shape = first.labels.shape
        self.spec = fit_spec(data.spec, data.spacing or (1.0,) * len(shape))
        self.in_channels = len(first.image)
        self.out_channels = len(data.class_values)
        self.crop = crop_shape(self.spec, shape)
        whole = isinstance(first.labels, ImageTags)
        self.notes = () if whole else self._choose_crop()
        self.rule = ClassifyRule(
            class_values=data.class_values,
            diameter=data.diameter,
            thresholds=(0.5,) * len(data.class_values),
            spacing=data.spacing,
            field=() if whole else self.crop,
        )

    def _choose_crop(self) -> tuple[str, ...]:
        """Make crops smaller while nearly all show some class; return what the user should know.

        A network learns to report what every crop shows without looking at the image.
        """
        asked, shares = self.crop, self._shares()
        least = max(MIN_CROP_PX, MIN_CROP_DIAMETERS * self.data.diameter)
        while len(asked) == 2 and max(shares) > MAX_SHARE_SHOWING and self.crop[0] > least:
            edge = self.crop[0] - CROP_STEP_PX
            self.crop = (edge, edge)
            shares = self._shares()
        notes = []
        if self.crop != asked:
            notes.append(
                f"crops of {self.crop[0]} pixels: nearly all of {asked[0]} show the same classes"
            )
        for value, share in zip(self.data.class_values, shares, strict=True):
            if not 1 - MAX_SHARE_SHOWING <= share <= MAX_SHARE_SHOWING:
                name = self.data.class_names.get(value, f"class {value}")
                notes.append(
                    f"{share:.0%} of the crops show '{name}', so that little can be learned of it"
                )
        return tuple(notes)

    def _shares(self) -> list[float]:
        """Return the share of the first crops that show each class."""
        count = -(-SAMPLED_CROPS // batch_size(self.spec))
        shown = np.concatenate([self.make_batch(n).targets[0].numpy() for n in range(count)])
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

    def validate(
        self, net: nn.Module, device: torch.device, *, tune: bool = False
    ) -> Generator[Progress, None, Validation]:
        """Compare with what held-out pairs show, and with clicks in fields of held-out images."""
        values = self.data.class_values
        pairs = [(p.image, tags_of_pair(p, values)) for p in self.data.val_pairs]
        parts = {"pairs": pairs, "clicks": list(self._fields())}
        count = sum(len(shown) for shown in parts.values())
        figures: dict[str, float] = {}
        seen: list[tuple[FloatImage, FloatImage]] = []
        done = 0
        for name, shown in parts.items():
            if not shown:
                continue
            rows = []
            for image, _ in shown:
                part = (done / count, (done + 1) / count, f"image {done + 1} of {count}")
                work = find_probabilities(
                    net, self.spec.model, self.rule, ArraySource(image), device
                )
                rows.append((yield from subprogress(work, *part)))
                done += 1
            found, truth = np.stack(rows), np.stack([true for _, true in shown])
            seen.append((found, truth))
            precision = mean_average_precision(found, truth)
            if precision is not None:
                figures[f"held-out {name} AP"] = precision
        rule = self.rule
        if tune and seen:
            found, truth = (np.concatenate(part) for part in zip(*seen, strict=True))
            rule = rule.model_copy(update={"thresholds": choose_thresholds(found, truth)})
        return Validation.by_mean(figures, rule)

    def _fields(self) -> Sequence[tuple[FloatImage, FloatImage]]:
        """Return fields of the held-out images, and which classes their clicks show there."""
        found = []
        for image in self.data.val_images:
            region = image.pixels.region
            edges = [min(c, n) for c, n in zip(self.crop, region_shape(region), strict=True)]
            for field in divide_region(region, edges):
                if region_shape(field) == tuple(edges):  # others are too narrow to compare
                    true = tags_of_field(
                        image, field, self.data.class_values, self.data.diameter / 2
                    )
                    found.append((image.pixels.read(field), true))
        return found

    @staticmethod
    def class_logits(predictor: Predictor) -> ClassLogits:
        """Return the logits of each place of the last feature maps."""
        return pooled_class_logits(predictor.net, predictor.spec)


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
        hits = (said & true).sum(axis=1)
        f1 = 2 * hits / np.maximum(said.sum(axis=1) + true.sum(), 1)
        best = np.flatnonzero(f1 >= f1.max() - 1e-9)
        chosen.append(float(CANDIDATE_THRESHOLDS[best[len(best) // 2]]) if true.any() else 0.5)
    return tuple(chosen)
