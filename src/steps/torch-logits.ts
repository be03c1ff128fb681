import type { Shape3 } from "../core/volume.js";
import { widenHalves } from "../kernels/half.js";
import type { ProbabilityArray, ProbabilityPlanes } from "./probabilities.js";
import { blendAsTorch, resizePlaneAsTorch, torchTaps } from "./torch-resample.js";

/**
 * Logits resampled as `resample_torch_fornnunet` of nnU-Net v2 does it, in float32 whatever their precision, plane by
 * plane as they are asked for. Memory: the source in float32, and of each class the two planes that a plane lies between,
 * resampled in plane, and the plane itself.
 *
 * @param axis that takes the nearest slice while the others are interpolated, from `separateAxis`
 */
export function resampleLogitsAsTorch(
  source: ProbabilityArray,
  newShape: Shape3,
  axis: number | null,
): ProbabilityPlanes {
  const { classes, shape } = source;
  const taps = (a: 0 | 1 | 2) => torchTaps(shape[a], newShape[a], a === axis);
  const [along, rows, columns] = [taps(0), taps(1), taps(2)];
  // At once: whoever asks for planes has tables in the kernels' window, which this would overwrite.
  const data = source.data instanceof Uint16Array ? widenHalves(source.data) : source.data;
  const size = shape[1] * shape[2];
  const resized = new Map<string, Float32Array>();
  const finished = new Map<number, Float32Array>();
  let current = -1;
  const inPlane = (c: number, plane: number) => {
    const key = `${c} ${plane}`;
    let values = resized.get(key);
    if (values === undefined) {
      const at = (c * shape[0] + plane) * size;
      values = resizePlaneAsTorch(data.subarray(at, at + size), [shape[1], shape[2]], rows, columns);
      resized.set(key, values);
    }
    return values;
  };
  return {
    classes,
    shape: newShape,
    precision: "float32",
    planeOf: (c, plane) => {
      const [low, high] = [along.low[plane], along.high[plane]];
      if (plane !== current) {
        current = plane;
        finished.clear();
        for (const key of resized.keys()) {
          const kept = Number(key.split(" ")[1]);
          if (kept !== low && kept !== high) resized.delete(key);
        }
      }
      let values = finished.get(c);
      if (values === undefined) {
        values =
          along.upper === null ? inPlane(c, low) : blendAsTorch(inPlane(c, low), inPlane(c, high), along.upper[plane]);
        finished.set(c, values);
      }
      return values;
    },
  };
}
