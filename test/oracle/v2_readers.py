"""The reader classes of nnU-Net v2 on small files: arrays, properties, and what they write back."""
import base64
import contextlib
import gzip
import io
import os
import tempfile

import nibabel
import numpy as np
import SimpleITK as sitk

import fixture
import tifffile
from PIL import Image

from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from nnunetv2.imageio.nibabel_reader_writer import NibabelIO, NibabelIOWithReorient
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO, SimpleITKIOWithReorient
from nnunetv2.imageio.tif_reader_writer import Tiff3DIO

SHAPE = (3, 4, 5)  # z, y, x
THREE_AXES = [SimpleITKIO, SimpleITKIOWithReorient, NibabelIO, NibabelIOWithReorient]


def rotation(seed):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def turn(axis, angle):
    c, s = np.cos(angle), np.sin(angle)
    r = np.eye(3)
    i, j = [k for k in range(3) if k != axis]
    r[i, i], r[i, j], r[j, i], r[j, j] = c, -s, s, c
    return r


def nifti(path, linear, offset, dtype=np.int16, scl=None, codes=(1, 1), extra=()):
    rng = np.random.default_rng(7)
    data = (rng.normal(size=tuple(reversed(SHAPE)) + tuple(extra)) * 40).astype(dtype)
    affine = np.eye(4)
    affine[:3, :3] = linear
    affine[:3, 3] = offset
    image = nibabel.Nifti1Image(data, affine)
    image.set_sform(affine, codes[1])
    image.set_qform(affine, codes[0])
    if scl is not None:
        image.header.set_slope_inter(*scl)
    nibabel.save(image, path)
    if scl is not None:  # nibabel divides before it stores: put the numbers as they are
        raw = bytearray(open(path, "rb").read())
        raw[352:] = data.tobytes(order="F")
        open(path, "wb").write(raw)


def itk(path, size, spacing, origin, direction, dtype=np.int16):
    rng = np.random.default_rng(8)
    image = sitk.GetImageFromArray((rng.normal(size=tuple(reversed(size))) * 40).astype(dtype))
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    image.SetDirection(list(direction))
    sitk.WriteImage(image, path)


def with_nan(path):
    nifti(path, np.diag([1, 2, 3]), (0, 0, 0), np.float32)
    image = nibabel.load(path)
    data = image.get_fdata(dtype=np.float32).copy()
    data[0, 0, 0], data[1, 1, 1] = np.nan, np.inf
    nibabel.save(nibabel.Nifti1Image(data, image.affine, image.header), path)


ZOOMS = np.diag([0.9, 1.25, 3.0])
FLIPPED = np.array([[0, -1, 0], [1, 0, 0], [0, 0, -1]]) @ np.diag([2, 1.5, 3])
FILES = {
    "straight.nii.gz": lambda p: nifti(p, np.diag([-0.9, -1.25, 3.0]), (10, -20.5, 30)),
    "flipped.nii.gz": lambda p: nifti(p, FLIPPED, (10, -20.5, 30)),
    "oblique.nii.gz": lambda p: nifti(p, rotation(3) @ ZOOMS, (-90, 126, -72.25), np.float32),
    "tilted.nii.gz": lambda p: nifti(p, turn(0, 0.2) @ np.diag([-1, 1, 2.0]), (5, 0, 0), np.uint8),
    "qform.nii.gz": lambda p: nifti(p, turn(2, 0.7) @ np.diag([1, 1.5, -2.0]), (0, 0, 0), codes=(1, 0)),
    "bare.nii.gz": lambda p: nifti(p, np.diag([2.0, 1.5, 3]), (0, 0, 0), codes=(0, 0)),
    "scaled.nii": lambda p: nifti(p, np.diag([1, 2, 3]), (0, 0, 0), scl=(0.37, -11.5)),
    "special.nii": with_nan,
    "trailing.nii": lambda p: nifti(p, np.diag([1, 2, 3]), (0, 0, 0), extra=(1,)),
    "series.nii.gz": lambda p: nifti(p, turn(1, 0.4) @ ZOOMS, (1, 2, 3), extra=(2,)),
    "plane.nii.gz": lambda p: itk(p, (5, 7), (0.25, 0.5), (1.5, -2), turn(2, 0.3)[:2, :2].ravel()),
    "plane.mha": lambda p: itk(p, (5, 7), (0.25, 0.5), (1.5, -2), (0, 1, -1, 0)),
    "plane.nrrd": lambda p: itk(p, (5, 7), (0.5, 0.25), (1.5, -2), (1, 0, 0, 1)),
    "oblique.mha": lambda p: itk(p, (5, 4, 3), (0.7, 0.8, 2.5), (1, 2, 3), rotation(5).ravel(), np.float32),
    "straight.gipl": lambda p: itk(p, (5, 4, 3), (0.7, 0.8, 2.5), (1.1, -2, 3), np.eye(3).ravel()),
    "float.gipl": lambda p: itk(p, (5, 4, 3), (1, 0.8, 2.5), (0, 0, 0), np.eye(3).ravel(), np.float32),
    "bytes.gipl.gz": lambda p: itk(p, (5, 4, 3), (1, 0.8, 2.5), (-5, 6.25, 7), np.eye(3).ravel(), np.int8),
    "plane.gipl": lambda p: itk(p, (5, 7), (0.25, 0.6), (1.5, -2), np.eye(2).ravel(), np.uint16),
    "swapped.nrrd": lambda p: itk(p, (5, 4, 3), (0.7, 0.8, 2.5), (1, 2, 3), (0, 0, 1, -1, 0, 0, 0, -1, 0)),
}
# Channels that do not fit together: second file beside the first.
PAIRS = {
    "spacing 1.0001": (((1.0, 1, 1), (0, 0, 0), np.eye(3)), ((1.0001, 1, 1), (0, 0, 0), np.eye(3))),
    "spacing 1.00001": (((1.0, 1, 1), (0, 0, 0), np.eye(3)), ((1.00001, 1, 1), (0, 0, 0), np.eye(3))),
    "origin": (((1.0, 1, 1), (5, 0, 0), np.eye(3)), ((1.0, 1, 1), (5.1, 0, 0), np.eye(3))),
    "direction": (((1.0, 1, 1), (0, 0, 0), np.eye(3)), ((1.0, 1, 1), (0, 0, 0), turn(2, 0.01))),
}


def pixels(*shape, dtype=np.uint8, high=256):
    return np.random.default_rng(9).integers(0, high, shape, dtype=np.int64).astype(dtype)


def palette():
    image = Image.fromarray(pixels(5, 7, high=5)).convert("L")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 1, 2, 3, 9, 8, 7])
    return image


def png16(path):
    """Colours of 16 bits, which Pillow does not write: by hand."""
    import struct
    import zlib

    data = pixels(5, 7, 3, dtype=">u2", high=65536)
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    rows = b"".join(b"\0" + row.tobytes() for row in data)
    header = struct.pack(">IIBBBBB", 7, 5, 16, 2, 0, 0, 0)
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


GREY = pixels(5, 7)
tiff = lambda data, **options: lambda path: tifffile.imwrite(path, data, **options)
save = lambda image, **options: lambda path: image.save(path, **options)
PICTURES = {
    "grey.png": save(Image.fromarray(GREY)),
    "grey16.png": save(Image.fromarray(GREY.astype(np.uint16) * 201)),
    "bit.png": save(Image.fromarray(GREY > 100)),
    "grey4.png": save(Image.fromarray(GREY // 16).convert("L"), bits=4),
    "palette.png": save(palette()),
    "palette_bits.png": save(palette(), bits=4),
    "palette_clear.png": save(palette(), transparency=1),
    "rgb.png": save(Image.fromarray(pixels(5, 7, 3))),
    "rgb16.png": png16,
    "rgba.png": save(Image.fromarray(pixels(5, 7, 4))),
    "grey_alpha.png": save(Image.fromarray(pixels(5, 7, 2), "LA")),
    "grey.bmp": save(Image.fromarray(GREY)),
    "bit.bmp": save(Image.fromarray(GREY > 100)),
    "palette.bmp": save(palette()),
    "rgb.bmp": save(Image.fromarray(pixels(5, 7, 3))),
    "rgba.bmp": save(Image.fromarray(pixels(5, 7, 4))),
    "grey.tif": tiff(GREY),
    "zlib16.tif": tiff(pixels(5, 7, dtype=np.uint16, high=65536), compression="zlib", predictor=True),
    "lzw.tif": tiff(pixels(60, 70, dtype=np.uint16, high=9), compression="lzw"),
    "packbits.tif": tiff(GREY // 64, compression="packbits"),
    "float.tif": tiff((GREY / 3).astype(np.float32), compression="zlib", predictor=True),
    "big_endian.tif": tiff(pixels(5, 7, dtype=">u2", high=65536), byteorder=">"),
    "big_endian_float.tif": tiff((GREY / 3).astype(">f4"), byteorder=">", compression="zlib", predictor=True),
    "bigtiff.tif": tiff(GREY, bigtiff=True),
    "bit.tif": tiff(GREY > 100),
    "palette.tif": save(palette()),
    "int32.tif": tiff(pixels(5, 7, dtype=np.int32) - 100),
    "tiles.tif": tiff(pixels(40, 50, 3), tile=(16, 32), photometric="rgb", compression="lzw", predictor=True),
    "strips.tif": tiff(pixels(40, 50), rowsperstrip=7, compression="zlib"),
    "planes.tif": tiff(pixels(3, 8, 9), photometric="rgb", planarconfig="separate"),
    "three.tif": tiff(pixels(3, 8, 9, dtype=np.int16)),
    "last4.tif": tiff(pixels(8, 9, 4)),
    "stack.tif": tiff(pixels(5, 8, 9, dtype=np.int16)),
    "stack_zlib.tif": tiff(pixels(5, 8, 9, dtype=np.uint16), compression="zlib"),
    "stack_plain.tif": tiff(pixels(5, 8, 9, dtype=np.uint16), metadata=None),
    "imagej.tif": tiff(pixels(5, 8, 9, dtype=np.uint16), imagej=True),
    "single.tif": tiff(pixels(1, 8, 9)),
    "four.tif": tiff(pixels(2, 5, 8, 9)),
    "stack.tiff": tiff(pixels(5, 8, 9)),
}


def encoded(path):
    return {"name": os.path.basename(path), "base64": base64.b64encode(open(path, "rb").read()).decode()}


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return [float(x) for x in value.ravel()]
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value if isinstance(value, (int, str)) else float(value)


@contextlib.contextmanager
def silence():
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            yield out
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def labels(shape, largest):
    values = np.arange(int(np.prod(shape))).reshape(shape) % 5
    values.ravel()[-1] = largest
    return values.astype(np.uint16)


def read(reader, paths):
    """What one class makes of the files of a case; None if it refuses them."""
    try:
        with silence() as out:
            data, properties = reader().read_images(paths)
    except Exception:
        return None, None
    return {"data": fixture.array(data), "properties": plain(properties), "warns": "WARNING" in out.getvalue()}, properties


def written(reader, shape, properties, largest, ending, folder):
    path = os.path.join(folder, "written" + ending)
    try:
        with silence():
            reader().write_seg(labels(shape, largest), path, dict(properties))
    except Exception:
        return None
    data = open(path, "rb").read()
    return {"largest": largest, "ending": ending, "base64": base64.b64encode(gzip.decompress(data) if ending.endswith(".gz") else data).decode()}


def cases():
    result = []
    with tempfile.TemporaryDirectory() as folder:
        for name, make in FILES.items():
            path = os.path.join(folder, name)
            make(path)
            ending = name[name.index("."):]
            readings = []
            for reader in THREE_AXES:
                if "Nibabel" in reader.__name__ and ".nii" not in ending:
                    continue
                reading, properties = read(reader, [path])
                entry = {"reader": reader.__name__, "reading": reading}
                if reading is not None:
                    shape = reading["data"]["shape"][1:]
                    # SimpleITKIOWithReorient writes 8 bits whatever the labels.
                    sizes = [2] if reader is SimpleITKIOWithReorient else [2, 255]
                    files = [written(reader, shape, properties, largest, ending, folder) for largest in sizes]
                    entry["written"] = [file for file in files if file is not None]
                readings.append(entry)
            result.append({"file": encoded(path), "readings": readings})
    return result


def pairs():
    result = []
    with tempfile.TemporaryDirectory() as folder:
        for title, places in PAIRS.items():
            paths = [os.path.join(folder, f"{title.split()[0]}_000{i}.nii.gz") for i in range(2)]
            for path, (spacing, origin, direction) in zip(paths, places):
                itk(path, (3, 2, 2), spacing, origin, np.asarray(direction).ravel())
            readings = [{"reader": reader.__name__, "reading": read(reader, paths)[0]} for reader in THREE_AXES]
            result.append({"title": title, "files": [encoded(path) for path in paths], "readings": readings})
    return result


def pictures():
    result = []
    with tempfile.TemporaryDirectory() as folder:
        for name, make in PICTURES.items():
            path = os.path.join(folder, name)
            make(path)
            readers = [NaturalImage2DIO] * (not name.endswith("tiff")) + [Tiff3DIO] * (".tif" in name)
            readings = [{"reader": reader.__name__, "reading": read(reader, [path])[0]} for reader in readers]
            result.append({"file": encoded(path), "readings": readings})
    return result


if __name__ == "__main__":
    fixture.write("v2-readers", "volumes", cases())
    fixture.write("v2-readers", "pairs", pairs())
    fixture.write("v2-readers", "pictures", pictures())
