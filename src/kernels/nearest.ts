import { checkLength, type Shape3, type VoxelArray, voxelCount } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";
import { argumentBytes } from "../runtime/window.js";
import { NearestArgument } from "./nearest-arguments.js";
import { nearestIndices, rowRuns } from "./taps.js";

interface NearestExports {
  nearestRows(structure: number): void;
}

/** Bytes of source, and of result, that are in the window at once, where a row is not longer. */
const TILE_BYTES = 1 << 18;
/** Output bytes that one entry of the table of blocks makes, and 4-byte words of an entry. */
const BLOCK = 16;
const ENTRY_WORDS = 8;

function isIdentity(indices: Int32Array, n: number): boolean {
  return indices.length === n && indices.every((index, k) => index === k);
}

/**
 * Nearest-neighbour resampling with scipy's rule for ties (up): equal to
 * `skimage.transform.resize(x, newShape, 0, mode="edge", anti_aliasing=False)` and, where only one axis changes, to
 * `scipy.ndimage.map_coordinates(x, scale * (k + 0.5) - 0.5, order=0, mode="nearest")`.
 *
 * A float -0 stays -0; there it becomes 0.
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
  const copyPlane = planeCopier(index1, n1, index2, n2, data.BYTES_PER_ELEMENT);
  const plane = m1 * m2;
  const unchanged = isIdentity(index1, n1) && isIdentity(index2, n2);
  for (let k0 = 0; k0 < m0; k0++) {
    const i0 = index0[k0];
    if (k0 > 0 && index0[k0 - 1] === i0) {
      output.copyWithin(k0 * plane, (k0 - 1) * plane, k0 * plane);
      continue;
    }
    if (unchanged) {
      output.set(data.subarray(i0 * plane, (i0 + 1) * plane) as never, k0 * plane);
      continue;
    }
    copyPlane(data, i0 * n1 * n2, output, k0 * plane);
  }
  return output;
}

/** Blocks of 16 output bytes whose sources lie within 16 bytes: the first of them, and each one's place from there. */
function storeBlocks(indices: Int32Array, words: Int32Array, bytes: Uint8Array): void {
  for (let block = 0; block * BLOCK < indices.length; block++) {
    const some = indices.subarray(block * BLOCK, (block + 1) * BLOCK);
    const [first] = some as unknown as [number];
    words[block * ENTRY_WORDS] = (some.at(-1) as number) - first < BLOCK ? first : -1;
    some.forEach((index, lane) => {
      bytes[4 * block * ENTRY_WORDS + BLOCK + lane] = index - first;
    });
  }
}

/** Copies one plane through the tables of indices of its rows and columns. */
function planeCopier(
  rowOf: Int32Array,
  n1: number,
  indices: Int32Array,
  n2: number,
  bytesPerElement: number,
): (data: VoxelArray, from: number, output: VoxelArray, to: number) => void {
  const [m1, m2] = [rowOf.length, indices.length];
  const most = (length: number) => Math.max(1, Math.floor(TILE_BYTES / bytesPerElement / length));
  const runs = rowRuns({ low: rowOf, high: rowOf }, most(n2), most(m2));
  const { exports, window } = kernels<NearestExports>();
  const entries = Math.ceil(m2 / BLOCK);
  const [structure, input, rows, table, blocks, result] = window.reserve(
    argumentBytes(NearestArgument),
    Math.min(n1, most(n2)) * n2 * bytesPerElement,
    m1 * 4,
    m2 * 4,
    entries * ENTRY_WORDS * 4,
    Math.min(m1, most(m2)) * m2 * bytesPerElement,
  );
  window.i32(rows, m1).set(rowOf);
  window.i32(table, m2).set(indices);
  storeBlocks(indices, window.i32(blocks, entries * ENTRY_WORDS), window.u8(blocks, entries * ENTRY_WORDS * 4));
  const bytesOf = (array: VoxelArray, first: number, count: number) =>
    new Uint8Array(array.buffer, array.byteOffset + first * bytesPerElement, count * bytesPerElement);
  return (data, from, output, to) => {
    for (const {
      rows: [firstRow, lastRow],
      source: [low, high],
    } of runs) {
      const part = bytesOf(data, from + low * n2, (high - low) * n2);
      window.u8(input, part.length).set(part);
      window.storeArguments<NearestArgument>(structure, {
        [NearestArgument.input]: input,
        [NearestArgument.firstRow]: low,
        [NearestArgument.length]: n2,
        [NearestArgument.rowOf]: rows,
        [NearestArgument.from]: firstRow,
        [NearestArgument.to]: lastRow,
        [NearestArgument.indices]: table,
        [NearestArgument.blocks]: blocks,
        [NearestArgument.count]: m2,
        [NearestArgument.shift]: bytesPerElement >> 1,
        [NearestArgument.output]: result,
      });
      exports.nearestRows(structure);
      const done = bytesOf(output, to + firstRow * m2, (lastRow - firstRow) * m2);
      done.set(window.u8(result, done.length));
    }
  };
}
