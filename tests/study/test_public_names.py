"""Studies use what any script may use of the package: nothing whose name begins with "_"."""

import ast
from collections.abc import Iterator
from pathlib import Path

import benchmarks.study

FILES = sorted(Path(benchmarks.study.__file__).parent.glob("*.py"))


def private_names(tree: ast.AST) -> Iterator[str]:
    """Give the private names that a module imports, or reads from an object but self and cls."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            parts = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            yield from (part for part in parts if is_private(part))
        elif isinstance(node, ast.Attribute) and is_private(node.attr):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            yield from () if owner in ("self", "cls") else (node.attr,)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_studies_use_public_names_only() -> None:
    assert len(FILES) > 10
    found = {path.name: set(private_names(ast.parse(path.read_text("utf-8")))) for path in FILES}
    found["runner.py"] -= {"_exit"}  # os._exit is public in spite of its name
    assert not {name: names for name, names in found.items() if names}
