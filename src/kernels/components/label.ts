import { type Box3, checkLength, type Shape3, voxelCount } from "../../core/volume.js";
import { kernels } from "../../runtime/instantiate.js";
import type { Window } from "../../runtime/window.js";
import { copierOf } from "../tile.js";
import { type RunScan, scanRuns, wordBytes } from "./run-scan.js";

interface LabelExports {
  enterForeground(
    mask: number,
    rows: number,
    length: number,
    reach: number,
    runs: number,
    block: number,
    previous: number,
    words: number,
    nodes: number,
    firstId: number,
  ): number;
  numberComponents(nodes: number, from: number, to: number, count: number): number;
  sumVoxels(nodes: number, from: number, to: number, sizes: number): void;
  renumber(nodes: number, from: number, to: number, table: number): void;
  writeWords(mask: number, rows: number, length: number, block: number, words: number): void;
  paintLabels(
    words: number,
    rows: number,
    length: number,
    runs: number,
    nodes: number,
    id: number,
    labels: number,
  ): number;
  clearRuns(mask: number, words: number, rows: number, length: number, runs: number, nodes: number, id: number): void;
  widenBoxes(
    words: number,
    slice: number,
    rows: number,
    length: number,
    runs: number,
    nodes: number,
    id: number,
    boxes: number,
  ): void;
  sumIndices(
    words: number,
    slice: number,
    rows: number,
    length: number,
    runs: number,
    nodes: number,
    id: number,
    sums: number,
  ): void;
}

/** Which voxels touch: those that share a face, or also those that share an edge or a corner. */
export type Connectivity = 6 | 26;

/** Voxels of labels painted at a time. */
const PAINT_VOXELS = 4096;
/** Nodes per call. */
const NODES = 65536;
/** Bytes of the window in which the words of a whole volume may stay: 134 million voxels. */
const MOST_KEPT = 2 ** 24;
/** Bytes of a box in the window. */
const BOX_BYTES = 24;
/** Bytes of the three sums of a component in the window. */
const SUMS_BYTES = 24;

interface Components extends RunScan {
  readonly exports: LabelExports;
  readonly window: Window;
  readonly count: number;
  /** Voxels per component, the first one's at 0. */
  readonly sizes: Uint32Array;
  /** Address of the words of some rows of a slice, made of the mask again if they are not there any more. */
  readonly fetchWords: (slice: number, row: number, rows: number) => number;
}

/** Finds the components of a mask as numbered runs in the window, and counts their voxels. */
function findComponents(mask: Uint8Array, shape: Shape3, connectivity: Connectivity): Components {
  checkLength("mask", mask, shape);
  const { exports, window } = kernels<LabelExports>();
  const [slices, rows, length] = shape;
  const reach = connectivity === 26 ? 1 : 0;
  const bytes = wordBytes(length);
  const scan = scanRuns(window, mask, shape, 1, MOST_KEPT, (_, firstId, to) => {
    const { runs, block, previous, words, nodes } = to;
    const next = exports.enterForeground(to.mask, rows, length, reach, runs, block, previous, words, nodes, firstId);
    return next >>> 0;
  });
  const fetchWords = (slice: number, row: number, some: number): number => {
    const words = scan.wordsOf(slice) + row * bytes;
    if (!scan.kept) {
      const start = (slice * rows + row) * length;
      window.u8(scan.mask, some * length).set(mask.subarray(start, start + some * length));
      exports.writeWords(scan.mask, some, length, scan.block, words);
    }
    return words;
  };
  const end = scan.firstIds[slices];
  let count = 0;
  forEachNodes(end, (from, to) => {
    count = exports.numberComponents(scan.nodes, from, to, count) >>> 0;
  });
  const [sizesAt] = scan.reserveMore(4 * (count + 1));
  window.u32(sizesAt, count + 1).fill(0);
  forEachNodes(end, (from, to) => exports.sumVoxels(scan.nodes, from, to, sizesAt));
  return { ...scan, exports, window, count, sizes: window.u32(sizesAt, count + 1).slice(1), fetchWords };
}

function forEachNodes(end: number, visit: (from: number, to: number) => void): void {
  for (let from = 1; from < end; from += NODES) visit(from, Math.min(end, from + NODES));
}

/**
 * Numbers the connected components of a mask from 1 on, in the order of their first voxels in C order: bit by bit what
 * `scipy.ndimage.label` (6) and `skimage.measure.label` (26) return.
 *
 * @param mask 0 = unset, anything else = set; C order
 * @returns `labels`, 0 where the mask is not set; `sizes[i]` is the number of voxels of component `i + 1`
 * @throws NnprepError SHAPE_MISMATCH, OUT_OF_MEMORY
 */
export function labelComponents(
  mask: Uint8Array,
  shape: Shape3,
  connectivity: Connectivity,
  destination: Int32Array = new Int32Array(voxelCount(shape)),
): { labels: Int32Array; count: number; sizes: Uint32Array } {
  checkLength("destination", destination, shape);
  const components = findComponents(mask, shape, connectivity);
  const { exports, window, firstIds, runs, nodes, count, sizes, fetchWords } = components;
  const [slices, rows, length] = shape;
  const rowsAtOnce = Math.max(1, Math.min(rows, Math.floor(PAINT_VOXELS / length)));
  const [labelsAt] = components.reserveMore(4 * rowsAtOnce * length);
  const copyOut = copierOf(window.i32(labelsAt, rowsAtOnce * length));
  for (let slice = 0; slice < slices; slice++) {
    let id = firstIds[slice];
    for (let row = 0; row < rows; row += rowsAtOnce) {
      const some = Math.min(rowsAtOnce, rows - row);
      const words = fetchWords(slice, row, some);
      id = exports.paintLabels(words, some, length, runs, nodes, id, labelsAt) >>> 0;
      copyOut(destination, (slice * rows + row) * length, some * length);
    }
  }
  return { labels: destination, count, sizes };
}

/** Voxels, bounding box and sums of the voxels' indices of every component, numbered as by `labelComponents`. */
export interface ComponentMeasures {
  readonly count: number;
  readonly sizes: Uint32Array;
  readonly boxes: Box3[];
  /** Three sums per component, slowest axis first; exact. */
  readonly indexSums: Float64Array;
}

/**
 * Measures every component of a mask without painting it.
 *
 * @throws NnprepError SHAPE_MISMATCH, OUT_OF_MEMORY
 */
export function measureComponents(mask: Uint8Array, shape: Shape3, connectivity: Connectivity): ComponentMeasures {
  const components = findComponents(mask, shape, connectivity);
  const { exports, window, firstIds, runs, nodes, count, sizes, fetchWords } = components;
  const [slices, rows, length] = shape;
  const [boxesAt, sumsAt] = components.reserveMore(BOX_BYTES * (count + 1), SUMS_BYTES * (count + 1));
  const view = window.i32(boxesAt, 6 * (count + 1));
  for (let i = 0; i < view.length; i++) view[i] = i % 2 === 0 ? 0x7fffffff : 0;
  const sums = window.f64(sumsAt, 3 * (count + 1)).fill(0);
  for (let slice = 0; slice < slices; slice++) {
    const id = firstIds[slice];
    if (id === firstIds[slice + 1]) continue;
    const words = fetchWords(slice, 0, rows);
    exports.widenBoxes(words, slice, rows, length, runs, nodes, id, boxesAt);
    exports.sumIndices(words, slice, rows, length, runs, nodes, id, sumsAt);
  }
  const boxes = Array.from({ length: count }, (_, i): Box3 => {
    const [a, b, c, d, e, f] = view.subarray(6 * (i + 1), 6 * (i + 2)) as unknown as number[];
    return [
      [a, b],
      [c, d],
      [e, f],
    ];
  });
  return { count, sizes, boxes, indexSums: sums.slice(3) };
}

/**
 * Keeps some components of a mask and clears the others.
 *
 * @param keep told the voxels of all components in raster order, answers which to keep; called once
 * @param destination where the mask without the others goes; may be `mask` itself
 * @throws NnprepError SHAPE_MISMATCH, OUT_OF_MEMORY
 */
export function keepComponents(
  mask: Uint8Array,
  shape: Shape3,
  connectivity: Connectivity,
  keep: (sizes: Uint32Array) => ArrayLike<boolean>,
  destination: Uint8Array = new Uint8Array(mask.length),
): Uint8Array {
  checkLength("destination", destination, shape);
  const components = findComponents(mask, shape, connectivity);
  const { exports, window, firstIds, runs, nodes, count, sizes, fetchWords } = components;
  const kept = keep(sizes);
  const [slices, rows, length] = shape;
  const [table] = components.reserveMore(4 * (count + 1));
  const tableView = window.u32(table, count + 1);
  for (let i = 0; i < count; i++) tableView[i + 1] = kept[i] ? 1 : 0;
  forEachNodes(firstIds[slices], (from, to) => exports.renumber(nodes, from, to, table));
  const view = window.u8(components.mask, rows * length);
  for (let slice = 0; slice < slices; slice++) {
    const start = slice * rows * length;
    const words = fetchWords(slice, 0, rows);
    view.set(mask.subarray(start, start + rows * length));
    exports.clearRuns(components.mask, words, rows, length, runs, nodes, firstIds[slice]);
    destination.set(view, start);
  }
  return destination;
}
