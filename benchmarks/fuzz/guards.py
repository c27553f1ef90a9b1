"""What must not happen while an input is read, and how it is noticed."""

from __future__ import annotations

import faulthandler
import hashlib
import os
import resource
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

from napari_synthseg.core.errors import InputError

HANG_S = 30
"""Seconds after which an input counts as one that hangs; the process is ended then."""

MEMORY_BYTES = 2 * 2**30
"""Memory that reading a small file may take above what the libraries have when loaded."""

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
CHANGES: dict[str, tuple[tuple[int, int | None], ...]] = {
    "os.remove": ((0, 1),), "os.rmdir": ((0, 1),), "os.mkdir": ((0, 2),),
    "os.rename": ((0, 2), (1, 3)), "os.truncate": ((0, None),), "os.symlink": ((1, 2),),
    "os.link": ((1, 3),), "shutil.rmtree": ((0, 1),), "shutil.move": ((0, None), (1, None)),
}  # fmt: skip
"""Audit event -> where, of its arguments, a path stands that changes, and its folder's number."""

FORBIDDEN = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect")


class OutsideError(BaseException):
    """Something was changed outside of the folder; no `Exception`, so that no reader catches it."""


class Guards:
    """Watches one process; `check` gives an input to a reader and files what breaks a rule.

    Parameters
    ----------
    inside
        The only folder that may change.
    findings
        Where inputs that break a rule are kept.
    """

    def __init__(self, inside: Path, findings: Path) -> None:
        self._allowed = (str(inside.resolve()), "/dev/null")
        self._findings = findings
        self.inputs = 0
        self.refused = 0
        self._watching = False
        self._outside = ""
        findings.mkdir(parents=True, exist_ok=True)
        self._current = findings / f"{os.getpid()}.running"
        self._log = (findings / f"{os.getpid()}.trace").open("w")
        sys.addaudithook(self._look)

    def limit_memory(self) -> None:
        """Let the process have no more than `MEMORY_BYTES` above what it has now."""
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        now = pages * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY_BYTES, resource.RLIM_INFINITY))

    def check(self, read: Callable[[bytes], None], data: bytes) -> str:
        """Read an input; return what became of it in a few words, alike for alike inputs."""
        self.inputs += 1
        self._current.write_bytes(data)
        self._outside, self._watching = "", True
        faulthandler.dump_traceback_later(HANG_S, exit=True, file=self._log)
        try:
            read(data)
            told = "read"
        except InputError as error:
            self.refused += 1
            told = "".join(c for c in str(error) if not c.isdigit())[-60:]
            if not str(error).strip():
                self._file(data, "an empty message", traceback.format_exc())
        except (Exception, OutsideError, SystemExit) as error:  # noqa: BLE001 - that is the point
            told = type(error).__name__
            self._file(data, _signature(error), traceback.format_exc())
        finally:
            faulthandler.cancel_dump_traceback_later()
            self._watching = False
        if self._outside:
            self._file(data, f"outside {self._outside}", self._outside)
        return told

    def done(self) -> None:
        """Forget the last input: the process ends well."""
        self._current.unlink(missing_ok=True)
        self._log.close()
        Path(self._log.name).unlink(missing_ok=True)

    def _file(self, data: bytes, signature: str, told: str) -> None:
        name = hashlib.sha256(signature.encode()).hexdigest()[:10]
        target = self._findings / f"{name}.input"
        if not target.exists() or target.stat().st_size > len(data):
            target.write_bytes(data)
            target.with_suffix(".txt").write_text(told)

    def _look(self, event: str, args: tuple[object, ...]) -> None:
        if not self._watching:
            return
        if event == "open":
            path, mode, flags = args
            writes = bool(flags & WRITING) if isinstance(flags, int) else "w" in str(mode)
            if writes:
                self._require_inside(event, path)
        elif event in FORBIDDEN:
            self._note(f"{event} {args[0]}")
        for at, folder_at in CHANGES.get(event, ()):
            folder = args[folder_at] if folder_at is not None and folder_at < len(args) else -1
            self._require_inside(event, args[at], folder)

    def _require_inside(self, event: str, path: object, folder: object = -1) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return
        above = f"/proc/self/fd/{folder}" if isinstance(folder, int) and folder >= 0 else ""
        whole = os.path.realpath(Path(above, os.fsdecode(path)))
        if not whole.startswith((*self._allowed, str(self._findings.resolve()))):
            self._note(f"{event} {whole}")

    def _note(self, what: str) -> None:
        self._outside = what
        raise OutsideError(what)


def _signature(error: BaseException) -> str:
    """Return where an exception comes from: its type, and the last lines of this package."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "napari_synthseg" in f.filename]
    last = (*ours[-1:], *frames[-1:])
    return " ".join([type(error).__name__, *(f"{f.filename}:{f.lineno}" for f in last)])


def scratch() -> Path:
    """Return a new folder in memory, where there is one."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory if memory.is_dir() else None))
