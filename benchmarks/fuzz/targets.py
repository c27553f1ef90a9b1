"""What is fuzzed: for each kind of file how it is read, and sound files to begin with."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import tifffile

from benchmarks.fuzz import seeds
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.progress import exhaust
from napari_synthseg.core.scores import ScoringOptions
from napari_synthseg.io.outlines import read_outlines
from napari_synthseg.storage import consent
from napari_synthseg.storage.images import look_into, open_pixels
from napari_synthseg.storage.runs import load_weights
from napari_synthseg.storage.truths import open_labels
from napari_synthseg.workflow.evaluating import score_folders
from napari_synthseg.workflow.importing import MaskKind, read_masks
from napari_synthseg.workflow.importing_files import ImportOptions, import_file
from napari_synthseg.workflow.session import Session

READ_PX = 256
"""Of a large image only a corner is read: a sound one may well be larger than the memory."""


class Target(ABC):
    """One kind of input; `read` raises what its reader raises.

    Parameters
    ----------
    folder
        An empty folder, the only one that may change.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def seeds(self) -> Sequence[bytes]:
        """Return sound inputs."""

    @abstractmethod
    def read(self, data: bytes) -> None:
        """Read an input."""

    def try_read(self, data: bytes) -> None:
        """Read an input; whatever it raises is not looked at."""
        with suppress(Exception):
            self.read(data)

    def close(self) -> None:  # noqa: B027 - most have nothing open
        """Close what is open."""


def _read_image(path: Path) -> None:
    """Read a corner of each of the first images of a file."""
    for ref in look_into(path, series="all").images[:3]:
        pixels = open_pixels(ref, path.parent)
        read = pixels.read(tuple((a, min(b, a + READ_PX)) for a, b in pixels.region))
        assert read.dtype == np.float32, read.dtype
        assert np.isfinite(read).all(), "not finite"


class Images(Target):
    """Image files of all formats."""

    def seeds(self) -> Sequence[bytes]:
        """Return sound inputs."""
        return seeds.images()

    def read(self, data: bytes) -> None:
        """Read an input."""
        path = self.folder / "a.tif"
        path.write_bytes(data)
        _read_image(path)


class Vendors(Images):
    """Image files of the makers of microscopes, for whose readers no sound file is at hand."""

    def seeds(self) -> Sequence[bytes]:
        """Return beginnings of such files, and of all that is read as an image."""
        return seeds.vendor_images()


class InProject(Target):
    """What is read for a project with an image, a volume and classes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        tifffile.imwrite(folder / "cells.png", np.arange(2400, dtype=np.uint16).reshape(40, 60))
        stack = np.arange(4800, dtype=np.uint16).reshape(2, 40, 60)
        tifffile.imwrite(folder / "stack.tif", stack, metadata={"axes": "ZYX"}, imagej=True)
        self.session = Session.create(folder / "p.synthseg")
        self.session.add_images(folder / "cells.png").result()
        self.session.add_images(folder / "stack.tif", stack="volume").result()
        project = self.session.project
        project = project.with_classes(project.next_class("nucleus"))
        self.session.edit(project.with_classes(project.next_class("dead")), "classes")

    def close(self) -> None:
        """Close the project."""
        self.session.close().result()


class Masks(InProject):
    """Label images, as true masks of each kind."""

    def seeds(self) -> Sequence[bytes]:
        """Return sound inputs."""
        return seeds.masks()

    def read(self, data: bytes) -> None:
        """Read an input as each kind; a refusal of one does not save from the next."""
        path = self.folder / "mask.tif"
        path.write_bytes(data)
        kinds: tuple[MaskKind, ...] = ("instance", "semantic", "patch_masks")
        project, folder = self.session.project, self.session.folder
        ways = [(kind, False) for kind in kinds] + [("instance", True)]
        _all_of(
            lambda kind, split: exhaust(
                read_masks(project.images[0], path, kind, project, folder, 1, split=split)
            ),
            ways,
        )


class Annotations(InProject):
    """Files of clicks, boxes, outlines and image labels; the first byte chooses the ending."""

    ENDINGS = (".csv", ".json", ".xml", ".txt", ".roi", ".zip", ".npy", ".tsv", ".geojson")

    def seeds(self) -> Sequence[bytes]:
        """Return sound inputs."""
        found = seeds.annotation_files(self.folder)
        return [bytes([self._ending(name)]) + data for name, data in found]

    def read(self, data: bytes) -> None:
        """Read an input as boxes, clicks and masks."""
        if not data:
            return
        path = self.folder / f"cells{self.ENDINGS[data[0] % len(self.ENDINGS)]}"
        path.write_bytes(data[1:])
        project, folder = self.session.project, self.session.folder
        options = ImportOptions(add_classes=True)
        clicks = ImportOptions(as_clicks=True, skip_unknown=True, unit="px")
        ways: list[tuple[ImportOptions, MaskKind | None]] = [
            (options, None), (clicks, None), (ImportOptions(class_name="nucleus"), "instance"),
        ]  # fmt: skip
        try:
            _all_of(lambda how, kind: exhaust(import_file(path, project, folder, how, kind)), ways)
            for image in read_outlines(path, lambda where, stem: (40, 60)):
                for outline in image.outlines:
                    outline.area.draw((40, 60))
        finally:
            path.unlink(missing_ok=True)

    def _ending(self, name: str) -> int:
        suffix = Path(name).suffix
        return self.ENDINGS.index(suffix) if suffix in self.ENDINGS else 0


class Folder(Target):
    """A folder of which one file is replaced: the first byte says which."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.sound, self.tried = folder / "sound", folder / "tried"
        self.sound.mkdir()

    @property
    def files(self) -> list[Path]:
        """Files of the sound folder that are not too large to be of use."""
        every = sorted(path for path in self.sound.rglob("*") if path.is_file())
        return [path for path in every if path.stat().st_size < 200_000][:256]

    def seeds(self) -> Sequence[bytes]:
        """Return sound inputs."""
        return [bytes([n]) + path.read_bytes() for n, path in enumerate(self.files)]

    def put(self, data: bytes) -> bool:
        """Make the folder with a file replaced; return whether the input says which."""
        files = self.files
        if not data:
            return False
        shutil.rmtree(self.tried, ignore_errors=True)
        shutil.copytree(self.sound, self.tried)
        (self.tried / files[data[0] % len(files)].relative_to(self.sound)).write_bytes(data[1:])
        return True


class ZarrImages(Folder):
    """OME-Zarr folders of both versions, and arrays in shards."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        seeds.zarr_images(self.sound)

    def read(self, data: bytes) -> None:
        """Read an input."""
        if self.put(data):
            changed = self.files[data[0] % len(self.files)].relative_to(self.sound).parts[0]
            _read_image(self.tried / changed)


class Scored(Folder):
    """Folders of results and truth, scored as each task does."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        seeds.results(self.sound)

    def read(self, data: bytes) -> None:
        """Score an input."""
        if not self.put(data):
            return
        how = ScoringOptions(tolerance=5.0)
        found, true = self.tried / "found", self.tried / "true"
        ways = [
            ("segment", found, true), ("semantic", found, true), ("detect", found, true),
            ("detect", found / "boxes.json", true / "boxes.json"),
            ("classify", found / "labels.csv", true / "labels.csv"),
            ("segment", found / "objects.csv", true / "clicks.csv"),
            ("cam", found, true),
        ]  # fmt: skip
        plain = ScoringOptions()

        def score(task: str, predicted: Path, truth: Path) -> None:
            with_limit = task == "cam" or (predicted.suffix == ".csv" and task == "segment")
            score_folders(task, predicted, truth, how if with_limit else plain).result()

        _all_of(score, ways)


class ProjectFolder(Folder):
    """A project folder with pixels, truth, a library and runs, opened and read all over."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        seeds.project(self.sound)

    @property
    def files(self) -> list[Path]:
        """Files of the project; of weights only the first run's, for they are large."""
        inside = self.sound / "p.synthseg"
        every = sorted(path for path in inside.rglob("*") if path.is_file())
        return [inside / "project.db", *(p for p in every if p.name != "project.db")][:256]

    def seeds(self) -> Sequence[bytes]:
        """Return sound inputs."""
        made = [bytes([n]) + path.read_bytes() for n, path in enumerate(self.files)]
        return [data for data in made if len(data) < 400_000]

    def read(self, data: bytes) -> None:
        """Open the project; read its images, truth and weights, edit it, and close it."""
        if not self.put(data):
            return
        folder = self.tried / "p.synthseg"
        session = Session.open(folder).result()
        try:
            project = session.project
            consent.allow(self.folder)
            ways: list[tuple[Callable[..., object], tuple[object, ...]]] = []
            for ref in project.images[:4]:
                ways.append((lambda ref: open_pixels(ref, folder).read(), (ref,)))
                truths = [t for t in project.truths if t.image == ref.id]
                ways += [(open_labels, (t, ref, folder)) for t in truths]
            ways += [(load_weights, (folder, run.id)) for run in project.runs]
            _all_of(lambda do, arguments: do(*arguments), ways)
        finally:
            session.close().result()


def _all_of(do: Callable[..., object], ways: Sequence[tuple[object, ...]]) -> None:
    """Do something in several ways; raise the last refusal if all refuse."""
    refusals: list[InputError] = []
    for way in ways:
        try:
            do(*way)
        except InputError as error:
            refusals.append(error)
    if refusals and len(refusals) == len(ways):
        raise refusals[-1]


TARGETS: dict[str, Callable[[Path], Target]] = {
    "images": Images,
    "vendors": Vendors,
    "zarr": ZarrImages,
    "masks": Masks,
    "annotations": Annotations,
    "scored": Scored,
    "project": ProjectFolder,
}
"""Name -> makes it in an empty folder."""
