"""Mending outlines in place: larger and smaller by key, painted, or found again."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject

from napari_synthseg.core.annotations import Click
from napari_synthseg.ui.control.controller import SessionController
from napari_synthseg.ui.control.notices import show_input_errors, tell

NONE_CHOSEN = "Make a click, or select one (S): its outline is what is mended."


class OutlineMender(QObject):
    """Mends the outline of the chosen click, one step after the other.

    Parameters
    ----------
    chosen
        Returns the click whose outline is mended, or None.
    """

    def __init__(self, controller: SessionController, chosen: Callable[[], Click | None]) -> None:
        super().__init__()
        self._controller, self._chosen = controller, chosen
        self._steps: dict[str, int] = {}
        controller.closing.connect(self.stop)

    @property
    def is_idle(self) -> bool:
        """Whether no step is under way."""
        return self._controller.job("mending") is None and not self._steps

    def resize(self, steps: int, click: Click | None = None) -> None:
        """Move the outline of a click outwards, or inwards where `steps` is negative.

        Default: that of the chosen click. Steps that come while one is under way are one step.
        """
        click = click or self._chosen()
        if click is None:
            tell(NONE_CHOSEN)
            return
        self._steps[click.id] = self._steps.get(click.id, 0) + steps
        self._go_on()

    def find_again(self) -> None:
        """Take back what was mended of the outline."""
        session, click = self._controller.session, self._chosen()
        if session is None or click is None:
            tell(NONE_CHOSEN)
        else:
            show_input_errors(lambda: session.find_outline_again(click))

    def stop(self) -> None:
        """Mend nothing any more."""
        self._steps.clear()
        self._controller.leave("mending")

    def _go_on(self, _: object = None) -> None:
        controller = self._controller
        if controller.session is None or not self._steps or controller.job("mending") is not None:
            return
        ident, steps = self._steps.popitem()
        click = next((c for c in controller.project.clicks if c.id == ident), None)
        if click is not None and steps:
            runs = controller.start(
                lambda session: session.resize_outline(click, steps),
                lane="mending",
                on_end=self._go_on,
            )
            if not runs:
                self._steps.clear()  # the reason, which was told, holds for the others, too
