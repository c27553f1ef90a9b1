"""What can be computed on, found out in the background."""

from __future__ import annotations

from collections.abc import Generator

from napari_synthseg.core.progress import Progress
from napari_synthseg.core.specs import Device
from napari_synthseg.networks.libraries import load_libraries
from napari_synthseg.workflow.jobs import Job


def find_devices() -> Job[tuple[Device, ...]]:
    """Return the job that tries all kinds of device, the fastest first.

    It loads what training needs, which then begins at once.
    """

    def work() -> Generator[Progress, None, tuple[Device, ...]]:
        yield from load_libraries()
        from napari_synthseg.training.device import find_devices

        return find_devices()

    return Job(work(), "find what can be computed on")
