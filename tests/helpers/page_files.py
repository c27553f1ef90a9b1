"""The files that the commands of README and docs name, small."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from roifile import ROI_TYPE, ImagejRoi, roiwrite

from tests.helpers import outline_files
from tests.helpers.region_images import draw_regions

CENTERS = np.mgrid[16:90:32, 16:90:32].reshape(2, -1).T
"""Centers of the disks on every image of objects here, y and x."""


def disks(seed: int = 0) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Return an image of nine bright disks, and their ids."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:96, :96]
    ids = np.zeros((96, 96), np.uint16)
    for number, (y, x) in enumerate(CENTERS, start=1):
        ids[(yy - y) ** 2 + (xx - x) ** 2 <= 81] = number
    image = 300 + 1500 * (ids > 0) + rng.normal(0, 60, ids.shape)
    return image.astype(np.uint16), ids


def save_cells(folder: Path, *, image: str = "cells.tif", cls: str = "nucleus") -> None:
    """Save an image, its clicks, another image in new/, and masks of both in true_masks/."""
    for name in ("new", "true_masks", "masks"):
        (folder / name).mkdir()
    for seed, path in enumerate((image, "new/other.tif")):
        pixels, ids = disks(seed)
        tifffile.imwrite(folder / path, pixels)
        tifffile.imwrite(folder / "masks" / Path(path).name, ids)
    tifffile.imwrite(folder / "true_masks" / "other.tif", ids)
    rows = "".join(f"{image},{cls},{y},{x}\n" for y, x in CENTERS)
    (folder / "clicks.csv").write_text(f"image,class,y,x\n{rows}")


def of_boxes(folder: Path) -> None:
    """Save slides and Pascal VOC annotations of two classes."""
    (folder / "slides").mkdir()
    (folder / "annotations").mkdir()
    for number in range(2):
        gray = (disks(number)[0] / 8).astype(np.uint8)
        Image.fromarray(np.stack([gray] * 3, -1)).save(folder / "slides" / f"s{number}.jpg")
        objects = "".join(
            f"<object><name>{'RBC' if n % 3 else 'WBC'}</name><bndbox><xmin>{x - 9}</xmin>"
            f"<ymin>{y - 9}</ymin><xmax>{x + 9}</xmax><ymax>{y + 9}</ymax></bndbox></object>"
            for n, (y, x) in enumerate(CENTERS)
        )
        size = "<size><width>96</width><height>96</height><depth>3</depth></size>"
        whole = f"<annotation><filename>s{number}.jpg</filename>{size}{objects}</annotation>"
        (folder / "annotations" / f"s{number}.xml").write_text(whole)


def of_regions(folder: Path) -> None:
    """Save images of two kinds of regions, their masks, and another image."""
    for name in ("images", "masks", "new", "true"):
        (folder / name).mkdir()
    for seed, (images, masks) in enumerate([("images", "masks")] * 2 + [("new", "true")]):
        pair = draw_regions((128, 128), seed)
        gray = (pair.image[0] * 200).clip(0, 255).astype(np.uint8)
        Image.fromarray(gray).save(folder / images / f"i{seed}.png")
        values = pair.labels.values.astype(np.uint8)
        Image.fromarray(values).save(folder / masks / f"i{seed}.png")


def of_limits(folder: Path) -> None:
    """Save a slide with an information bar, and outlines on it."""
    pixels = disks()[0] // 8
    whole = np.tile(pixels, (21, 27)).astype(np.uint8)
    whole[-100:] = 0
    whole[-60:-40, 100:900:7] = 255
    tifffile.imwrite(folder / "slide.tif", whole)
    for name, low in (("tumor", 300), ("folds", 500)):
        ring = [[low, low], [low + 400, low], [low + 400, low + 300], [low, low + 300], [low, low]]
        whole_file = outline_files.geojson({"type": "Polygon", "coordinates": [ring]})
        outline_files.save_json(folder / f"{name}.geojson", whole_file)


def of_outlines(folder: Path) -> None:
    """Save files of other programs."""
    pixels, ids = disks()
    tifffile.imwrite(folder / "cells_07.tif", pixels)
    (folder / "masks").mkdir()
    tifffile.imwrite(folder / "masks" / "cells_07.tif", ids)
    roi = ImagejRoi.frompoints(np.array([[10, 10], [30, 10], [30, 30], [10, 30]]))
    roi.roitype = ROI_TYPE.POLYGON
    roiwrite(folder / "cells_07_RoiSet.zip", [roi])
    counted = (outline_files.markers(n, (20 * n, 20, 1)) for n in (1, 2))
    counter = outline_files.cell_counter(*counted, image="cells_07.tif")
    (folder / "CellCounter_cells_07.xml").write_text(counter)
    outline_files.save_cellpose(folder / "cells_07_seg.npy", ids)
    rows = "".join(f"cells_07.tif,nucleus,{y},{x}\n" for y, x in CENTERS)
    (folder / "clicks.csv").write_text(f"image,class,y,x\n{rows}")
    (folder / "annotated").mkdir()
    shape = outline_files.labelme_shape("polygon", [[10, 10], [30, 10], [30, 30]], "RBC")
    drawn = outline_files.labelme(shape, image="cells_07.tif")
    drawn |= {"imageHeight": 96, "imageWidth": 96}
    (folder / "annotated" / "cells_07.json").write_text(json.dumps(drawn))
    stack = np.stack([pixels] * 10)
    tifffile.imwrite(folder / "cells.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    outline_files.save_json(folder / "annotations.json", drawn_planes(len(stack)))


def drawn_planes(count: int) -> dict[str, Any]:
    """Return COCO of a square on the fourth and fifth of the planes of cells.tif."""
    square = outline_files.coco_polygon()
    whole = outline_files.coco(*({**square, "id": n, "image_id": n} for n in (3, 4)))
    names = [f"cells_z{n:03d}.png" for n in range(count)]
    images = [{"id": n, "file_name": m, "width": 96, "height": 96} for n, m in enumerate(names)]
    return {**whole, "images": images}


def of_scripts(folder: Path) -> None:
    """Save what the scripts of the page on Python read."""
    for seed, name in enumerate(("first", "second")):
        pixels, ids = disks(seed)
        tifffile.imwrite(folder / f"{name}.tif", pixels)
    tifffile.imwrite(folder / "second_masks.tif", ids.astype(np.int32))
    np.savetxt(folder / "centers.csv", CENTERS, delimiter=",")


def of_studies(folder: Path) -> None:
    """Save a set of images with masks, and the study of the page under its name."""
    for part in ("images", "masks"):
        (folder / "data" / "my_cells" / part).mkdir(parents=True)
    for number in range(12):
        pixels, ids = disks(number)
        tifffile.imwrite(folder / "data" / "my_cells" / "images" / f"cell{number}.tif", pixels)
        Image.fromarray(ids.astype(np.uint8)).save(
            folder / "data" / "my_cells" / "masks" / f"cell{number}.png"
        )


Prepare = Callable[[Path], None]


def copy_trained(trained: Path, folder: Path, names: dict[str, str]) -> None:
    """Copy the folder with the trained project; rename what a page calls otherwise."""
    shutil.copytree(trained, folder, dirs_exist_ok=True)
    for old, new in names.items():
        (folder / old).rename(folder / new)
