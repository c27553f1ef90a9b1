"""What can be taken away, in words: what it is for, and how it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_synthseg.core.runs import TrainingRun
from napari_synthseg.tasks.registry import describe_task
from napari_synthseg.workflow.exporting import ExportKind

DEFAULT_PAIRS = 100


@dataclass(frozen=True)
class Parcel:
    """One thing to take away.

    Attributes
    ----------
    title, tip
        What it is called, and what it is good for.
    what, format
        As in `Session.export`.
    file
        Name of the file that is asked for; empty where a folder is.
    """

    title: str
    what: ExportKind
    format: str
    tip: str
    file: str = ""

    @property
    def is_of_images(self) -> bool:
        """Whether images are looked at for it."""
        return self.what in ("labels", "objects", "figure")


_OBJECTS = {
    "table": Parcel("table (CSV)", "objects", "csv", "Excel, R, Python: a row for each object",
                    "objects.csv"),
    "geojson": Parcel("outlines (GeoJSON)", "objects", "geojson", "QuPath"),
    "rois": Parcel("outlines (ROI set)", "objects", "imagej", "Fiji, ImageJ: ROI Manager"),
    "coco": Parcel("outlines (COCO)", "objects", "coco", "CVAT, Label Studio, Roboflow",
                   "objects.json"),
    "coco-rle": Parcel("masks (COCO, RLE)", "objects", "coco-rle", "pycocotools",
                       "objects.json"),
    "yolo-segments": Parcel("outlines (YOLO)", "objects", "yolo-segments", "YOLO segmentation"),
    "yolo": Parcel("boxes (YOLO)", "objects", "yolo", "detectors that learn boxes"),
    "voc": Parcel("boxes (Pascal VOC)", "objects", "voc", "detectors that learn boxes"),
}  # fmt: skip

_LABELS = {
    "tiff": Parcel("label images (TIFF)", "labels", "tiff", "Fiji, ImageJ"),
    "ome-tiff": Parcel("label images (OME-TIFF)", "labels", "ome-tiff", "Bio-Formats, OMERO"),
    "ome-zarr": Parcel("label images (OME-Zarr)", "labels", "ome-zarr", "large images"),
}

_FIGURES = {
    "png": Parcel("figure for a talk (PNG)", "figure", "png", "slides"),
    "svg": Parcel("figure for a talk (SVG)", "figure", "svg", "Inkscape, Illustrator"),
    "pdf": Parcel("figure for a talk (PDF)", "figure", "pdf", "papers"),
}

_MODELS = {
    "model": Parcel("the model (safetensors)", "model", "safetensors", "this program"),
    "onnx": Parcel("the model (ONNX)", "model", "onnx", "ONNX Runtime, OpenCV, web"),
    "bioimageio": Parcel("the model (bioimage.io)", "model", "bioimageio", "ilastik and others",
                         "model.zip"),
}  # fmt: skip

_PAIRS = {
    "pairs": Parcel("training pairs (TIFF)", "pairs", "tiff", "any program"),
    "cellpose": Parcel("training pairs (Cellpose)", "pairs", "cellpose", "Cellpose"),
    "stardist": Parcel("training pairs (StarDist)", "pairs", "stardist", "StarDist"),
    "nnunet": Parcel("training pairs (nnU-Net)", "pairs", "nnunet", "nnU-Net"),
}

NOT_WITHOUT_MASKS = ("coco-rle", "yolo-segments", "geojson", "rois")
"""Outlines; a detector has boxes alone."""


def parcels_of(run: TrainingRun | None, *, has_pairs: bool = True) -> Mapping[str, Parcel]:
    """Return what can be taken away with a run's model: name -> what it is.

    `has_pairs` tells whether the project has what dual images are made of.
    """
    if run is None:
        return _PAIRS
    task = describe_task(run.task)
    objects = dict(_OBJECTS)
    if not task.writes_masks:
        objects = {key: each for key, each in objects.items() if key not in NOT_WITHOUT_MASKS}
    if task.marking == "regions" or "objects.csv" not in task.tables:
        objects = {}
    labels = _LABELS if task.writes_masks else {}
    figures = _FIGURES if objects or labels else {}
    return {**objects, **labels, **figures, **(_PAIRS if has_pairs else {}), **_MODELS}
