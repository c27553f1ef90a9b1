"""Sound files of every kind, drawn here, to begin with."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
import zarr
from PIL import Image
from roifile import ROI_TYPE, ImagejRoi, roiwrite
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

PIXELS = np.random.default_rng(0).integers(0, 255, (3, 24, 24), np.uint8)
IDS = np.zeros((40, 60), np.uint16)
IDS[5:9, 10:20], IDS[20:30, 30:40] = 1, 2
SQUARE = [[10, 5], [20, 5], [20, 9], [10, 9]]
OLD_PROJECT = Path(__file__).parents[2] / "tests" / "data"


def _tiff(pixels: Any = PIXELS, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **{"photometric": "minisblack", **options})
    return file.getvalue()


def _headed(code: int, text: str) -> bytes:
    return _tiff(extratags=[(code, 2, 0, text, True)], metadata=None)


def _picture(pixels: Any, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def images() -> list[bytes]:
    """Return small images of all formats and headers."""
    color = PIXELS.transpose(1, 2, 0).copy()
    turned = Image.Exif()
    turned[0x0112] = 6
    deep = np.arange(2 * 3 * 20 * 24, dtype=np.uint16).reshape(2, 3, 20, 24)
    bars = "[Scan]\r\nPixelWidth=2e-9\r\n[Image]\r\nResolutionY=20\r\n"
    zeiss = "0\r\n0\r\n0\r\n2e-9\r\nDP_IMAGE_STORE\r\nStore = 24 * 20\r\n"
    return [
        _tiff(), _tiff(compression="zlib"), _tiff(compression="lzw", predictor=True),
        _tiff(tile=(16, 16)), _tiff(ome=True), _tiff(imagej=True), _tiff(bigtiff=True),
        _tiff(deep, ome=True, metadata={"axes": "ZCYX", "PhysicalSizeX": 0.1}),
        _tiff(deep, imagej=True, metadata={"axes": "ZCYX", "spacing": 2.0, "unit": "um"}),
        _tiff(color, photometric="rgb", resolution=(300, 300), resolutionunit="INCH"),
        _tiff(PIXELS[0] > 99, photometric="miniswhite"), _tiff(PIXELS[0], photometric="miniswhite"),
        _tiff(PIXELS[0], photometric="palette", colormap=np.ones((3, 256), np.uint16)),
        _tiff(PIXELS.astype(np.float32), compression="zlib"), _tiff(PIXELS.astype(np.float16)),
        _headed(34682, bars), _headed(34118, zeiss), _headed(42113, "-9999"),
        _headed(270, "Aperio Image Library v11\r\n24x24 |AppMag = 20|MPP = 0.5"),
        bytes(imagecodecs.png_encode(color.astype(np.uint16))),
        _picture(color, "png"), _picture(color, "jpeg"), _picture(color, "bmp"),
        _picture(PIXELS[0], "jpeg", exif=turned), _picture(PIXELS[0], "png"),
        _picture(np.dstack([color, PIXELS[0]]), "png"), _picture(PIXELS[0] > 99, "png"),
        _picture(color, "gif"), _picture(color, "webp"),
    ]  # fmt: skip


def vendor_images() -> list[bytes]:
    """Return starts of files of Zeiss, Nikon and Leica, and of a directory in each."""
    lif = b"\x70\0\0\0" + (60).to_bytes(4, "little") + b"\x2a" + (20).to_bytes(4, "little")
    xml = "<LMSDataContainerHeader Version='2'>".encode("utf-16-le")
    czi = b"ZISRAWFILE".ljust(16, b"\0") + (512).to_bytes(8, "little") * 2 + bytes(528)
    directory = b"ZISRAWDIRECTORY".ljust(16, b"\0") + (128).to_bytes(8, "little") * 2 + bytes(200)
    nd2 = b"\xda\xce\xbe\x0a" + (32).to_bytes(4, "little") + bytes(8)
    signature = b"ND2 FILE SIGNATURE CHUNK NAME01!Ver3.0".ljust(96, b"\0")
    chunk_map = b"ND2 CHUNK MAP SIGNATURE 0000001!" + bytes(8)
    return [
        lif + xml + bytes(200), lif, czi + directory, czi,
        nd2 + signature + bytes(300) + chunk_map, nd2 + bytes(300),
    ]  # fmt: skip


def masks() -> list[bytes]:
    """Return label images of several types."""
    colors = np.stack([IDS * 100, IDS, IDS], -1).astype(np.uint8)
    return [
        _tiff(IDS), _tiff(IDS.astype(np.int32), compression="zlib"), _tiff(IDS.astype(np.float32)),
        _tiff(IDS > 0), _tiff(IDS.astype(np.int64), metadata=None),
        _picture(IDS.astype(np.uint8), "png"),
        _picture(colors, "png"), _picture(IDS > 0, "png"), _tiff(IDS[None], imagej=True),
        _tiff((IDS > 0).astype(np.uint8) * 255, ome=True), *images()[:4],
    ]  # fmt: skip


def annotation_files(folder: Path) -> list[tuple[str, bytes]]:
    """Return (name, content) of files of all formats that say something of ``cells.png``."""
    return [*_tables(), *_json_files(), *_xml_files(), *_imagej_files(folder), _cellpose(folder)]


def _tables() -> Iterator[tuple[str, bytes]]:
    yield "a.csv", b"image,class,y,x,z,t\ncells.png,nucleus,5,10,,\ncells.png,dead,7.5,1e1,0,0\n"
    yield "a.csv", b"index,axis-0,axis-1\n0,5,10\n1,7,8\n"
    yield "a.csv", b" ,Label,X,Y,Slice,Counter\n1,cells.png,10.5,5.5,1,0\n"
    yield "a.tsv", "Image\tClass\tCentroid X µm\tCentroid Y µm\ncells.png\tnucleus\t3\t4\n".encode()
    yield "a.csv", "image;class;y;x\ncells.png;nucleus;5,5;10\n".encode("utf-16")
    yield "a.csv", b"image,class,ymin,xmin,ymax,xmax\ncells.png,nucleus,5,10,9,20\n"
    yield "a.csv", b"image,nucleus,dead\ncells.png,1,0\n"
    shapes = "".join(f"0,polygon,{n},{y},{x}\n" for n, (x, y) in enumerate(SQUARE))
    yield "a.csv", f"index,shape-type,vertex-index,axis-0,axis-1\n{shapes}".encode()
    yield "cells.txt", b"0 0.25 0.175 0.16 0.1\n1 0.5 0.5 0.1 0.1\n"
    yield "cells.txt", b"0 0.1 0.1 0.3 0.1 0.3 0.3\n"


def _json_files() -> Iterator[tuple[str, bytes]]:
    flat = [c for point in SQUARE for c in point]
    ring = {"type": "Polygon", "coordinates": [[*SQUARE, SQUARE[0]]]}
    points = {"type": "MultiPoint", "coordinates": [[3, 4], [30, 20]]}
    properties = {"classification": {"name": "nucleus"}, "objectType": "annotation"}
    features = [
        {"type": "Feature", "geometry": g, "properties": properties} for g in (ring, points)
    ]
    yield "a.geojson", _text({"type": "FeatureCollection", "features": features})
    things: list[dict[str, Any]] = [
        {"bbox": [10, 5, 10, 4]},
        {"segmentation": [flat], "iscrowd": 0, "bbox": [10, 5, 10, 4], "area": 40},
        {"segmentation": {"size": [40, 60], "counts": [405, 4, 36, 4, 1951]}, "iscrowd": 1},
        {"segmentation": {"size": [40, 60], "counts": "e<400Wb0"}},
        {"keypoints": [10, 5, 2, 12, 6, 1], "num_keypoints": 2, "bbox": [0, 0, 0, 0]},
        {"bbox": [10, 5, 10, 4], "attributes": {"rotation": 30.0}},
    ]
    image = {"id": 3, "file_name": "set/cells.png", "height": 40, "width": 60}
    table = [{"id": n, "image_id": 3, "category_id": 1, **thing} for n, thing in enumerate(things)]
    category = [{"id": 1, "name": "nucleus", "keypoints": ["a", "b"]}]
    yield "a.json", _text({"images": [image], "categories": category, "annotations": table})
    planes = [{"id": n, "file_name": f"stack_z{n}.png", "height": 40, "width": 60} for n in (0, 1)]
    drawn = [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [flat]}]
    yield "a.json", _text({"images": planes, "categories": category, "annotations": drawn})
    yield "a.json", _text([{"image_id": 3, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}])
    kinds = {"polygon": SQUARE, "rectangle": SQUARE[::2], "circle": SQUARE[:2], "point": [[3, 4]]}
    shapes: list[dict[str, Any]] = [
        {"label": "nucleus", "points": p, "shape_type": kind, "group_id": None}
        for kind, p in kinds.items()
    ]
    png = _picture(IDS[5:9, 10:20] > 0, "png")
    packed = imagecodecs.base64_encode(png) if hasattr(imagecodecs, "base64_encode") else b""
    shapes.append({"label": "dead", "points": SQUARE[::2], "shape_type": "mask",
                   "mask": bytes(packed).decode() or "iVBORw0KGgo="})  # fmt: skip
    whole: dict[str, Any] = {
             "version": "5", "flags": {}, "shapes": shapes, "imagePath": "cells.png",
             "imageData": None, "imageHeight": 40, "imageWidth": 60}  # fmt: skip
    yield "a.json", _text(whole)
    percent = {"points": [[x / 0.6, y / 0.4] for x, y in SQUARE]}
    values: list[tuple[str, dict[str, Any]]] = [
        ("polygon", percent),
        ("rectangle", {"x": 10, "y": 10, "width": 20, "height": 9, "rotation": 5}),
        ("keypoint", {"x": 5, "y": 5, "width": 1}),
        ("brush", {"format": "rle", "rle": [0, 0, 0, 9, 8]}),
        ("ellipse", {"x": 50, "y": 50, "radiusX": 5, "radiusY": 4, "rotation": 0}),
    ]  # fmt: skip
    results = [
        {"id": "a", "type": f"{kind}labels", "original_width": 60, "original_height": 40,
         "image_rotation": 0, "value": {**value, f"{kind}labels": ["nucleus"]}}
        for kind, value in values
    ]  # fmt: skip
    task = {"id": 7, "annotations": [{"id": 1, "was_cancelled": False, "result": results}],
            "data": {"image": "/data/upload/1/0123abcd-cells.png"}}  # fmt: skip
    yield "a.json", _text([task])


def _xml_files() -> Iterator[tuple[str, bytes]]:
    points = ";".join(f"{x},{y}" for x, y in SQUARE)
    yield (
        "a.xml",
        (
            '<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version>'
            '<image id="0" name="set/cells.png" width="60" height="40">'
            f'<polygon label="nucleus" points="{points}"></polygon>'
            '<box label="nucleus" xtl="1" ytl="2" xbr="9" ybr="8" rotation="20"></box>'
            '<mask label="dead" rle="3,4,6" left="2" top="3" width="5" height="3"></mask>'
            '<points label="dead" points="5,6;7,8"></points><ellipse label="dead" cx="20" cy="20" '
            'rx="5" ry="4"></ellipse></image></annotations>'
        ).encode(),
    )
    yield (
        "a.xml",
        (
            b"<annotation><filename>cells.png</filename><size><width>60</width><height>40</height>"
            b"</size><object><name>nucleus</name><bndbox><xmin>10</xmin><ymin>5</ymin><xmax>20</xmax>"
            b"<ymax>9</ymax></bndbox></object><object><name>dead</name><robndbox><cx>9</cx><cy>9</cy>"
            b"<w>5</w><h>4</h><angle>0.4</angle></robndbox></object></annotation>"
        ),
    )
    yield (
        "a.xml",
        (
            b'<?xml version="1.0" encoding="UTF-8"?><CellCounter_Marker_File><Image_Properties>'
            b"<Image_Filename>cells.png</Image_Filename></Image_Properties><Marker_Data><Current_Type>0"
            b"</Current_Type><Marker_Type><Type>1</Type><Name>nucleus</Name><Marker><MarkerX>14"
            b"</MarkerX><MarkerY>6</MarkerY><MarkerZ>1</MarkerZ></Marker></Marker_Type></Marker_Data>"
            b"</CellCounter_Marker_File>"
        ),
    )


def _imagej_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    made = []
    for kind in (ROI_TYPE.POLYGON, ROI_TYPE.RECT, ROI_TYPE.OVAL, ROI_TYPE.POINT, ROI_TYPE.FREEHAND):
        roi = ImagejRoi.frompoints(np.array(SQUARE))
        roi.roitype, roi.name = kind, f"{kind.name}-0001"
        yield "a.roi", roi.tobytes()
        made.append(roi)
    path = folder / "seed.zip"
    roiwrite(path, made, mode="w")
    yield "a.zip", path.read_bytes()
    path.unlink()


def _cellpose(folder: Path) -> tuple[str, bytes]:
    whole = {
        "outlines": IDS > 0, "masks": IDS, "ismanual": np.zeros(3, bool), "est_diam": 30.0,
        "manual_changes": [], "filename": "/data/cells.png", "flows": [np.zeros((2, 4, 4))],
    }  # fmt: skip
    path = folder / "seed_seg.npy"
    np.save(path, np.array(whole, object), allow_pickle=True)
    data = path.read_bytes()
    path.unlink()
    return "a.npy", data


def zarr_images(folder: Path) -> None:
    """Write an image of each version of OME-Zarr, and one in shards with each kind of codec."""
    image = np.arange(2 * 20 * 24, dtype=np.uint16).reshape(2, 20, 24)
    axes = [{"name": "c", "type": "channel"}] + [
        {"name": a, "type": "space", "unit": "micrometer"} for a in "yx"
    ]
    scale = [{"type": "scale", "scale": [1, 0.5, 0.5]}]
    for version, number in (("0.4", 2), ("0.5", 3)):
        group = zarr.open_group(str(folder / f"v{number}.zarr"), mode="w", zarr_format=number)  # type: ignore[arg-type]
        group.create_array("0", data=image, chunks=(1, 16, 16))
        scales: Any = {"version": version, "axes": axes,
                  "datasets": [{"path": "0", "coordinateTransformations": scale}]}  # fmt: skip
        group.attrs.update(
            {"multiscales": [scales]}
            if number == 2
            else {"ome": {"version": version, "multiscales": [scales]}}
        )
    codecs: dict[str, Any] = {
        "zstd": ZstdCodec(), "gzip": GzipCodec(), "blosc": BloscCodec(),
    }  # fmt: skip
    for name, codec in codecs.items():
        sharded = zarr.create_array(
            str(folder / f"sharded_{name}.zarr"), shape=image.shape, dtype=image.dtype,
            chunks=(1, 8, 8), shards=(2, 16, 16), compressors=codec, zarr_format=3,
            dimension_names=("c", "y", "x"),
        )  # fmt: skip
        sharded[...] = image


def results(folder: Path) -> None:
    """Write the files that predictions leave, and the truth that they are scored on."""
    rows = "cells.tif,1,nucleus,0.9,6.5,14.5,5,10,9,20\ncells.tif,2,dead,0.4,25,35,20,30,30,40\n"
    boxes: dict[str, Any] = {
        "images": [{"id": 1, "file_name": "cells.tif", "height": 40, "width": 60}],
        "categories": [{"id": 1, "name": "nucleus"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 5, 10, 4],
                         "score": 0.5, "area": 40, "iscrowd": 0}],
    }  # fmt: skip
    for name in ("found", "true"):
        inside = folder / name
        inside.mkdir()
        (inside / "cells.tif").write_bytes(_tiff(IDS))
        (inside / "cells__nucleus.tif").write_bytes(_tiff(IDS.astype(np.float32)))
        header = "image,id,class,score,y,x,ymin,xmin,ymax,xmax\n"
        (inside / "objects.csv").write_text(header + rows)
        (inside / "candidates.csv").write_text(header + rows)
        (inside / "labels.csv").write_text("image,nucleus,dead\ncells.tif,0.9,0.1\n")
        (inside / "classes.csv").write_text("value,name\n0,background\n1,nucleus\n2,dead\n")
        (inside / "clicks.csv").write_text("image,class,y,x\ncells.tif,nucleus,6.5,14.5\n")
        (inside / "boxes.json").write_text(json.dumps(boxes))


def project(folder: Path) -> None:
    """Copy a project of an older version, with its images, truth and runs."""
    shutil.copytree(OLD_PROJECT / "old_project.synthseg", folder / "p.synthseg")
    shutil.copytree(OLD_PROJECT / "old_project_images", folder / "old_project_images")
    for checkpoint in folder.rglob("checkpoint.safetensors"):
        checkpoint.unlink()


def _text(whole: Any) -> bytes:
    return json.dumps(whole).encode()
