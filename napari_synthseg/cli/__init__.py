"""The ``napari-synthseg`` command: the same `Session` calls as the panels, headless.

What scripts may rely on: results go to stdout (with ``--json`` the last line is one object),
progress and messages to stderr, and the exit code is 0 after success, 2 for bad input (one line
on stderr that names the thing, the place and the remedy), 130 after Ctrl-C, 1 for any failure.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from napari_synthseg import __version__
from napari_synthseg.cli import (
    demo,
    edit,
    export,
    import_,
    new,
    patches,
    predict,
    realism,
    regions,
    relink,
    score,
    synthesize,
    train,
)
from napari_synthseg.core.errors import InputError

PROGRAM = "napari-synthseg"
SUCCESS, FAILURE, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

app = typer.Typer(
    name=PROGRAM,
    help="From clicks on object centers to a trained, scored segmentation model.",
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.run_demo)
app.command("new")(new.create_project)
app.command("edit")(edit.edit_project)
app.command("import")(import_.import_data)
app.command("export")(export.export_data)
app.command("relink")(relink.relink)
app.command("regions")(regions.limit_regions)
app.command("patches")(patches.cut_patches)
app.command("synthesize")(synthesize.synthesize)
app.command("realism")(realism.compare)
app.command("train")(train.train)
app.command("predict")(predict.predict)
app.command("cam")(predict.explain)
app.command("score")(score.score)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(f"{PROGRAM} {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


def main() -> None:
    """Run the command line of this process and leave with its exit code."""
    # what is wrong with a file is said once, by our own errors
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    sys.exit(run())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command, by default that of this process; return its exit code."""
    return run_app(app, PROGRAM, arguments)


def run_app(app: typer.Typer, program: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command of a typer app; return its exit code. Every error ends here, in words.

    By default it is that of this process: on Windows `*.tif` is filled in then, which no shell
    does there.
    """
    try:
        code = get_command(app).main(arguments, prog_name=program, standalone_mode=False)
    except InputError as error:
        return _refuse(program, str(error))
    except typer.TyperException as error:
        return _refuse(program, f"{error.format_message()} See '{program} --help'.")
    except (KeyboardInterrupt, typer.Abort):
        print(f"{program}: stopped", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        if error.filename is None:
            traceback.print_exc()
            return FAILURE
        return _refuse(program, f"'{error.filename}' cannot be used: {error.strerror}.")
    except Exception:  # noqa: BLE001 - a defect: all we know goes to stderr
        traceback.print_exc()
        return FAILURE
    return code if isinstance(code, int) else SUCCESS


def _refuse(program: str, message: str) -> int:
    print(f"{program}: error: {' '.join(message.split())}", file=sys.stderr)
    return BAD_INPUT
