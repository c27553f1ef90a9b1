"""Procedurally drawn micrographs with exact outlines, made fresh without end.

``draw_micrograph(seed)`` depends on the seed alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from pretraining.fields import coarse_noise, rough_noise, soften
from pretraining.imaging import photograph
from pretraining.looks import Look, choose_look
from pretraining.placing import ARRANGEMENTS, place_objects
from pretraining.scene import DEBRIS, GROUND, INNER, OBJECTS, DrawnObject, Scene
from pretraining.shapes import Shape, choose_style, draw_curve, draw_shape, shape_along

Array = NDArray[np.float32]

MIN_AREA_PX = 6
"""Objects of which less shows are not clicked."""


@dataclass(frozen=True)
class Micrograph:
    """Pixels, and the objects of every class."""

    pixels: Array
    """(channel, y, x)."""

    objects: list[DrawnObject]
    kind: str

    def diameter(self, cls: int) -> float:
        """Return the median diameter of the disks of equal area."""
        areas = [o.visible_area() for o in self.objects if o.cls == cls]
        return float(2 * np.sqrt(np.median(areas) / np.pi))


@dataclass(frozen=True)
class _Canvas:
    """What every kind of scene starts from."""

    scene: Scene
    diameter: float
    rng: np.random.Generator


def draw_micrograph(seed: int, kind: str | None = None) -> Micrograph:
    """Draw a micrograph of one of `KINDS`, or of a kind that the seed chooses."""
    rng = np.random.default_rng(seed)
    names = list(KINDS)
    chances = np.array([KINDS[name][1] for name in names])
    chosen = kind or str(rng.choice(names, p=chances / chances.sum()))
    draw, _, smallest, largest, diameters_wide = KINDS[chosen]
    diameter = float(np.exp(rng.uniform(np.log(smallest), np.log(largest))))
    extent = diameter * diameters_wide * rng.uniform(0.8, 1.25, 2)
    shape = tuple(int(n) for n in np.clip(extent, 64, 288))
    canvas = _Canvas(Scene((shape[0], shape[1])), diameter, rng)
    _lay_ground(canvas)
    color = draw(canvas)
    _add_debris(canvas)
    pixels = photograph(canvas.scene, diameter, rng, color)
    objects = [o for o in canvas.scene.objects if o.visible_area() >= MIN_AREA_PX]
    return Micrograph(pixels, objects, chosen)


# --- kinds of scenes ------------------------------------------------------------------------------


def _scattered(canvas: _Canvas) -> str:
    """Objects of one class, often among others that nobody clicks."""
    rng = canvas.rng
    if rng.random() < 0.25:
        other = canvas.diameter * np.exp(rng.normal(0, 0.7))
        count = int(rng.integers(3, 25))
        arrangement = str(rng.choice(ARRANGEMENTS))
        _populate(canvas, None, choose_look(rng), other, arrangement, count)
    arrangement = str(rng.choice(ARRANGEMENTS, p=[0.22, 0.2, 0.2, 0.16, 0.08, 0.14]))
    look = choose_look(rng)
    _populate(canvas, 1, look, canvas.diameter, arrangement)
    if rng.random() < 0.2:
        other = canvas.diameter * np.exp(rng.normal(0, 0.4))
        _populate(canvas, 2, choose_look(rng), other, "apart", int(rng.integers(4, 20)))
    return _any_color(rng)


def _nested(canvas: _Canvas) -> str:
    """Cells with something inside: either may be what is clicked."""
    rng = canvas.rng
    arrangement = str(rng.choice(["apart", "touching", "clustered", "crowded"]))
    look = replace(choose_look(rng), opaque=True)
    style_kinds = ("ellipse", "ellipse", "blob", "polygon")
    cells = _populate(canvas, 1, look, canvas.diameter, arrangement, kinds=style_kinds)
    inner_look = replace(choose_look(rng), opaque=bool(rng.random() < 0.7), halo=0.0)
    style = choose_style(rng, ("ellipse", "ellipse", "blob", "lobes", "chain", "banana"))
    share, share_spread = rng.uniform(0.2, 0.82), rng.uniform(0, 0.15)
    several = rng.random() < 0.2
    for cell in cells:
        for _ in range(int(rng.integers(1, 4)) if several else 1):
            size = canvas.diameter * share * float(np.exp(rng.normal(0, share_spread)))
            size /= 1.7 if several else 1
            inside = _erode_to_place(cell, size * 0.45)
            if inside is None:
                continue
            middle = inside[rng.integers(len(inside))]
            if rng.random() < 0.6:  # the usual place is the middle
                middle = inside[len(inside) // 2]
            place = (cell.row + int(middle[0]), cell.column + int(middle[1]))
            shape = draw_shape(style, size, rng)
            shape = _clip_to(shape, cell, place)
            canvas.scene.paint(shape, place, inner_look, size, rng, cls=2, layer=INNER, inside=cell)
    if rng.random() < 0.3:
        _populate(canvas, None, choose_look(rng), canvas.diameter * 0.6, "apart", 8)
    return str(rng.choice(["gray", "absorbing", "emitting"], p=[0.5, 0.35, 0.15]))


def _mosaic(canvas: _Canvas) -> str:
    """Cells, grains or bubbles that fill the image, with walls between them."""
    rng = canvas.rng
    shape = canvas.scene.shape
    diameter = canvas.diameter
    count = max(4, int(np.prod(shape) / (np.pi / 4 * diameter**2)))
    tries = rng.uniform(0, 1, (count, int(rng.choice([1, 4, 12])), 2)) * shape
    seeds = np.full((count, 2), -1e6)
    for n, own in enumerate(tries):
        near = np.hypot(*(own[:, None] - seeds[None]).transpose(2, 0, 1)).min(axis=1)
        seeds[n] = own[near.argmax()]
    if rng.random() < 0.25:  # small ones on one side, large ones on the other
        seeds[:, 0] = (seeds[:, 0] / shape[0]) ** rng.uniform(1.3, 2.2) * shape[0]
    grid = np.stack(np.mgrid[: shape[0], : shape[1]], -1).astype(np.float32)
    bend = diameter * rng.uniform(0, 0.15)
    grid[..., 0] += np.float32(bend) * coarse_noise(shape, diameter * 0.5, rng)
    grid[..., 1] += np.float32(bend) * coarse_noise(shape, diameter * 0.5, rng)
    far, which = cKDTree(seeds).query(grid, k=2)
    ids = which[..., 0].astype(np.int32)
    wall = rng.uniform(0.3, 0.22 * diameter + 1) * rng.uniform(0.2, 1)
    depth = ((far[..., 1] - far[..., 0]) / 2 - wall / 2).astype(np.float32)
    look = replace(
        choose_look(rng), opaque=True, spread=float(rng.choice([0.05, 0.2, 0.6])), halo=0.0
    )
    missing = rng.random(count) < rng.choice([0, 0, 0.1, 0.4])
    inner_look, inner = replace(choose_look(rng), halo=0.0), rng.random() < 0.35
    for n, box in enumerate(ndimage.find_objects(ids + 1)):
        if box is None or missing[n]:
            continue
        own = np.where(ids[box] == n, depth[box], -1.0).astype(np.float32)
        greatest = max(float(own.max()), 0.5)
        cell = Shape(_odd(own, -1.0), _odd(np.clip(own / greatest, 0, 1), 0.0))
        place = (box[0].start + cell.depth.shape[0] // 2, box[1].start + cell.depth.shape[1] // 2)
        drawn = canvas.scene.paint(cell, place, look, diameter, rng, cls=1)
        if drawn is not None and inner:
            size = diameter * rng.uniform(0.3, 0.55)
            inside = _erode_to_place(drawn, size * 0.4)
            if inside is not None:
                middle = inside[len(inside) // 2] + (drawn.row, drawn.column)
                nucleus = draw_shape(choose_style(rng, ("ellipse", "blob")), size, rng)
                canvas.scene.paint(
                    nucleus, (int(middle[0]), int(middle[1])), inner_look, size, rng, cls=2,
                    layer=INNER, inside=drawn,
                )  # fmt: skip
    return _any_color(rng)


def _islands(canvas: _Canvas) -> str:
    """Ragged regions, as of a phase in metal: what lies above a level of a rough field."""
    rng = canvas.rng
    shape, diameter = canvas.scene.shape, canvas.diameter
    if rng.random() < 0.5:
        field = coarse_noise(shape, diameter * rng.uniform(0.5, 0.9), rng)
        level = float(np.quantile(field, rng.uniform(0.45, 0.8)))
    else:
        field, level = _merged_lobes(canvas), 0.0
    for scale, size in ((0.3, 0.5), (0.12, 0.25)):
        rough = np.float32(size * rng.uniform(0, 1) ** 2)
        field += rough * coarse_noise(shape, diameter * scale, rng)
    field = soften(field, rng.uniform(0.8, 0.04 * diameter + 1))
    ids, count = ndimage.label(field > level)
    depths = ndimage.distance_transform_edt(ids > 0) - ndimage.distance_transform_edt(ids == 0)
    look = replace(choose_look(rng), opaque=True, spread=float(rng.choice([0.03, 0.1, 0.3])))
    if rng.random() < 0.7:  # a seam outside, mostly the other way than the inside
        width = float(np.exp(rng.uniform(np.log(0.03), np.log(0.25))))
        side = -1.0 if rng.random() < 0.75 else 1.0
        flat = max(abs(look.flat), 0.4)
        look = replace(look, flat=flat, halo=side * rng.uniform(0.4, 1.6), halo_width=width)
    margin = max(3, int(0.5 * diameter))
    for n, box in enumerate(ndimage.find_objects(ids, count), start=1):
        if np.count_nonzero(ids[box] == n) < 0.02 * diameter**2:
            continue
        top, left = (max(s.start - margin, 0) for s in box)
        bottom, right = (min(s.stop + margin, e) for s, e in zip(box, shape, strict=True))
        own = ids[top:bottom, left:right]
        depth = depths[top:bottom, left:right]
        depth = np.where(own == n, depth - 0.5, depth + 0.5)
        depth = np.where((own > 0) & (own != n), -99, depth).astype(np.float32)
        greatest = max(float(depth.max()), 0.5)
        part = Shape(_odd(depth, -99.0), _odd(np.clip(depth / greatest, 0, 1), 0.0))
        place = (top + part.depth.shape[0] // 2, left + part.depth.shape[1] // 2)
        canvas.scene.paint(part, place, look, diameter, rng, cls=1)
    if rng.random() < 0.4:  # fine ones between them
        _populate(canvas, None, look, diameter * rng.uniform(0.08, 0.3), "apart", 60)
    return "gray" if rng.random() < 0.8 else _any_color(rng)


def _merged_lobes(canvas: _Canvas) -> Array:
    """Return a field above 0 in round parts of any size, many of them grown together."""
    rng = canvas.rng
    shape, diameter = canvas.scene.shape, canvas.diameter
    y, x = np.ogrid[: shape[0], : shape[1]]
    field = np.full(shape, -1.0, np.float32)
    cover = rng.uniform(0.2, 0.7)
    while np.mean(field > 0) < cover:
        radius = diameter * rng.uniform(0.2, 0.5) * float(np.exp(rng.normal(0, 0.35)))
        place, angle = rng.uniform(0, 1, 2) * shape, rng.uniform(0, np.pi)
        stretch = float(np.exp(abs(rng.normal(0, 0.3))))
        down, right = y - place[0], x - place[1]
        along = (np.cos(angle) * right + np.sin(angle) * down) / stretch
        across = (np.cos(angle) * down - np.sin(angle) * right) * stretch
        power = rng.choice([2.0, 2.5, 4.0])
        away = (np.abs(along) ** power + np.abs(across) ** power) ** (1 / power)
        np.maximum(field, (1 - away / radius).astype(np.float32), out=field)
    for _ in range(int(rng.integers(0, 6))):  # slits
        line = draw_curve(diameter * rng.uniform(0.3, 1), rng.normal(0, 0.5), False, rng)
        slit = shape_along(line, max(0.7, diameter * rng.uniform(0.02, 0.08))).depth > 0
        rows, columns = np.nonzero(slit)
        place = (rng.uniform(0, 1, 2) * shape).astype(int)
        rows, columns = rows + place[0], columns + place[1]
        seen = (rows < shape[0]) & (columns < shape[1])
        field[rows[seen], columns[seen]] = -0.5
    return field


def _fluorescent(canvas: _Canvas) -> str:
    """Stained nuclei that glow: dim beside bright, in clumps, with light from out of focus."""
    rng = canvas.rng
    look = Look(
        flat=rng.uniform(0.5, 1), dome=rng.uniform(0, 0.8) * rng.random(),
        dome_power=float(rng.choice([0.35, 0.5, 1])), texture=rng.uniform(0, 0.4),
        texture_scale=rng.uniform(0.06, 0.35), granules=rng.normal(0, 0.25),
        granule_size=rng.uniform(0.06, 0.16), rim=rng.normal(0, 0.15),
        spread=rng.uniform(0.05, 0.55), slope=rng.normal(0, 0.12), edge_px=rng.uniform(1, 3),
        opaque=bool(rng.random() < 0.7),
    )  # fmt: skip
    arrangement = str(rng.choice(["apart", "touching", "clustered", "heaped", "crowded"]))
    kinds = (*("ellipse",) * 5, "blob", "blob", "banana", "lobes")
    _populate(canvas, 1, look, canvas.diameter, arrangement, kinds=kinds)
    for _ in range(int(rng.integers(0, 4))):  # fragments, and cells that divide
        size = canvas.diameter * rng.uniform(0.15, 0.5)
        _populate(canvas, None, replace(look, flat=1.5), size, "apart", 2)
    if rng.random() < 0.5:
        haze = soften(canvas.scene.layers[OBJECTS], canvas.diameter * rng.uniform(0.2, 0.8))
        canvas.scene.layers[OBJECTS] += np.float32(rng.uniform(0.05, 0.6)) * haze
    canvas.scene.layers[GROUND] *= np.float32(rng.uniform(0, 0.5))
    return "gray" if rng.random() < 0.9 else "emitting"


def _blood(canvas: _Canvas) -> str:
    """Red cells, pale in the middle, and white ones with a nucleus that may be lobed."""
    rng = canvas.rng
    pale = rng.uniform(0, 0.9)
    red = Look(
        flat=rng.uniform(0.6, 1), core=-pale, core_size=rng.uniform(0.2, 0.6), core_shift=0.1,
        rim=rng.normal(0, 0.3), dome=rng.normal(0, 0.3), spread=0.12,
        edge_px=rng.uniform(1, 3), opaque=bool(rng.random() < 0.5),
    )  # fmt: skip
    arrangement = str(rng.choice(["apart", "touching", "clustered", "heaped"]))
    kinds = ("ellipse", "ellipse", "ellipse", "blob")
    red_class = 1 if rng.random() < 0.6 else None
    _populate(canvas, red_class, red, canvas.diameter, arrangement, kinds=kinds, spread=0.1)
    white = replace(choose_look(rng), flat=rng.uniform(0.1, 0.7), opaque=True, halo=0.0, relief=0.0)
    size = canvas.diameter * rng.uniform(1.1, 2.2)
    count = int(rng.integers(1, 5))
    cells = _populate(canvas, 2, white, size, "apart", count, kinds=("ellipse", "blob"))
    style = choose_style(rng, ("ellipse", "lobes", "chain", "banana", "blob"))
    look = Look(
        flat=rng.uniform(0.8, 1.5), texture=rng.uniform(0, 0.4), texture_scale=0.2, opaque=True
    )
    for cell in cells:
        inner = size * rng.uniform(0.4, 0.85)
        inside = _erode_to_place(cell, inner * 0.45)
        if inside is not None:
            middle = inside[len(inside) // 2] + (cell.row, cell.column)
            place = (int(middle[0]), int(middle[1]))
            nucleus = _clip_to(draw_shape(style, inner, rng), cell, place)
            canvas.scene.paint(nucleus, place, look, inner, rng, cls=3, layer=INNER, inside=cell)
    for cell in [o for o in canvas.scene.objects if o.cls == 1]:  # parasites
        if cell.visible_area() and rng.random() < 0.08:
            spot = draw_shape(
                choose_style(rng, ("ellipse", "crescent")), 0.25 * canvas.diameter, rng
            )
            middle = np.argwhere(cell.mask)[rng.integers(cell.visible_area())]
            place = (int(middle[0]) + cell.row, int(middle[1]) + cell.column)
            canvas.scene.paint(spot, place, look, 3, rng, cls=4, layer=INNER, inside=cell)
    return "absorbing" if rng.random() < 0.85 else "gray"


def _with_nucleus(canvas: _Canvas) -> str:
    """Stained cells whose nucleus fills much of them; either is clicked."""
    rng = canvas.rng
    if rng.random() < 0.6:  # paler cells of another kind around them
        around = Look(
            flat=rng.uniform(0.2, 0.7), core=-rng.uniform(0, 0.5), core_size=0.4, opaque=False,
            rim=rng.normal(0, 0.2), edge_px=rng.uniform(1, 3),
        )  # fmt: skip
        size = canvas.diameter * rng.uniform(0.5, 1)
        _populate(canvas, None, around, size, "touching", int(rng.integers(3, 25)))
    dark = rng.random() < 0.5  # the body: it stands out more than the nucleus in it
    body = Look(
        flat=rng.uniform(0.6, 1.3) if dark else rng.uniform(0.2, 0.8),
        texture=rng.uniform(0, 0.5), texture_scale=0.15,
        granules=rng.uniform(0, 0.8) * rng.random(), granule_size=rng.uniform(0.04, 0.1),
        rim=rng.normal(0.1, 0.3), rim_width=rng.uniform(0.04, 0.2), dome=rng.normal(0, 0.2),
        spread=0.15, edge_px=rng.uniform(1, 4), opaque=True,
    )  # fmt: skip
    alone = rng.random() < 0.5
    arrangement = "apart" if alone else str(rng.choice(["apart", "touching", "clustered"]))
    kinds = ("ellipse", "ellipse", "blob", "blob", "polygon")
    count = int(rng.integers(1, 4)) if alone else None
    cells = _populate(
        canvas, 1, body, canvas.diameter, arrangement, count, kinds=kinds, spread=0.12
    )
    whole, divided = ("ellipse", "blob") * 3, ("lobes", "lobes", "chain", "parts", "parts")
    style = choose_style(rng, (*whole, *divided, "banana", "worm"))
    flat = body.flat + rng.uniform(0.15, 0.6) if dark else rng.uniform(0.5, 1.3)
    look = Look(
        flat=flat, texture=rng.uniform(0, 0.5), rim=rng.normal(0, 0.2), spread=0.15,
        texture_scale=rng.uniform(0.08, 0.25), granules=rng.normal(0, 0.2),
        edge_px=rng.uniform(1, 4), opaque=bool(rng.random() < 0.6),
    )  # fmt: skip
    share = rng.uniform(0.5, 0.92)
    for cell in cells:
        own = 2 * np.sqrt(cell.visible_area() / np.pi)
        size = own * float(np.clip(share * np.exp(rng.normal(0, 0.06)), 0.4, 0.93))
        inside = _erode_to_place(cell, size * 0.48)
        if inside is None:
            continue
        middle = inside[rng.integers(len(inside))] + (cell.row, cell.column)
        place = (int(middle[0]), int(middle[1]))
        nucleus = _clip_to(draw_shape(style, size, rng), cell, place)
        canvas.scene.paint(nucleus, place, look, size, rng, cls=2, layer=INNER, inside=cell)
    return "absorbing" if rng.random() < 0.75 else "gray"


def _fibres(canvas: _Canvas) -> str:
    """Long bent objects that cross."""
    rng = canvas.rng
    area = np.pi / 4 * canvas.diameter**2
    width = canvas.diameter * np.exp(rng.uniform(np.log(0.13), np.log(0.36)))
    look = replace(choose_look(rng), rim_width=0.2)
    count = int(np.clip(np.prod(canvas.scene.shape) / area * rng.uniform(0.12, 0.6), 4, 40))
    bend, winding = rng.uniform(0, 1.6), bool(rng.random() < 0.6)
    spread = rng.uniform(0.05, 0.4)
    direction = rng.normal(0, 0.3) if rng.random() < 0.3 else None
    for _ in range(count):
        length = area / width * float(np.exp(rng.normal(0, spread)))
        line = draw_curve(length, bend * rng.normal(), winding, rng)
        if direction is not None:
            way = line[-1] - line[0]
            turn = direction - np.arctan2(way[0], way[1]) + rng.normal(0, 0.2)
            cos, sin = np.cos(turn), np.sin(turn)
            line = line @ np.array([[cos, -sin], [sin, cos]])
        own = width * float(np.exp(rng.normal(0, 0.1)))
        shape = shape_along(line, own / 2, 1.0 if rng.random() < 0.6 else rng.uniform(0.2, 1))
        place = tuple(int(p) for p in rng.uniform(0, 1, 2) * canvas.scene.shape)
        canvas.scene.paint(shape, (place[0], place[1]), look, own, rng, cls=1)
    return str(rng.choice(["gray", "absorbing", "emitting"], p=[0.75, 0.1, 0.15]))


def _bright_field(canvas: _Canvas) -> str:
    """Unstained cells: the edge is dark (or bright), the middle the other way, a halo outside."""
    rng = canvas.rng
    sign = float(rng.choice((-1, 1)))
    look = Look(
        flat=rng.normal(0, 0.15),
        rim=sign * rng.uniform(0.5, 1.2),
        rim_width=rng.uniform(0.1, 0.4),
        rim_inset=rng.uniform(0, 0.12),
        dome=-sign * rng.uniform(0, 0.5),
        dome_power=float(rng.choice([1.0, 1.6, 3.0])),
        core=-sign * rng.uniform(0, 0.8) if rng.random() < 0.6 else 0.0,
        core_size=rng.uniform(0.2, 0.6),
        granules=rng.normal(0, 0.4) if rng.random() < 0.4 else 0.0,
        texture=rng.uniform(0, 0.4) if rng.random() < 0.5 else 0.0,
        relief=rng.normal(0, 0.5) if rng.random() < 0.3 else 0.0,
        light_angle=rng.uniform(0, 6.3),
        halo=-sign * rng.uniform(0, 0.8),
        halo_width=rng.uniform(0.05, 0.3),
        edge_px=rng.uniform(1, 3),
        spread=rng.uniform(0.02, 0.3),
        opaque=True,
    )
    arrangement = str(rng.choice(["apart", "touching", "clustered", "crowded"]))
    kinds = ("ellipse", "ellipse", "ellipse", "blob", "rod", "buds", "banana")
    _populate(canvas, 1, look, canvas.diameter, arrangement, kinds=kinds)
    for _ in range(int(rng.integers(0, 5))):  # dust out of focus
        dust = Look(
            flat=0.0, rim=rng.normal(0, 0.4), rim_width=rng.uniform(0.2, 0.5), edge_px=4,
            halo=rng.normal(0, 0.2), opaque=False,
        )  # fmt: skip
        size = canvas.diameter * rng.uniform(0.5, 1.8)
        shape = draw_shape(choose_style(rng, ("ellipse",)), size, rng)
        place = tuple(int(p) for p in rng.uniform(0, 1, 2) * canvas.scene.shape)
        canvas.scene.paint(shape, (place[0], place[1]), dust, size, rng, cls=None, layer=DEBRIS)
    return "gray" if rng.random() < 0.8 else "absorbing"


def _particles(canvas: _Canvas) -> str:
    """Particles in an electron microscope: relief, bright edges or shadows, often in heaps."""
    rng = canvas.rng
    transmitted = rng.random() < 0.45
    if transmitted:
        look = Look(
            flat=rng.uniform(0.5, 1), dome=rng.uniform(0, 0.8), dome_power=0.5,
            rim=rng.normal(0, 0.3), rim_width=rng.uniform(0.03, 0.15),
            texture=rng.uniform(0, 0.5), texture_scale=rng.uniform(0.03, 0.2),
            spread=rng.uniform(0.05, 0.5), slope=rng.normal(0, 0.2), edge_px=rng.uniform(0.7, 2),
            opaque=bool(rng.random() < 0.4),
        )  # fmt: skip
    else:
        look = Look(
            flat=rng.uniform(0, 0.9), dome=rng.normal(0, 0.5), dome_power=float(
                rng.choice([0.35, 0.5, 1])), rim=rng.uniform(0, 1.2),
            rim_width=rng.uniform(0.03, 0.2), relief=rng.uniform(0, 1.2),
            light_angle=rng.uniform(0, 6.3), texture=rng.uniform(0, 0.6) * rng.random(),
            texture_scale=rng.uniform(0.03, 0.25), spread=rng.uniform(0.02, 0.35),
            slope=rng.normal(0, 0.4), edge_px=rng.uniform(0.7, 1.8), opaque=True,
            granules=rng.normal(0, 0.3) if rng.random() < 0.2 else 0.0,
        )  # fmt: skip
    arrangement = str(rng.choice(["apart", "touching", "clustered", "heaped", "crowded"],
                                 p=[0.12, 0.2, 0.22, 0.3, 0.16]))  # fmt: skip
    kinds = (*("ellipse",) * 4, *("polygon",) * 5, *("blob",) * 2, "rod", "rod", "star", "chain")
    spread = rng.uniform(0.02, 0.55)
    if rng.random() < 0.15:  # finer ones of another kind, unclicked
        _populate(canvas, None, choose_look(rng), canvas.diameter / rng.uniform(2, 6),
                  "clustered", int(rng.integers(10, 50)))  # fmt: skip
    _populate(canvas, 1, look, canvas.diameter, arrangement, kinds=kinds, spread=spread)
    _cast_shadow(canvas)
    if rng.random() < 0.25:
        _add_scale_bar(canvas)
    return "gray"


def _spots(canvas: _Canvas) -> str:
    """Objects of a few pixels."""
    rng = canvas.rng
    look = replace(choose_look(rng), edge_px=rng.uniform(1, 2), halo=0.0, opaque=False)
    if abs(look.flat) < 0.5:
        look = replace(look, flat=1.0)
    if rng.random() < 0.5:  # on cells
        other = canvas.diameter * rng.uniform(3, 8)
        _populate(canvas, 2, choose_look(rng), other, "apart", int(rng.integers(2, 9)))
    arrangement = str(rng.choice(["apart", "touching", "clustered"]))
    _populate(canvas, 1, look, canvas.diameter, arrangement, kinds=("ellipse", "blob"))
    return _any_color(rng)


def _stained(canvas: _Canvas) -> str:
    """Stained tissue: dark nuclei on a ground of fibres and other cells."""
    rng = canvas.rng
    scene = canvas.scene
    ground = np.clip(rough_noise(scene.shape, rng) * rng.uniform(0.2, 0.5) + 0.5, 0, 1.6)
    scene.layers[GROUND] += ground * np.float32(rng.uniform(1, 2.5))
    if rng.random() < 0.5:  # bodies of cells, and holes
        look = replace(choose_look(rng), opaque=False, edge_px=rng.uniform(1, 5))
        size = canvas.diameter * rng.uniform(1.2, 2.5)
        _populate(canvas, None, look, size, "touching", int(rng.integers(4, 25)), layer=OBJECTS)
    for part in range(2 if rng.random() < 0.5 else 1):  # dense nuclei beside pale ones
        look = Look(
            flat=rng.uniform(0.25, 1), rim=rng.uniform(0, 0.5), rim_width=rng.uniform(0.1, 0.3),
            texture=rng.uniform(0.1, 0.7), texture_scale=rng.uniform(0.06, 0.3),
            granules=rng.normal(0, 0.4), spread=rng.uniform(0.1, 0.6),
            edge_px=float(np.exp(rng.uniform(0, np.log(0.15 * canvas.diameter + 1.5)))),
            dome=rng.normal(0, 0.3), slope=rng.normal(0, 0.2), opaque=bool(rng.random() < 0.75),
        )  # fmt: skip
        arrangement = str(rng.choice(["apart", "touching", "clustered", "heaped", "crowded"]))
        kinds = ("ellipse", "ellipse", "blob", "blob", "banana", "rod")
        size = canvas.diameter * (1 if part == 0 else float(np.exp(rng.normal(0, 0.25))))
        _populate(canvas, 1, look, size, arrangement, kinds=kinds, layer=INNER)
    return "absorbing" if rng.random() < 0.75 else "gray"


Draw = Callable[[_Canvas], str]

KINDS: dict[str, tuple[Draw, float, float, float, float]] = {
    "scattered": (_scattered, 0.19, 7, 40, 8),
    "fluorescent": (_fluorescent, 0.12, 7, 40, 8),
    "stained": (_stained, 0.13, 8, 36, 7.5),
    "particles": (_particles, 0.12, 10, 44, 6.5),
    "nested": (_nested, 0.08, 14, 48, 6.5),
    "bright_field": (_bright_field, 0.07, 9, 40, 7.5),
    "islands": (_islands, 0.15, 10, 40, 6),
    "mosaic": (_mosaic, 0.06, 10, 32, 6),
    "blood": (_blood, 0.06, 12, 36, 7),
    "with_nucleus": (_with_nucleus, 0.22, 14, 44, 5),
    "fibres": (_fibres, 0.13, 18, 44, 6),
    "spots": (_spots, 0.05, 3, 7, 22),
}
"""Kind -> how it is drawn, how often, least and greatest diameter in pixels, diameters wide."""


# --- parts of scenes ------------------------------------------------------------------------------


def _populate(
    canvas: _Canvas,
    cls: int | None,
    look: Look,
    diameter: float,
    arrangement: str,
    count: int | None = None,
    *,
    kinds: tuple[str, ...] = (),
    spread: float | None = None,
    layer: int = OBJECTS,
) -> list[DrawnObject]:
    """Paint objects of one class over the canvas."""
    rng = canvas.rng
    shape = canvas.scene.shape
    if count is None:
        low, high = {
            "apart": (0.1, 0.4), "touching": (0.25, 0.6), "clustered": (0.15, 0.5),
            "heaped": (0.4, 1.1), "ordered": (1.0, 1.2), "crowded": (0.6, 0.9),
        }[arrangement]  # fmt: skip
        cover = rng.uniform(low, high)
        count = int(np.clip(cover * np.prod(shape) / (np.pi / 4 * diameter**2), 2, 90))
    if spread is None:
        spread = float(rng.choice([0.04, 0.12, 0.25, 0.45], p=[0.2, 0.35, 0.3, 0.15]))
    diameters = diameter * np.exp(np.clip(rng.normal(0, spread, count), -1.2, 1.0))
    places = place_objects(arrangement, shape, diameters, rng)
    style = choose_style(rng, kinds)
    second = choose_style(rng, kinds) if rng.random() < 0.2 else style
    defocus = 0.6 if rng.random() < 0.3 else 0.1
    drawn = []
    for place, size in zip(places, diameters, strict=True):
        if np.isnan(place[0]):
            continue
        outline = draw_shape(style if rng.random() < 0.7 else second, size, rng)
        at = (round(float(place[0])), round(float(place[1])))
        own = replace(look, edge_px=look.edge_px * float(np.exp(rng.normal(0, defocus))))
        made = canvas.scene.paint(outline, at, own, size, rng, cls=cls, layer=layer)
        if made is not None:
            drawn.append(made)
    return drawn


def _any_color(rng: np.random.Generator) -> str:
    return str(rng.choice(["gray", "absorbing", "emitting"], p=[0.8, 0.1, 0.1]))


def _lay_ground(canvas: _Canvas) -> None:
    rng = canvas.rng
    kind = rng.random()
    if kind < 0.35:
        return
    texture = rough_noise(canvas.scene.shape, rng)
    if kind > 0.9:  # pores or a film with holes
        texture = np.where(texture > rng.uniform(0, 1.5), 1.5, 0).astype(np.float32)
        texture = soften(texture, rng.uniform(0.5, 1.5))
    canvas.scene.layers[GROUND] += texture


def _add_debris(canvas: _Canvas) -> None:
    """Add specks, scratches, blots."""
    rng = canvas.rng
    if rng.random() < 0.6:
        return
    for _ in range(int(rng.integers(1, 12))):
        size = canvas.diameter * float(np.exp(rng.normal(-0.8, 0.6)))
        if rng.random() < 0.25:
            line = draw_curve(canvas.diameter * rng.uniform(1, 6), rng.uniform(0, 2), True, rng)
            shape = shape_along(line, max(0.5, canvas.diameter * rng.uniform(0.01, 0.08)))
        else:
            shape = draw_shape(choose_style(rng, ("blob", "ellipse", "polygon")), size, rng)
        place = tuple(int(p) for p in rng.uniform(0, 1, 2) * canvas.scene.shape)
        look = Look(flat=rng.normal(0.8, 0.3), edge_px=rng.uniform(1, 4), opaque=False)
        canvas.scene.paint(shape, (place[0], place[1]), look, size, rng, cls=None, layer=DEBRIS)


def _cast_shadow(canvas: _Canvas) -> None:
    """Darken the ground beside the objects, on all sides or on one."""
    rng = canvas.rng
    if rng.random() < 0.5:
        return
    covered = canvas.scene.covered.astype(np.float32)
    away = canvas.diameter * rng.uniform(0.03, 0.3)
    if rng.random() < 0.6:
        angle = rng.uniform(0, 2 * np.pi)
        covered = ndimage.shift(covered, (away * np.sin(angle), away * np.cos(angle)), order=1)
    shadow = soften(covered, canvas.diameter * rng.uniform(0.03, 0.25))
    shadow *= ~canvas.scene.covered
    canvas.scene.layers[OBJECTS] += np.float32(rng.uniform(-0.8, 0.3)) * shadow


def _add_scale_bar(canvas: _Canvas) -> None:
    """Draw what figures of papers carry: a bar, and a strip of black or white."""
    rng = canvas.rng
    layer = canvas.scene.layers[DEBRIS]
    height, width = canvas.scene.shape
    value = np.float32(rng.choice((-2, 2)))
    row = int(rng.uniform(0.8, 0.95) * height)
    column = int(rng.uniform(0, 0.6) * width)
    layer[row : row + max(2, height // 60), column : column + width // 4] = value
    for letter in range(int(rng.integers(2, 6))):
        place = column + letter * max(4, width // 30)
        layer[row - height // 20 : row - height // 60, place : place + max(2, width // 50)] = value


def _erode_to_place(cell: DrawnObject, margin: float) -> NDArray[np.int64] | None:
    """Return the pixels of an object that lie `margin` inside it, the middle one in the middle."""
    depth = ndimage.distance_transform_edt(np.pad(cell.mask, 1))[1:-1, 1:-1]
    inside = np.argwhere(depth > min(margin, 0.85 * float(depth.max())))
    if not len(inside):
        return None
    order = np.argsort(((inside - inside.mean(axis=0)) ** 2).sum(axis=1))
    turned = np.concatenate([order[1::2][::-1], order[::2]])
    return np.asarray(inside[turned])


def _clip_to(shape: Shape, cell: DrawnObject, place: tuple[int, int]) -> Shape:
    """Cut a shape off where it would leave the object that it lies in."""
    reach = np.array(shape.depth.shape) // 2
    row, column = place[0] - reach[0] - cell.row, place[1] - reach[1] - cell.column
    inside = np.zeros(shape.depth.shape, bool)
    top, left = max(-row, 0), max(-column, 0)
    bottom = min(inside.shape[0], cell.mask.shape[0] - row)
    right = min(inside.shape[1], cell.mask.shape[1] - column)
    if top < bottom and left < right:
        inside[top:bottom, left:right] = cell.mask[
            row + top : row + bottom, column + left : column + right
        ]
    return Shape(np.where(inside, shape.depth, -99).astype(np.float32), shape.relative)


def _odd(grid: Array, fill: float) -> Array:
    """Pad a grid so that it has a pixel in the middle."""
    return np.pad(grid, [(0, 1 - n % 2) for n in grid.shape], constant_values=np.float32(fill))
