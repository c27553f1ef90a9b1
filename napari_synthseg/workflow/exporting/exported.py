"""What is told of an export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Exported:
    """What was written: counts for programs, a sentence for people."""

    figures: dict[str, Any]
    message: str
