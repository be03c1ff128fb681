import { type Shape3, voxelCount } from "../src/core/volume.js";
import { gaussianWeights } from "../src/inference/gaussian.js";
import { accumulatePlane } from "../src/kernels/accumulate-windows.js";
import { normalValues } from "./data.js";
import { PEER, type Row, type Scale, sizeText } from "./row.js";

const CLASSES = 5;
/** What a compiler that knows nothing of vectors makes of the float32 rule. */
const PLAIN = "plain";

/** `sums = 0 + values * weights`, class by class, as the obvious loop. */
function accumulatePlainly(sums: Float32Array, values: Float32Array, weights: Float32Array): void {
  for (let c = 0; c < CLASSES; c++) {
    const from = c * weights.length;
    for (let i = 0; i < weights.length; i++) sums[from + i] += values[from + i] * weights[i];
  }
}

/** One window of logits onto sums that are zero: what `predictLogits` does after each run of the network. */
export function accumulateRows(scale: Scale): Row[] {
  const patch = scale.shape([64, 128, 128]);
  const voxels = voxelCount(patch);
  const [height, rows, columns] = patch;
  const perPlane = rows * columns;
  const plane = { rows, columns, sumRows: rows, sumColumns: columns, row: 0, column: 0 };
  return (["float16", "float32", PLAIN] as const).map((kind): Row => {
    const half = kind === "float16";
    // Values and weights are read, sums read and written.
    const touched = 4 * (CLASSES + 1) * voxels + (half ? 4 : 8) * CLASSES * voxels;
    return {
      name: `accumulate-${kind}`,
      size: `${CLASSES} classes of ${sizeText(patch as Shape3)}`,
      operation: "accumulate",
      reference: `numpy, sums in ${half ? "float16" : "float32"}`,
      inputs: {
        values: {
          file: "window-logits",
          shape: [CLASSES, ...patch],
          make: () => normalValues(CLASSES * voxels, 73, 0, 4),
        },
        weights: {
          file: "window-weights",
          shape: patch,
          make: () => gaussianWeights(patch, { largest: 10, precision: "float16" }),
        },
      },
      parameters: { half },
      voxels: CLASSES * voxels,
      target:
        kind === PLAIN
          ? PEER
          : {
              text: "twice a copy of what it touches, exact",
              reached: ({ seconds, copySecondsPerByte, differing }) =>
                seconds <= 2 * copySecondsPerByte * touched && (differing === null ? null : differing === 0),
            },
      prepare: ({ values, weights }) => {
        // Planes of all classes, as the windows share them; the plain loop has classes of all planes.
        const sums = Array.from({ length: height }, () =>
          half ? new Uint16Array(CLASSES * perPlane) : new Float32Array(CLASSES * perPlane),
        );
        const whole = new Float32Array(kind === PLAIN ? CLASSES * voxels : 0);
        const [logits, map] = [values as Float32Array, weights as Float32Array];
        const inClassOrder = () =>
          Array.from({ length: CLASSES }, (_, c) => sums.map((sum) => sum.subarray(c * perPlane, (c + 1) * perPlane)));
        return {
          run: () => {
            if (kind === PLAIN) {
              whole.fill(0);
              accumulatePlainly(whole, logits, map);
              return whole[0];
            }
            for (const [i, sum] of sums.entries()) {
              sum.fill(0);
              accumulatePlane(sum, logits, i * perPlane, voxels, map.subarray(i * perPlane, (i + 1) * perPlane), plane);
            }
            return sums[0][0];
          },
          outputs: () => {
            if (kind === PLAIN) return { sums: whole };
            const result = half ? new Int16Array(CLASSES * voxels) : new Float32Array(CLASSES * voxels);
            for (const [i, part] of inClassOrder().flat().entries()) result.set(part, i * perPlane);
            return { sums: result };
          },
        };
      },
    };
  });
}
