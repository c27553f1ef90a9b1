"""Heat maps of many images in files: each is written before the next one is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.predictions import HeatMaps
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.io.naming import same_form
from napari_synthseg.io.result_files import (
    name_targets,
    refuse_existing,
    write_tiff,
    writing_into,
)
from napari_synthseg.workflow.predicting import Magnification, explain


@dataclass(frozen=True)
class WrittenHeatMaps:
    """Files that were written, and how their maps were made."""

    files: tuple[Path, ...]
    method: str
    layer: str


def write_heat_maps(
    folder: Path,
    run: TrainingRun,
    images: Sequence[ImageRef],
    class_names: Mapping[int, str],
    out: Path,
    method: str,
    layer: str,
    adapt_to: Sequence[ImageRef] | None,
    magnification: Magnification,
    overwrite: bool,
    inputs: Collection[Path],
) -> Generator[Progress, None, WrittenHeatMaps]:
    """Write a heat map for each image and class, as float32; see `workflow.predicting.explain`.

    Raises
    ------
    InputError
        If the folder cannot be written, one of the files exists, or two would be the same.
    """
    files = heat_map_files(out, run, images, class_names)
    every = [path for of_image in files for path in of_image.values()]
    refuse_existing(every, overwrite, inputs)
    left = iter(files)

    def write(made: HeatMaps) -> HeatMaps:
        paths = next(left)
        with writing_into(out):
            for value, heat_map in made.maps.items():
                write_tiff(paths[value], heat_map)
        return replace(made, maps={})

    made = yield from explain(
        folder, run, images, method, layer, adapt_to, magnification, hold=write
    )
    return WrittenHeatMaps(tuple(every), made[0].method, made[0].layer)


def heat_map_files(
    out: Path, run: TrainingRun, images: Sequence[ImageRef], class_names: Mapping[int, str]
) -> list[dict[int, Path]]:
    """Return the file of each class's heat map, of one image after the other.

    A class that was deleted is called by its value. Where names of classes are the same in files,
    on systems that know no capitals, too, the value follows.

    Raises
    ------
    InputError
        If an image is given twice, or the names of an image and a class are together those of
        others.
    """
    values = run.trained_model().rule.class_values
    names = _file_names({value: class_names.get(value, f"class {value}") for value in values})
    files = [
        {value: path.with_name(f"{path.stem}__{name}.tif") for value, name in names.items()}
        for path in name_targets(out, images)
    ]
    every = Counter(same_form(path.name).casefold() for each in files for path in each.values())
    if twice := next((name for name, count in every.items() if count > 1), None):
        raise InputError(
            f"Two heat maps would be written to '{twice}': rename a class or an image in whose "
            "name there is '__'."
        )
    return files


def _file_names(class_names: Mapping[int, str]) -> dict[int, str]:
    """Return the name of each class as part of a file's name, no two alike."""
    names = {value: _safe(name) for value, name in class_names.items()}
    while True:
        known = Counter(same_form(name).casefold() for name in names.values())
        alike = [v for v, name in names.items() if known[same_form(name).casefold()] > 1]
        if not alike:
            return names
        names |= {value: f"{names[value]}_{value}" for value in alike}


def _safe(name: str) -> str:
    """Return a class's name as part of a file's name."""
    return "".join(c if c.isalnum() or c in "-_ " else "_" for c in name)
