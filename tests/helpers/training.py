"""Tasks and trainings made of a few arguments."""

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten

from napari_synthseg.core.progress import exhaust
from napari_synthseg.tasks import train
from napari_synthseg.tasks.data import TaskData

NAMES = {1: "bright", 2: "dark"}


class MemoryStore:
    """An artifact store that notes all that is saved, and gives back what it is given."""

    def __init__(self, kept=None):
        self.kept, self.saved = kept, []

    def load(self, name):
        return self.kept

    def save(self, name, arrays, meta):
        self.saved.append((dict(arrays), dict(meta)))


def make_task(spec, pairs, class_names=NAMES, diameter=12.0, **fields):
    """Return a task that is ready to be trained."""
    return exhaust(train.make_task(TaskData(spec, pairs, class_names, diameter, **fields)))


def train_model(
    spec, pairs, *, class_names=NAMES, diameter=12.0, started=None, store=None, **fields
):
    """Return a training as a generator."""
    data = TaskData(spec, pairs, class_names, diameter, **fields)
    return train.train_model(data, started=started, store=store)


class OnGpuWithoutDoubles(TorchFunctionMode):
    """Refuse double precision, as Apple's GPUs do, but of what was brought to the CPU."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        flat, _ = tree_flatten((args, kwargs))
        given = [each for each in flat if isinstance(each, torch.Tensor)]
        is_moved = any(isinstance(each, torch.device) for each in flat)
        on_cpu = func is torch.Tensor.cpu or (
            not is_moved and all(getattr(each, "on_cpu", False) for each in given)
        )
        for each in tree_flatten(result)[0]:
            if isinstance(each, torch.Tensor):
                if each.dtype == torch.float64 and not on_cpu:
                    raise TypeError("the device knows no float64")
                setattr(each, "on_cpu", on_cpu)  # noqa: B010 - of tensors mypy knows no such field
        return result
