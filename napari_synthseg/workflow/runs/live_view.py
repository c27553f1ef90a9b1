"""Looking at a part of an image through a model while it is trained."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Region
from napari_synthseg.core.pixels import Factor, MatchedSource, WindowSource, factors_of, scaled
from napari_synthseg.core.predictions import Prediction
from napari_synthseg.core.progress import Progress
from napari_synthseg.core.runs import LearnedChannels
from napari_synthseg.storage.images import open_pixels
from napari_synthseg.workflow.images.channels import as_learned
from napari_synthseg.workflow.limits import where_it_counts

if TYPE_CHECKING:
    from napari_synthseg.training.model import Predictor

R = TypeVar("R")


def ends_look(news: Progress) -> bool:
    """Tell whether a look, or what was to be done before it, is over: a batch or a note."""
    return news.prediction is not None or bool(news.notes) or "loss" in news.metrics


FIRST_S = 2.0
"""Seconds of training before the first look."""

PERIOD_S = 3.0
"""Least time between two looks at the same part."""

SHARE = 0.1
"""Share of the training's time that looking may take."""

MOST_PX = 1024
"""Edge of what is predicted, pixels as the network sees them; of volumes `MOST_VOLUME_PX`."""

MOST_VOLUME_PX, MOST_PLANES = 256, 16

CROPPED = "only the middle of what is in view is predicted: zoom in to see more of it"


@dataclass(frozen=True)
class Field:
    """A part of an image: `region` ([z,] y, x) in its pixels, inside the image's own region."""

    ref: ImageRef
    region: Region


class LiveView:
    """What is looked at through a model that is being trained; any thread may change it.

    Looks take at most `SHARE` of the time. What goes wrong in one ends the looking, never the
    training.

    Attributes
    ----------
    ended
        Why nothing is looked at any more, where a look failed.
    is_held
        Whether the training is paused.

    Parameters
    ----------
    clock
        Seconds that pass.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.ended, self.is_held = "", False
        self._field: Field | None = None
        self._seen: Field | None = None
        self._began: float | None = None
        self._ended = self._spent = 0.0

    @property
    def is_wanted_elsewhere(self) -> bool:
        """Whether the training is paused, and another part is in view than was looked at last."""
        is_elsewhere = self._seen is not None and self._field not in (None, self._seen)
        return self.is_held and is_elsewhere and not self.ended

    @property
    def field(self) -> Field | None:
        """What is looked at; None: nothing."""
        return self._field

    def look_at(self, field: Field | None) -> None:
        """Look at a part of an image from now on, or at nothing."""
        self._field = field

    def is_due(self) -> bool:
        """Tell whether it is time for a look."""
        if self.is_wanted_elsewhere:
            return True  # a look takes no time from a training that is paused
        now = self._clock()
        if self._began is None:
            self._began = now
        if self.ended or self._field is None or now - self._began < FIRST_S:
            return False
        rest = self._spent * (1 - SHARE) / SHARE
        return now - self._ended >= (max(rest, PERIOD_S) if self._field == self._seen else rest)

    def through(
        self, folder: Path, run: str, channels: LearnedChannels
    ) -> Callable[[Predictor], Generator[Progress, None, None]]:
        """Return what looks through a model of a run, of a project in `folder`, where it is due.

        It sees the `channels` that it learns from, whatever is chosen meanwhile.
        """

        def look(predictor: Predictor) -> Generator[Progress, None, None]:
            while (field := self._field) is not None and self.is_due():
                self._seen, self._spent = field, 0.0
                try:
                    work = predict_field(predictor, field, folder, run, channels)
                    found = yield from self._timed(work)
                    news = Progress(0.0, prediction=found)
                except Exception as error:  # noqa: BLE001 - the training goes on without it
                    why = str(error) if isinstance(error, InputError) else repr(error)
                    self.ended = f"the live view ended: {why.rstrip('.')}"
                    news = Progress(0.0, notes=(self.ended,))
                finally:
                    self._ended = self._clock()
                yield news
                if self._field == self._seen:  # else it paused, and the user looks elsewhere
                    self._ended = self._clock()
                    return

        return look

    def _timed(self, work: Generator[Progress, None, R]) -> Generator[Progress, None, R]:
        """Run work, and add up the time that it takes, without pauses at its yields."""
        with closing(work):
            while True:
                began = self._clock()
                try:
                    step = next(work)
                except StopIteration as end:
                    result: R = end.value
                    return result
                finally:
                    self._spent += self._clock() - began
                yield replace(step, message="")


def predict_field(
    predictor: Predictor, field: Field, folder: Path, run: str, channels: LearnedChannels
) -> Generator[Progress, None, Prediction]:
    """Find what a model finds in a part of an image, or in its middle where it is too large.

    Intensity is that of the whole image. The scale is that which it is learned at, or that of pixel
    sizes where these are known; magnifications are not tried.
    """
    from napari_synthseg.tasks.predict import predict_image

    ref, factor = field.ref, predictor.rule.scale_for(field.ref)
    region = middle_of(field.region, factor, MOST_PX)
    seen = as_learned(channels, predictor.in_channels, ref, folder)
    window = WindowSource(open_pixels(seen, folder), region)
    pixels = scaled(MatchedSource(window), factor)
    found = yield from predict_image(predictor, pixels, image=ref.id, run=run)
    found, notes = where_it_counts(found, ref)
    cropped = (CROPPED,) if region != field.region else ()
    return replace(found, notes=(*cropped, *notes))


def middle_of(region: Region, factor: Factor, most_px: int) -> Region:
    """Return the middle of a part, as large as a look may take at a scale.

    `most_px` is the edge of flat ones as the network sees them.
    """
    factors = factors_of(factor, len(region))
    most = (most_px,) * 2 if len(region) == 2 else (MOST_PLANES, MOST_VOLUME_PX, MOST_VOLUME_PX)
    middle = []
    for (start, stop), times, limit in zip(region, factors, most, strict=True):
        extent = min(stop - start, max(int(limit / times), 1))
        first = start + (stop - start - extent) // 2
        middle.append((first, first + extent))
    return tuple(middle)
