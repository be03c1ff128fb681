import { NnprepError } from "../../core/errors.js";
import { type Box3, checkLength, type Shape3, type VoxelArray } from "../../core/volume.js";
import { kernels } from "../../runtime/instantiate.js";

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
  /** `part`: the class of that name in assembly/mesh/label-survey.ts. */
  compactLabels(part: number, kind: number): number;
  countContacts(here: number, next: number, rows: number, length: number, contacts: number): void;
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
const PART_WORDS = 11;

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
  const [at, countsAt, boxesAt] = window.reserve(bytes * area, 4 * (HIGHEST + 1), BOX_BYTES * (HIGHEST + 1));
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
    const voxels = counts[label];
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
 * Cuts a label volume to a box and numbers the given labels from 1 on; others become 0. The bytes of the axes that
 * `turned` marks run from the box's end to its beginning; the shares do not.
 *
 * @param extents at most 255
 */
export function compactLabels(
  data: VoxelArray,
  shape: Shape3,
  extents: readonly LabelExtent[],
  box: Box3,
  turned: readonly [boolean, boolean, boolean],
): CompactLabels {
  const { exports, window } = kernels<SurveyExports>();
  const itemBytes = data.BYTES_PER_ELEMENT;
  const [slices, rows, length] = box.map(([low, high]) => high - low) as [number, number, number];
  const area = rows * length;
  const changeCount = (extents.length + 1) * (length + 1);
  const [at, tableAt, weightsAt, rowSumsAt, changesAt, bytesAt, partAt] = window.reserve(
    itemBytes * rows * shape[2],
    HIGHEST + 1,
    8 * 256,
    8 * rows,
    4 * changeCount,
    area,
    4 * PART_WORDS,
  );
  const table = window.u8(tableAt, HIGHEST + 1).fill(0);
  const weights = window.f64(weightsAt, 256).fill(0);
  for (const [i, { label, voxels }] of extents.entries()) {
    table[label] = i + 1;
    weights[i + 1] = 1 / Math.sqrt(voxels);
  }
  const rowSums = window.f64(rowSumsAt, rows).fill(0);
  const changes = window.i32(changesAt, changeCount).fill(0);
  const sliceSums = new Float64Array(slices);
  const source = window.u8(at, itemBytes * rows * shape[2]);
  const bytes = new Uint8Array(slices * area);
  const view = window.u8(bytesAt, area);
  const [firstByte, rowStep] = turned[1] ? [bytesAt + area - length, -length] : [bytesAt, length];
  const [fromRow, fromColumn] = [box[1][0], box[2][0]];
  window
    .i32(partAt, PART_WORDS)
    .set([
      at + fromColumn * itemBytes,
      shape[2],
      rows,
      length,
      tableAt,
      weightsAt,
      rowSumsAt,
      changesAt,
      firstByte,
      rowStep,
      turned[2] ? 1 : 0,
    ]);
  for (let slice = 0; slice < slices; slice++) {
    const row = (box[0][0] + slice) * shape[1] + fromRow;
    source.set(new Uint8Array(data.buffer, data.byteOffset + row * shape[2] * itemBytes, source.length));
    view.fill(0);
    sliceSums[slice] = exports.compactLabels(partAt, kindOf(data));
    bytes.set(view, (turned[0] ? slices - 1 - slice : slice) * area);
  }
  const columnSums = sumColumns(changes, weights, length);
  return { bytes, shape: [slices, rows, length], shares: [sliceSums, rowSums.slice(), columnSums] };
}

/** Sums of weights per column from where the runs of each byte begin and end. */
function sumColumns(changes: Int32Array, weights: Float64Array, length: number): Float64Array {
  const sums = new Float64Array(length);
  for (let at = length + 1, byte = 1; at < changes.length; at += length + 1, byte++) {
    let voxels = 0;
    for (let x = 0; x < length; x++) {
      voxels += changes[at + x];
      sums[x] += voxels * weights[byte];
    }
  }
  return sums;
}

/** Faces between voxels of different bytes: entry `256 * a + b` counts those between a and b. */
export function countContacts(bytes: Uint8Array, shape: Shape3): Uint32Array {
  checkLength("label", bytes, shape);
  const { exports, window } = kernels<SurveyExports>();
  const [slices, rows, length] = shape;
  const area = rows * length;
  const [first, second, contactsAt] = window.reserve(area, area, 4 * 65536);
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
  const both = new Uint32Array(65536);
  for (let a = 0; a < 256; a++) {
    for (let b = 0; b < 256; b++) {
      if (a !== b) both[256 * a + b] = contacts[256 * a + b] + contacts[256 * b + a];
    }
  }
  return both;
}
