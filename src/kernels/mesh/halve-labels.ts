import { checkLength, type Shape3 } from "../../core/volume.js";
import { kernels } from "../../runtime/instantiate.js";

interface HalveExports {
  halveLabels(first: number, nextRow: number, nextSlice: number, length: number, pairs: number, result: number): void;
}

/**
 * A label volume at half its size along the axes that `halved` marks: each new voxel has the label of most of those it
 * stands for. For pictures, where voxels are smaller than what can be seen.
 */
export function halveLabels(
  bytes: Uint8Array,
  shape: Shape3,
  halved: readonly [boolean, boolean, boolean],
): { bytes: Uint8Array; shape: Shape3 } {
  checkLength("label", bytes, shape);
  const { exports, window } = kernels<HalveExports>();
  const [slices, rows, length] = shape;
  const area = rows * length;
  const [sliceStep, rowStep] = [halved[0] ? 2 : 1, halved[1] ? 2 : 1];
  const newShape = shape.map((n, axis) => (halved[axis] ? Math.ceil(n / 2) : n)) as unknown as Shape3;
  const newArea = newShape[1] * newShape[2];
  const [source, out] = window.reserve(2 * area, newArea);
  const view = window.u8(out, newArea);
  const result = new Uint8Array(newShape[0] * newArea);
  for (let slice = 0; slice < newShape[0]; slice++) {
    const start = slice * sliceStep * area;
    const two = sliceStep === 2 && slice * 2 + 1 < slices;
    const some = two ? 2 * area : area;
    window.u8(source, some).set(bytes.subarray(start, start + some));
    for (let row = 0; row < newShape[1]; row++) {
      const from = row * rowStep;
      const nextRow = rowStep === 2 && from + 1 < rows ? length : 0;
      const to = out + row * newShape[2];
      exports.halveLabels(source + from * length, nextRow, two ? area : 0, length, halved[2] ? 1 : 0, to);
    }
    result.set(view, slice * newArea);
  }
  return { bytes: result, shape: newShape };
}
