/*
 * What labels a volume holds and where, and the same volume as bytes. Runs of one label along a row are handled at
 * once, and rows of zeros 16 bytes at a time: most of a label is background.
 */
const BOX_BYTES: usize = 24;
const HIGHEST: i32 = 65535;

/** Elements of value zero that begin at `at`, up to `end`; exact. */
function skipZeros<T>(at: usize, end: usize): usize {
  while (at + 16 <= end && !v128.any_true(v128.load(at))) at += 16;
  while (at < end && load<T>(at) === <T>0) at += sizeof<T>();
  return at;
}

/** Bytes that hold the same value as the element at `at`, itself included. */
function runEnd<T>(at: usize, end: usize): usize {
  const value = load<T>(at);
  do at += sizeof<T>();
  while (at < end && load<T>(at) === value);
  return at;
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

/**
 * The box's part of a slice as bytes: `table` says what a label becomes (one byte per label, 0 for none). Adds
 * `weights[byte]` for every voxel to the sums of its row and of its column; returns their sum over the slice.
 */
function compact<T>(
  values: usize,
  length: i32,
  fromRow: i32,
  toRow: i32,
  fromColumn: i32,
  toColumn: i32,
  table: usize,
  weights: usize,
  rowSums: usize,
  columnSums: usize,
  bytes: usize,
): f64 {
  const width = <usize>(toColumn - fromColumn);
  let total: f64 = 0;
  memory.fill(bytes, 0, <usize>(toRow - fromRow) * width);
  for (let row = fromRow; row < toRow; row++) {
    const start = values + <usize>(row * length + fromColumn) * sizeof<T>();
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
        memory.fill(bytes + from, byte, to - from);
        const weight = load<f64>(weights + ((<usize>byte) << 3));
        sum += weight * <f64>(to - from);
        for (let x = from; x < to; x++) {
          const place = columnSums + (x << 3);
          store<f64>(place, load<f64>(place) + weight);
        }
      }
      at = skipZeros<T>(next, end);
    }
    const place = rowSums + ((<usize>(row - fromRow)) << 3);
    store<f64>(place, load<f64>(place) + sum);
    total += sum;
    bytes += width;
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

/** As `compact`, by `kind`. */
export function compactLabels(
  values: usize,
  kind: i32,
  length: i32,
  fromRow: i32,
  toRow: i32,
  fromColumn: i32,
  toColumn: i32,
  table: usize,
  weights: usize,
  rowSums: usize,
  columnSums: usize,
  bytes: usize,
): f64 {
  if (kind === 0)
    return compact<i8>(
      values,
      length,
      fromRow,
      toRow,
      fromColumn,
      toColumn,
      table,
      weights,
      rowSums,
      columnSums,
      bytes,
    );
  if (kind === 1)
    return compact<u8>(
      values,
      length,
      fromRow,
      toRow,
      fromColumn,
      toColumn,
      table,
      weights,
      rowSums,
      columnSums,
      bytes,
    );
  if (kind === 2)
    return compact<i16>(
      values,
      length,
      fromRow,
      toRow,
      fromColumn,
      toColumn,
      table,
      weights,
      rowSums,
      columnSums,
      bytes,
    );
  if (kind === 3)
    return compact<u16>(
      values,
      length,
      fromRow,
      toRow,
      fromColumn,
      toColumn,
      table,
      weights,
      rowSums,
      columnSums,
      bytes,
    );
  if (kind === 4)
    return compact<i32>(
      values,
      length,
      fromRow,
      toRow,
      fromColumn,
      toColumn,
      table,
      weights,
      rowSums,
      columnSums,
      bytes,
    );
  if (kind === 5)
    return compact<u32>(
      values,
      length,
      fromRow,
      toRow,
      fromColumn,
      toColumn,
      table,
      weights,
      rowSums,
      columnSums,
      bytes,
    );
  if (kind === 6)
    return compact<f32>(
      values,
      length,
      fromRow,
      toRow,
      fromColumn,
      toColumn,
      table,
      weights,
      rowSums,
      columnSums,
      bytes,
    );
  return compact<f64>(values, length, fromRow, toRow, fromColumn, toColumn, table, weights, rowSums, columnSums, bytes);
}

function touch(a: u8, b: u8, contacts: usize): void {
  if (a === b) return;
  const there = contacts + ((((<usize>a) << 8) + <usize>b) << 2);
  const back = contacts + ((((<usize>b) << 8) + <usize>a) << 2);
  store<u32>(there, load<u32>(there) + 1);
  store<u32>(back, load<u32>(back) + 1);
}

/**
 * Counts faces between voxels of different bytes, in a 256 x 256 table of u32, both ways round: within `here`, and
 * between `here` and the slice `next`.
 */
export function countContacts(here: usize, next: usize, rows: i32, length: i32, contacts: usize): void {
  const width = <usize>length;
  for (let row = 0; row < rows; row++) {
    const last = row === rows - 1;
    let x: usize = 0;
    while (x < width) {
      const at = here + x;
      const beside = at + 1;
      const below = last ? at : at + width;
      const behind = next + x;
      if (x + 17 <= width) {
        const v = v128.load(at);
        const different = v128.or(
          v128.or(v128.xor(v, v128.load(beside)), v128.xor(v, v128.load(below))),
          v128.xor(v, v128.load(behind)),
        );
        if (!v128.any_true(different)) {
          x += 16;
          continue;
        }
      }
      const stop = min(x + 16, width);
      for (; x < stop; x++) {
        const label = load<u8>(here + x);
        if (x + 1 < width) touch(label, load<u8>(here + x + 1), contacts);
        if (!last) touch(label, load<u8>(here + x + width), contacts);
        touch(label, load<u8>(next + x), contacts);
      }
    }
    here += width;
    next += width;
  }
}

/**
 * One row of a label volume at half its size along some axes. The new voxel stands for up to eight: four rows, `next`
 * bytes apart where the slowest and the middle axis are halved (else 0), and pairs along the row where `pairs` is 1.
 * It gets the label that most of them have, the first of equals; two of eight are enough against background, so that
 * what is thin does not tear.
 */
export function halveLabels(
  first: usize,
  nextRow: usize,
  nextSlice: usize,
  length: i32,
  pairs: i32,
  result: usize,
): void {
  const step: usize = pairs === 1 ? 2 : 1;
  const count = (<usize>length + step - 1) / step;
  for (let i: usize = 0; i < count; i++) {
    const x = i * step;
    const beside: usize = step === 2 && x + 1 < <usize>length ? 1 : 0;
    const p = first + x;
    const a = load<u8>(p);
    const b = load<u8>(p + beside);
    const c = load<u8>(p + nextRow);
    const d = load<u8>(p + nextRow + beside);
    const e = load<u8>(p + nextSlice);
    const f = load<u8>(p + nextSlice + beside);
    const g = load<u8>(p + nextSlice + nextRow);
    const h = load<u8>(p + nextSlice + nextRow + beside);
    const all =
      <u64>a |
      ((<u64>b) << 8) |
      ((<u64>c) << 16) |
      ((<u64>d) << 24) |
      ((<u64>e) << 32) |
      ((<u64>f) << 40) |
      ((<u64>g) << 48) |
      ((<u64>h) << 56);
    let best = a;
    if (rotl<u64>(all, 8) !== all) {
      let most = 0;
      for (let j: u64 = 0; j < 64; j += 8) {
        const label = <u8>(all >> j);
        const weight = label !== 0 ? 7 : 2;
        let same = 0;
        for (let k: u64 = 0; k < 64; k += 8) if (<u8>(all >> k) === label) same += weight;
        if (same > most) {
          most = same;
          best = label;
        }
      }
    }
    store<u8>(result + i, best);
  }
}

/** Rows of bytes turned round, end to beginning. */
export function reverseRows(rows: usize, count: i32, length: i32, result: usize): void {
  const width = <usize>length;
  for (let row = 0; row < count; row++, rows += width) {
    let from = rows + width;
    const end = result + width;
    for (; result + 16 <= end; result += 16) {
      from -= 16;
      const v = v128.load(from);
      v128.store(result, v128.shuffle<i8>(v, v, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
    }
    for (; result < end; result++) store<u8>(result, load<u8>(--from));
  }
}
