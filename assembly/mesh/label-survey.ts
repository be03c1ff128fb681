/*
 * What labels a volume holds and where, and the same volume as bytes. Runs of one label along a row are handled at
 * once, and rows of zeros 16 bytes at a time: most of a label is background.
 */
const BOX_BYTES: usize = 24;
const HIGHEST: i32 = 65535;

/** The first element from `at` on that is not zero, or `end`. */
function skipZeros<T>(at: usize, end: usize): usize {
  while (at < end) {
    if (at + 16 <= end) {
      const zeros = i8x16.bitmask(i8x16.eq(v128.load(at), i8x16.splat(0)));
      if (zeros === 0xffff) {
        at += 16;
        continue;
      }
      at += <usize>ctz(~zeros) & ~(sizeof<T>() - 1);
    }
    // A negative zero has a bit, and is zero all the same.
    if (load<T>(at) !== <T>0) return at;
    at += sizeof<T>();
  }
  return end;
}

/** The element at `at` in all lanes. */
function everyLane<T>(at: usize): v128 {
  if (sizeof<T>() === 1) return v128.load_splat<u8>(at);
  if (sizeof<T>() === 2) return v128.load_splat<u16>(at);
  if (sizeof<T>() === 4) return v128.load_splat<u32>(at);
  return v128.load_splat<u64>(at);
}

/** Where the run of elements with the bits of the one at `at` ends. */
function runEnd<T>(at: usize, end: usize): usize {
  const value = load<T>(at);
  const lanes = everyLane<T>(at);
  while (at + 16 <= end) {
    const same = i8x16.bitmask(i8x16.eq(v128.load(at), lanes));
    if (same !== 0xffff) return at + (<usize>ctz(~same) & ~(sizeof<T>() - 1));
    at += 16;
  }
  while (at < end && load<T>(at) === value) at += sizeof<T>();
  return at;
}

/** `length` bytes of one value. */
function fillRun(to: usize, byte: u8, length: usize): void {
  if (length >= 16) {
    const lanes = i8x16.splat(<i8>byte);
    const last = to + length - 16;
    for (; to < last; to += 16) v128.store(to, lanes);
    v128.store(last, lanes);
  } else if (length >= 4) {
    const four = <u32>byte * 0x01010101;
    const last = to + length - 4;
    for (; to < last; to += 4) store<u32>(to, four);
    store<u32>(last, four);
  } else {
    for (const end = to + length; to < end; to++) store<u8>(to, byte);
  }
}

/** Adds up the voxels of every label and widens its box (three pairs of i32). Returns 0, or 1 + the place of a voxel that is no label. */
function survey<T>(values: usize, slice: i32, rows: i32, length: i32, counts: usize, boxes: usize): i32 {
  const width = <usize>length * sizeof<T>();
  for (let row = 0; row < rows; row++) {
    const start = values + <usize>row * width;
    const end = start + width;
    let at = skipZeros<T>(start, end);
    while (at < end) {
      const value = load<T>(at);
      const label = <i32>value;
      const next = runEnd<T>(at, end);
      if (<T>label !== value || label < -1 || label > HIGHEST) {
        return 1 + row * length + <i32>((at - start) / sizeof<T>());
      }
      if (label > 0) {
        const count = counts + ((<usize>label) << 2);
        store<u32>(count, load<u32>(count) + <u32>((next - at) / sizeof<T>()));
        const box = boxes + <usize>label * BOX_BYTES;
        const low = <i32>((at - start) / sizeof<T>());
        const high = <i32>((next - start) / sizeof<T>());
        store<i32>(box, min(load<i32>(box), slice), 0);
        store<i32>(box, max(load<i32>(box, 4), slice + 1), 4);
        store<i32>(box, min(load<i32>(box, 8), row), 8);
        store<i32>(box, max(load<i32>(box, 12), row + 1), 12);
        store<i32>(box, min(load<i32>(box, 16), low), 16);
        store<i32>(box, max(load<i32>(box, 20), high), 20);
      }
      at = skipZeros<T>(next, end);
    }
  }
  return 0;
}

/** The box's part of a slice and what is made of it, as the wrapper lays it out: eleven times 32 bits. */
@unmanaged
class Part {
  /** Where the part's first voxel lies; rows are `length` voxels apart. */
  values: usize;
  length: i32;
  rows: i32;
  columns: i32;
  /** What a label becomes: one byte per label, 0 for none. */
  table: usize;
  /** Per byte. */
  weights: usize;
  /** One per row: the weights of its voxels are added. */
  rowSums: usize;
  /** A row of i32 per byte, one longer than the part: 1 is added where a run of that byte begins, and taken where it ends. */
  changes: usize;
  /** Where the first row of bytes, zero before, begins; rows are `rowStep` bytes apart. */
  bytes: usize;
  rowStep: i32;
  /** 1 where each row of bytes runs from its end to its beginning. */
  mirrored: i32;
}

/** The part of a slice as bytes. Returns the sum of weights over it. */
function compact<T>(part: Part): f64 {
  const width = <usize>part.columns;
  const table = part.table;
  const weights = part.weights;
  const changes = part.changes;
  const mirrored = part.mirrored === 1;
  let start = part.values;
  let rowSum = part.rowSums;
  let bytes = part.bytes;
  let total: f64 = 0;
  for (let row = 0, rows = part.rows; row < rows; row++) {
    const end = start + width * sizeof<T>();
    let sum: f64 = 0;
    let at = skipZeros<T>(start, end);
    while (at < end) {
      const label = <i32>load<T>(at);
      const next = runEnd<T>(at, end);
      const byte = label > 0 ? load<u8>(table + <usize>label) : 0;
      if (byte !== 0) {
        const from = (at - start) / sizeof<T>();
        const to = (next - start) / sizeof<T>();
        fillRun(bytes + (mirrored ? width - to : from), byte, to - from);
        sum += load<f64>(weights + ((<usize>byte) << 3)) * <f64>(to - from);
        const change = changes + ((<usize>byte * (width + 1)) << 2);
        const begins = change + (from << 2);
        const ends = change + (to << 2);
        store<i32>(begins, load<i32>(begins) + 1);
        store<i32>(ends, load<i32>(ends) - 1);
      }
      at = skipZeros<T>(next, end);
    }
    store<f64>(rowSum, load<f64>(rowSum) + sum);
    total += sum;
    start += <usize>part.length * sizeof<T>();
    rowSum += sizeof<f64>();
    bytes += <usize>part.rowStep;
  }
  return total;
}

/** `kind`: i8, u8, i16, u16, i32, u32, f32, f64 as 0 to 7. */
export function surveyLabels(
  values: usize,
  kind: i32,
  slice: i32,
  rows: i32,
  length: i32,
  counts: usize,
  boxes: usize,
): i32 {
  if (kind === 0) return survey<i8>(values, slice, rows, length, counts, boxes);
  if (kind === 1) return survey<u8>(values, slice, rows, length, counts, boxes);
  if (kind === 2) return survey<i16>(values, slice, rows, length, counts, boxes);
  if (kind === 3) return survey<u16>(values, slice, rows, length, counts, boxes);
  if (kind === 4) return survey<i32>(values, slice, rows, length, counts, boxes);
  if (kind === 5) return survey<u32>(values, slice, rows, length, counts, boxes);
  if (kind === 6) return survey<f32>(values, slice, rows, length, counts, boxes);
  return survey<f64>(values, slice, rows, length, counts, boxes);
}

/** As `compact`, by `kind`; `part` is where a `Part` lies. */
export function compactLabels(part: usize, kind: i32): f64 {
  const from = changetype<Part>(part);
  if (kind === 0) return compact<i8>(from);
  if (kind === 1) return compact<u8>(from);
  if (kind === 2) return compact<i16>(from);
  if (kind === 3) return compact<u16>(from);
  if (kind === 4) return compact<i32>(from);
  if (kind === 5) return compact<u32>(from);
  if (kind === 6) return compact<f32>(from);
  return compact<f64>(from);
}

function touch(a: u8, b: u8, contacts: usize): void {
  const pair = contacts + ((((<usize>a) << 8) + <usize>b) << 2);
  store<u32>(pair, load<u32>(pair) + 1);
}

/** `touch` for the bytes at `a` and `b` and the 15 after each whose bit is set. */
function touchMarked(marks: i32, a: usize, b: usize, contacts: usize): void {
  while (marks !== 0) {
    const k = <usize>ctz(marks);
    marks &= marks - 1;
    touch(load<u8>(a + k), load<u8>(b + k), contacts);
  }
}

/**
 * Counts faces between voxels of different bytes, in a 256 x 256 table of u32, as (lower neighbour, higher neighbour):
 * within `here`, and between `here` and the slice `next`.
 */
export function countContacts(here: usize, next: usize, rows: i32, length: i32, contacts: usize): void {
  for (let row = 0; row < rows; row++) {
    const below: usize = row === rows - 1 ? 0 : <usize>length;
    for (let x = 0; x < length; x += 16) {
      const at = here + <usize>x;
      const behind = next + <usize>x;
      const v = v128.load(at);
      // Vectors may run into the next row or the slack, but bits there are masked away.
      const inRow = length - x >= 16 ? 0xffff : (1 << (length - x)) - 1;
      const acrossMask = length - 1 - x >= 16 ? 0xffff : (1 << (length - 1 - x)) - 1;
      touchMarked(i8x16.bitmask(i8x16.ne(v, v128.load(at + 1))) & acrossMask, at, at + 1, contacts);
      touchMarked(i8x16.bitmask(i8x16.ne(v, v128.load(at + below))) & inRow, at, at + below, contacts);
      touchMarked(i8x16.bitmask(i8x16.ne(v, v128.load(behind))) & inRow, at, behind, contacts);
    }
    here += <usize>length;
    next += <usize>length;
  }
}
