/*
 * Linear resampling of float32, summed over the taps in C order of ((value * w0) * w1) * w2 in float64 as
 * scipy.ndimage.zoom does with order 1, clipped and rounded. Tables as in linear-labels.ts.
 */
import { LinearArgument } from "../src/kernels/linear-arguments";
import { address, integer, real } from "./arguments";

const ENTRY: usize = 24;

/**
 * Makes some output rows of one output slice. `structure` holds the arguments as `LinearArgument` names them.
 */
export function resampleLinear(structure: usize): void {
  const lower = address(structure, LinearArgument.lower);
  const upper = address(structure, LinearArgument.upper);
  const w0 = real(structure, LinearArgument.w0);
  const w1 = real(structure, LinearArgument.w1);
  const planar = integer(structure, LinearArgument.planar);
  const firstRow = integer(structure, LinearArgument.firstRow);
  const columns = integer(structure, LinearArgument.columns);
  const rowTable = address(structure, LinearArgument.rowTable);
  const fromRow = integer(structure, LinearArgument.fromRow);
  const toRow = integer(structure, LinearArgument.toRow);
  const columnTable = address(structure, LinearArgument.columnTable);
  const m = integer(structure, LinearArgument.m);
  const low = real(structure, LinearArgument.low);
  const high = real(structure, LinearArgument.high);
  let output = address(structure, LinearArgument.output);
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
