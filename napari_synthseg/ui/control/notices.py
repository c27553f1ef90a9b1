"""What the user is told when something cannot be done or has failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.utils.notifications import (
    ErrorNotification,
    notification_manager,
    show_info,
    show_warning,
)

from napari_synthseg.core.errors import InputError
from napari_synthseg.workflow.jobs import Outcome

tell = show_info
"""Shows a message that asks for nothing."""

warn = show_warning
"""Shows a message that says what is wrong and how to mend it."""


def report(outcome: Outcome[Any], doing: str) -> None:
    """Show why work failed: bad input as a message, a defect with its traceback."""
    error = outcome.error
    if isinstance(error, InputError):
        warn(str(error))
    elif isinstance(error, Exception):
        notice = ErrorNotification(error)
        notice.message = f"Could not {doing}: {error or type(error).__name__}"
        notification_manager.dispatch(notice)


def show_input_errors(action: Callable[[], object]) -> bool:
    """Call `action`; show bad input as a message. Return whether it went well."""
    try:
        action()
    except InputError as error:
        warn(str(error))
        return False
    return True
