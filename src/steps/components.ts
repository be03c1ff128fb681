import { boxShape } from "../core/axes.js";
import { NnprepError } from "../core/errors.js";
import { type Box3, checkLength, type Shape3, type Vec3, type VoxelArray } from "../core/volume.js";
import { type Connectivity, keepComponents, labelComponents, measureComponents } from "../kernels/components/label.js";
import { labelBoxes } from "../kernels/label-pairs.js";
import { byteTable, forEachBoxRow, LabelCoding, markInBox, unionBox } from "./label-regions.js";

export { type Connectivity, labelComponents };

/** One connected component; its label is its place in the list plus 1. */
export interface ComponentStatistics {
  readonly voxels: number;
  readonly volumeMm3: number;
  readonly box: Box3;
  /** Mean index of its voxels, slowest axis first. */
  readonly centroid: Vec3;
}

/**
 * Voxels, volume, bounding box and centroid of every connected component of a mask, in the order of
 * `labelComponents`.
 *
 * @throws NnprepError SHAPE_MISMATCH, OUT_OF_MEMORY
 */
export function componentStatistics(
  mask: Uint8Array,
  shape: Shape3,
  connectivity: Connectivity,
  spacingMm: Vec3 = [1, 1, 1],
): ComponentStatistics[] {
  const { sizes, boxes, indexSums } = measureComponents(mask, shape, connectivity);
  const volume = voxelVolumeMm3(spacingMm);
  return boxes.map((box, i) => {
    const voxels = sizes[i];
    const mean = (axis: number) => indexSums[3 * i + axis] / voxels;
    return { voxels, volumeMm3: voxels * volume, box, centroid: [mean(0), mean(1), mean(2)] };
  });
}

/** Product of the spacings, multiplied in the order of ITK's (fastest axis first): the same bits as nnU-Net's. */
export function voxelVolumeMm3(spacingMm: Vec3): number {
  return spacingMm[2] * spacingMm[1] * spacingMm[0];
}

/** A class or several that count as one. */
export interface ComponentRule {
  readonly labels: readonly number[];
  /** An object that is not the largest is removed only if its size is below this, in the unit of `voxelVolumeMm3`. */
  readonly minimumSize?: number;
}

/** What counts as one object, and as large. */
export interface ComponentMeasure {
  /** 6 in nnU-Net 1.7.1, 26 in nnU-Net 2.8.1. */
  readonly connectivity: Connectivity;
  /** What one voxel adds to a size; see `voxelVolumeMm3`. 1 counts voxels, as nnU-Net 2.8.1 does. */
  readonly voxelVolumeMm3: number;
}

/** What became of the objects of one rule; sizes are voxels times the volume of one. */
export interface ComponentOutcome {
  /** Size of the largest object that was removed; null if none was. */
  readonly largestRemoved: number | null;
  /** Size of the largest object; null if there is none. */
  readonly keptSize: number | null;
}

/**
 * Keeps the largest connected component of every rule, all of them where several are equally large, and sets the voxels
 * of the others to 0: `remove_all_but_the_largest_connected_component` of nnU-Net 1.7.1, and one after the other
 * `remove_all_but_largest_component_from_segmentation` of nnU-Net 2.8.1. Rules apply to the image as the ones before
 * left it.
 *
 * @param image labels, C order; changed in place
 * @param rules null: one for every label above 0
 * @returns one outcome per rule
 * @throws NnprepError INVALID_ARGUMENT if a rule names the background, INVALID_VALUES for more than 256 labels,
 * SHAPE_MISMATCH
 */
export function keepLargestComponent(
  image: VoxelArray,
  shape: Shape3,
  rules: readonly ComponentRule[] | null,
  { connectivity, voxelVolumeMm3: voxelVolume }: ComponentMeasure,
): ComponentOutcome[] {
  checkLength("image", image, shape);
  const coding = new LabelCoding(image);
  const bytes = coding.encode(image);
  // Objects only ever get smaller, so that the boxes of the untouched image stay good for every rule.
  const boxes = labelBoxes(bytes, shape);
  const all: readonly ComponentRule[] = rules ?? foregroundLabels(coding, boxes).map((label) => ({ labels: [label] }));
  if (all.some(({ labels }) => labels.includes(0))) {
    throw new NnprepError(
      "INVALID_ARGUMENT",
      "a rule names label 0, but components of the background cannot be removed",
    );
  }
  return all.map((rule) => {
    const wanted = coding.bytesOf(rule.labels);
    const box = unionBox(wanted.map((byte) => boxes[byte]));
    if (box === null) return { largestRemoved: null, keptSize: null };
    const mask = markInBox(bytes, shape, box, byteTable(wanted));
    let outcome: ComponentOutcome = { largestRemoved: null, keptSize: null };
    const kept = keepComponents(mask, boxShape(box), connectivity, (sizes) => {
      const choice = chooseComponents(sizes, rule.minimumSize, voxelVolume);
      outcome = choice.outcome;
      return choice.kept;
    });
    if (outcome.largestRemoved !== null) clear([image, bytes], shape, box, mask, kept);
    return outcome;
  });
}

function foregroundLabels(coding: LabelCoding, boxes: readonly (Box3 | null)[]): number[] {
  const labels = boxes.flatMap((box, byte) => (box === null ? [] : [coding.labelOf(byte) as number]));
  return labels.filter((label) => label > 0).sort((a, b) => a - b);
}

/** Sets to 0 what is in the mask but was not kept. */
function clear(images: readonly VoxelArray[], shape: Shape3, box: Box3, mask: Uint8Array, kept: Uint8Array): void {
  forEachBoxRow(shape, box, (from, to, length) => {
    for (let k = 0; k < length; k++) {
      if (mask[to + k] !== kept[to + k]) for (const image of images) image[from + k] = 0;
    }
  });
}

function chooseComponents(
  voxels: Uint32Array,
  minimumSize: number | undefined,
  voxelVolume: number,
): { kept: boolean[]; outcome: ComponentOutcome } {
  const sizes = Array.from(voxels, (count) => count * voxelVolume);
  const keptSize = sizes.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const kept = sizes.map((size) => size === keptSize || (minimumSize !== undefined && size >= minimumSize));
  const removed = sizes.filter((_, i) => !kept[i]);
  return {
    kept,
    outcome: {
      largestRemoved: removed.length === 0 ? null : removed.reduce((a, b) => Math.max(a, b)),
      keptSize: sizes.length === 0 ? null : keptSize,
    },
  };
}
