"""Which parts of images count, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_synthseg.core.project import Project
from napari_synthseg.io.naming import listed
from napari_synthseg.workflow.bars import InformationBar


def bar_question(bar: InformationBar) -> str:
    """Return the question whether an information bar is to be left out."""
    rows = bar.stop - bar.start
    if bar.by == "header":
        return f"The file says that its lowest {rows} rows are an information bar: leave them out?"
    return f"The lowest {rows} rows look like an information bar: leave them out?"


def counts_text(project: Project, image_ids: set[str], share: float) -> str:
    """Return how much of the image in view counts, and how many clicks lie outside."""
    if share >= 1:
        return "All of this image counts."
    refs = {ref.id: ref for ref in project.images if ref.id in image_ids}
    mine = [c for c in (*project.clicks, *project.negatives) if c.image in refs]
    outside = sum(not refs[c.image].counts_at(c.position) for c in mine)
    lost = f" {outside} click(s) lie outside and are not used." if outside else ""
    return f"{share:.0%} of this image counts.{lost}"


def told_of_limits(figures: Mapping[str, Mapping[str, Any]], asked_for_bars: bool) -> str:
    """Return what limits changed on many images; `figures` are those of the import by image."""
    lost = sum(each["clicks_left_out"] for each in figures.values())
    words = []
    if asked_for_bars:
        found = [name for name, each in figures.items() if "bar" in each]
        none = [name for name in figures if name not in found]
        words.append(f"The information bar is left out on {len(found)} of {len(figures)} images")
        words += [f"none was found on {listed(none)}"] if none else []
    elif len(figures) > 1:
        words.append(f"Set on {len(figures)} images")
    if lost:
        words.append(f"{lost} click(s) lie outside and are not used")
    return "; ".join(words) + "." if words else ""
