"""Tasks and trainings made of a few arguments."""

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
