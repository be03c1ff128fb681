import { checkLength, type Shape3, type VoxelArray, voxelCount } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";
import { nearestIndices } from "./taps.js";

interface NearestExports {
  gather8(input: number, indices: number, count: number, output: number): void;
  gather16(input: number, indices: number, count: number, output: number): void;
  gather32(input: number, indices: number, count: number, output: number): void;
}

function isIdentity(indices: Int32Array, n: number): boolean {
  return indices.length === n && indices.every((index, k) => index === k);
}

/**
 * Nearest-neighbour resampling with scipy's rule for ties (up): equal to
 * `skimage.transform.resize(x, newShape, 0, mode="edge", anti_aliasing=False)` and, where only one axis changes, to
 * `scipy.ndimage.map_coordinates(x, scale * (k + 0.5) - 0.5, order=0, mode="nearest")`.
 *
 * @param data voxels of `shape`, C order
 */
export function resizeNearest<T extends Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Float32Array>(
  data: T,
  shape: Shape3,
  newShape: Shape3,
  output: T = new (data.constructor as new (length: number) => T)(voxelCount(newShape)),
): T {
  checkLength("input", data, shape);
  checkLength("output", output, newShape);
  const [, n1, n2] = shape;
  const [m0, m1, m2] = newShape;
  const index0 = nearestIndices(shape[0], m0);
  const index1 = nearestIndices(n1, m1);
  const index2 = nearestIndices(n2, m2);
  const copyRow = rowCopier(index2, n2, data.BYTES_PER_ELEMENT);
  const plane = m1 * m2;
  const unchanged = isIdentity(index1, n1) && isIdentity(index2, n2);
  for (let k0 = 0; k0 < m0; k0++) {
    const i0 = index0[k0] as number;
    if (k0 > 0 && index0[k0 - 1] === i0) {
      output.copyWithin(k0 * plane, (k0 - 1) * plane, k0 * plane);
      continue;
    }
    if (unchanged) {
      output.set(data.subarray(i0 * plane, (i0 + 1) * plane) as never, k0 * plane);
      continue;
    }
    for (let k1 = 0; k1 < m1; k1++) {
      const to = k0 * plane + k1 * m2;
      const i1 = index1[k1] as number;
      if (k1 > 0 && index1[k1 - 1] === i1) output.copyWithin(to, to - m2, to);
      else copyRow(data, (i0 * n1 + i1) * n2, output, to);
    }
  }
  return output;
}

/** Copies one row through the table of indices, or as it is where the table changes nothing. */
function rowCopier(
  indices: Int32Array,
  n: number,
  bytesPerElement: number,
): (data: VoxelArray, from: number, output: VoxelArray, to: number) => void {
  const m = indices.length;
  if (isIdentity(indices, n)) {
    return (data, from, output, to) => output.set(data.subarray(from, from + n) as never, to);
  }
  const { exports, window } = kernels<NearestExports>();
  const [input, table, result] = window.reserve(n * bytesPerElement, m * 4, m * bytesPerElement) as [
    number,
    number,
    number,
  ];
  window.i32(table, m).set(indices);
  const gather = { 1: exports.gather8, 2: exports.gather16, 4: exports.gather32 }[
    bytesPerElement
  ] as NearestExports["gather8"];
  const source = window.u8(input, n * bytesPerElement);
  const target = window.u8(result, m * bytesPerElement);
  return (data, from, output, to) => {
    source.set(new Uint8Array(data.buffer, data.byteOffset + from * bytesPerElement, n * bytesPerElement));
    gather(input, table, m, result);
    new Uint8Array(output.buffer, output.byteOffset + to * bytesPerElement, m * bytesPerElement).set(target);
  };
}
