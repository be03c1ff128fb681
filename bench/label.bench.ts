import { voxelCount } from "../src/core/volume.js";
import { labelComponents } from "../src/kernels/components/label.js";
import { blobMask, bodyMask, noiseMask } from "./data.js";
import { exactAnd, type Input, type Row, type Scale, sizeText } from "./row.js";

export function componentRows(scale: Scale): Row[] {
  const shape = scale.shape([200, 512, 512]);
  const row = (connectivity: 6 | 26, kind: string, mask: Input, factor: number): Row => ({
    name: `components-${connectivity}-${kind}`,
    size: sizeText(shape),
    operation: "components",
    reference:
      connectivity === 6 ? "scipy.ndimage.label" : "scipy.ndimage.label; numbers also those of skimage.measure.label",
    inputs: { mask },
    parameters: { connectivity },
    voxels: voxelCount(shape),
    target: exactAnd(factor),
    prepare: ({ mask: set }) => {
      const output = new Int32Array(voxelCount(shape));
      return {
        run: () => labelComponents(set as Uint8Array, shape, connectivity, output).count,
        outputs: () => ({ labels: output }),
      };
    },
  });
  const kinds = [
    { kind: "body", factor: 20, mask: { file: "body", shape, make: () => bodyMask(shape, 41) } },
    { kind: "blobs", factor: 5, mask: { file: "blobs", shape, make: () => blobMask(shape, 42) } },
    { kind: "noise", factor: 1.5, mask: { file: "noise", shape, make: () => noiseMask(shape, 43) } },
  ];
  return kinds.flatMap(({ kind, mask, factor }) => [row(6, kind, mask, factor), row(26, kind, mask, factor)]);
}
