"""Small JPEG 2000 codestreams of several kinds with what OpenJPEG (imagecodecs) decodes them to, and damaged ones with
its verdict: the values it gives, by their CRC-32, or that it refuses them.

python test/oracle/v2_jpeg2000.py
"""
import base64
import io
import zlib

import imagecodecs
import numpy as np
from PIL import Image

import fixture

SEED = 13
KINDS = {
    "lossless": dict(),
    "lossless tiles": dict(tile_size=(10, 10), num_resolutions=2),
    "lossless layers": dict(quality_layers=[8, 4, 0], progression="RPCL"),
    "lossy": dict(irreversible=True, quality_layers=[6]),
}


def image(rng):
    """A smooth field with noise: all bit planes have something to say."""
    y, x = np.mgrid[:20, :24]
    return np.clip(1500 + 60 * x - 40 * y + rng.normal(0, 25, (20, 24)), 0, 4095).astype(np.uint16)


def crc(values):
    return zlib.crc32(np.ascontiguousarray(values).astype("<u2").tobytes())


def decode(stream):
    try:
        values = imagecodecs.jpeg2k_decode(stream)
    except imagecodecs.Jpeg2kError:
        return None
    return crc(values) if values.shape == (20, 24) and values.dtype == np.uint16 else None


def damage(stream, rng):
    """Half of the flips hit the header and the first packets."""
    damaged = bytearray(stream)
    kind = rng.integers(4)
    at = int(rng.integers(140 if rng.integers(2) else len(stream)))
    if kind < 3:
        damaged[at] ^= 1 << int(rng.integers(8))
    else:
        damaged = damaged[:at] + b"\xff\xd9"
    return [at, int(damaged[at]) if kind < 3 else None], bytes(damaged)


rng = np.random.default_rng(SEED)
entries = []
for name, settings in KINDS.items():
    pixels = image(rng)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG2000", no_jp2=True, **settings)
    stream = file.getvalue()
    values = imagecodecs.jpeg2k_decode(stream)
    lossless = "irreversible" not in settings
    # Pillow 13 fills 16-bit tiles with other pixels: the codestream is sound, its image another one.
    assert "tile_size" in settings or np.array_equal(values, pixels) == lossless
    assert np.array_equal(values, np.array(Image.open(io.BytesIO(stream))))
    damaged = []
    for _ in range(60):
        place, bytes_ = damage(stream, rng)
        damaged.append([*place, decode(bytes_)])
    entries.append({
        "name": name,
        "lossless": lossless,
        "stream": base64.b64encode(stream).decode(),
        "values": fixture.array(values),
        "damaged": damaged,
    })
    print(name, len(stream), "refused:", sum(verdict is None for *_, verdict in damaged))
fixture.write("jpeg2000", "codestreams", entries, seed=SEED)
