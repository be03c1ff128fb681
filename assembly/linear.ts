/*
 * Linear resampling of float32, summed over the taps in C order of ((value * w0) * w1) * w2 in float64 as
 * scipy.ndimage.zoom does with order 1, clipped and rounded. Tables as in linear-labels.ts.
 */
const ENTRY: usize = 24;

/**
 * Output rows `fromRow` ... `toRow` of one output slice; arguments as in `resampleLabels`. With w1 = 0 and `planar`
 * set, only `lower` counts and the sum has four taps (a slice of its own).
 */
export function resampleLinear(
  lower: usize,
  upper: usize,
  w0: f64,
  w1: f64,
  planar: i32,
  firstRow: i32,
  columns: i32,
  rowTable: usize,
  fromRow: i32,
  toRow: i32,
  columnTable: usize,
  m: i32,
  low: f64,
  high: f64,
  output: usize,
): void {
  const rowBytes = (<usize>columns) << 2;
  for (let row = fromRow; row < toRow; row++) {
    const entry = rowTable + <usize>row * ENTRY;
    const offsetA = <usize>(load<i32>(entry, 16) - firstRow) * rowBytes;
    const offsetB = <usize>(load<i32>(entry, 20) - firstRow) * rowBytes;
    const u0 = load<f64>(entry, 0);
    const u1 = load<f64>(entry, 8);
    for (let k = 0; k < m; k++) {
      const column = columnTable + <usize>k * ENTRY;
      const i = (<usize>load<i32>(column, 16)) << 2;
      const j = (<usize>load<i32>(column, 20)) << 2;
      const v0 = load<f64>(column, 0);
      const v1 = load<f64>(column, 8);
      let sum: f64 = 0;
      sum += <f64>load<f32>(lower + offsetA + i) * w0 * u0 * v0;
      sum += <f64>load<f32>(lower + offsetA + j) * w0 * u0 * v1;
      sum += <f64>load<f32>(lower + offsetB + i) * w0 * u1 * v0;
      sum += <f64>load<f32>(lower + offsetB + j) * w0 * u1 * v1;
      if (!planar) {
        sum += <f64>load<f32>(upper + offsetA + i) * w1 * u0 * v0;
        sum += <f64>load<f32>(upper + offsetA + j) * w1 * u0 * v1;
        sum += <f64>load<f32>(upper + offsetB + i) * w1 * u1 * v0;
        sum += <f64>load<f32>(upper + offsetB + j) * w1 * u1 * v1;
      }
      // A NaN must stay one: both comparisons are false for it.
      if (sum < low) sum = low;
      if (sum > high) sum = high;
      store<f32>(output, <f32>sum);
      output += 4;
    }
  }
}
