"""Presenters are tested without a window, and run where no Qt is installed."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def projects():
    """Replace the fixture of the same name that windows need."""
