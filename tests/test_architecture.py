"""The rules of the house: layers, size of folders, and what an import may load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "napari_synthseg").rglob("*.py"))
MOST_FILES = 18
SLOW = {"torch", "monai", "scipy", "skimage", "qtpy", "PyQt5", "PyQt6", "PySide6", "napari"}


def test_layers_point_one_way() -> None:
    # a program of its own: it turns off the loggers of the process that it runs in
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", program, "--no-cache", "--no-logo"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph("napari_synthseg", cache_dir=None)
    imports = {m: graph.find_modules_directly_imported_by(m) for m in graph.modules}
    TopologicalSorter(imports).prepare()  # a CycleError names the circle


def test_no_folder_holds_more_than_eighteen_files() -> None:
    folders = {path.parent for path in (*SOURCES, *(ROOT / "tests").rglob("*.py"))}
    counts = {str(f.relative_to(ROOT)): len(list(f.glob("*.py"))) for f in folders}
    assert {name: n for name, n in counts.items() if n > MOST_FILES} == {}


@pytest.mark.parametrize(
    "module", ["napari_synthseg", "napari_synthseg.workflow.session", "napari_synthseg.cli"]
)
def test_import_loads_nothing_that_takes_long(module: str) -> None:
    program = f"import sys, {module}; print(*sorted(m for m in {SLOW!r} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == []


def test_no_module_silences_warnings() -> None:
    # the filters are those of all threads: the window's, and those of other work
    changers = ("catch_warnings", "simplefilter", "filterwarnings")
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in SOURCES}
    assert [name for name, text in texts.items() if any(word in text for word in changers)] == []


TASK_NAMES = {path.name for path in (ROOT / "napari_synthseg" / "tasks").iterdir() if path.is_dir()}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_outside_its_folder_depends_on_the_name_of_a_task(path: Path) -> None:
    if "tasks" in path.relative_to(ROOT).parts:
        return
    lines = {node.lineno for node in _keyed_by_task(ast.parse(path.read_text(encoding="utf-8")))}
    assert not lines, f"{path}: lines {sorted(lines)} compare or look up the name of a task"


def _keyed_by_task(tree: ast.AST) -> Iterator[ast.Constant]:
    """Yield strings that name a task in comparisons, tables, collections, keys and patterns.

    A kind of ground truth has the name of a task, too: what stands beside `kind`, or beside the
    name of another kind, is meant as one.
    """
    types = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and getattr(node.value, "id", "") == "Literal"
        for child in ast.walk(node.slice)
    }
    for node in ast.walk(tree):
        parts = [part for part in _keys(node) if part not in types]
        names = {getattr(part, "attr", getattr(part, "id", "")) for part in parts}
        values = {part.value for part in parts if isinstance(part, ast.Constant)}
        if names & {"kind", "kinds"} or values & {"instance", "boxes", "image_labels"}:
            continue
        for part in parts:
            if isinstance(part, ast.Constant) and part.value in TASK_NAMES:
                yield part


def _keys(node: ast.AST) -> list[ast.expr]:
    """Return what a node compares, looks up, or lists."""
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    if isinstance(node, ast.Dict):
        return [key for key in node.keys if key is not None]
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return node.elts
    if isinstance(node, ast.Subscript):
        return [node.slice]
    if isinstance(node, ast.MatchValue):
        return [node.value]
    if isinstance(node, ast.Call) and "task" in ast.unparse(node.func):
        return node.args
    return []


def test_what_depends_on_the_name_of_a_task_is_seen() -> None:
    seen = """
if task == "segment" or task in ("detect", "other"):
    words = {"classify": 1}["classify"]
    info = task_info("semantic")
"""
    assert len(list(_keyed_by_task(ast.parse(seen)))) == 5
    fine = """
kind: Literal["segment", "semantic"] = "semantic"
scores = Scores(task="detect")
"""
    assert not list(_keyed_by_task(ast.parse(fine)))
