import { checkLength, type Shape3, voxelCount } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";
import { argumentBytes } from "../runtime/window.js";
import { LabelArgument } from "./label-arguments.js";
import { LINEAR_ENTRY, linearTaps, nearestIndices, rowRuns, storeLinearTaps } from "./taps.js";

interface LabelExports {
  /** `structure`: see LabelArgument. */
  resampleLabels(structure: number): void;
}

/**
 * Which label a voxel gets where several meet. `threshold`: the largest that holds half of it, 0 if none does
 * (batchgenerators up to 0.25.3). `argmax-nearest`: the one that holds most of it; of several that of the nearest voxel,
 * or the smallest of them where that is none of them (batchgenerators since 0.25.4).
 */
export type LabelRule = "threshold" | "argmax-nearest";

/** Bytes of window for the two source slices and the output slice together. */
const WINDOW_BYTES = 24 << 20;

/**
 * Label resampling of order 1: each label's one-hot volume is resized linearly, and `rule` decides. Equal to
 * batchgenerators `resize_segmentation(label, newShape, 1)` voxel by voxel, for any number of labels at the same cost.
 *
 * @param label voxels of `shape`, C order
 * @param planar resample every slice along axis 0 on its own (`newShape[0]` must equal `shape[0]`)
 */
export function resizeLabels(
  label: Int16Array,
  shape: Shape3,
  newShape: Shape3,
  rule: LabelRule,
  planar = false,
  output: Int16Array = new Int16Array(voxelCount(newShape)),
): Int16Array {
  checkLength("label", label, shape);
  checkLength("output", output, newShape);
  const [n0, n1, n2] = shape;
  const [m0, m1, m2] = newShape;
  const taps0 = linearTaps(n0, m0);
  const taps1 = linearTaps(n1, m1);
  const nearest0 = nearestIndices(n0, m0);
  const mostRows = Math.max(2, Math.floor(WINDOW_BYTES / (4 * n2 + 2 * m2)));
  const runs = rowRuns(taps1, mostRows);
  const most = (pick: (run: (typeof runs)[number]) => readonly [number, number]) =>
    runs.reduce((largest, run) => Math.max(largest, pick(run)[1] - pick(run)[0]), 0);
  const sourceBytes = most((r) => r.source) * n2 * 2;
  const { exports, window } = kernels<LabelExports>();
  const [structure, lower, upper, rowTable, columnTable, marks, taps, result, rowNearest, columnNearest] =
    window.reserve(
      argumentBytes(LabelArgument),
      sourceBytes,
      sourceBytes,
      m1 * LINEAR_ENTRY,
      m2 * LINEAR_ENTRY,
      n2 * 2,
      128,
      most((r) => r.rows) * m2 * 2,
      m1 * 4,
      m2 * 4,
    );
  storeLinearTaps(taps1, window.f64(rowTable, m1 * 3), window.i32(rowTable, m1 * 6));
  storeLinearTaps(linearTaps(n2, m2), window.f64(columnTable, m2 * 3), window.i32(columnTable, m2 * 6));
  window.i32(rowNearest, m1).set(nearestIndices(n1, m1));
  window.i32(columnNearest, m2).set(nearestIndices(n2, m2));
  for (const { rows, source } of runs) {
    const count = (source[1] - source[0]) * n2;
    const load = (address: number, i0: number) => {
      const from = (i0 * n1 + source[0]) * n2;
      window.i16(address, count).set(label.subarray(from, from + count));
    };
    for (let k0 = 0; k0 < m0; k0++) {
      const low = planar ? k0 : taps0.low[k0];
      const high = planar ? k0 : taps0.high[k0];
      load(lower, low);
      if (high !== low) load(upper, high);
      window.storeArguments<LabelArgument>(structure, {
        [LabelArgument.lower]: lower,
        [LabelArgument.upper]: high === low ? lower : upper,
        [LabelArgument.lowerWeight]: planar ? 1 : taps0.weights[2 * k0],
        [LabelArgument.upperWeight]: planar ? 0 : taps0.weights[2 * k0 + 1],
        [LabelArgument.firstRow]: source[0],
        [LabelArgument.columns]: n2,
        [LabelArgument.rowTable]: rowTable,
        [LabelArgument.fromRow]: rows[0],
        [LabelArgument.toRow]: rows[1],
        [LabelArgument.columnTable]: columnTable,
        [LabelArgument.m]: m2,
        [LabelArgument.marks]: marks,
        [LabelArgument.taps]: taps,
        [LabelArgument.output]: result,
        [LabelArgument.byShare]: rule === "argmax-nearest" ? 1 : 0,
        [LabelArgument.upperNearest]: nearest0[k0] === high ? 1 : 0,
        [LabelArgument.rowNearest]: rowNearest,
        [LabelArgument.columnNearest]: columnNearest,
      });
      exports.resampleLabels(structure);
      output.set(window.i16(result, (rows[1] - rows[0]) * m2), (k0 * m1 + rows[0]) * m2);
    }
  }
  return output;
}
