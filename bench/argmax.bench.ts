import { type Shape3, voxelCount } from "../src/core/volume.js";
import { SliceDecider } from "../src/kernels/argmax/argmax.js";
import { probabilities } from "./data.js";
import { exactAnd, type Row, type Scale, sizeText } from "./row.js";

const CLASSES = 20;

/** From probabilities in memory to labels in memory, as `restoreLabels` does it. */
function decideAll(data: Float32Array, shape: Shape3, newShape: Shape3, labels: Uint8Array): void {
  const decider = new SliceDecider({
    classes: CLASSES,
    shape,
    newShape,
    order: [0, 1, 2],
    nearestAxis: null,
    precision: "float32",
    threshold: null,
    labels: Uint8Array.from({ length: CLASSES }, (_, c) => c),
  });
  const [count, size] = [voxelCount(shape), shape[1] * shape[2]];
  const planeOf = (c: number, plane: number) => data.subarray(c * count + plane * size, c * count + (plane + 1) * size);
  for (const run of decider.runs) {
    decider.decide(run, planeOf, (slice, row, values) => labels.set(values, (slice * newShape[1] + row) * newShape[2]));
  }
}

export function exportRows(scale: Scale): Row[] {
  const shape = scale.shape([96, 160, 160]);
  const newShape = scale.shape([192, 320, 320]);
  return (["smooth", "noise"] as const).map((kind) => ({
    name: `export-${kind}`,
    size: `${CLASSES} classes ${sizeText(shape, newShape)}, ${kind}`,
    operation: "export",
    reference: "nnU-Net resample_data_or_seg, order 1, then argmax",
    inputs: {
      softmax: {
        file: `softmax-${kind}`,
        shape: [CLASSES, ...shape],
        make: () => probabilities(CLASSES, shape, kind, 35),
      },
    },
    parameters: { newShape },
    voxels: voxelCount(newShape),
    target: exactAnd(40),
    prepare: ({ softmax }) => {
      const labels = new Uint8Array(voxelCount(newShape));
      return {
        run: () => {
          decideAll(softmax as Float32Array, shape, newShape, labels);
          return labels[labels.length >> 1];
        },
        outputs: () => ({ labels }),
      };
    },
  }));
}
