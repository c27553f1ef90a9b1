"""StarDist from scratch: ``PYTHON -m benchmarks.peers.train_stardist --train DIR ...``.

As in its example notebooks: 32 rays on a grid of 2x2, images normalized from their 1st to their
99.8th percentile, small holes of masks filled, flips and quarter turns with changes of intensity
and noise as augmentation, 15 % of the images (at least one) held out to choose weights and then
thresholds; batches of 4 patches of 256x256 pixels, Adam with a learning rate of 0.0003.

Its defaults are 400 epochs of 100 batches, the rate halved where 40 epochs, a tenth, brought
no gain. Here the minutes are divided into 40 epochs (their batches are counted by a trial on a
throwaway network, beyond the minutes) and 4 without gain halve the rate: a tenth again. A callback
stops after the batch in which the time runs out. Thresholds are chosen after the minutes.
"""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.peer import Outcome, parse, predict_all, read_training, tell

EPOCHS = 40
PATIENCE = 4
TRIAL_STEPS = 10
PERCENTILES = (1.0, 99.8)


def main() -> None:
    options = parse()
    import tensorflow as tf
    from csbdeep.utils import normalize
    from stardist import fill_label_holes
    from stardist.models import Config2D, StarDist2D

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras = tf.keras

    class Deadline(keras.callbacks.Callback):  # type: ignore[misc,name-defined]
        """Counts batches and epochs, and stops when the time is over."""

        def __init__(self, ends: float) -> None:
            super().__init__()
            self.ends, self.steps, self.epochs, self.last = ends, 0, 0, 0.0

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.steps += 1
            self.last = time.perf_counter()
            if self.last >= self.ends:
                self.model.stop_training = True

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.epochs += 1

    images, masks = read_training(options.train)
    pairs = [
        (normalize(image, *PERCENTILES), fill_label_holes(ids))
        for image, ids in zip(images, masks, strict=True)
    ]
    rng = np.random.default_rng(options.seed)
    order = rng.permutation(len(pairs))
    held_out = max(1, round(0.15 * len(pairs)))
    val = [list(kind) for kind in zip(*(pairs[i] for i in order[:held_out]), strict=True)]
    train = [list(kind) for kind in zip(*(pairs[i] for i in order[held_out:]), strict=True)]

    def learn(model: Any, steps: int, epochs: int | None = None) -> None:
        model.train(
            *train,
            validation_data=tuple(val),
            augmenter=lambda x, y: augment(x, y, rng),
            seed=options.seed,
            epochs=epochs,
            steps_per_epoch=steps,
        )

    def new_model(**where: Any) -> Any:
        keras.utils.set_random_seed(options.seed)
        config = Config2D(n_rays=32, grid=(2, 2), n_channel_in=1, train_tensorboard=False)
        config.train_reduce_lr = {**config.train_reduce_lr, "patience": PATIENCE}
        return StarDist2D(config, **where)

    throwaway = new_model(basedir=None)
    learn(throwaway, 2, epochs=1)
    started = time.perf_counter()
    learn(throwaway, TRIAL_STEPS, epochs=1)
    each = (time.perf_counter() - started) / TRIAL_STEPS
    seconds = 60 * options.minutes

    started = time.perf_counter()
    deadline = Deadline(started + seconds)
    model = new_model(name="stardist", basedir=str(options.work))
    model.prepare_for_training()
    model.callbacks.append(deadline)
    learn(model, max(1, round(seconds / each / EPOCHS)))
    trained = time.perf_counter()
    model.optimize_thresholds(*val)
    chosen = time.perf_counter()

    predicting = predict_all(
        options.predict,
        options.out,
        lambda image: model.predict_instances(normalize(image, *PERCENTILES))[0],
    )
    names = ("stardist", "tensorflow-cpu", "keras", "numpy")
    tell(
        Outcome(
            train_seconds=round(deadline.last - started, 2),
            threshold_seconds=round(chosen - trained, 2),
            steps=deadline.steps,
            epochs=deadline.epochs,
            predict_seconds=round(predicting, 2),
            versions={name: version(name) for name in names},
        )
    )


def augment(
    image: NDArray[Any], ids: NDArray[Any], rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Flip and turn both at random; scale and shift the image's intensities, add noise to it."""
    turns = int(rng.integers(4))
    image, ids = np.rot90(image, turns), np.rot90(ids, turns)
    if rng.random() < 0.5:
        image, ids = image[::-1], ids[::-1]
    image = image * rng.uniform(0.6, 2) + rng.uniform(-0.2, 0.2)
    return image + rng.uniform(0, 0.02) * rng.normal(size=image.shape), ids


if __name__ == "__main__":
    main()
