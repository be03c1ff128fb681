import { NnprepError } from "../core/errors.js";
import { type Box3, checkLength, type Shape3, voxelCount } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";
import { copierOf, forEachTile, TILE } from "./tile.js";

interface NonzeroExports {
  markNonzero(values: number, mask: number, count: number, join: boolean): number;
  joinRows(mask: number, rows: number, length: number, columns: number, used: number): number;
  markOutside(labels: number, mask: number, count: number, seen: number, least: number): void;
}

/** int16 labels of which `markOutside` keeps a record. */
const LABELS = 65536;

/**
 * Union over the channels of `voxel != 0`: NaN, infinities and denormals count as non-zero, -0 does not.
 *
 * @param channels at least one array of `shape`, C order
 * @param onNonFinite gets the number of each channel with a NaN or an infinity
 * @returns 1 or 0 per voxel
 * @throws NnprepError INVALID_ARGUMENT without channels, SHAPE_MISMATCH
 */
export function nonzeroUnion(
  channels: readonly Float32Array[],
  shape: Shape3,
  destination: Uint8Array = new Uint8Array(voxelCount(shape)),
  onNonFinite?: (channel: number) => void,
): Uint8Array {
  if (channels.length === 0) {
    throw new NnprepError("INVALID_ARGUMENT", "no channels found; a case has at least one image");
  }
  channels.forEach((channel, c) => {
    checkLength(`channel ${c}`, channel, shape);
  });
  checkLength("destination", destination, shape);
  const { exports, window } = kernels<NonzeroExports>();
  const [values, mask] = window.reserve(4 * TILE, TILE);
  const valuesView = window.f32(values, TILE);
  const maskView = window.u8(mask, TILE);
  const nonFinite = new Set<number>();
  forEachTile(destination.length, (start, length) => {
    if (length < TILE) valuesView.fill(0);
    channels.forEach((channel, c) => {
      valuesView.set(channel.subarray(start, start + length));
      if (exports.markNonzero(values, mask, length, c > 0) !== 0) nonFinite.add(c);
    });
    destination.set(length === TILE ? maskView : maskView.subarray(0, length), start);
  });
  for (const c of nonFinite) onNonFinite?.(c);
  return destination;
}

/** The smallest box that holds every voxel of `mask` that is not 0; null if there is none. */
export function boundingBox(mask: Uint8Array, shape: Shape3): Box3 | null {
  checkLength("mask", mask, shape);
  const [slices, rows, length] = shape;
  const { exports, window } = kernels<NonzeroExports>();
  const [slab, columns, used] = window.reserve(rows * length, length, rows);
  const slabView = window.u8(slab, rows * length);
  const columnsView = window.u8(columns, length).fill(0);
  const usedView = window.u8(used, rows);
  const usedRows = new Uint8Array(rows);
  const usedSlices = new Uint8Array(slices);
  for (let slice = 0; slice < slices; slice++) {
    slabView.set(mask.subarray(slice * rows * length, (slice + 1) * rows * length));
    if (exports.joinRows(slab, rows, length, columns, used) === 0) continue;
    usedSlices[slice] = 1;
    for (let row = 0; row < rows; row++) usedRows[row] |= usedView[row];
  }
  if (!usedSlices.includes(1)) return null;
  return [interval(usedSlices), interval(usedRows), interval(columnsView)];
}

/** Half-open interval from the first to the last entry that is not 0. */
function interval(used: Uint8Array): [number, number] {
  const isUsed = (value: number): boolean => value !== 0;
  return [used.findIndex(isUsed), used.findLastIndex(isUsed) + 1];
}

/**
 * Writes -1 where both label and mask are 0, notes which labels there are, and then sets those below `least` to 0: the
 * last part of nnU-Net's `ImageCropper.crop` (v1) and `crop_to_nonzero` (v2).
 *
 * @param destination where the result goes; `label` itself is changed in place
 * @returns the labels there were before the clearing, ascending
 */
export function markOutside(
  label: Int16Array,
  mask: Uint8Array,
  least: number,
  destination: Int16Array = label,
): number[] {
  if (label.length !== mask.length || destination.length !== mask.length) {
    throw new NnprepError("SHAPE_MISMATCH", `a label of ${label.length} voxels on a mask of ${mask.length} voxels`);
  }
  const { exports, window } = kernels<NonzeroExports>();
  const [labels, masks, seen] = window.reserve(2 * TILE, TILE, LABELS);
  const labelView = window.i16(labels, TILE);
  const copyOut = copierOf(labelView);
  const maskView = window.u8(masks, TILE);
  const seenView = window.u8(seen, LABELS).fill(0);
  forEachTile(label.length, (start, length) => {
    labelView.set(label.subarray(start, start + length));
    maskView.set(mask.subarray(start, start + length));
    exports.markOutside(labels, masks, length, seen, least);
    copyOut(destination, start, length);
  });
  const classes: number[] = [];
  seenView.forEach((value, index) => {
    if (value !== 0) classes.push(index - LABELS / 2);
  });
  return classes;
}
