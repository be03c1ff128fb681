import { type Box3, voxelCount } from "../src/core/volume.js";
import { boundingBox, nonzeroUnion } from "../src/kernels/nonzero.js";
import { mrScan } from "./data.js";
import { type Row, type Scale, sizeText } from "./row.js";

const CHANNELS = [0, 1, 2, 3];

export function nonzeroRows(scale: Scale): Row[] {
  const shape = scale.shape([155, 240, 240]);
  return [
    {
      name: "nonzero-box",
      size: `4 channels of ${sizeText(shape)}`,
      operation: "nonzero-box",
      reference: "create_nonzero_mask without filling, get_bbox_from_mask of nnunet",
      inputs: Object.fromEntries(
        CHANNELS.map((c) => [
          `channel${c}`,
          { file: `mr-channel${c}`, shape, make: () => mrScan(shape, 50 + c, "zero") },
        ]),
      ),
      parameters: {},
      voxels: voxelCount(shape),
      target: {
        text: "no slower than copying the channels twice, exact",
        reached: ({ seconds, copySecondsPerByte, inputBytes, differing }) =>
          seconds <= 2 * copySecondsPerByte * inputBytes && (differing === null ? null : differing === 0),
      },
      prepare: (arrays) => {
        const channels = CHANNELS.map((c) => arrays[`channel${c}`] as Float32Array);
        const mask = new Uint8Array(voxelCount(shape));
        let box: Box3 | null = null;
        return {
          run: () => {
            nonzeroUnion(channels, shape, mask);
            box = boundingBox(mask, shape);
            return box?.[0][0] ?? -1;
          },
          outputs: () => ({ mask, box: Int32Array.from((box ?? []).flat()) }),
        };
      },
    },
  ];
}
