"""Which patches are pasted."""

from __future__ import annotations

from napari_synthseg.core.patch import Patch, PatchLibrary

LEAST = 5
"""Fewer patches of a class than this, and quality does not count."""


def choose_patches(library: PatchLibrary, min_quality: float) -> tuple[Patch, ...]:
    """Return the patches to use: good ones that lie whole in their image.

    Where a class has too few of these, ones cut off by the border and then those of lower quality
    join in, best first. Rejected patches never do.
    """
    by_class: dict[int, list[Patch]] = {}
    for patch in library.usable():
        by_class.setdefault(patch.cls, []).append(patch)
    chosen: list[Patch] = []
    for _, mine in sorted(by_class.items()):
        good = [p for p in mine if p.quality >= min_quality and not p.touches_border]
        # In a volume few objects lie whole: up to half of them are cut off, and better than none.
        least = max(LEAST, len(mine) // 2) if mine[0].mask.ndim == 3 else LEAST
        if len(good) < least:
            rank = sorted(
                (p for p in mine if p not in good),
                key=lambda p: (p.quality < min_quality, -p.quality),
            )
            good += rank[: least - len(good)]
        chosen += good
    return tuple(chosen)
