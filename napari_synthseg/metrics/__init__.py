"""Figures of merit: arrays in, numbers out.

What each number means stands in the reference of metrics; the functions below are what scripts use.
"""

from napari_synthseg.metrics.detection import score_boxes
from napari_synthseg.metrics.heat_maps.scores import score_heat_maps
from napari_synthseg.metrics.image_labels import score_image_labels
from napari_synthseg.metrics.instance import match_instances, score_instances
from napari_synthseg.metrics.localization import Centers, match_centers, score_centers
from napari_synthseg.metrics.overlap import measure_overlap
from napari_synthseg.metrics.ranking import average_precision
from napari_synthseg.metrics.semantic import score_semantic

__all__ = [
    "Centers",
    "average_precision",
    "match_centers",
    "match_instances",
    "measure_overlap",
    "score_boxes",
    "score_centers",
    "score_heat_maps",
    "score_image_labels",
    "score_instances",
    "score_semantic",
]
