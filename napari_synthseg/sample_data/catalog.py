"""The samples there are."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from napari_synthseg.core.errors import InputError
from napari_synthseg.sample_data.nuclei import NUCLEI
from napari_synthseg.sample_data.sample import Sample, SampleContent
from napari_synthseg.sample_data.sediment import SEDIMENT
from napari_synthseg.sample_data.tissue import TISSUE

SAMPLES: Mapping[str, Sample] = MappingProxyType({s.name: s for s in (NUCLEI, TISSUE, SEDIMENT)})
"""Name -> sample, the one to begin with first."""


def find_sample(name: str) -> Sample:
    """Return a sample by its name.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in SAMPLES:
        raise InputError(f"There is no sample '{name}': take one of {', '.join(SAMPLES)}.")
    return SAMPLES[name]


def load(name: str, clicks: int | None = None) -> SampleContent:
    """Read a sample, with all its clicks or only so many of them.

    Raises
    ------
    InputError
        If there is no such sample, or what it needs is not installed.
    """
    content = find_sample(name).read()
    return content if clicks is None else content.with_clicks(clicks)
