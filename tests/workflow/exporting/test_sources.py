"""What is on the images of a source is asked for image by image, and progress says of which."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.parametrize("what", ["labels", "objects", "figure"])
def test_an_export_says_which_image_it_is_at(masked, tmp_path: Path, what) -> None:
    job = masked.session.export(what, tmp_path / "out")
    told = []
    job.progressed.connect(told.append)
    job.result()
    names = [step.message.split(":")[0] for step in told[1:]]
    assert list(dict.fromkeys(names)) == ["cells.tif", "empty.tif"]
    fractions = [step.fraction for step in told]
    assert fractions == sorted(fractions)
    first_of_second = next(
        f for f, name in zip(fractions[1:], names, strict=True) if name == "empty.tif"
    )
    assert first_of_second == pytest.approx(0.5)
