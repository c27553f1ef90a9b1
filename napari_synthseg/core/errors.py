"""Errors that a user can correct; all others are defects of the program."""


class InputError(ValueError):
    """Bad input: one message that names the thing, the place and the remedy.

    The GUI shows it as a notification, the command line prints it on one line of stderr and
    exits with code 2. It never needs a traceback.
    """


class ReadOnlyError(InputError):
    """An edit was asked of a project that is open for reading only."""
