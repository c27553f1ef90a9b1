"""Everything that is run on this project, from a Python that has nothing but nox.

``python -m pip install nox`` and then one of::

    python -m nox -s demo              the main job, from clicks to scores, on a sample
    python -m nox -s tests             linters, types, layers and all tests
    python -m nox -s lint              the same without the tests
    python -m nox -s bench -- NAME     a measurement of benchmarks/ (long)
    python -m nox -s study -- FILE     a study over arms and seeds (long)
    python -m nox -s fuzz              damaged and hostile files for every reader (long)
    python -m nox -s peers             Cellpose and StarDist read exports, and learn the same (long)
    python -m nox -s docs              the documentation as a web site, in site/
    python -m nox -s coverage          which lines the tests without a window reach, in htmlcov/
    python -m nox -s package           wheel and source archive in dist/, built, installed and tried
    python -m nox -s tests_pyqt6       all tests on the other Qt binding
    python -m nox -s lowest            tests without a window on the oldest versions allowed

What follows ``--`` goes on to the program: ``python -m nox -s demo -- --sample tissue``.
Each session makes its own virtual environment under ``.nox/`` with the tested versions of
``constraints.txt`` and keeps it for the next time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests"]

CONSTRAINTS = "constraints.txt"
TEST_EXTRAS = ("samples", "formats", "models", "test")
ATHERIS = "atheris==3.0.0"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "LP_NUM_THREADS": "1"}
"""Processes at the same time share the cores among them: PyTorch, numba (which would set PyTorch's
number of threads, too) and llvmpipe, which draws without a graphics card."""

NO_WINDOW = ("-m", "not gui", "-p", "no:pytest-qt", "--no-xvfb")
"""Options of tests without a window: pytest-qt would load Qt's system libraries, which they must do
without."""

CHECKED = (
    "napari_synthseg", "tests", "benchmarks", "pretraining", "docs", "examples", "noxfile.py",
    "hatch_build.py",
)  # fmt: skip
SCREEN = "-screen 0 1920x1200x24 +extension GLX"
DEBIAN_PACKAGES = (
    "xvfb", "xauth", "libgl1", "libegl1", "libgl1-mesa-dri", "libglib2.0-0", "libfontconfig1",
    "libdbus-1-3", "libxkbcommon-x11-0", "libxcb-cursor0", "libxcb-icccm4", "libxcb-image0",
    "libxcb-keysyms1", "libxcb-randr0", "libxcb-render-util0", "libxcb-shape0",
    "libxcb-xinerama0",
)  # fmt: skip
"""What Qt and OpenGL need on a bare Debian to open a window that nobody sees."""


@nox.session
def demo(session: nox.Session) -> None:
    """Run the whole walk on a sample, in napari or (without a display) headless."""
    _install(session, "pyqt5", "samples")
    options = list(session.posargs)
    if not _has_display() and "--no-viewer" not in options:
        session.log("There is no display here: the demo runs headless and saves a figure.")
        options.append("--no-viewer")
    session.run("napari-synthseg", "demo", *options)


@nox.session
def tests(session: nox.Session) -> None:
    """Run linters, type checker, layer contracts and all tests."""
    _install(session, "pyqt5", *TEST_EXTRAS, editable=True)
    if session.posargs:
        _has_screens(session)
        session.run("pytest", *session.posargs)
        return
    _check(session)
    _test(session)


@nox.session
def tests_pyqt6(session: nox.Session) -> None:
    """Run all tests on the other Qt binding."""
    _install(session, "pyqt6", *TEST_EXTRAS, editable=True)
    _test(session)


@nox.session
def lowest(session: nox.Session) -> None:
    """Run the tests without a window on the lowest versions of what is asked for directly."""
    session.install("uv")
    requirements = Path(session.create_tmp()) / "lowest.txt"
    session.run(
        "uv", "pip", "compile", "-q", "--resolution", "lowest-direct", "--extra", "test", "--extra",
        "samples", "--extra", "formats", "pyproject.toml", "-o", str(requirements),
    )  # fmt: skip
    session.install("-r", str(requirements), silent=False)
    session.install("--no-deps", "-e", ".")
    session.run("pytest", *NO_WINDOW, "-n", "auto", env=ONE_THREAD)


@nox.session
def coverage(session: nox.Session) -> None:
    """Report which lines the tests without a window reach: ``-- TESTS`` for a part of them."""
    _install(session, "pyqt5", *TEST_EXTRAS, editable=True)
    chosen = session.posargs or ["tests"]
    options = ("-n", "auto", "--cov", "--cov-report=html")
    session.run("pytest", *NO_WINDOW, *options, *chosen, "--cov-report=term", env=ONE_THREAD)


@nox.session
def package(session: nox.Session) -> None:
    """Build wheel and source archive into dist/, and try both; print what is in them."""
    session.install("-c", CONSTRAINTS, "build", "hatchling", "twine", "npe2")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", "--no-isolation")
    files = sorted(str(path) for path in Path("dist").iterdir())
    session.run("twine", "check", "--strict", *files)
    _install(session, "test")
    session.run("pytest", "-q", "-s", "-p", "no:pytest-qt", "tests/test_packaging.py")


@nox.session
def lint(session: nox.Session) -> None:
    """Run linters, type checker and layer contracts."""
    _install(session, "test", editable=True)
    _check(session)


@nox.session
def bench(session: nox.Session) -> None:
    """Take a measurement: ``-- NAME [OPTIONS]`` runs the module benchmarks.NAME."""
    names = sorted(path.stem for path in Path("benchmarks").glob("[!_]*.py"))
    if not session.posargs or session.posargs[0] not in names:
        session.error(f"Name a benchmark after '--', one of: {', '.join(names)}.")
    name, *options = session.posargs
    _install(session, "pyqt5", "samples", "formats", "test")
    program = ["python", "-m", f"benchmarks.{name}", *options]
    session.run(*_on_a_screen(session), *program, external=True)


@nox.session
def study(session: nox.Session) -> None:
    """Run or continue a study: ``-- FILE.toml [OPTIONS]``, see docs/how-to/run-a-study.md."""
    _install(session)
    session.run("python", "-m", "benchmarks.study", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Feed damaged files to every reader and the project folder: ``-- [--minutes M] [OPTIONS]``.

    atheris finds inputs by the code that they reach; where it is not made for this system or
    Python, inputs are changed without it. What broke a rule lies in fuzz-findings/.
    """
    _install(session, "formats", "test")
    # there may be none for this system and Python: the program says which way it takes
    session.run("pip", "install", "-q", ATHERIS, success_codes=[0, 1], silent=True)
    session.run("python", "-m", "benchmarks.fuzz", *session.posargs)


@nox.session
def peers(session: nox.Session) -> None:
    """Let others read exports; train this project, Cellpose and StarDist alike: ``-- [OPTIONS]``.

    The others get environments of their own, unless ``--cellpose PYTHON`` or ``--stardist PYTHON``
    names one that is there.
    """
    _install(session)
    options = list(session.posargs)
    readers: list[str] = []
    for name in ("cellpose", "stardist"):
        given = [n for n, option in enumerate(options) if option.split("=")[0] == f"--{name}"]
        if not given:
            options += [f"--{name}", _python_with(session, name)]
            given = [len(options) - 2]
        readers += options[given[0] : given[0] + (1 if "=" in options[given[0]] else 2)]
    session.run("python", "-m", "benchmarks.read_back", *readers)
    session.run("python", "-m", "benchmarks.peers", *options)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into site/; a broken link is an error."""
    session.install("-c", CONSTRAINTS, "mkdocs", "mkdocs-material", "mkdocstrings[python]", "ruff")
    session.run("mkdocs", "build", "--strict", *session.posargs)


def _install(session: nox.Session, *extras: str, editable: bool = False) -> None:
    """Install this project with extras, all in the tested versions."""
    chosen = f"[{','.join(extras)}]" if extras else ""
    session.log(
        f"Installing napari-synthseg{chosen} and the tested versions of what it needs: some "
        "minutes the first time."
    )
    # torch first and by its exact version: an open range would take the newest build, with
    # gigabytes of CUDA libraries, wherever a smaller one is already at hand
    session.install("-c", CONSTRAINTS, _pinned("torch"), silent=False)
    session.install("-c", CONSTRAINTS, *(["-e"] if editable else []), f".{chosen}", silent=False)


def _python_with(session: nox.Session, peer: str) -> str:
    """Return the Python of an environment of its own for another program, made if it is new."""
    folder = Path(session.virtualenv.location).with_name(f"peers-{peer}")
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        session.run("python", "-m", "venv", str(folder))
    requirements = f"benchmarks/peers/{peer}.txt"
    session.run(str(python), "-m", "pip", "install", "-q", "-r", requirements, external=True)
    return str(python)


def _test(session: nox.Session) -> None:
    session.log("Tests without a window, in parallel:")
    session.run("pytest", *NO_WINDOW, "-n", "auto", env=ONE_THREAD)
    session.log("Tests with a window:")
    if _has_screens(session):
        # one for each process, so that windows do not take the focus from each other; a file
        # stays in one process, where what its tests load is loaded once
        session.run("pytest", "-m", "gui", "-n", "auto", "--dist", "loadfile", env=ONE_THREAD)
    else:
        no_qt = [] if _has_display() else ["-p", "no:pytest-qt"]
        session.run("pytest", "-m", "gui", *no_qt)


def _pinned(package: str) -> str:
    """Return the requirement that constraints.txt makes of a package."""
    lines = Path(CONSTRAINTS).read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith(f"{package}=="))


def _check(session: nox.Session) -> None:
    checked = [path for path in CHECKED if Path(path).exists()]
    session.run("ruff", "check", *checked)
    session.run("ruff", "format", "--check", *checked)
    session.run("mypy")
    session.run("lint-imports", "--no-logo")


def _has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _on_a_screen(session: nox.Session) -> list[str]:
    """Return the command in front of a GUI program that gives it a screen, if it needs one."""
    if _has_display() or not _has_screens(session):
        return []
    return ["xvfb-run", "-a", "-s", SCREEN]


def _has_screens(session: nox.Session) -> bool:
    """Tell whether windows can open on screens that nobody sees; install what that needs."""
    if not _has_display() and _is_debian_root():
        _install_debian_packages(session)
    if shutil.which("Xvfb") and shutil.which("xvfb-run"):
        return True
    if not _has_display():
        session.warn(
            "There is no display and no Xvfb: the tests that open a window are skipped. Remedy: "
            f"install it, on Debian or Ubuntu by 'apt-get install {' '.join(DEBIAN_PACKAGES)}'."
        )
    return False


def _is_debian_root() -> bool:
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return is_root and bool(shutil.which("apt-get") and shutil.which("dpkg-query"))


def _install_debian_packages(session: nox.Session) -> None:
    missing = [package for package in DEBIAN_PACKAGES if not _is_installed(package)]
    if not missing:
        return
    session.log(f"Installing by apt: {' '.join(missing)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    session.run("apt-get", "update", "-qq", external=True, env=quiet, success_codes=[0, 100])
    session.run(
        "apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing,
        external=True, env=quiet, success_codes=[0, 100],
    )  # fmt: skip


def _is_installed(package: str) -> bool:
    query = ["dpkg-query", "-W", "-f", "${Status}", package]
    status = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    return status == "install ok installed"
