"""Predicted regions in files, and their scores, pixel by pixel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from napari_synthseg.core.annotations import ObjectClass
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.labels import regions_of
from napari_synthseg.core.predictions import RegionPrediction
from napari_synthseg.core.scores import Scores, ScoringOptions
from napari_synthseg.io.labels import UNKNOWN_VALUE
from napari_synthseg.io.result_files import AREAS_FILE, CLASSES_FILE, write_classes, write_regions
from napari_synthseg.io.tables import write_rows
from napari_synthseg.metrics.areas import (
    BACKGROUND,
    Area,
    describe_shares,
    mean_shares,
    measure_areas,
)
from napari_synthseg.metrics.semantic import TOLERANCE_PX, score_semantic
from napari_synthseg.tasks.results import (
    ImageResult,
    ResultWriter,
    Written,
    class_names,
    matching_files,
    measured_on,
    names_of,
    warn_unmatched,
)
from napari_synthseg.tasks.semantic.class_folders import (
    ClassFolder,
    holds_ids,
    name_values,
    read_names,
    read_white_as_one,
    refuse_unknown,
    survey,
)

AREA_COLUMNS = ("image", "class", "value", "pixels", "share", "area", "unit")


class RegionWriter(ResultWriter):
    """Writes STEM.tif with class values, areas.csv, and classes.csv with what values are called."""

    def __init__(self, out: Path, class_names: Mapping[int, str]) -> None:
        super().__init__(out, class_names)
        self._areas: dict[str, Sequence[Area]] = {}

    def add(self, result: ImageResult) -> None:
        """Write the class values of an image, and keep what each covers."""
        assert isinstance(result.prediction, RegionPrediction)
        found = result.prediction
        write_regions(self.out / f"{result.stem}.tif", found.values, result.ref)
        self._areas[result.name] = measure_areas(found.pixel_counts, self.class_names, result.ref)

    def finish(self) -> Written:
        """Write both tables."""
        rows = (
            (name, area.name, area.value, area.pixels, f"{area.share:.6f}",
             "" if area.size is None else f"{area.size:.6g}", area.unit)
            for name, areas in self._areas.items()
            for area in areas
        )  # fmt: skip
        write_rows(self.out / AREAS_FILE, AREA_COLUMNS, rows)
        write_classes(self.out, self.class_names)
        shares = mean_shares(list(self._areas.values()))
        each = self._areas.items()
        per_image = {Path(name).stem: {a.name: a.share for a in areas} for name, areas in each}
        return Written(
            {"shares": shares, "per_image": per_image},
            (f"{len(each)} image(s), written to {self.out}: {describe_shares(shares)}.",),
        )


def score_images(results: Sequence[ImageResult], classes: Sequence[ObjectClass]) -> Scores:
    """Score predictions against true masks of regions or objects.

    Raises
    ------
    InputError
        If no image has any.
    """
    known = [one for one in results if one.truth is not None]
    if not known:
        raise InputError(
            "None of these images has true masks of regions or objects: import them, or paint them "
            "in a Labels layer."
        )
    pairs = []
    for one in known:
        assert one.truth is not None
        assert isinstance(one.prediction, RegionPrediction)
        pairs.append((one.ref.name, regions_of(one.truth).values, one.prediction.values))
    scores = score_semantic(pairs, class_names(classes), measured_on=measured_on(known))
    unmarked = tuple(
        f"Not every object of class '{name}' is marked: pixels outside the marked do not count."
        for name in names_of(classes, (one.incomplete for one in known))
    )
    return scores.model_copy(update={"warnings": (*scores.warnings, *unmarked)})


def score_files(predicted: Path, truth: Path, how: ScoringOptions) -> Scores:
    """Score the class values of a folder against those of the same file stem in another.

    The values are called as a classes.csv in either folder says; without one, each value that
    occurs is a class. `how.tolerance` is in pixels.

    Parameters
    ----------
    predicted, truth
        Folders of images of class values, 0 = background. Where all images of one hold nothing but
        0 and 255, and 1 is what the other or the table knows, 255 is read as 1, with a warning.

    Raises
    ------
    InputError
        If an image cannot be read, two differ in shape, or one holds a value that no class has.
    """
    stems, true_files, predicted_files = matching_files(predicted, truth)
    named = read_names(truth, predicted)
    ignore = _ignored_value(how.ignore, named)
    true, given = survey(stems, true_files, predicted_files)
    true, given = read_white_as_one(true, given, named, ignore)
    if named is not None:
        refuse_unknown(true, given, named, ignore)
    names = name_values(true, given, ignore) if named is None else named
    scores = score_semantic(
        ((stem, true.read(stem), given.read(stem)) for stem in stems),
        names,
        measured_on=how.measured_on,
        ignore=ignore,
        tolerance=TOLERANCE_PX if how.tolerance is None else how.tolerance,
    )
    warnings = (
        *warn_unmatched(true_files, predicted_files),
        *_warn_of_values(true, given, named, ignore),
        *scores.warnings,
    )
    return scores.model_copy(update={"warnings": warnings})


def _ignored_value(ignored: Sequence[str], named: Mapping[int, str] | None) -> int | None:
    if not ignored:
        return None
    if len(ignored) > 1:
        raise InputError(
            "--task semantic takes one --ignore: save all pixels to ignore with the same value."
        )
    (text,) = ignored
    values = {name: value for value, name in {0: BACKGROUND, **(named or {})}.items()}
    try:
        return int(text)
    except ValueError:
        if text in values:
            return values[text]
        raise InputError(
            f"--ignore {text}: give a class value, or the name of a class in a {CLASSES_FILE} "
            "beside the images."
        ) from None


def _warn_of_values(
    true: ClassFolder, given: ClassFolder, named: Mapping[int, str] | None, ignore: int | None
) -> Iterator[str]:
    for folder in (true, given):
        if folder.white_is_one:
            yield (
                f"All images of {folder.path} hold nothing but 0 and {UNKNOWN_VALUE}: "
                f"{UNKNOWN_VALUE} is read as class 1."
            )
        if named is None and holds_ids(folder):
            yield (
                f"The values of {folder.path} look like ids of objects, and each of them was "
                "scored as a class of its own: for objects, give --task segment."
            )
    values = true.all_values()
    if ignore is not None and ignore not in values:
        yield f"No true pixel has the value {ignore}, which is to be ignored."
    white = UNKNOWN_VALUE
    if named is None and ignore != white and white in values and values - {0, white}:
        yield (
            f"The value {white} of the truth is scored as a class: where it stands for unknown "
            f"pixels, give --ignore {white}."
        )
