"""Reading text files of other programs: of limited size, never a device or a pipe.

Text is UTF-8, or UTF-16 with a byte-order mark; XML is in the encoding that it declares.
"""

from __future__ import annotations

import codecs
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any
from xml.parsers import expat

from napari_synthseg.core.errors import InputError

MAX_BYTES = 2**29
"""Size of the largest text that is read: tables of several million objects."""


def read_bytes(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """Return all of a file.

    Raises
    ------
    InputError
        If it is missing, no plain file, or larger than `max_bytes`.
    """
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait forever
            raise InputError(f"{path} is no file: choose a file.")
        if path.stat().st_size > max_bytes:
            raise InputError(
                f"{path} has {path.stat().st_size / 2**20:.0f} MB, more than the {max_bytes >> 20} "
                "MB that such a file may have: divide it."
            )
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None


def read_text(path: Path, remedy: str = "save it as UTF-8") -> str:
    """Return a text without its byte-order mark; `remedy` ends the message where it is not UTF-8.

    Raises
    ------
    InputError
        If it cannot be read or is not UTF-8; the message names it.
    """
    data = read_bytes(path)
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not a UTF-8 text: {remedy}.") from None


def read_json(path: Path) -> Any:
    """Return what a JSON text holds.

    Raises
    ------
    InputError
        If it cannot be read, is cut short or otherwise not JSON; the message names the line.
    """
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path.name}, line {error.lineno}: not JSON ({error.msg}): the file may be cut short."
        ) from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name}: not JSON that can be read ({error}).") from None


class _Root(Exception):
    """The name of the outermost element of an XML text."""


def xml_root_name(path: Path) -> str:
    """Return the name of the outermost element of an XML text; see `read_xml`."""
    data = read_bytes(path)
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise InputError(
            f"{path.name}: it declares a document type or entities, which annotations never need: "
            "it is not read. Delete the line with <!DOCTYPE if you trust the file."
        )

    def found(name: str, _: object) -> None:
        raise _Root(name)

    parser.StartDoctypeDeclHandler = refuse  # entities are declared in it, before any element
    parser.StartElementHandler = found
    try:
        parser.Parse(_as_declared(data), True)
    except _Root as root:
        return str(root)
    except InputError:
        raise
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise _not_xml(path, error) from None
    raise InputError(f"{path.name}: not XML that can be read: it holds no element.")


def read_xml(path: Path) -> ET.Element:
    """Return an XML text, which cannot refer to anything else: no file, no entity that grows.

    Raises
    ------
    InputError
        If it cannot be read, is cut short or otherwise not XML, or declares a document type.
    """
    xml_root_name(path)
    try:
        return ET.fromstring(_as_declared(read_bytes(path)))
    except (ET.ParseError, ValueError, LookupError) as error:
        raise _not_xml(path, error) from None


def _as_declared(data: bytes) -> bytes | str:
    """Return XML as the parser takes it; what declares UTF-16 but is not, is most often UTF-8."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data[:4]:
        return data
    declaration = data[: data.find(b"?>") + 1].lower()
    if b"utf-16" in declaration:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            pass
    return data


def _not_xml(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path.name}: not XML that can be read ({error}): the file may be cut short, or not be in "
        "the encoding that its first line declares."
    )
