"""Images to try the plugin on, each with clicks on one part and truth for another.

Nothing is downloaded: the micrographs ship with packages that are installed, or are computed.
"""

from napari_synthseg.sample_data.catalog import SAMPLES, load
from napari_synthseg.sample_data.layers import nuclei_sample, sediment_sample, tissue_sample
from napari_synthseg.sample_data.project import fill, new_project
from napari_synthseg.sample_data.sample import Sample, SampleContent

__all__ = [
    "SAMPLES",
    "Sample",
    "SampleContent",
    "fill",
    "load",
    "new_project",
    "nuclei_sample",
    "sediment_sample",
    "tissue_sample",
]
