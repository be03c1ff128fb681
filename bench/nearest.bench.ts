import { voxelCount } from "../src/core/volume.js";
import { resizeNearest } from "../src/kernels/nearest.js";
import { labelMap, mrScan } from "./data.js";
import { exactAnd, type Input, type Row, type Scale, sizeText } from "./row.js";

export function nearestRows(scale: Scale): Row[] {
  const shape = scale.shape([160, 256, 256]);
  const newShape = scale.shape([200, 320, 320]);
  const row = (name: string, data: Input, factor: number): Row => ({
    name,
    size: sizeText(shape, newShape),
    operation: "nearest",
    reference: "batchgenerators resize_segmentation, order 0",
    inputs: { data },
    parameters: { newShape },
    voxels: voxelCount(newShape),
    target: exactAnd(factor),
    prepare: ({ data: array }) => {
      const typed = array as Uint8Array | Float32Array;
      const output = new (typed.constructor as Uint8ArrayConstructor)(voxelCount(newShape));
      return {
        run: () => resizeNearest(typed as Uint8Array, shape, newShape, output)[output.length >> 1],
        outputs: () => ({ data: output }),
      };
    },
  });
  return [
    row("nearest-uint8", { file: "labels-uint8", shape, make: () => Uint8Array.from(labelMap(shape, 20, 31)) }, 50),
    row("nearest-float32", { file: `mr-${sizeText(shape)}`, shape, make: () => mrScan(shape, 11, "noise") }, 12),
  ];
}
