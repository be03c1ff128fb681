"""NIfTI files and what SimpleITK (and, where ITK cannot read them, nibabel) makes of them."""
import base64
import contextlib
import os
import struct
import sys
import tempfile

import nibabel
import numpy as np
import SimpleITK as sitk

import fixture

SHAPE = (2, 3, 4)  # z, y, x
VOXELS = np.arange(24, dtype="<i2").reshape(SHAPE) - 5


def base64_of(data):
    return base64.b64encode(data).decode()


@contextlib.contextmanager
def silence():
    """ITK warns on the C level."""
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def quaternion_of(r):
    """b, c, d of a proper rotation matrix."""
    q = np.empty(4)
    t = np.trace(r)
    if t > 0:
        s = np.sqrt(t + 1) * 2
        q[:] = s / 4, (r[2, 1] - r[1, 2]) / s, (r[0, 2] - r[2, 0]) / s, (r[1, 0] - r[0, 1]) / s
    else:
        i = int(np.argmax(np.diag(r)))
        j, k = (i + 1) % 3, (i + 2) % 3
        s = np.sqrt(max(0, 1 + r[i, i] - r[j, j] - r[k, k])) * 2
        q[0] = (r[k, j] - r[j, k]) / s
        q[1 + i], q[1 + j], q[1 + k] = s / 4, (r[j, i] + r[i, j]) / s, (r[k, i] + r[i, k]) / s
    return (-q if q[0] < 0 else q)[1:]


def header(pixdim=(1, 1, 1, 1), qcode=0, quatern=(0, 0, 0), qoffset=(0, 0, 0), scode=0, srow=np.zeros((3, 4)), units=2,
           order="<", datatype=4, bitpix=16, dim=(3, 4, 3, 2, 1, 1, 1, 1), scl=(1, 0), offset=352, magic=b"n+1\0"):
    h = bytearray(352)
    put = lambda at, form, *v: struct.pack_into(order + form, h, at, *v)
    put(0, "i", 348)
    put(40, "8h", *dim)
    put(70, "2h", datatype, bitpix)
    put(76, "8f", *(list(pixdim) + [0] * 4))
    put(108, "3f", offset, *scl)
    put(123, "B", units)
    put(252, "2h", qcode, scode)
    put(256, "6f", *quatern, *qoffset)
    put(280, "12f", *np.asarray(srow, np.float64).ravel())
    put(344, "4s", magic)
    return bytes(h)


def random_rotation(rng):
    kind = rng.integers(4)
    if kind == 0:
        r = np.eye(3)[:, rng.permutation(3)] * rng.choice([-1, 1], 3)
        return r * np.array([1, 1, np.linalg.det(r)])
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    if kind == 1:  # a few degrees off an axis
        w = rng.normal(size=3) * 0.02
        k = np.array([[0, -w[2], w[1]], [w[2], 0, -w[0]], [-w[1], w[0], 0]])
        q, _ = np.linalg.qr(np.eye(3) + k)
        q = q * np.sign(np.diag(q))
    return q * np.array([1, 1, np.sign(np.linalg.det(q))])


def random_header(rng):
    pick = lambda *options: options[rng.integers(len(options))]
    spacing = np.array(pick([1, 1, 1], [0.9765620231628418] * 2 + [5], [2, 0.7, 0.7], rng.uniform(0.2, 6, 3), [0.8333333, 3, 0.8333333]), float)
    r = random_rotation(rng)
    qfac = pick(1, 1, -1)
    origin = np.array(pick([0, 0, 0], rng.normal(size=3) * 100, [-90, 126, -72.5]), float)
    affine = np.column_stack([r * spacing * [1, 1, qfac], origin])
    qoffset = origin + pick(0, 0, 0, 1e-5, 3e-4, 10) * rng.normal(size=3)
    noise = pick(0, 0, 0, 1e-8, 1e-7, 1e-6, 1e-5, 3e-5, 1e-4, 1e-3, 1e-2) * rng.normal(size=(3, 4))
    srow = affine + noise
    special = rng.integers(12)
    if special == 0:
        srow = np.column_stack([random_rotation(rng) * spacing, origin])
    elif special == 1:
        srow[:, rng.integers(3)] = 0
    elif special == 2:
        srow[rng.integers(3), rng.integers(4)] = pick(0, 1e6)  # (ITK never returns from a NaN here)
    elif special == 3:
        srow[:, 0] += srow[:, 1] * pick(1e-5, 1e-4, 1e-3, 0.1, 1)
    elif special == 4:
        srow[:, rng.integers(3)] *= pick(-1, 2, 1.0001)
    pixdim = np.array([qfac, *spacing], float)
    change = rng.integers(8)
    if change == 0:
        pixdim[rng.integers(1, 4)] *= -1
    elif change == 1:
        pixdim[rng.integers(4)] = pick(0, np.nan, np.inf, -0.5)
    elif change == 2:
        pixdim[1:] *= 1 + rng.normal(size=3) * 1e-6
    quatern = quaternion_of(r)
    turn = rng.integers(12)
    if turn == 0:
        quatern = np.array(pick([1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0.70710678, 0.70710678], [0.8, 0.6, 0.2], [np.nan, 0, 0]))
    return header(pixdim, pick(0, 1, 1, 2, 4, -1), quatern, qoffset, pick(0, 1, 2, 2, 3, 4, -1), srow, int(pick(2, 10, 2, 0, 1, 3, 4)))


def read(folder, data, name="a.nii"):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(data)
    try:
        with silence():
            return sitk.ReadImage(path)
    except RuntimeError:
        return None


def geometry(image):
    return {"spacing": image.GetSpacing(), "origin": image.GetOrigin(), "direction": image.GetDirection()}


# Of 6000 headers of seed 99 those where ITK's choice hangs on the last bit of its singular vectors.
DELICATE = {1089, 1178, 1471, 2299, 2339, 2704, 4013, 5316, 5562, 5725}


def geometries(seed, count, only=None):
    rng = np.random.default_rng(seed)
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for i in range(count):
            h = random_header(rng)
            if only is not None and i not in only:
                continue
            image = read(folder, h + VOXELS.tobytes())
            cases.append({"header": base64_of(h), "geometry": None if image is None else geometry(image)})
    return cases


DTYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
SCALINGS = [(1, 0), (0, 0), (0, 5), (2.00784, 0), (0.00881972, 291.671), (np.nan, np.nan), (-1, 0.1), (np.inf, 2), (1, 1e-17), (1, 1e-15), (1e-17, 3)]


def voxel_values(rng, dtype):
    if dtype.kind == "f":
        return rng.normal(size=SHAPE).astype(dtype) * 1000
    info = np.iinfo(dtype)
    low, high = max(info.min, -(2**53)), min(info.max, 2**53)
    values = rng.integers(low, high, SHAPE, dtype, endpoint=True)
    values[0, 0, :2] = low, high
    return values


def voxels(seed):
    """Every voxel type, both byte orders, every kind of scaling."""
    rng = np.random.default_rng(seed)
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for code, kind in DTYPES.items():
            for i, scl in enumerate(SCALINGS):
                order = "<>"[i % 2]
                dtype = np.dtype(order + kind)
                values = voxel_values(rng, np.dtype(kind))
                srow = np.column_stack([np.diag([-1.0, 1, 2]), [1, 2, 3]])
                head = header((1, 1, 1, 2), 0, scode=1, srow=srow, order=order, datatype=code, bitpix=8 * dtype.itemsize, scl=scl)
                data = head + values.astype(dtype).tobytes()
                image = read(folder, data)
                array = sitk.GetArrayFromImage(image)
                if array.dtype.itemsize == 8:
                    array = array.astype(np.float64)
                cases.append({"file": base64_of(data), "voxels": fixture.array(array)})
    return cases


def non_finite():
    """NaN and infinities in float files: what SimpleITK and what nibabel makes of them."""
    cases = []
    values = np.arange(24, dtype="<f8").reshape(SHAPE) / 4 - 2
    values.ravel()[[0, 3, 5, 23]] = np.nan, np.inf, -np.inf, np.nan
    srow = np.column_stack([np.diag([-1.0, 1, 2]), [1, 2, 3]])
    with tempfile.TemporaryDirectory() as folder:
        for code, kind in ((16, "<f4"), (64, "<f8")):
            for scl in ((1, 0), (2, 1)):
                dtype = np.dtype(kind)
                head = header((1, 1, 1, 2), 0, scode=1, srow=srow, datatype=code, bitpix=8 * dtype.itemsize, scl=scl)
                data = head + values.astype(dtype).tobytes()
                path = os.path.join(folder, "n.nii")
                with open(path, "wb") as f:
                    f.write(data)
                kept = nibabel.load(path).get_fdata().T.astype(np.float32)
                cases.append({
                    "file": base64_of(data),
                    "voxels": fixture.array(sitk.GetArrayFromImage(read(folder, data))),
                    "nibabel": fixture.array(kept),
                })
    return cases


def written():
    """Headers that SimpleITK itself writes, and the geometry it was given."""
    rng = np.random.default_rng(3)
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for i in range(24):
            image = sitk.GetImageFromArray(VOXELS)
            image.SetSpacing([float(np.float32(x)) for x in rng.uniform(0.3, 5, 3)])
            image.SetOrigin([float(np.float32(x)) for x in rng.normal(size=3) * 100])
            r = random_rotation(rng) * np.array([1, 1, rng.choice([-1, 1])])
            image.SetDirection(r.ravel().tolist())
            path = os.path.join(folder, "w.nii")
            sitk.WriteImage(image, path)
            data = open(path, "rb").read()
            cases.append({"given": geometry(image), "header": base64_of(data[:352]), "read": geometry(sitk.ReadImage(path))})
    return cases


def nifti2():
    """NIfTI-2, which ITK does not read: nibabel's voxels and affine."""
    cases = []
    rng = np.random.default_rng(5)
    for order in "<>":
        for scode, qcode in ((1, 0), (0, 1), (1, 1), (0, 0)):
            r = random_rotation(rng)
            affine = np.eye(4)
            affine[:3, :3] = r * [0.7, 0.8, 2.5]
            affine[:3, 3] = rng.normal(size=3) * 50
            head = nibabel.Nifti2Header(endianness=order)
            image = nibabel.Nifti2Image(VOXELS.T.astype(order + "f4"), affine, head)
            image.header.set_data_dtype(np.dtype(order + "f4"))
            image.set_sform(affine, scode)
            image.set_qform(affine, qcode)
            data = image.to_bytes()
            back = nibabel.Nifti2Image.from_bytes(data)
            cases.append({
                "file": base64_of(data),
                "affine": back.affine.tolist() if scode or qcode else None,
                "voxels": fixture.array(np.asarray(back.dataobj, np.float32).T),
            })
    return cases


if __name__ == "__main__":
    if len(sys.argv) > 1:  # more cases than a repository should hold: python nifti.py SEED COUNT FILE
        import json
        with open(sys.argv[3], "w") as f:
            json.dump(geometries(int(sys.argv[1]), int(sys.argv[2])), f)
    else:
        fixture.write("nifti", "geometries", geometries(1, 200) + geometries(99, 6000, DELICATE), seed=[1, 99])
        fixture.write("nifti", "voxels", voxels(2), seed=2)
        fixture.write("nifti", "nonfinite", non_finite())
        fixture.write("nifti", "written", written(), seed=3)
        fixture.write("nifti", "nifti2", nifti2(), seed=5)
