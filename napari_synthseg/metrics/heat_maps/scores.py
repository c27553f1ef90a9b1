"""Heat maps against true objects: whether a map, as that of a classifier, points at its class.

What is measured
----------------
Each map is one class on one image on which that class is; a map of a class that is not there has
nothing to point at and is left out. Beside each figure stands its chance level, what a map gets
that knows nothing of the image:

- ``pointing``: share of maps whose highest value lies in an object (`play_pointing_game`).
- ``energy``: mean share of the map's positive part within objects (`share_of_energy`).
- ``pixel_ap``: average precision of pixels as ranked by their map (PxAP of Choe et al., CVPR
  2020). Each map is stretched to its own range first, and pixels of all maps are pooled.
- ``max_box_acc_v2`` and ``max_box_acc_v2_largest``: see `box_sweep`.
- ``peak_f1``, ``peak_precision``, ``peak_recall``: objects that hold a peak, one-to-one.

Of these, only ``energy`` depends on where a map's zero is. Over all classes, maps, pixels and
peaks are pooled, whatever their class.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import BoxLabels, InstanceLabels
from napari_synthseg.core.scores import Measured, Scores
from napari_synthseg.metrics.checks import require_named
from napari_synthseg.metrics.counts import Addable, Counts
from napari_synthseg.metrics.heat_maps.box_sweep import HITS_SHAPE, best_accuracy, sweep_boxes
from napari_synthseg.metrics.heat_maps.one_map import (
    LEVELS,
    count_levels,
    play_pointing_game,
    read_map,
    share_of_energy,
    stretch,
)
from napari_synthseg.metrics.heat_maps.peaks import count_peaks, expect_matches, find_peaks
from napari_synthseg.metrics.heat_maps.targets import Targets, find_targets
from napari_synthseg.metrics.localization import Diameters, diameters_of_each
from napari_synthseg.metrics.ranking import average_precision_of_levels

TrueObjects = InstanceLabels | BoxLabels | Boxes
"""Masks or boxes, and where they are known."""


def score_heat_maps(
    images: Iterable[tuple[str, TrueObjects, Mapping[int, ArrayLike]]],
    class_names: Mapping[int, str],
    *,
    measured_on: Measured,
    truth: str = "masks",
    tolerance: float = 0.0,
    threshold: float = 0.5,
    diameters: Diameters | None = None,
    incomplete_classes: Collection[str] = (),
) -> Scores:
    """Score where heat maps point.

    Parameters
    ----------
    images
        Image name, true masks or boxes, and class value -> heat map, any finite numbers of shape
        (y, x), of each image; taken one at a time. What a map is where the truth is unknown does
        not count.
    class_names
        Class value -> name, the first class first. Ids without a class belong to the first.
    measured_on
        Whether the images are real or synthetic.
    truth
        What the truth is, for the caption.
    tolerance
        How far from an object pointing at it is still right, in diameters of that object.
    threshold
        Share of a map's own range that a peak must reach.
    diameters
        Class value -> diameter, pixels, of all images or of each in turn; peaks lie more than half
        of it apart. Without, the median of the true objects of the class on the image.
    incomplete_classes
        Names of classes of which not every object is in the truth; they stay out of the values
        over all classes.

    Returns
    -------
    Scores with the values named above, each but the counts with a second one named
    ``..._chance``, and ``maps``, the number of maps.

    Raises
    ------
    InputError
        If there is no map to score, a map and its truth do not fit each other, or a parameter is
        out of range.
    """
    if not 0.0 <= threshold <= 1.0:
        raise InputError(f"The threshold of peaks is {threshold:g}: it is a share, from 0 to 1.")
    if not 0.0 <= tolerance < np.inf:
        raise InputError(f"The tolerance is {tolerance:g}: give 0 or more diameters.")
    require_named(incomplete_classes, class_names)
    tallies = {value: _MapTally() for value in class_names}
    names: list[str] = []
    for (name, true, maps), own in zip(images, diameters_of_each(diameters or {}), strict=False):
        try:
            heats, found = _pair(true, maps, class_names)
            for value, targets in found.items():
                if value not in heats:
                    tallies[value].without_map += 1
                    continue
                distance = own.get(value, targets.diameter) / 2
                tallies[value].add(heats[value], targets, tolerance, threshold, distance)
        except InputError as error:
            raise InputError(f"Image '{name}': {error}") from None
        names.append(name)
    complete = (t for v, t in tallies.items() if class_names[v] not in incomplete_classes)
    whole = sum(complete, _MapTally())
    if not whole.maps:
        raise InputError(
            "There is no heat map to score: give at least one of a class that is on its image "
            "and whose truth is complete."
        )
    return Scores(
        task="cam",
        measured_on=measured_on,
        images=tuple(names),
        objects=whole.peaks.true,
        truth=truth,
        values=whole.values(),
        per_class={class_names[v]: t.values() for v, t in tallies.items() if t.maps},
        warnings=(
            *_warn_of_maps({class_names[v]: tally for v, tally in tallies.items()}),
            *_warn_unmarked(n for n in class_names.values() if n in incomplete_classes),
        ),
    )


@dataclass(eq=False)
class _MapTally(Addable):
    """What is kept of the maps of a class; memory does not grow with their pixels."""

    pointing: list[tuple[float, float]] = field(default_factory=list)
    energy: list[tuple[float, float]] = field(default_factory=list)
    blank: int = 0
    without_map: int = 0
    pixels: NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, LEVELS), np.int64))
    boxes: NDArray[np.float64] = field(default_factory=lambda: np.zeros(HITS_SHAPE))
    peaks: Counts = field(default_factory=Counts)
    expected: float = 0.0

    @property
    def maps(self) -> int:
        return len(self.pointing)

    def add(
        self,
        heat: NDArray[np.float64],
        targets: Targets,
        tolerance: float,
        threshold: float,
        distance: float,
    ) -> None:
        known = targets.known
        heat = np.where(known, heat, heat[known].min())
        stretched = stretch(heat)
        inside = targets.cover()[known]
        covered = targets.cover(tolerance)[known] if tolerance else inside
        share = float(inside.mean())
        energy = share_of_energy(heat[known], inside)
        self.pointing.append((play_pointing_game(heat[known], covered), float(covered.mean())))
        self.energy.append((share if energy is None else energy, share))
        self.blank += energy is None
        self.pixels += count_levels(stretched[known], inside)
        self.boxes += sweep_boxes(stretched, targets.corners)
        peaks = find_peaks(heat, distance, threshold)
        self.peaks += count_peaks(peaks, targets)
        self.expected += expect_matches(len(peaks), targets)

    def values(self) -> dict[str, float]:
        inside, total = self.pixels
        boxes, largest = np.swapaxes(self.boxes, 0, 1)
        true, predicted = self.peaks.true, self.peaks.predicted
        beside_chance = {
            "pointing": np.mean(self.pointing, axis=0),
            "energy": np.mean(self.energy, axis=0),
            "pixel_ap": (average_precision_of_levels(inside, total), inside.sum() / total.sum()),
            "max_box_acc_v2": [best_accuracy(hits, self.maps) for hits in boxes],
            "max_box_acc_v2_largest": [best_accuracy(hits, self.maps) for hits in largest],
            "peak_f1": (self.peaks.f1, 2.0 * self.expected / (true + predicted)),
            "peak_precision": (self.peaks.precision, self.expected / max(predicted, 1)),
            "peak_recall": (self.peaks.recall, self.expected / true),
        }
        values: dict[str, float] = {}
        for name, (value, chance) in beside_chance.items():
            values |= {name: float(value), f"{name}_chance": float(chance)}
        return {**values, "maps": self.maps}


def _pair(
    true: TrueObjects, maps: Mapping[int, ArrayLike], class_names: Mapping[int, str]
) -> tuple[dict[int, NDArray[np.float64]], dict[int, Targets]]:
    """Return the heat maps and the true objects of one image by class value."""
    if unknown := maps.keys() - class_names.keys():
        raise InputError(f"there is a heat map of class {min(unknown)}, which has no name.")
    heats = {value: read_map(heat) for value, heat in maps.items()}
    shapes = {heat.shape for heat in heats.values()}
    if len(shapes) != 1:
        raise InputError(
            f"its heat maps have different shapes: {sorted(shapes)}."
            if shapes
            else "there is no heat map of it: leave it out, or make one."
        )
    return heats, find_targets(true, shapes.pop(), class_names)


def _warn_of_maps(tallies: Mapping[str, _MapTally]) -> list[str]:
    warnings = []
    for name, tally in tallies.items():
        if tally.without_map:
            warnings.append(
                f"Class '{name}' is on {tally.without_map} image(s) for which there is no heat "
                "map of it; they are left out."
            )
        elif not tally.maps:
            warnings.append(f"Class '{name}' is on no image: its heat maps are not scored.")
    blank = [f"{tally.blank} of '{name}'" for name, tally in tallies.items() if tally.blank]
    if blank:
        warnings.append(
            f"Heat maps without a positive part ({', '.join(blank)}): their energy counts as that "
            "of a constant map."
        )
    return warnings


def _warn_unmarked(classes: Iterable[str]) -> list[str]:
    return [
        f"Not every object of class '{name}' is marked: it is left out of the values over all "
        "classes. What a map finds of the others counts as wrong, so that true figures may be "
        "higher."
        for name in classes
    ]
