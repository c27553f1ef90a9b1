"""Models whose fields are described by the docstrings below them.

The same as pydantic's `use_attribute_docstrings`, which finds the source of a class by asking all
modules that are loaded for their files: beside napari, a tenth of the time that the panel takes to
open.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from functools import cache
from inspect import cleandoc
from pathlib import Path
from typing import Any

from pydantic import Field

from napari_synthseg.core.annotations import Frozen


class Described(Frozen):
    """A value whose fields have the docstrings below them as their descriptions."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Describe the fields of the subclass."""
        super().__pydantic_init_subclass__(**kwargs)
        source = getattr(sys.modules.get(cls.__module__), "__file__", None)
        for name, text in _docstrings(source).get(cls.__qualname__, {}).items():
            field = cls.model_fields.get(name)
            if field is not None and field.description is None:
                field.description = text


def setting(
    default: Any,
    title: str | None = None,
    words: Mapping[str, str] | None = None,
    unset: str = "",
    group: str = "",
    **limits: Any,
) -> Any:
    """Declare a field like `pydantic.Field`, with what its form says of it.

    Parameters
    ----------
    default
        What the field is at first.
    title
        What the form calls it, where its name is not plain; scripts know it by its name.
    words
        Value -> what the form says for it.
    unset
        What the form says for None; without, "automatic".
    group
        Heading under which the form has it; without, it is always in sight.
    limits
        As `pydantic.Field` takes them.
    """
    said = {"words": words, "unset": unset, "group": group}
    extra: dict[str, Any] = {key: value for key, value in said.items() if value}
    return Field(default, title=title, json_schema_extra=extra or None, **limits)


@cache
def _docstrings(source: str | None) -> dict[str, dict[str, str]]:
    """Return class -> field -> docstring of the classes in a file; empty where it has no source."""
    if source is None or not source.endswith(".py"):
        return {}
    try:
        tree = ast.parse(Path(source).read_text(encoding="utf-8"))
    except OSError:
        return {}
    return {node.name: _of_class(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _of_class(node: ast.ClassDef) -> dict[str, str]:
    found = {}
    for field, after in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            found[field.target.id] = cleandoc(after.value.value)
    return found
