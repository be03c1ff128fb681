/** Eight tables of 256 entries: table k advances a byte by k further bytes ("slicing by 8", Kounavis and Berry 2005). */
const TABLES = makeTables();

function makeTables(): Uint32Array {
  const tables = new Uint32Array(8 * 256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    tables[n] = c;
  }
  for (let k = 1; k < 8; k++) {
    for (let n = 0; n < 256; n++) {
      const previous = tables[(k - 1) * 256 + n];
      tables[k * 256 + n] = (previous >>> 8) ^ tables[previous & 255];
    }
  }
  return tables;
}

/** CRC-32 of gzip and zip. `previous` is the CRC of the bytes before these. */
export function crc32(bytes: Uint8Array, previous = 0): number {
  let c = ~previous;
  let i = 0;
  const whole = bytes.length - (bytes.length % 8);
  while (i < whole) {
    c ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    c =
      TABLES[1792 + (c & 255)] ^
      TABLES[1536 + ((c >>> 8) & 255)] ^
      TABLES[1280 + ((c >>> 16) & 255)] ^
      TABLES[1024 + (c >>> 24)] ^
      TABLES[768 + bytes[i + 4]] ^
      TABLES[512 + bytes[i + 5]] ^
      TABLES[256 + bytes[i + 6]] ^
      TABLES[bytes[i + 7]];
    i += 8;
  }
  while (i < bytes.length) c = (c >>> 8) ^ TABLES[(c ^ bytes[i++]) & 255];
  return ~c >>> 0;
}
