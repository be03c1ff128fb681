/*
 * Labels resampled in one-hot form with linear weights: a label wins where the weights of its taps sum to 0.5 or more,
 * the largest such label if there are two, 0 if there is none (batchgenerators.resize_segmentation, order 1).
 * Sums run over the taps in C order, so ties fall as in the reference. Most cells hold one label only: those are
 * recognised first, and the time does not depend on the number of labels.
 *
 * Table entry of an axis (24 bytes): weight of the lower tap, weight of the upper tap (f64), lower and upper index (i32).
 */
const ENTRY: usize = 24;

/** Writes 0xFFFF where all four rows hold the same label, else 0. */
function markEqual(a: usize, b: usize, c: usize, d: usize, count: i32, marks: usize): void {
  for (let i = 0; i < count; i += 8) {
    const offset = (<usize>i) << 1;
    const x = v128.load(a + offset);
    const same = v128.and(
      i16x8.eq(x, v128.load(b + offset)),
      v128.and(i16x8.eq(x, v128.load(c + offset)), i16x8.eq(x, v128.load(d + offset))),
    );
    v128.store(marks + offset, same);
  }
}

function label(row: usize, index: usize): i32 {
  return load<i16>(row + (index << 1));
}

/** Decides a cell of eight taps by their weights; `taps` is scratch for eight (label i32, weight f64) pairs. */
function decide(taps: usize): i32 {
  let best = i32.MIN_VALUE;
  for (let i: usize = 0; i < 8; i++) {
    const candidate = load<i32>(taps + (i << 4));
    if (candidate <= best) continue;
    let sum: f64 = 0;
    for (let j: usize = 0; j < 8; j++) {
      if (load<i32>(taps + (j << 4)) == candidate) sum += load<f64>(taps + (j << 4), 8);
    }
    if (sum >= 0.5) best = candidate;
  }
  return best == i32.MIN_VALUE ? 0 : best;
}

/**
 * Output rows `fromRow` ... `toRow` of one output slice. `lower` and `upper` are the source slices of the first axis with
 * weights w0 and w1, each of rows of `columns` int16 labels; their first row is row `firstRow` of the volume. The row
 * table is that of axis 1, the column table that of axis 2 with m entries. Rows need 16 bytes of slack.
 */
export function resampleLabels(
  lower: usize,
  upper: usize,
  w0: f64,
  w1: f64,
  firstRow: i32,
  columns: i32,
  rowTable: usize,
  fromRow: i32,
  toRow: i32,
  columnTable: usize,
  m: i32,
  marks: usize,
  taps: usize,
  output: usize,
): void {
  const rowBytes = (<usize>columns) << 1;
  let markedA = -1;
  let markedB = -1;
  for (let row = fromRow; row < toRow; row++) {
    const entry = rowTable + <usize>row * ENTRY;
    const indexA = load<i32>(entry, 16) - firstRow;
    const indexB = load<i32>(entry, 20) - firstRow;
    const u0 = load<f64>(entry, 0);
    const u1 = load<f64>(entry, 8);
    const a = lower + <usize>indexA * rowBytes;
    const b = lower + <usize>indexB * rowBytes;
    const c = upper + <usize>indexA * rowBytes;
    const d = upper + <usize>indexB * rowBytes;
    if (indexA != markedA || indexB != markedB) {
      markEqual(a, b, c, d, columns, marks);
      markedA = indexA;
      markedB = indexB;
    }
    const w00 = w0 * u0;
    const w01 = w0 * u1;
    const w10 = w1 * u0;
    const w11 = w1 * u1;
    for (let k = 0; k < m; k++) {
      const column = columnTable + <usize>k * ENTRY;
      const low = <usize>load<i32>(column, 16);
      const high = <usize>load<i32>(column, 20);
      const first = label(a, low);
      if (load<i16>(marks + (low << 1)) & load<i16>(marks + (high << 1)) & i32(label(a, high) == first)) {
        store<i16>(output, <i16>first);
      } else {
        const v0 = load<f64>(column, 0);
        const v1 = load<f64>(column, 8);
        store<i32>(taps, first, 0);
        store<f64>(taps, w00 * v0, 8);
        store<i32>(taps, label(a, high), 16);
        store<f64>(taps, w00 * v1, 24);
        store<i32>(taps, label(b, low), 32);
        store<f64>(taps, w01 * v0, 40);
        store<i32>(taps, label(b, high), 48);
        store<f64>(taps, w01 * v1, 56);
        store<i32>(taps, label(c, low), 64);
        store<f64>(taps, w10 * v0, 72);
        store<i32>(taps, label(c, high), 80);
        store<f64>(taps, w10 * v1, 88);
        store<i32>(taps, label(d, low), 96);
        store<f64>(taps, w11 * v0, 104);
        store<i32>(taps, label(d, high), 112);
        store<f64>(taps, w11 * v1, 120);
        store<i16>(output, <i16>decide(taps));
      }
      output += 2;
    }
  }
}
