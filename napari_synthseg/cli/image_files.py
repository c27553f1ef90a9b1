"""Images named on the command line, in the project or not, and the files that results go to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.storage.images import describe
from napari_synthseg.storage.uris import relative_uri
from napari_synthseg.workflow.session import Session

AdaptFlag = Annotated[
    bool,
    typer.Option(
        "--adapt",
        help="Fit the batch norms to the run's training images first: for models of dual images.",
    ),
]


def find_images(paths: Sequence[Path], session: Session, run: TrainingRun) -> list[ImageRef]:
    """Return the whole image(s) of each file, as the session reads them.

    Stacks are taken as what the run learned from: as volumes or plane by plane.
    """
    volumes = run.model is not None and run.model.spec.spatial_dims == 3
    return [
        ref.model_copy(update={"uri": relative_uri(path, session.folder)})
        for path in paths
        for ref in describe(path, stack="volume" if volumes else "planes")
    ]


def name_targets(out: Path, refs: Sequence[ImageRef]) -> list[Path]:
    """Return ``STEM.tif`` in a folder for each image, with the plane in its name if it is one.

    Raises
    ------
    InputError
        If two images would go to one file.
    """
    targets: dict[Path, ImageRef] = {}
    for ref in refs:
        planes = "".join(f"_{axis}{index}" for axis, index in sorted(ref.plane.items()))
        target = out / f"{Path(ref.name).stem}{planes}.tif"
        if target in targets:
            raise InputError(
                f"'{targets[target].uri}' and '{ref.uri}' would both be written to "
                f"{target.name}: give them different folders."
            )
        targets[target] = ref
    return list(targets)


def image_names(targets: Sequence[Path], refs: Sequence[ImageRef]) -> list[str]:
    """Return what tables call each image: the stem of its target with the file's own extension."""
    return [f"{t.stem}{Path(r.uri).suffix}" for t, r in zip(targets, refs, strict=True)]
