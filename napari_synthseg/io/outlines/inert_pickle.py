"""The arrays in a pickled dictionary, read without running anything that the file says.

A pickle is a program. Here its instructions are followed one by one, and only those that build
texts, numbers, lists, tuples and dictionaries do anything. An instruction to look something up, or
to call it, makes a record of what was asked; the record of NumPy's own way of storing an array is
turned into that array, and any other stays a record.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIMPLE_TYPES = re.compile(r"[iubf][1248]")
"""Types of arrays that are made: numbers and truth values."""

RECONSTRUCT = ("numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct")
FROM_BUFFER = ("numpy.core.numeric _frombuffer", "numpy._core.numeric _frombuffer")


class BadPickleError(ValueError):
    """A pickle is damaged, or holds something else than it should."""


@dataclass(eq=False)
class Record:
    """What a pickle asks to be looked up (`name`), called with arguments, or given a state."""

    name: str
    arguments: Any = None
    state: Any = None


def read_pickle(content: bytes) -> Any:
    """Return what a pickle holds: plain values, and records of all else.

    Raises
    ------
    BadPickleError
        If it is damaged, or has instructions for other things than values and objects.
    """
    import pickletools  # takes a fifth of a second to load

    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name == "STOP":
                return machine.stack.pop()
            machine.do(opcode.name, argument)
    except BadPickleError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise BadPickleError(f"{type(error).__name__}: {error}") from None
    raise BadPickleError("it has no end")


def as_array(value: Any) -> NDArray[Any]:
    """Return the array of numbers that a record stands for.

    Raises
    ------
    BadPickleError
        If it stands for something else.
    """
    if isinstance(value, Record):
        match value:
            case Record(name, _, (_, tuple() as shape, dtype, order, bytes() as data)) if (
                name in RECONSTRUCT
            ):
                return _make(shape, dtype, "F" if order else "C", data)
            case Record(
                name, (bytes() | bytearray() as data, dtype, tuple() as shape, str() as order)
            ) if name in FROM_BUFFER:
                return _make(shape, dtype, order, data)
    raise BadPickleError("it is no array of numbers")


def only_object(value: Any) -> Any:
    """Return what an array of one object holds, as `numpy.save` stores a dictionary.

    Raises
    ------
    BadPickleError
        If it is no such array.
    """
    match value:
        case Record(name, _, (_, (), _, _, [inner])) if name in RECONSTRUCT:
            return inner
    raise BadPickleError("it is no array of one object")


def _make(shape: tuple[Any, ...], dtype: Any, order: str, data: bytes | bytearray) -> NDArray[Any]:
    match dtype:
        case Record("numpy dtype", (str() as code, *_), state) if SIMPLE_TYPES.fullmatch(code):
            endian = state[1] if isinstance(state, tuple) and len(state) > 1 else "|"
        case _:
            raise BadPickleError("its array does not hold numbers")
    kind = np.dtype(f"{endian}{code}" if endian in ("<", ">") else code)
    sizes = all(isinstance(n, int) and n >= 0 for n in shape) and len(shape) < 8
    if not sizes or math.prod(shape) * kind.itemsize != len(data) or order not in ("C", "F"):
        raise BadPickleError("its array is not as long as it says")
    array: NDArray[Any] = np.ndarray(shape, kind, data, order="F" if order == "F" else "C")
    return array


MARK = Record("mark")

CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}

VALUES = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE",
    "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
"""Instructions that hold a value."""


class _Machine:
    """The stack and the memory of a pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def do(self, name: str, argument: Any) -> None:
        """Follow one instruction."""
        stack = self.stack
        match name:
            case "PROTO" | "FRAME":
                pass
            case "MARK":
                stack.append(MARK)
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_TUPLE":
                stack.append(())
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                self.memory[argument] = stack[-1]
            case "MEMOIZE":
                self.memory[len(self.memory)] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(self.memory[argument])
            case "POP":
                stack.pop()
            case "POP_MARK":
                self._since_mark()
            case "DUP":
                stack.append(stack[-1])
            case "TUPLE":
                stack.append(tuple(self._since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack[-int(name[-1]) :] = [tuple(stack[-int(name[-1]) :])]
            case "LIST":
                stack.append(self._since_mark())
            case "DICT":
                items = self._since_mark()
                stack.append({})
                self._set(items)
            case "APPEND":
                self._append([stack.pop()])
            case "APPENDS":
                self._append(self._since_mark())
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                self._set([key, value])
            case "SETITEMS":
                self._set(self._since_mark())
            case "GLOBAL":
                stack.append(Record(argument))
            case "STACK_GLOBAL":
                named, module = stack.pop(), stack.pop()
                if not (isinstance(named, str) and isinstance(module, str)):
                    raise BadPickleError("it looks up something without a name")
                stack.append(Record(f"{module} {named}"))
            case "REDUCE" | "NEWOBJ":
                arguments, called = stack.pop(), stack.pop()
                stack.append(_called(called, arguments))
            case "BUILD":
                state = stack.pop()
                if isinstance(stack[-1], Record):
                    stack[-1].state = state
            case _ if name in CONSTANTS:
                stack.append(CONSTANTS[name])
            case _ if name in VALUES:
                stack.append(argument)
            case _:
                raise BadPickleError(f"it has the instruction {name}")

    def _since_mark(self) -> list[Any]:
        items: list[Any] = []
        while (item := self.stack.pop()) is not MARK:
            items.append(item)
        return items[::-1]

    def _append(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise BadPickleError("it appends to something that is no list")
        self.stack[-1].extend(items)

    def _set(self, items: list[Any]) -> None:
        target, keys = self.stack[-1], items[::2]
        # keys are hashed, which for tuples within tuples could take forever
        if not isinstance(target, dict) or not all(isinstance(k, str | int) for k in keys):
            raise BadPickleError("it sets items of something that is no plain dictionary")
        target.update(zip(keys, items[1::2], strict=True))


def _called(called: Any, arguments: Any) -> Any:
    match called, arguments:
        case Record("_codecs encode"), (str() as text, "latin1"):  # how old pickles write bytes
            return text.encode("latin1")
        case Record(name), _:
            return Record(name, arguments)
    raise BadPickleError("it calls something that is no function")
