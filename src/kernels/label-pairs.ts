import { NnprepError } from "../core/errors.js";
import { type Box3, checkLength, type Shape3 } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";
import { forEachTile, TILE } from "./tile.js";

interface LabelPairsExports {
  countPairs(first: number, second: number, count: number, table: number): void;
  widenLabelBoxes(labels: number, slice: number, firstRow: number, rows: number, length: number, boxes: number): void;
}

/** Labels that a byte can hold. */
export const BYTE_LABELS = 256;
/** Numbers of a box in the window. */
const BOX_NUMBERS = 6;
/** Voxels of whole rows that are searched at a time. */
const SEARCH_VOXELS = 1 << 18;

/**
 * How often each pair of labels stands at the same voxel of two arrays.
 *
 * @returns 256 x 256 counts: entry `256 * first + second`
 * @throws NnprepError SHAPE_MISMATCH
 */
export function countLabelPairs(first: Uint8Array, second: Uint8Array): Uint32Array {
  if (first.length !== second.length) {
    throw new NnprepError("SHAPE_MISMATCH", `${first.length} voxels and ${second.length} voxels cannot be compared`, {
      found: second.length,
      expected: first.length,
    });
  }
  const { exports, window } = kernels<LabelPairsExports>();
  const pairs = BYTE_LABELS * BYTE_LABELS;
  const [table, a, b] = window.reserve(4 * pairs, TILE, TILE);
  const tableView = window.u32(table, pairs).fill(0);
  const firstView = window.u8(a, TILE);
  const secondView = window.u8(b, TILE);
  forEachTile(first.length, (start, length) => {
    firstView.set(first.subarray(start, start + length));
    secondView.set(second.subarray(start, start + length));
    exports.countPairs(a, b, length, table);
  });
  return tableView.slice();
}

/**
 * The smallest box around each label above 0; null for a label that is not there. Index: label, 0 to 255.
 *
 * @throws NnprepError SHAPE_MISMATCH
 */
export function labelBoxes(labels: Uint8Array, shape: Shape3): (Box3 | null)[] {
  checkLength("labels", labels, shape);
  const { exports, window } = kernels<LabelPairsExports>();
  const [slices, rows, length] = shape;
  const rowsAtOnce = Math.max(1, Math.min(rows, Math.floor(SEARCH_VOXELS / length)));
  const [boxes, part] = window.reserve(4 * BOX_NUMBERS * BYTE_LABELS, rowsAtOnce * length);
  const view = window.i32(boxes, BOX_NUMBERS * BYTE_LABELS);
  for (let i = 0; i < view.length; i++) view[i] = i % 2 === 0 ? 0x7fffffff : 0;
  const partView = window.u8(part, rowsAtOnce * length);
  for (let slice = 0; slice < slices; slice++) {
    for (let row = 0; row < rows; row += rowsAtOnce) {
      const some = Math.min(rowsAtOnce, rows - row);
      const start = (slice * rows + row) * length;
      partView.set(labels.subarray(start, start + some * length));
      exports.widenLabelBoxes(part, slice, row, some, length, boxes);
    }
  }
  return Array.from({ length: BYTE_LABELS }, (_, label) => {
    const [a, b, c, d, e, f] = view.subarray(BOX_NUMBERS * label) as unknown as Box3[0] & number[];
    return b === 0
      ? null
      : ([
          [a, b],
          [c, d],
          [e, f],
        ] as Box3);
  });
}
