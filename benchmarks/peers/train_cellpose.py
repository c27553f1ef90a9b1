"""Cellpose 3 from scratch: ``PYTHON -m benchmarks.peers.train_cellpose --train DIR ...``.

The settings are the defaults of its own command line for training: SGD, a learning rate of 0.2,
batches of up to 8 images, of which each epoch sees each once; objects are brought to 30 pixels. Its
learning rate follows from the number of epochs (10 to warm up; halved ten times over the last 50 of
more than 100, or the last 100 of more than 300). So the number that fits into the minutes is
measured on throwaway networks first, beyond the minutes, and the schedule is run to its end.
"""

from __future__ import annotations

import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.peers.peer import Outcome, parse, predict_all, read_training, tell

LEARNING_RATE = 0.2
WEIGHT_DECAY = 1e-5
BATCH = 8
CHANNELS = (0, 0)
"""Gray images, without a second channel."""

TRIAL_EPOCHS = (2, 12)
"""Epochs of the two trials: what one takes more than the other is the price of an epoch."""


def main() -> None:
    options = parse()
    import torch
    from cellpose import models, train

    torch.set_num_threads(options.threads)
    images, masks = read_training(options.train)

    def learn(epochs: int) -> tuple[Path, float]:
        """Train a new network; return where its weights are, and the seconds that it took."""
        torch.manual_seed(options.seed)
        started = time.perf_counter()
        model = models.CellposeModel(gpu=False, pretrained_model=False)
        path, *_ = train.train_seg(
            model.net,
            train_data=[image.copy() for image in images],
            train_labels=[ids.copy() for ids in masks],
            channels=list(CHANNELS),
            SGD=True,
            learning_rate=LEARNING_RATE,
            weight_decay=WEIGHT_DECAY,
            batch_size=BATCH,
            n_epochs=epochs,
            save_path=options.work,
            model_name=f"epochs-{epochs}",
        )
        return path, time.perf_counter() - started

    learn(1)  # compiles what is compiled at the first call
    few, many = (learn(epochs)[1] for epochs in TRIAL_EPOCHS)
    epochs = count_epochs(60 * options.minutes, few, many)
    path, seconds = learn(epochs)
    model: Any = models.CellposeModel(gpu=False, pretrained_model=str(path))
    predicting = predict_all(
        options.predict, options.out, lambda image: model.eval(image, channels=list(CHANNELS))[0]
    )
    tell(
        Outcome(
            train_seconds=round(seconds, 2),
            threshold_seconds=0.0,
            steps=epochs * -(-len(images) // BATCH),
            epochs=epochs,
            predict_seconds=round(predicting, 2),
            versions={name: version(name) for name in ("cellpose", "torch", "numpy")},
        )
    )


def count_epochs(seconds: float, few: float, many: float) -> int:
    """Return how many epochs fit, from the seconds that trials of `TRIAL_EPOCHS` took."""
    first, second = TRIAL_EPOCHS
    each = max((many - few) / (second - first), 1e-3)
    return max(1, round((seconds - max(few - first * each, 0.0)) / each))


if __name__ == "__main__":
    main()
