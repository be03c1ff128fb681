import { NnprepError } from "../core/errors.js";
import { type Box3, checkLength, type Shape3, type VoxelArray } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";

interface SurveyExports {
  surveyLabels(
    values: number,
    kind: number,
    slice: number,
    rows: number,
    length: number,
    counts: number,
    boxes: number,
  ): number;
  compactLabels(
    values: number,
    kind: number,
    length: number,
    fromRow: number,
    toRow: number,
    fromColumn: number,
    toColumn: number,
    table: number,
    weights: number,
    rowSums: number,
    columnSums: number,
    bytes: number,
  ): number;
  countContacts(here: number, next: number, rows: number, length: number, contacts: number): void;
  reverseRows(rows: number, count: number, length: number, result: number): void;
  halveLabels(first: number, nextRow: number, nextSlice: number, length: number, pairs: number, result: number): void;
}

const KINDS = [
  Int8Array,
  Uint8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
] as const;
const HIGHEST = 65535;
const BOX_BYTES = 24;

function kindOf(data: VoxelArray): number {
  return KINDS.findIndex((Kind) => data instanceof Kind);
}

/** One label of a volume. */
export interface LabelExtent {
  readonly label: number;
  readonly voxels: number;
  /** The smallest box that holds it. */
  readonly box: Box3;
}

/**
 * The labels of a volume above 0, ascending, with their voxels and boxes; -1 (what nnU-Net puts outside the non-zero
 * mask) is background.
 *
 * @throws NnprepError SHAPE_MISMATCH; INVALID_VALUES for voxels that are no whole numbers from -1 to 65535
 */
export function surveyLabels(data: VoxelArray, shape: Shape3): LabelExtent[] {
  checkLength("label", data, shape);
  const { exports, window } = kernels<SurveyExports>();
  const [slices, rows, length] = shape;
  const area = rows * length;
  const bytes = data.BYTES_PER_ELEMENT;
  const kind = kindOf(data);
  const [at, countsAt, boxesAt] = window.reserve(bytes * area, 4 * (HIGHEST + 1), BOX_BYTES * (HIGHEST + 1)) as [
    number,
    number,
    number,
  ];
  const source = window.u8(at, bytes * area);
  const counts = window.u32(countsAt, HIGHEST + 1).fill(0);
  const boxes = window.i32(boxesAt, 6 * (HIGHEST + 1));
  for (let i = 0; i < boxes.length; i++) boxes[i] = i % 2 === 0 ? 0x7fffffff : 0;
  for (let slice = 0; slice < slices; slice++) {
    source.set(new Uint8Array(data.buffer, data.byteOffset + slice * bytes * area, bytes * area));
    const bad = exports.surveyLabels(at, kind, slice, rows, length, countsAt, boxesAt);
    if (bad !== 0) throw notALabel(data, slice * area + bad - 1);
  }
  const found: LabelExtent[] = [];
  for (let label = 1; label <= HIGHEST; label++) {
    const voxels = counts[label] as number;
    if (voxels === 0) continue;
    const [a, b, c, d, e, f] = boxes.subarray(6 * label, 6 * label + 6) as unknown as number[];
    const box = [
      [a, b],
      [c, d],
      [e, f],
    ] as unknown as Box3;
    found.push({ label, voxels, box });
  }
  return found;
}

function notALabel(data: VoxelArray, voxel: number): NnprepError {
  return new NnprepError(
    "INVALID_VALUES",
    `voxel ${voxel} is ${data[voxel]}, but labels are whole numbers from 0 to ${HIGHEST}: is this a scan rather than a segmentation?`,
    { found: data[voxel], voxel },
  );
}

/** A label volume cut to a box, one byte per voxel. */
export interface CompactLabels {
  readonly bytes: Uint8Array;
  readonly shape: Shape3;
  /** Per axis and index in the box: how much of the labels lies there, each voxel counting 1 / sqrt(voxels of its label). */
  readonly shares: readonly [Float64Array, Float64Array, Float64Array];
}

/**
 * Cuts a label volume to a box and numbers the given labels from 1 on; others become 0.
 *
 * @param extents at most 255
 */
export function compactLabels(
  data: VoxelArray,
  shape: Shape3,
  extents: readonly LabelExtent[],
  box: Box3,
): CompactLabels {
  const { exports, window } = kernels<SurveyExports>();
  const area = shape[1] * shape[2];
  const itemBytes = data.BYTES_PER_ELEMENT;
  const [slices, rows, length] = box.map(([low, high]) => high - low) as [number, number, number];
  const [at, tableAt, weightsAt, rowSumsAt, columnSumsAt, bytesAt] = window.reserve(
    itemBytes * area,
    HIGHEST + 1,
    8 * 256,
    8 * rows,
    8 * length,
    rows * length,
  ) as [number, number, number, number, number, number];
  const table = window.u8(tableAt, HIGHEST + 1).fill(0);
  const weights = window.f64(weightsAt, 256).fill(0);
  for (const [i, { label, voxels }] of extents.entries()) {
    table[label] = i + 1;
    weights[i + 1] = 1 / Math.sqrt(voxels);
  }
  const rowSums = window.f64(rowSumsAt, rows).fill(0);
  const columnSums = window.f64(columnSumsAt, length).fill(0);
  const sliceSums = new Float64Array(slices);
  const source = window.u8(at, itemBytes * area);
  const bytes = new Uint8Array(slices * rows * length);
  const view = window.u8(bytesAt, rows * length);
  for (let slice = 0; slice < slices; slice++) {
    const from = data.byteOffset + (box[0][0] + slice) * itemBytes * area;
    source.set(new Uint8Array(data.buffer, from, itemBytes * area));
    const [fromRow, toRow, fromColumn, toColumn] = [...box[1], ...box[2]];
    const sums = [rowSumsAt, columnSumsAt] as const;
    sliceSums[slice] = exports.compactLabels(
      at,
      kindOf(data),
      shape[2],
      fromRow,
      toRow,
      fromColumn,
      toColumn,
      tableAt,
      weightsAt,
      ...sums,
      bytesAt,
    );
    bytes.set(view, slice * rows * length);
  }
  return { bytes, shape: [slices, rows, length], shares: [sliceSums, rowSums.slice(), columnSums.slice()] };
}

/** Faces between voxels of different bytes: entry `256 * a + b` counts those between a and b. */
export function countContacts(bytes: Uint8Array, shape: Shape3): Uint32Array {
  checkLength("label", bytes, shape);
  const { exports, window } = kernels<SurveyExports>();
  const [slices, rows, length] = shape;
  const area = rows * length;
  const [first, second, contactsAt] = window.reserve(area, area, 4 * 65536) as [number, number, number];
  const contacts = window.u32(contactsAt, 65536).fill(0);
  let [here, next] = [first, second];
  window.u8(here, area).set(bytes.subarray(0, area));
  for (let slice = 0; slice < slices; slice++) {
    // The last slice is compared with itself: no difference, no face.
    const following = Math.min(slice + 1, slices - 1);
    window.u8(next, area).set(bytes.subarray(following * area, (following + 1) * area));
    exports.countContacts(here, next, rows, length, contactsAt);
    [here, next] = [next, here];
  }
  return contacts.slice();
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
  const { exports, window } = kernels<SurveyExports>();
  const [slices, rows, length] = shape;
  const area = rows * length;
  const [sliceStep, rowStep] = [halved[0] ? 2 : 1, halved[1] ? 2 : 1];
  const newShape = shape.map((n, axis) => (halved[axis] ? Math.ceil(n / 2) : n)) as unknown as Shape3;
  const newArea = newShape[1] * newShape[2];
  const [source, out] = window.reserve(2 * area, newArea) as [number, number];
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

/** Turns every row of `length` bytes round, in place, one slice of `area` bytes at a time. */
export function reverseRows(bytes: Uint8Array, area: number, length: number): void {
  const { exports, window } = kernels<SurveyExports>();
  const [source, out] = window.reserve(area, area) as [number, number];
  for (let from = 0; from < bytes.length; from += area) {
    window.u8(source, area).set(bytes.subarray(from, from + area));
    exports.reverseRows(source, area / length, length, out);
    bytes.set(window.u8(out, area), from);
  }
}
