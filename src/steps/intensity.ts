import { NnprepError } from "../core/errors.js";

/**
 * Foreground voxels of a cropped case, the first and every `stride`-th after it: `channel[label > 0][::stride]` in C order.
 *
 * @throws NnprepError SHAPE_MISMATCH
 */
export function foregroundVoxels(channel: Float32Array, label: Int16Array, stride: number): Float32Array {
  if (channel.length !== label.length) {
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `a label of ${label.length} voxels on an image of ${channel.length} voxels`,
      {
        found: label.length,
        expected: channel.length,
      },
    );
  }
  let count = 0;
  for (let i = 0; i < label.length; i++) if (label[i] > 0) count++;
  const result = new Float32Array(Math.ceil(count / stride));
  let out = 0;
  let skip = 0;
  for (let i = 0; out < result.length; i++) {
    if (label[i] <= 0 || skip-- > 0) continue;
    result[out++] = channel[i];
    skip = stride - 1;
  }
  return result;
}
