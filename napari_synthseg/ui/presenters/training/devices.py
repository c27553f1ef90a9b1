"""What can be computed on, and why, in words."""

from __future__ import annotations

from collections.abc import Sequence

from napari_synthseg.core.specs import Device

AUTO = "auto"

LOOKING = "Looking for what can be computed on…"


def device_choices(devices: Sequence[Device]) -> dict[str, str]:
    """Return what can be chosen, name -> words; without devices these are not known yet."""
    best = next((device for device in devices if not device.problem), None)
    auto = f"automatic: {best.title}" if best is not None else "automatic"
    return {AUTO: auto} | {
        device.name: f"{device.title}: {device.problem}" if device.problem else device.title
        for device in devices or (Device("cpu", "CPU"),)
    }


def device_reason(chosen: str, devices: Sequence[Device]) -> str:
    """Return why it is computed on what it is, in one sentence."""
    if not devices:
        return LOOKING
    best = next(device for device in devices if not device.problem)
    mine = best if chosen == AUTO else next((d for d in devices if d.name == chosen), None)
    if mine is None or mine.problem:
        why = mine.problem if mine is not None else "there is no such device"
        return f"It cannot be used: {why}. Choose automatic."
    if chosen != AUTO:
        return f"{mine.title}, as you chose."
    missing = [device.problem for device in devices if device.problem]
    kind = mine.title.partition(",")[0]
    return f"{kind}: {', '.join(missing)}." if missing else f"{mine.title}."
