"""The tasks by name: those of this package, and those that others have registered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from napari_synthseg.core.plugins import Registry
from napari_synthseg.tasks.classify import Classify
from napari_synthseg.tasks.detect import Detect
from napari_synthseg.tasks.info import Marking, TaskInfo
from napari_synthseg.tasks.segment import Segment
from napari_synthseg.tasks.semantic import Semantic


def _accept(entry: object) -> tuple[TaskInfo, str]:
    if not (isinstance(entry, type) and issubclass(entry, TaskInfo)):
        raise TypeError("it is no subclass of TaskInfo")
    return entry(), entry.name


TASKS: Registry[TaskInfo] = Registry("tasks", "task", _accept)
"""Name -> task, in the order in which users are offered them."""

for _info in (Segment(), Detect(), Classify(), Semantic()):
    TASKS.add(_info.name, _info)


def task_infos() -> tuple[TaskInfo, ...]:
    """Return all tasks that are installed."""
    return tuple(TASKS.values())


def task_names() -> tuple[str, ...]:
    """Return the names of all tasks that are installed."""
    return tuple(TASKS)


def task_info(name: str) -> TaskInfo:
    """Return a task; without a name the first one, the only task that the first versions knew.

    Raises
    ------
    InputError
        If none of that name is installed.
    """
    return TASKS.lookup(name or next(iter(TASKS)))


def describe_task(task: str) -> TaskInfo:
    """Return a task to be shown; one that is not installed says so, and has no networks."""
    if not task or task in TASKS:
        return task_info(task)

    class Missing(TaskInfo):
        name = task
        title = f"{task} (not installed)"
        description = (
            f"The task '{task}' is not installed. What was trained for it is kept: install the "
            "package that brings it, or choose another task."
        )
        networks: ClassVar[Mapping[str, str]] = {}
        truth_kinds = ()
        truth_words = ""

    return Missing()


def task_for(marking: Marking) -> TaskInfo:
    """Return the first task that learns from what users mark in a way."""
    return next(info for info in TASKS.values() if info.marking == marking)


def shown_metrics(scored: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which metrics are shown of scores, over all classes and of each; empty: all."""
    info = TASKS.get(scored)
    return (info.metrics, info.class_metrics) if info is not None else ((), ())
