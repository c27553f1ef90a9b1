"""The realism report: figures that always say on what they were measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ConfigDict, Field

from napari_synthseg.core.annotations import Frozen
from napari_synthseg.core.scores import describe_images

DistanceUnit = Literal["real spreads", "dB"]
Judgment = Literal["alike", "not certain", "a little different", "clearly different"]
SEVERITY: dict[Judgment, int] = {
    "alike": 0, "not certain": 1, "a little different": 2, "clearly different": 3,
}  # fmt: skip


class Summary(Frozen):
    """Number of values of a distribution, their median and standard deviation."""

    count: int
    median: float
    spread: float


class Curve(Frozen):
    """Two curves over the same places."""

    places: tuple[float, ...]
    real: tuple[float, ...]
    synthetic: tuple[float, ...]


class Measure(Frozen):
    """One comparison of real and synthetic images.

    Attributes
    ----------
    name, title, meaning
        What is compared: for programs, for people, and in a sentence.
    unit
        Unit of the values.
    channel
        Number of the image channel, or None where channels play no part.
    real, synthetic
        The two distributions.
    distance
        How far they are apart, in `distance_unit`: 0 is the same.
    floor, floor_high
        The same distance between two halves of the real images: mean, and largest, over ways to
        halve them; None where they cannot be halved.
    verdict
        The distance judged by the floor.
    finding
        The difference in words.
    """

    name: str
    title: str
    meaning: str
    unit: str
    channel: int | None
    real: Summary
    synthetic: Summary
    distance: float
    distance_unit: DistanceUnit
    floor: float | None
    floor_high: float | None
    verdict: Judgment
    finding: str
    curve: Curve


class Accuracy(Frozen):
    """Balanced accuracy on held-out crops, with a 95 % interval and the number of crops."""

    value: float
    low: float
    high: float
    crops: int


class TwoSampleTest(Frozen):
    """How well a small classifier distinguishes real crops from synthetic ones; chance is 0.5.

    Attributes
    ----------
    accuracy
        Real vs. synthetic.
    floor
        The same classifier on two halves of the real images; None where they are too few.
    clues
        Kind of clue -> accuracy where only that is shown to the classifier.
    edge
        Edge of a crop, pixels.
    held_out_by
        What was never divided between training and test on the real side.
    """

    accuracy: Accuracy
    floor: Accuracy | None
    clues: dict[str, Accuracy]
    edge: int
    held_out_by: Literal["image", "window"]
    verdict: Judgment

    @property
    def best_clue(self) -> str:
        """The kind of clue that helps the classifier most."""
        return max(self.clues, key=lambda name: self.clues[name].value)


class RealismReport(Frozen):
    """Real vs. synthetic images.

    Attributes
    ----------
    images
        Names of the real images.
    simulated
        Whether one of those is simulated, and "real" is to be taken with that in mind.
    real_objects, synthetic_objects
        Numbers of objects with a mask on the windows compared.
    masks
        Where the real objects come from.
    pairs
        Number of dual images.
    window
        Spatial shape of the windows that everything was measured on, pixels.
    real_windows, synthetic_windows
        How many of them.
    recipe
        The recipe's kind and parameters, its seed among them.
    seed
        Which windows and crops were drawn.
    """

    model_config = ConfigDict(populate_by_name=True)

    images: tuple[str, ...]
    simulated: bool
    real_objects: int
    synthetic_objects: int
    masks: str
    pairs: int
    window: tuple[int, ...]
    real_windows: int
    synthetic_windows: int
    recipe: dict[str, Any]
    seed: int
    measures: tuple[Measure, ...]
    two_sample_test: TwoSampleTest | None = Field(alias="telling")
    notes: tuple[str, ...] = ()

    def caption(self) -> str:
        """Return the sentence that must stand next to every figure shown."""
        images = describe_images(self.images, "simulated" if self.simulated else "real")
        shape = " x ".join(str(n) for n in self.window)
        recipe, seed = self.recipe.get("kind", ""), self.recipe.get("seed", "none")
        return (
            f"measured on {_windows(self.real_windows)} of {images} with "
            f"{self.real_objects} objects ({self.masks}), and {_windows(self.synthetic_windows)} "
            f"of {self.pairs} dual images with {self.synthetic_objects} objects (recipe "
            f"'{recipe}', seed {seed}); windows of {shape} pixels, drawn with seed {self.seed}"
        )

    @property
    def differing(self) -> tuple[Measure, ...]:
        """The measures by which the two sides are not alike."""
        return tuple(m for m in self.measures if m.verdict != "alike")

    def label(self, measure: Measure) -> str:
        """Return a measure's title, with its channel where the images have several."""
        several = len({m.channel for m in self.measures} - {None}) > 1
        if several and measure.channel is not None:
            return f"{measure.title}, channel {measure.channel}"
        return measure.title

    def summary(self) -> str:
        """Return the result in two or three sentences."""
        said = []
        if (test := self.two_sample_test) is not None:
            share = f"{100 * test.accuracy.value:.0f} %"
            halves = f"; of two real halves {100 * test.floor.value:.0f} %" if test.floor else ""
            said.append(
                f"A small classifier labels {share} of the crops correctly (50 % is "
                f"chance{halves}). Closer to chance is better."
            )
            if test.verdict == "not certain":
                said.append("The real images are too few to be certain of that.")
            elif test.verdict != "alike":
                said.append(f"It is helped most by {test.best_clue}.")
        worst: dict[str, Judgment] = {}
        for m in self.measures:
            before = worst.get(m.title, "alike")
            worst[m.title] = max(before, m.verdict, key=SEVERITY.__getitem__)
        for verdict in ("clearly different", "a little different"):
            titles = [title for title, found in worst.items() if found == verdict]
            if titles:
                said.append(f"{verdict[0].upper()}{verdict[1:]}: {', '.join(titles)}.")
        if not self.differing:
            said.append("Every measure is as close as real images are to one another.")
        return " ".join(said)


HEADER = ("measure", "distance", "of real halves (at most)", "verdict")


@dataclass(frozen=True)
class Row:
    """A line of the report's table: its cells, as `HEADER` names them, and what they mean."""

    cells: tuple[str, str, str, str]
    meaning: str = ""
    finding: str = ""


def rows_of(report: RealismReport, most: int | None = None) -> list[Row]:
    """Return the report's table; of more than `most` measures, those that differ most."""
    measures: Sequence[Measure] = report.measures
    if most is not None and len(measures) > most:
        kept = sorted(measures, key=lambda m: SEVERITY[m.verdict], reverse=True)[:most]
        measures = [m for m in measures if m in kept]
    rows = []
    for m in measures:
        unit = " dB" if m.distance_unit == "dB" else ""
        floor = "-" if m.floor is None else f"{m.floor:.2f} ({m.floor_high:.2f}){unit}"
        cells = (report.label(m), f"{m.distance:.2f}{unit}", floor, m.verdict)
        rows.append(Row(cells, m.meaning, m.finding))
    return rows + (_rows_of_classifier(test) if (test := report.two_sample_test) else [])


def _rows_of_classifier(test: TwoSampleTest) -> list[Row]:
    floor = _in_words(test.floor) if test.floor else "-"
    cells = ("classifier's accuracy", _in_words(test.accuracy), floor, test.verdict)
    meaning = (
        f"share of crops of {test.edge} pixels that are labeled correctly, on {test.held_out_by}s "
        "not used for training: 50 % is chance; in brackets the 95 % interval"
    )
    finding = f"{test.best_clue} helps most" if SEVERITY[test.verdict] > 1 else ""
    rows = [Row(cells, meaning, finding)]
    for name, accuracy in test.clues.items():
        rows.append(Row((f"   by {name} alone", _in_words(accuracy), "", ""), meaning))
    return rows


def _windows(count: int) -> str:
    return f"{count} window" + ("s" if count != 1 else "")


def _in_words(accuracy: Accuracy) -> str:
    return f"{100 * accuracy.value:.0f} % ({100 * accuracy.low:.0f}-{100 * accuracy.high:.0f})"
