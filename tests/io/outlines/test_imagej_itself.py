"""The pixels of a ROI are those that ImageJ itself fills, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from roifile import ROI_TYPE, ImagejRoi, roiwrite

from tests.helpers.outlines import SHAPE, drawn, read_one

IMAGEJ = Path("/usr/share/java/ij.jar")
"""Where Debian's package `imagej` puts it."""

FILL = """
import ij.io.RoiDecoder; import ij.process.ByteProcessor; import java.io.*; import java.util.zip.*;
public class Fill {
  public static void main(String[] a) throws Exception {
    ZipInputStream zip = new ZipInputStream(new FileInputStream(a[0]));
    FileOutputStream out = new FileOutputStream(a[1]);
    for (ZipEntry e = zip.getNextEntry(); e != null; e = zip.getNextEntry()) {
      ByteProcessor mask = new ByteProcessor(Integer.parseInt(a[3]), Integer.parseInt(a[2]));
      mask.setValue(255);
      mask.fill(new RoiDecoder(zip.readAllBytes(), e.getName()).getRoi());
      out.write((byte[]) mask.getPixels());
    }
    out.close();
  }
}
"""


def random_rois(count: int) -> list[ImagejRoi]:
    rng = np.random.default_rng(0)
    rois = []
    for n in range(count):
        points = rng.uniform(0, 40, (rng.integers(3, 9), 2))
        rois.append(ImagejRoi.frompoints(points if n % 2 else np.round(points).astype(int)))
        rois[-1].roitype = [ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND][n % 3 == 0]
        left, top = (int(v) for v in rng.integers(0, 20, 2))
        right, bottom = left + int(rng.integers(1, 30)), top + int(rng.integers(1, 20))
        box: dict[str, Any] = {
            "left": left,
            "top": top,
            "right": right,
            "bottom": bottom,
            "version": 229,
        }
        rois += [ImagejRoi(roitype=kind, **box) for kind in (ROI_TYPE.RECT, ROI_TYPE.OVAL)]
        rois.append(ImagejRoi(roitype=ROI_TYPE.RECT, rounded_rect_arc_size=6, **box))
    return rois


@pytest.mark.skipif(not (IMAGEJ.exists() and shutil.which("java")), reason="needs ImageJ and Java")
def test_masks_are_those_of_imagej(tmp_path: Path) -> None:
    rois = random_rois(40)
    names = [f"{n:03d}" for n in range(len(rois))]
    roiwrite(tmp_path / "set.zip", rois, name=names, mode="w")
    (tmp_path / "Fill.java").write_text(FILL)
    command = ["java", "-Djava.awt.headless=true", "-cp", str(IMAGEJ), str(tmp_path / "Fill.java")]
    arguments = [str(tmp_path / "set.zip"), str(tmp_path / "masks.raw"), *map(str, SHAPE)]
    subprocess.run([*command, *arguments], check=True, timeout=120)
    masks = np.fromfile(tmp_path / "masks.raw", np.uint8).reshape(-1, *SHAPE) > 0
    outlines = read_one(tmp_path / "set.zip").outlines
    assert len(outlines) == len(masks) == len(rois) and masks.any(axis=(1, 2)).sum() > 100
    for outline, mask in zip(outlines, masks, strict=True):
        assert (drawn(outline.area) == mask).all(), outline.title
