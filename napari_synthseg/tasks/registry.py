"""The tasks by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_synthseg.core.errors import InputError
from napari_synthseg.training.trainable import TASKS, Task, TaskData

if TYPE_CHECKING:
    pass


def make_task(data: TaskData) -> Task:
    """Return the task that ``data.spec`` names.

    Raises
    ------
    InputError
        If there is none of that name, or it cannot be done with these data.
    """
    from napari_synthseg.tasks import all_tasks  # noqa: F401 - defines them

    if data.spec.task not in TASKS:
        raise InputError(f"There is no task '{data.spec.task}': choose {', '.join(TASKS)}.")
    return TASKS[data.spec.task](data)
