"""What a command prints: for people, or as one line of JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

MAX_WIDTH = 10_000
"""Columns of a printed table: it is never wrapped, as it may go to a file."""


def report(result: Mapping[str, Any], lines: Iterable[str], as_json: bool) -> None:
    """Print `lines` for people, or `result` for programs, on stdout."""
    if as_json:
        print(json.dumps(_finite(result), ensure_ascii=False, allow_nan=False))
    else:
        print("\n".join(lines))


def table(header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> list[str]:
    """Return the lines of a plain table: the first column to the left, numbers to the right."""
    grid = Table(box=None, pad_edge=False)
    for number, name in enumerate(header):
        grid.add_column(Text(name), justify="right" if number else "left", no_wrap=True)
    for row in rows:
        grid.add_row(*(Text(_cell(value)) for value in row))
    console = Console(width=MAX_WIDTH, color_system=None)
    with console.capture() as captured:
        console.print(grid)
    return [line.rstrip() for line in captured.get().splitlines()]


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _finite(value: Any) -> Any:
    """Return the value with NaN and infinities, which JSON does not know, as None."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
