"""Every code block of README and docs is run, with few steps, or says here why it is not."""

from __future__ import annotations

import io
import re
import runpy
import tomllib
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from importlib.util import find_spec
from pathlib import Path

import pytest
import tifffile

from benchmarks.study.__main__ import PROGRAM as STUDY
from benchmarks.study.__main__ import app as study_app
from napari_synthseg.cli import run, run_app
from napari_synthseg.core.specs import TrainSpec
from tests.helpers import page_files
from tests.helpers.pages import ROOT, SHELL, Block, blocks, shell_commands

BLOCKS = blocks()

MAKES_AN_ENVIRONMENT = "installs gigabytes; `nox -s tests` is what runs this very test"
SHOWS_A_LAYOUT = "shows folders or a line of output, nothing that is run"
RUNS_TESTS = "tests that run elsewhere; that their files exist is checked below"
USAGE = "the syntax of a command; tests/cli/test_errors.py compares it with the command"
EXTENDS = "tests/plugins/test_extend_page.py compares it with the files that its tests run"
STUDY_RUNS = "takes minutes; tests/study/test_walk.py runs studies, and its dry run is run here"
WEIGHTS = "makes the shipped weights in half an hour; the options are checked below"

STUDY_PAGE = "docs/how-to/run-a-study.md"

NOT_RUN: dict[tuple[str, str], str] = {
    ("README.md", "python -m pip install nox"): MAKES_AN_ENVIRONMENT,
    ("README.md", "python3 -m venv"): MAKES_AN_ENVIRONMENT,
    ("docs/contributing/index.md", "python -m pip install nox"): MAKES_AN_ENVIRONMENT,
    ("docs/contributing/index.md", "pip install"): MAKES_AN_ENVIRONMENT,
    ("docs/contributing/index.md", "pytest"): RUNS_TESTS,
    ("CONTRIBUTING.md", "python -m pip install nox"): MAKES_AN_ENVIRONMENT,
    ("docs/how-to/install.md", "git clone"): MAKES_AN_ENVIRONMENT,
    ("docs/how-to/install.md", "python -m pip install nox"): MAKES_AN_ENVIRONMENT,
    ("docs/how-to/extend.md", ""): EXTENDS,
    (STUDY_PAGE, "data/"): SHOWS_A_LAYOUT,
    ("docs/reference/cli.md", "napari-synthseg"): USAGE,
    ("docs/reference/files.md", "my.synthseg/"): SHOWS_A_LAYOUT,
    ("docs/reference/files.md", "value,name"): SHOWS_A_LAYOUT,
    ("docs/reference/images.md", "'movie.tif'"): SHOWS_A_LAYOUT,
    ("docs/reference/images.md", "$ pip install"): MAKES_AN_ENVIRONMENT,
    (
        "docs/how-to/run-a-study.md",
        "$ python -m benchmarks.study clicks.toml --out my-study\n",
    ): STUDY_RUNS,
    ("docs/reference/study-files.md", "python -m benchmarks.study STUDY.toml"): USAGE,
    ("docs/explanation/outlines.md", "python -m pretraining"): WEIGHTS,
}
"""Page and beginning of a block -> why it is not run here."""

OTHER_PROGRAMS = ("cellpose", "nnUNetv2_plan_and_preprocess", "pip", "export")
"""First words of lines that are no command of ours and are passed over."""


def why_not_run(block: Block) -> str:
    found = (
        why
        for (page, start), why in NOT_RUN.items()
        if page == block.page and block.code.startswith(start)
    )
    return next(found, "")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `my.synthseg`, in which "run 1" was trained, and its images."""
    folder = tmp_path_factory.mktemp("trained")
    page_files.save_cells(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in (
            "napari-synthseg new my.synthseg cells.tif --class nucleus:18 --exhaustive",
            "napari-synthseg import my.synthseg clicks.csv",
            "napari-synthseg train my.synthseg --task segment",
        ):
            run_line(line.split())
    return folder


FILES: dict[str, Callable[[Path], None]] = {
    "README.md": page_files.save_cells,
    "docs/how-to/boxes.md": page_files.of_boxes,
    "docs/how-to/other-programs.md": page_files.of_outlines,
    "docs/how-to/regions-of-interest.md": page_files.of_limits,
    "docs/how-to/regions.md": page_files.of_regions,
    STUDY_PAGE: page_files.of_studies,
    "docs/how-to/use-from-python.md": page_files.of_scripts,
}
"""Page -> what makes the files that its commands name."""

RENAMED = {
    "docs/how-to/evidence-maps.md": {
        "my.synthseg": "cells.synthseg",
        "new/other.tif": "slide.tif",
        "masks/other.tif": "masks/slide.tif",
    },
}
"""Page that goes on with a trained project -> what of it is called otherwise there."""

BEFORE = {
    "docs/how-to/regions-of-interest.md": "new sem.synthseg slide.tif --class grain:18",
    "docs/how-to/other-programs.md": "new blood.synthseg cells_07.tif --class RBC:18 "
    "--class WBC:18 --class nucleus:18",
}
"""Page -> the command that it takes for done."""

PLACEHOLDERS = {"PROJECT": "blood.synthseg", "FILE": "clicks.csv", "DIR": "masks"}

FEW = {"--minutes": [], "--steps": [], "--count": ["--count", "2"]}
"""Option with a value -> what stands in its place here."""

QUICK_TRAINING = ("crop=64", "batch_size=2")
QUICK_CODES = ("crop=64", "codes=16", "vq_steps=2", "prior_steps=2", "gate_steps=2", "size=64")


def shortened(words: list[str]) -> list[str]:
    """Return the command with few steps and pairs."""
    short: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in FEW:
            next(rest)
            short += FEW[word]
        else:
            short.append(PLACEHOLDERS.get(word, word))
    settings = QUICK_CODES if "vq" in words else QUICK_TRAINING if words[1] == "train" else ()
    short += [part for setting in settings for part in ("--set", setting)]
    if words[1] == "train":
        short += ["--steps", "2"]
    if words[1] == "realism":
        short += ["--count", "2", "--set", "size=128"]
    return short


def run_line(words: list[str]) -> None:
    """Run one command of ours here, without a process; the others are passed over."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        if {"onnx", "bioimageio"} & set(words) and not find_spec("onnx"):
            code = 0  # needs the extra "models"
        elif words[0] == "napari-synthseg":
            code = run(shortened(words)[1:])
        elif "--calibrate" in words:  # trains for a minute; tests/study/test_walk.py does so
            code = 0
        elif words[:3] == ["python", "-m", "benchmarks.study"]:
            code = run_app(study_app, STUDY, words[3:])
        else:
            assert words[0] in OTHER_PROGRAMS, f"who runs '{words[0]}'?"
            code = 0
    assert code == 0, f"{' '.join(words)}\n{out.getvalue()}\n{err.getvalue()}"


def run_block(block: Block, names: dict[str, object]) -> None:
    """Run what a block shows: commands, a script, a study file, a table."""
    try:
        if block.language in SHELL and block.code.startswith("image,"):
            check_table(block)
        elif block.language in SHELL:
            for words in shell_commands(block.code):
                run_line(words)
        elif block.language == "python":
            code = re.sub(r"(minutes|steps)=\d+", "steps=2, crop=64, batch_size=2", block.code)
            exec(compile(code, block.where, "exec"), names)
        elif block.language == "toml":
            study = re.sub(r"^steps = .*", "steps = 2", block.code, flags=re.MULTILINE)
            study = re.sub(r"^seeds = .*", "seeds = [0]", study, flags=re.MULTILINE)
            assert tomllib.loads(study)["study"]["title"]
            Path("clicks.toml").write_text(study)
        else:
            raise AssertionError(f"nobody knows how to run '{block.language}'")
    except Exception as error:
        raise AssertionError(f"{block.where}: {type(error).__name__}: {error}") from error


def check_table(block: Block) -> None:
    """Import a table of clicks; of the tables that are written, compare the columns."""
    rows = [row.split(",") for row in block.code.splitlines()]
    assert {len(row) for row in rows} == {len(rows[0])}
    if len(rows) > 1:
        tifffile.imwrite("cells_01.tif", page_files.disks()[0].repeat(3, 0).repeat(3, 1))
        Path("clicks.csv").write_text(block.code)
        classes = ["--class", "nucleus:18", "--class", "debris:9"]
        run_line(["napari-synthseg", "new", "t.synthseg", "cells_01.tif", *classes])
        run_line(["napari-synthseg", "import", "t.synthseg", "clicks.csv"])
        return
    written = "\n".join(path.read_text("utf-8") for path in ROOT.glob("napari_synthseg/**/*.py"))
    missing = [name for name in rows[0] if f'"{name}"' not in written]
    assert not missing, f"nothing writes the columns {missing}"


def pages_to_run() -> list[str]:
    return list(dict.fromkeys(block.page for block in BLOCKS if not why_not_run(block)))


@pytest.mark.parametrize("page", pages_to_run())
def test_blocks_of_the_page_run(
    page: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    if page in FILES:
        FILES[page](tmp_path)
    else:
        page_files.copy_trained(request.getfixturevalue("trained"), tmp_path, RENAMED.get(page, {}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNTHSEG_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("nnUNet_raw", str(tmp_path / "raw"))
    if page in BEFORE:
        run_line(["napari-synthseg", *BEFORE[page].split()])
    names: dict[str, object] = {}
    if page == "docs/how-to/use-from-python.md":
        names["viewer"] = viewer_with_clicks()
    for block in BLOCKS:
        if block.page == page and not why_not_run(block):
            run_block(block, names)


def viewer_with_clicks() -> object:
    """Return a viewer without a window, with the layers that the page names."""
    pytest.importorskip("napari")
    from napari.components import ViewerModel

    viewer = ViewerModel()
    scale = (0.5, 0.5)
    for seed, (name, clicks) in enumerate((("first", "clicks"), ("second", "more clicks"))):
        viewer.add_image(page_files.disks(seed)[0], name=name, scale=scale)
        viewer.add_points(page_files.CENTERS * 0.5, name=clicks)
    return viewer


def test_the_example_runs(tmp_path: Path) -> None:
    example = runpy.run_path(str(ROOT / "examples" / "from_clicks.py"))
    spec = TrainSpec(task="segment", steps=2, crop=64, batch_size=2)
    scores = example["main"](spec, tmp_path / "sediment.synthseg")
    assert scores.measured_on == "synthetic"
    assert scores.objects > 50


def test_every_reason_is_needed() -> None:
    starts = {(block.page, start) for block in BLOCKS for _, start in NOT_RUN
              if block.code.startswith(start)}  # fmt: skip
    assert set(NOT_RUN) <= starts


def test_most_blocks_are_run() -> None:
    left = [block for block in BLOCKS if why_not_run(block)]
    of_reference = [block for block in left if why_not_run(block) in (USAGE, EXTENDS)]
    print(
        f"{len(BLOCKS)} blocks: {len(BLOCKS) - len(left)} run here, {len(of_reference)} compared "
        f"with what other tests run, {len(left) - len(of_reference)} not run"
    )
    assert len(left) - len(of_reference) <= len(BLOCKS) / 3


def test_options_of_the_pretraining_commands_exist() -> None:
    checked = 0
    for block in BLOCKS:
        for words in shell_commands(block.code) if "python -m pretraining." in block.code else ():
            source = ROOT / f"{words[2].replace('.', '/')}.py"
            text = source.read_text("utf-8")
            for option in (word for word in words[3:] if word.startswith("--")):
                assert f'"{option}"' in text, f"{block.where}: {source.name} has no {option}"
                checked += 1
    assert checked


def test_tests_that_pages_name_exist() -> None:
    named = {
        word
        for block in BLOCKS
        if why_not_run(block) in (RUNS_TESTS, MAKES_AN_ENVIRONMENT)
        for word in re.findall(r"tests/[\w./]+", block.code)
    }
    assert named
    assert not [path for path in named if not (ROOT / path).exists()]
