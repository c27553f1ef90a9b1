"""All objects that were found, as rows: what columns show, which rows, in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.core.predictions import (
    BoxPrediction,
    FoundObject,
    FoundPoint,
    InstancePrediction,
    ObjectPrediction,
)
from napari_synthseg.core.project import Project
from napari_synthseg.workflow.found.measuring import ObjectTable

Rows = NDArray[np.intp]

TITLES = {
    "area": "area", "volume": "volume", "equivalent_diameter": "diameter",
    "feret_diameter": "Feret", "major_axis": "long axis", "minor_axis": "short axis",
    "eccentricity": "eccentricity", "solidity": "solidity",
}  # fmt: skip
"""Beginning of a measure's name -> what its column says."""

MEANINGS = {
    "diameter": "diameter of the circle (ball) of the same area (volume)",
    "Feret": "largest distance of two points of the outline",
    "long axis": "longer axis of the ellipse with the same moments",
    "short axis": "shorter axis of the ellipse with the same moments",
    "eccentricity": "0: a circle; towards 1: ever longer",
    "solidity": "share of the convex hull that the object fills; 1: no dents",
    "score": "how sure the model is, 0 to 1",
}

UNITS = {"um": "µm", "px": "px", "nm": "nm", "mm": "mm"}

BINS = 30


@dataclass(frozen=True, eq=False)
class Column:
    """One column: its title and meaning, and its values; words have codes."""

    title: str
    values: NDArray[np.float64]
    words: tuple[str, ...] = ()
    tip: str = ""
    digits: int = 4

    def text(self, row: int) -> str:
        """Return what a cell says."""
        value = self.values[row]
        if self.words:
            return self.words[int(value)]
        return "" if np.isnan(value) else f"{value:.{self.digits}g}"


@dataclass(frozen=True)
class RowFilter:
    """Which rows are shown.

    Attributes
    ----------
    image, cls
        Names; empty: all.
    text
        What is part of the name of image or class, or ranges such as "area > 20" or
        "score 0.2-0.5", joined by commas.
    """

    image: str = ""
    cls: str = ""
    text: str = ""


@dataclass(frozen=True, eq=False)
class ObjectRows:
    """A table of objects, filtered and sorted; columns share their order.

    Attributes
    ----------
    columns
        Of all objects.
    order
        Rows of the table in the order in which they are shown.
    """

    table: ObjectTable
    columns: tuple[Column, ...]
    order: Rows

    @classmethod
    def of(cls, table: ObjectTable, project: Project) -> ObjectRows:
        """Return all rows, in the order of the images."""
        names = project.class_names
        values = sorted(set(table.classes.tolist()))
        codes = {value: code for code, value in enumerate(values)}
        classes = np.array([codes[v] for v in table.classes.tolist()], float)
        y, x = table.centers.T
        columns = [
            Column("class", classes, tuple(names.get(v, f"class {v}") for v in values)),
            Column("score", table.scores, tip=MEANINGS["score"], digits=3),
            *(_measure_column(name, each) for name, each in _shown(table.measures)),
            Column("y [px]", y, digits=6),
            Column("x [px]", x, digits=6),
        ]
        if len(table.images) > 1:
            images = tuple(ref.name for ref in table.images)
            columns.insert(0, Column("image", table.image_numbers.astype(float), images))
        return cls(table, tuple(columns), np.arange(len(table.objects)))

    def __len__(self) -> int:
        """Return the number of rows that are shown."""
        return len(self.order)

    @cached_property
    def titles(self) -> tuple[str, ...]:
        """What the columns say."""
        return tuple(column.title for column in self.columns)

    def filtered(self, by: RowFilter) -> ObjectRows:
        """Return the rows that a filter leaves, of all rows, in their order.

        Raises
        ------
        ValueError
            If a range cannot be read; the message says how to write one.
        """
        kept = np.ones(len(self.table.objects), bool)
        for title, wanted in (("image", by.image), ("class", by.cls)):
            if wanted and title in self.titles:
                column = self.columns[self.titles.index(title)]
                code = column.words.index(wanted) if wanted in column.words else -1
                kept &= column.values == code
        for part in filter(None, (part.strip() for part in by.text.split(","))):
            kept &= self._matching(part)
        return replace(self, order=np.flatnonzero(kept))

    def _matching(self, part: str) -> NDArray[np.bool_]:
        matched = _read_range(part)
        if matched is None:
            found = np.zeros(len(self.table.objects), bool)
            for column in self.columns:
                codes = [n for n, word in enumerate(column.words) if part.lower() in word.lower()]
                if column.words:
                    found |= np.isin(column.values, codes)
            return found
        name, low, high = matched
        for column in self.columns:
            if not column.words and column.title.lower().startswith(name):
                return np.asarray((column.values >= low) & (column.values <= high))
        known = ", ".join(c.title.partition(" [")[0] for c in self.columns if not c.words)
        raise ValueError(f"There is no column '{name}': choose {known}.")

    def sorted_by(self, number: int, descending: bool) -> ObjectRows:
        """Return the rows by the values of a column; equal ones keep their order, NaN goes last."""
        column = self.columns[number]
        values = column.values[self.order]
        if column.words:
            ranks = np.argsort(np.argsort(np.array([w.lower() for w in column.words])))
            values = ranks[values.astype(int)].astype(float)
        order = np.argsort(-values if descending else values, kind="stable")
        return replace(self, order=self.order[order])

    def place_of(self, row: int) -> int | None:
        """Return where a row of the table is shown, or None where it is filtered out."""
        places = np.flatnonzero(self.order == row)
        return int(places[0]) if places.size else None

    def as_text(self, places: Sequence[int] | None = None) -> str:
        """Return rows (default: all that are shown) as a spreadsheet takes them: tabs between."""
        rows = self.order if places is None else self.order[list(places)]
        lines = ["\t".join(self.titles)]
        lines += ["\t".join(c.text(row) for c in self.columns) for row in rows.tolist()]
        return "\n".join(lines) + "\n"

    def histogram(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return how many rows fall into each bin of a column, and the edges of the bins."""
        values = self.columns[number].values[self.order]
        values = values[np.isfinite(values)]
        if not values.size:
            return np.zeros(1, np.int64), np.array([0.0, 1.0])
        low, high = float(values.min()), float(values.max())
        counts, edges = np.histogram(values, BINS, (low, high if high > low else low + 1))
        return counts.astype(np.int64), edges

    def describe(self, number: int) -> str:
        """Return median, spread and number of a column in words."""
        column = self.columns[number]
        values = column.values[self.order]
        values = values[np.isfinite(values)]
        if not values.size:
            return ""
        low, middle, high = (f"{q:.3g}" for q in np.quantile(values, (0.25, 0.5, 0.75)))
        half = f"half of all from {low} to {high}"
        return f"{column.title}: median {middle}, {half}; n = {len(values):,}"

    def counts(self) -> str:
        """Return how many objects are shown, by class, and by image where there are several."""
        by_title = dict(zip(self.titles, self.columns, strict=True))
        parts = []
        for title in ("class", "image"):
            column = by_title.get(title)
            if column is not None:
                each = sorted(Counter(column.values[self.order].astype(int).tolist()).items())
                parts.append(", ".join(f"{n:,} ({column.words[c]})" for c, n in each))
        return "\n".join(part for part in parts if part) or "no object"

    @property
    def numeric(self) -> dict[int, str]:
        """Number -> title of the columns that a histogram can be made of."""
        return {n: c.title for n, c in enumerate(self.columns) if not c.words}

    @property
    def size_column(self) -> int:
        """Number of the column that tells size best."""
        numeric = self.numeric
        for wanted in ("diameter", "area", "volume"):
            for number, title in numeric.items():
                if title.startswith(wanted):
                    return number
        return next(iter(numeric))


def _shown(
    measures: Mapping[str, NDArray[np.float64]],
) -> list[tuple[str, NDArray[np.float64]]]:
    """Return the measures, sizes and brightness before shape and position."""
    last = ("centroid", "eccentricity", "solidity", "major", "minor")

    def rank(item: tuple[str, NDArray[np.float64]]) -> int:
        return int(item[0].startswith(last))

    return sorted(measures.items(), key=rank)


def _measure_column(name: str, values: NDArray[np.float64]) -> Column:
    if name.startswith("mean_intensity_ch"):
        channel = name.removeprefix("mean_intensity_ch")
        return Column(f"mean ch{channel}", values, tip="mean of the stored intensities")
    if name.startswith("centroid_"):
        axis, unit = name.removeprefix("centroid_").split("_", 1)
        return Column(f"{axis} [{UNITS.get(unit, unit)}]", values)
    for start, title in TITLES.items():
        if name.startswith(start):
            unit = name.removeprefix(start).strip("_")
            power = {"2": "²", "3": "³"}.get(unit[-1:], "")
            unit = unit[:-1] if power else unit
            shown = f" [{UNITS.get(unit, unit)}{power}]" if unit else ""
            return Column(f"{title}{shown}", values, tip=MEANINGS.get(title, ""))
    return Column(name, values)


def _read_range(part: str) -> tuple[str, float, float] | None:
    """Return column, smallest and largest value of "area > 20", "score 0.2-0.5"; else None."""
    for sign in (">=", "<=", ">", "<"):
        name, found, number = part.partition(sign)
        if found:
            value = _number(number, part)
            low, high = (value, np.inf) if ">" in sign else (-np.inf, value)
            if sign == ">":
                low = float(np.nextafter(value, np.inf))
            if sign == "<":
                high = float(np.nextafter(value, -np.inf))
            return name.strip().lower(), low, high
    name, _, span = part.rpartition(" ")
    low_text, dash, high_text = span.partition("-")
    if name and dash and low_text and high_text:
        return name.strip().lower(), _number(low_text, part), _number(high_text, part)
    return None


def _number(text: str, part: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(
            f"'{part}' is no range: write as 'area > 20' or 'score 0.2-0.5'."
        ) from None


def object_at(
    prediction: ObjectPrediction, position: Sequence[float], reach: float = 0.0
) -> FoundPoint | None:
    """Return the object at a position ([z,] y, x) of the whole image, or None.

    Of boxes it is the smallest one that holds it; of centers the nearest, up to `reach` pixels.
    """
    if isinstance(prediction, InstancePrediction):
        at = [round(p) - o for p, o in zip(position, prediction.region_origin, strict=True)]
        if not all(0 <= a < n for a, n in zip(at, prediction.ids.shape, strict=True)):
            return None
        ident = int(prediction.ids[tuple(at)])
        return next((o for o in prediction.objects if o.id == ident), None) if ident else None
    if isinstance(prediction, BoxPrediction):
        holding = [o for o in prediction.objects if _holds(o, position)]
        return min(holding, key=_box_area, default=None)
    if not prediction.objects:
        return None
    centers = np.array([o.center for o in prediction.objects])
    distances = np.linalg.norm(centers - np.asarray(position), axis=1)
    nearest = int(distances.argmin())
    return prediction.objects[nearest] if distances[nearest] <= reach else None


def _holds(thing: FoundObject, position: Sequence[float]) -> bool:
    pairs = zip(thing.box, position[-len(thing.box) :], strict=True)
    return all(start <= p + 0.5 < stop for (start, stop), p in pairs)


def _box_area(thing: FoundObject) -> float:
    return float(np.prod([stop - start for start, stop in thing.box]))
