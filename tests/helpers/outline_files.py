"""A small file of each format of outlines, drawn here."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from roifile import ROI_TYPE, ImagejRoi

SQUARE = [[10, 5], [20, 5], [20, 9], [10, 9]]
"""x, y, counted from the corner of the first pixel: rows 5 to 8, columns 10 to 19."""


def save_json(path: Path, whole: Any) -> Path:
    path.write_text(json.dumps(whole))
    return path


def png_of(mask: np.ndarray) -> str:
    """Return a mask as labelme stores it."""
    stream = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def labelme_shape(kind: str, points: Any, label: str = "nucleus", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, **more}


def labelme(*shapes: dict[str, Any], image: str = "cells.png") -> dict[str, Any]:
    return {
        "version": "5.5.0", "flags": {}, "shapes": list(shapes), "imagePath": image,
        "imageData": None, "imageHeight": 40, "imageWidth": 60,
    }  # fmt: skip


def label_studio_result(kind: str, value: dict[str, Any], label: str = "nucleus") -> dict[str, Any]:
    return {
        "id": "a", "type": f"{kind}labels", "original_width": 60, "original_height": 40,
        "image_rotation": 0, "value": {**value, f"{kind}labels": [label]},
    }  # fmt: skip


def label_studio(*results: dict[str, Any], **task: Any) -> list[dict[str, Any]]:
    annotation = {"id": 1, "was_cancelled": False, "result": list(results)}
    data = {"image": "/data/upload/1/0123abcd-cells.png"}
    return [{"id": 7, "annotations": [annotation], "data": data, **task}]


def pack_label_studio(mask: np.ndarray) -> list[int]:
    """Return the fourth channel of a picture in runs, each of them with a length of 16 bits."""
    values = np.repeat(mask.ravel().astype(int) * 255, 4)
    bits = f"{len(values):032b}{7:05b}" + f"{15:04b}" * 4
    starts = np.flatnonzero(np.diff(values, prepend=-1))
    for start, stop in zip(starts, [*starts[1:], len(values)], strict=True):
        bits += f"100{stop - start - 1:016b}{values[start]:08b}"
    bits += "0" * (-len(bits) % 8)
    return [int(bits[n : n + 8], 2) for n in range(0, len(bits), 8)]


def cvat(*shapes: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version>'
        '<image id="0" name="set/cells.png" width="60" height="40">'
        + "".join(shapes)
        + "</image></annotations>"
    )


def cell_counter(*types: str, image: str = "cells.png") -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><CellCounter_Marker_File><Image_Properties>'
        f"<Image_Filename>{image}</Image_Filename></Image_Properties><Marker_Data>"
        f"<Current_Type>0</Current_Type>{''.join(types)}</Marker_Data></CellCounter_Marker_File>"
    )


def markers(number: int, *places: tuple[int, int, int]) -> str:
    """Return a type with markers at x, y, z."""
    inner = "".join(
        f"<Marker><MarkerX>{x}</MarkerX><MarkerY>{y}</MarkerY><MarkerZ>{z}</MarkerZ></Marker>"
        for x, y, z in places
    )
    return f"<Marker_Type><Type>{number}</Type>{inner}</Marker_Type>"


def coco(*annotations: dict[str, Any]) -> dict[str, Any]:
    return {
        "images": [{"id": 3, "file_name": "set/cells.png", "height": 40, "width": 60}],
        "categories": [{"id": 1, "name": "nucleus"}],
        "annotations": [{"id": n, "image_id": 3, "category_id": 1, **a}
                        for n, a in enumerate(annotations)],
    }  # fmt: skip


def coco_polygon(points: Any = SQUARE) -> dict[str, Any]:
    return {"segmentation": [[c for point in points for c in point]], "iscrowd": 0}


def geojson(*geometries: dict[str, Any]) -> dict[str, Any]:
    nucleus = {"classification": {"name": "nucleus"}}
    features = [{"type": "Feature", "geometry": g, "properties": nucleus} for g in geometries]
    return {"type": "FeatureCollection", "features": features}


def save_imagej(path: Path) -> Path:
    made = ImagejRoi.frompoints(np.array(SQUARE))
    made.roitype = ROI_TYPE.POLYGON
    made.tofile(path)
    return path


def save_cellpose(path: Path, masks: np.ndarray) -> Path:
    whole = {
        "outlines": masks > 0, "masks": masks, "ismanual": np.zeros(3, bool), "est_diam": 30.0,
        "manual_changes": [], "filename": "/data/cells.png", "flows": [np.zeros((2, 4, 4))],
        "chan_choose": [0, 0], "colors": np.ones((3, 3), np.uint8),
    }  # fmt: skip
    np.save(path, whole, allow_pickle=True)  # type: ignore[arg-type]  # as Cellpose does
    return path


def save_sample(name: str, folder: Path) -> Path:
    """Save a file of a format that says: a nucleus in the square, or a click in it."""
    ids = np.zeros((40, 60), np.uint16)
    ids[5:9, 10:20] = 1
    if name == "imagej":
        return save_imagej(folder / "cells.roi")
    if name == "cellpose":
        return save_cellpose(folder / "cells_seg.npy", ids)
    if name == "cell-counter":
        path = folder / "CellCounter_cells.xml"
        path.write_text(cell_counter(markers(1, (14, 6, 1))))
        return path
    if name == "cvat":
        path = folder / "annotations.xml"
        points = ";".join(f"{x},{y}" for x, y in SQUARE)
        path.write_text(cvat(f'<polygon label="nucleus" points="{points}"></polygon>'))
        return path
    if name == "yolo-outlines":
        shares = " ".join(f"{x / 60!r} {y / 40!r}" for x, y in SQUARE)
        (folder / "cells.txt").write_text(f"0 {shares}\n")
        (folder / "data.yaml").write_text("names: [nucleus]\n")
        return folder / "data.yaml"
    if name == "napari-shapes":
        rows = "".join(f"0,polygon,{n},{y - 0.5},{x - 0.5}\n" for n, (x, y) in enumerate(SQUARE))
        (folder / "cells.csv").write_text(f"index,shape-type,vertex-index,axis-0,axis-1\n{rows}")
        return folder / "cells.csv"
    percent = [[x / 0.6, y / 0.4] for x, y in SQUARE]
    whole = {
        "geojson": geojson({"type": "Polygon", "coordinates": [[*SQUARE, SQUARE[0]]]}),
        "labelme": labelme(labelme_shape("polygon", SQUARE)),
        "label-studio": label_studio(label_studio_result("polygon", {"points": percent})),
        "coco-outlines": coco(coco_polygon()),
    }[name]
    return save_json(folder / "cells.json", whole)
