import { voxelCount } from "../src/core/volume.js";
import { fillHoles } from "../src/kernels/components/fill-holes.js";
import { bodyMask } from "./data.js";
import { exactAnd, type Row, type Scale, sizeText } from "./row.js";

export function fillHolesRows(scale: Scale): Row[] {
  const shape = scale.shape([200, 512, 512]);
  return [
    {
      name: "fill-holes",
      size: sizeText(shape),
      operation: "fill-holes",
      reference: "scipy.ndimage.binary_fill_holes",
      inputs: { mask: { file: "body", shape, make: () => bodyMask(shape, 41) } },
      parameters: {},
      voxels: voxelCount(shape),
      target: exactAnd(80),
      prepare: ({ mask }) => {
        const output = new Uint8Array(voxelCount(shape));
        return {
          run: () => fillHoles(mask as Uint8Array, shape, output)[output.length >> 1],
          outputs: () => ({ mask: output }),
        };
      },
    },
  ];
}
