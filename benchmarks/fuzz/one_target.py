"""Fuzz one target in this process: ``one_target TARGET ENGINE FINDINGS SECONDS SEED``."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.fuzz.guards import Guards, scratch
from benchmarks.fuzz.mutations import fuzz


def main(name: str, engine: str, findings: str, seconds: str, seed: str) -> None:
    """Run an engine on a target for some time, and print how many inputs it tried."""
    folder = scratch()
    os.environ["XDG_CONFIG_HOME"] = str(folder)  # the user's own settings stay as they are
    if engine == "atheris":
        import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

        with atheris.instrument_imports(include=["napari_synthseg"], enable_loader_override=False):
            from benchmarks.fuzz.targets import TARGETS
    else:
        from benchmarks.fuzz.targets import TARGETS
    tempfile.tempdir = str(folder)  # what libraries put aside lies inside, too
    target = TARGETS[name](folder)
    seeds = target.seeds()
    for data in seeds:  # loads what is loaded late, before memory is counted
        target.try_read(data)
    guards = Guards(folder, Path(findings))
    guards.limit_memory()

    def finish() -> None:
        guards.done()
        print(json.dumps({"inputs": guards.inputs, "refused": guards.refused}), flush=True)
        target.close()
        shutil.rmtree(folder, ignore_errors=True)

    if engine == "mutations":
        fuzz(lambda data: guards.check(target.read, data), seeds, float(seconds), int(seed))
        finish()
        return
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, data in enumerate(seeds):
        (corpus / str(number)).write_bytes(data)
    end = time.monotonic() + float(seconds)

    def try_input(data: bytes) -> None:
        guards.check(target.read, data)
        if time.monotonic() > end:  # the engine's own end leaves Python no time to report
            finish()
            os._exit(0)

    options = [f"-seed={int(seed) + 1}", "-rss_limit_mb=0", "-max_len=200000", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options, "-timeout=600", str(corpus)], try_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
