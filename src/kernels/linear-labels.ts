import { checkLength, type Shape3, voxelCount } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";
import { LINEAR_ENTRY, linearTaps, rowRuns, storeLinearTaps } from "./taps.js";

interface LabelExports {
  resampleLabels(
    lower: number,
    upper: number,
    w0: number,
    w1: number,
    firstRow: number,
    columns: number,
    rowTable: number,
    fromRow: number,
    toRow: number,
    columnTable: number,
    m: number,
    marks: number,
    taps: number,
    output: number,
  ): void;
}

/** Bytes of window for the two source slices and the output slice together. */
const WINDOW_BYTES = 24 << 20;

/**
 * Label resampling of order 1: each label's one-hot volume is resized linearly, and a voxel gets the largest label that
 * reaches 0.5, else 0. Equal to batchgenerators 0.25.1 `resize_segmentation(label, newShape, 1)` voxel by voxel, for any
 * number of labels at the same cost.
 *
 * @param label voxels of `shape`, C order
 * @param planar resample every slice along axis 0 on its own (`newShape[0]` must equal `shape[0]`)
 */
export function resizeLabels(
  label: Int16Array,
  shape: Shape3,
  newShape: Shape3,
  planar = false,
  output: Int16Array = new Int16Array(voxelCount(newShape)),
): Int16Array {
  checkLength("label", label, shape);
  checkLength("output", output, newShape);
  const [n0, n1, n2] = shape;
  const [m0, m1, m2] = newShape;
  const taps0 = linearTaps(n0, m0);
  const taps1 = linearTaps(n1, m1);
  const mostRows = Math.max(2, Math.floor(WINDOW_BYTES / (4 * n2 + 2 * m2)));
  const runs = rowRuns(taps1, mostRows);
  const most = (pick: (run: (typeof runs)[number]) => readonly [number, number]) =>
    runs.reduce((largest, run) => Math.max(largest, pick(run)[1] - pick(run)[0]), 0);
  const sourceBytes = most((r) => r.source) * n2 * 2;
  const { exports, window } = kernels<LabelExports>();
  const [lower, upper, rowTable, columnTable, marks, scratch, result] = window.reserve(
    sourceBytes,
    sourceBytes,
    m1 * LINEAR_ENTRY,
    m2 * LINEAR_ENTRY,
    n2 * 2,
    128,
    most((r) => r.rows) * m2 * 2,
  );
  storeLinearTaps(taps1, window.f64(rowTable, m1 * 3), window.i32(rowTable, m1 * 6));
  storeLinearTaps(linearTaps(n2, m2), window.f64(columnTable, m2 * 3), window.i32(columnTable, m2 * 6));
  for (const { rows, source } of runs) {
    const count = (source[1] - source[0]) * n2;
    const load = (address: number, i0: number) => {
      const from = (i0 * n1 + source[0]) * n2;
      window.i16(address, count).set(label.subarray(from, from + count));
    };
    for (let k0 = 0; k0 < m0; k0++) {
      const low = planar ? k0 : (taps0.low[k0] as number);
      const high = planar ? k0 : (taps0.high[k0] as number);
      load(lower, low);
      if (high !== low) load(upper, high);
      exports.resampleLabels(
        lower,
        high === low ? lower : upper,
        planar ? 1 : (taps0.weights[2 * k0] as number),
        planar ? 0 : (taps0.weights[2 * k0 + 1] as number),
        source[0],
        n2,
        rowTable,
        rows[0],
        rows[1],
        columnTable,
        m2,
        marks,
        scratch,
        result,
      );
      output.set(window.i16(result, (rows[1] - rows[0]) * m2), (k0 * m1 + rows[0]) * m2);
    }
  }
  return output;
}
