import { voxelCount } from "../src/core/volume.js";
import { resizeLabels } from "../src/kernels/linear-labels.js";
import { labelMap } from "./data.js";
import { exactAnd, type Row, type Scale, sizeText } from "./row.js";

export function labelRows(scale: Scale): Row[] {
  const shape = scale.shape([160, 256, 256]);
  const newShape = scale.shape([200, 320, 320]);
  const row = (count: number, factor: number): Row => ({
    name: `labels-${count}`,
    size: `${sizeText(shape, newShape)}, ${count} labels`,
    operation: "labels",
    reference: "batchgenerators resize_segmentation, order 1",
    inputs: { label: { file: `labels-${count}`, shape, make: () => labelMap(shape, count, 20 + count) } },
    parameters: { newShape },
    voxels: voxelCount(newShape),
    target: exactAnd(factor),
    prepare: ({ label }) => {
      const output = new Int16Array(voxelCount(newShape));
      return {
        run: () => resizeLabels(label as Int16Array, shape, newShape, "threshold", false, output)[output.length >> 1],
        outputs: () => ({ label: output }),
      };
    },
  });
  return [row(5, 40), row(60, 100)];
}
