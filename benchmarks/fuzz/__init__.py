"""Feeding damaged and hostile files to every reader and to the project folder.

Whatever a file holds, it is read or refused in words: no other exception, no hang, no more memory
than `guards.MEMORY_BYTES`, and nothing written but into the project.
``python -m benchmarks.fuzz --minutes 10`` visits all targets in turn, each in a process of its own,
and leaves what broke a rule in a folder: the input and what happened.
"""
