"""Draws explanation/rooms.svg: the rooms of the package and who imports whom, from the code itself.

Run it after a room, its first sentence or an import between rooms changed: ``python
docs/draw_rooms.py``. A test says so when it was forgotten.
"""

from __future__ import annotations

from html import escape
from importlib import import_module
from itertools import pairwise, product
from pathlib import Path
from statistics import mean

import grimp

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "explanation" / "rooms.svg"
PACKAGE = "napari_synthseg"

WIDTH, ROW, BOX, BOX_WIDTH, PASS_WIDTH, GAP, TOP = 980, 92, 54, 270, 10, 24, 16
"""Width of the picture; height of a row and of a box; width of a box and of what an arrow needs to
pass a row; gap between boxes of a row; margin; all in pixels."""

SWEEPS = 30
"""How often rows are sorted to shorten the arrows."""

Arrow = tuple[str, str]
Place = tuple[float, float, float]
"""Left edge, top edge and width, pixels."""

STYLE = """
  .box { fill: #f4f7fb; stroke: #36648b; stroke-width: 1.6; }
  .name { font: bold 15px Helvetica, Arial, sans-serif; fill: #1d3a52; }
  .what { font: 12px Helvetica, Arial, sans-serif; fill: #333; }
  .arrow { stroke: #36648b; stroke-width: 1.4; fill: none; marker-end: url(#tip); }
"""


def list_rooms() -> list[str]:
    """Return the rooms of the package."""
    folders = (path.parent for path in (ROOT / PACKAGE).glob("*/__init__.py"))
    return sorted(folder.name for folder in folders)


def find_arrows(rooms: list[str]) -> set[Arrow]:
    """Return which room imports which, without what follows from the others."""
    graph = grimp.build_graph(PACKAGE, include_external_packages=False, cache_dir=None)
    uses = {
        (upper, lower)
        for upper, lower in product(rooms, rooms)
        if upper != lower
        and graph.direct_import_exists(
            importer=f"{PACKAGE}.{upper}", imported=f"{PACKAGE}.{lower}", as_packages=True
        )
    }
    reached = set(uses)
    for middle, upper, lower in product(rooms, rooms, rooms):
        if (upper, middle) in reached and (middle, lower) in reached:
            reached.add((upper, lower))
    return {
        (upper, lower)
        for upper, lower in uses
        if not any((upper, m) in reached and (m, lower) in reached for m in rooms)
    }


Node = tuple[str, ...]
"""A room, or the place in a row where an arrow (from, to, number of the row) passes it."""


def find_rows(rooms: list[str], arrows: set[Arrow]) -> dict[str, int]:
    """Return the row of each room, 0 at the bottom: one above the highest that it imports."""
    rows = dict.fromkeys(rooms, 0)
    for _ in rooms:
        for upper, lower in arrows:
            rows[upper] = max(rows[upper], rows[lower] + 1)
    return rows


def find_ways(rows: dict[str, int], arrows: set[Arrow]) -> dict[Arrow, list[Node]]:
    """Return the nodes that each arrow goes through, from its beginning to its end."""
    return {
        (upper, lower): [
            (upper,),
            *((upper, lower, str(row)) for row in range(rows[upper] - 1, rows[lower], -1)),
            (lower,),
        ]
        for upper, lower in sorted(arrows)
    }


def place_nodes(rows: dict[str, int], ways: dict[Arrow, list[Node]]) -> dict[Node, Place]:
    """Return where each node is: rows are sorted so that arrows are short."""
    lines: list[list[Node]] = [[] for _ in range(max(rows.values()) + 1)]
    for room, row in rows.items():
        lines[row].append((room,))
    for way in ways.values():
        for node in way[1:-1]:
            lines[int(node[2])].append(node)
    near: dict[Node, set[Node]] = {node: set() for line in lines for node in line}
    for way in ways.values():
        for one, other in pairwise(way):
            near[one].add(other)
            near[other].add(one)
    places = _spread(lines)
    best, shortest = places, _length(ways, places)
    for _ in range(SWEEPS):
        for line in lines:
            line.sort(key=lambda node: mean(_middle(places[other]) for other in near[node]))
            places = _spread(lines)
        if (length := _length(ways, places)) < shortest:
            best, shortest = places, length
    return best


def _spread(lines: list[list[Node]]) -> dict[Node, Place]:
    """Return the places of nodes in rows from the lowest to the highest, in the order given."""
    places: dict[Node, Place] = {}
    for row, line in enumerate(lines):
        top = TOP + (len(lines) - 1 - row) * ROW
        wide = [BOX_WIDTH if len(node) == 1 else PASS_WIDTH for node in line]
        left = (WIDTH - sum(wide) - GAP * (len(line) - 1)) / 2
        for node, width in zip(line, wide, strict=True):
            places[node] = (left, top, width)
            left += width + GAP
    return places


def _middle(place: Place) -> float:
    return place[0] + place[2] / 2


def _length(ways: dict[Arrow, list[Node]], places: dict[Node, Place]) -> float:
    steps = (pair for way in ways.values() for pair in pairwise(way))
    return sum(abs(_middle(places[one]) - _middle(places[other])) for one, other in steps)


def draw(rooms: list[str], arrows: set[Arrow]) -> str:
    """Return the picture as SVG."""
    rows = find_rows(rooms, arrows)
    ways = find_ways(rows, arrows)
    places = place_nodes(rows, ways)
    height = 2 * TOP + max(rows.values()) * ROW + BOX
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>The rooms of napari_synthseg, and which imports which</title>",
        f"<style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L10 5L0 10z" fill="#36648b"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
    ]
    for (upper, lower), way in ways.items():
        path = _curve([places[node] for node in way])
        lines.append(f'<path class="arrow" data-from="{upper}" data-to="{lower}" d="{path}"/>')
    for room in rooms:
        left, top, wide = places[room,]
        middle = left + wide / 2
        lines.append(
            f'<rect class="box" data-room="{room}" x="{left:.0f}" y="{top}" width="{wide}" '
            f'height="{BOX}" rx="8"/>'
        )
        for style, down, words in (("name", 22, room), ("what", 41, describe(room))):
            lines.append(
                f'<text class="{style}" x="{middle:.0f}" y="{top + down}" text-anchor="middle">'
                f"{escape(words)}</text>"
            )
    return "\n".join([*lines, "</svg>", ""])


def _curve(places: list[Place]) -> str:
    """Return a way from the lower edge of the first place to the upper edge of the last."""
    first, *passed, last = places
    goal = _middle(passed[0] if passed else last)
    here = (_toward(first, goal), first[1] + BOX)
    path = f"M{here[0]:.0f} {here[1]:.0f}"
    for place in passed:
        x = _middle(place)
        path += _bend(here, (x, place[1])) + f"V{place[1] + BOX:.0f}"
        here = (x, place[1] + BOX)
    return path + _bend(here, (_toward(last, here[0]), last[1] - 2))


def _bend(start: tuple[float, float], end: tuple[float, float]) -> str:
    half = (start[1] + end[1]) / 2
    return f"C{start[0]:.0f} {half:.0f} {end[0]:.0f} {half:.0f} {end[0]:.0f} {end[1]:.0f}"


def _toward(place: Place, goal: float) -> float:
    """Return a point on an edge, a third of its width toward a goal at most."""
    middle, reach = _middle(place), place[2] / 3
    return middle + min(max((goal - middle) / 3, -reach), reach)


def describe(room: str) -> str:
    """Return the beginning of a room's docstring, as far as it fits into its box."""
    told = ""
    for word in (import_module(f"{PACKAGE}.{room}").__doc__ or "").replace("`", "").split():
        if len(told) + len(word) + 1 > BOX_WIDTH / 7:
            return told.rstrip(",;:") + " …"
        told = f"{told} {word}".strip()
        if word.endswith((".", ":", ";")):
            break
    return told.rstrip(".:;")


if __name__ == "__main__":
    PICTURE.write_text(draw(list_rooms(), find_arrows(list_rooms())), "utf-8")
