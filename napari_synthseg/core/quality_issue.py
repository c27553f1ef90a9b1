"""Quality issues of a patch: a kind, words for the user, and a severity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

IssueKind = Literal[
    "no object", "off the object", "duplicate", "merged objects", "faint", "unsure outline",
    "too small", "too large", "blurred", "saturated", "odd size", "odd intensity", "ragged",
    "off center", "cut off",
]  # fmt: skip
"""In words that are shown as they are, the gravest first."""

Severity = Literal["note", "warning", "reject"]
"""`note`: good to know. `warning`: have a look. `reject`: the check suggests not to use the patch;
the user decides."""


@dataclass(frozen=True)
class QualityIssue:
    """One thing about a patch that the user should know.

    Attributes
    ----------
    kind
        What was found.
    reason
        The same in words for the user.
    value
        The measure that it rests on; what it is depends on the kind.
    severity
        How grave it is.
    """

    kind: IssueKind
    reason: str
    value: float = 0.0
    severity: Severity = "warning"
