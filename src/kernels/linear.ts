import { checkLength, type Shape3, voxelCount } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";
import { argumentBytes } from "../runtime/window.js";
import { LinearArgument } from "./linear-arguments.js";
import { LINEAR_ENTRY, linearTaps, rowRuns, storeLinearTaps } from "./taps.js";

interface LinearExports {
  resampleLinear(structure: number): void;
}

/** Bytes of window for the two source slices and the output slice together. */
const WINDOW_BYTES = 24 << 20;

/** Smallest and largest value of an array, NaN left out (as scikit-image clips); both NaN when there is nothing else. */
function range(data: Float32Array): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const x of data) {
    if (x < low) low = x;
    if (x > high) high = x;
  }
  return low <= high ? [low, high] : [Number.NaN, Number.NaN];
}

/**
 * Linear resampling, equal to
 * `skimage.transform.resize(x.astype(float64), newShape, 1, mode="edge", anti_aliasing=False).astype(float32)` bit by bit,
 * clip to the input's range included.
 *
 * @param data voxels of `shape`, C order
 * @param planar resample every slice along axis 0 on its own, clip included (`newShape[0]` must equal `shape[0]`)
 */
export function resizeLinear(
  data: Float32Array,
  shape: Shape3,
  newShape: Shape3,
  planar = false,
  output: Float32Array = new Float32Array(voxelCount(newShape)),
): Float32Array {
  checkLength("input", data, shape);
  checkLength("output", output, newShape);
  const [n0, n1, n2] = shape;
  const [m0, m1, m2] = newShape;
  const taps0 = linearTaps(n0, m0);
  const taps1 = linearTaps(n1, m1);
  const mostRows = Math.max(2, Math.floor(WINDOW_BYTES / (8 * n2 + 4 * m2)));
  const runs = rowRuns(taps1, mostRows);
  const most = (pick: (run: (typeof runs)[number]) => readonly [number, number]) =>
    runs.reduce((largest, run) => Math.max(largest, pick(run)[1] - pick(run)[0]), 0);
  const sourceBytes = most((r) => r.source) * n2 * 4;
  const { exports, window } = kernels<LinearExports>();
  const [structure, lower, upper, rowTable, columnTable, result] = window.reserve(
    argumentBytes(LinearArgument),
    sourceBytes,
    sourceBytes,
    m1 * LINEAR_ENTRY,
    m2 * LINEAR_ENTRY,
    most((r) => r.rows) * m2 * 4,
  );
  storeLinearTaps(taps1, window.f64(rowTable, m1 * 3), window.i32(rowTable, m1 * 6));
  storeLinearTaps(linearTaps(n2, m2), window.f64(columnTable, m2 * 3), window.i32(columnTable, m2 * 6));
  const whole = planar ? null : range(data);
  for (let k0 = 0; k0 < m0; k0++) {
    const clip = whole ?? range(data.subarray(k0 * n1 * n2, (k0 + 1) * n1 * n2));
    const low = planar ? k0 : taps0.low[k0];
    const high = planar ? k0 : taps0.high[k0];
    for (const { rows, source } of runs) {
      const count = (source[1] - source[0]) * n2;
      for (const [address, i0] of [
        [lower, low],
        [upper, high],
      ] as const) {
        const from = (i0 * n1 + source[0]) * n2;
        window.f32(address, count).set(data.subarray(from, from + count));
      }
      window.storeArguments<LinearArgument>(structure, {
        [LinearArgument.lower]: lower,
        [LinearArgument.upper]: upper,
        [LinearArgument.w0]: planar ? 1 : taps0.weights[2 * k0],
        [LinearArgument.w1]: planar ? 0 : taps0.weights[2 * k0 + 1],
        [LinearArgument.planar]: planar ? 1 : 0,
        [LinearArgument.firstRow]: source[0],
        [LinearArgument.columns]: n2,
        [LinearArgument.rowTable]: rowTable,
        [LinearArgument.fromRow]: rows[0],
        [LinearArgument.toRow]: rows[1],
        [LinearArgument.columnTable]: columnTable,
        [LinearArgument.m]: m2,
        [LinearArgument.low]: clip[0],
        [LinearArgument.high]: clip[1],
        [LinearArgument.output]: result,
      });
      exports.resampleLinear(structure);
      output.set(window.f32(result, (rows[1] - rows[0]) * m2), (k0 * m1 + rows[0]) * m2);
    }
  }
  return output;
}
