import { NnprepError } from "../core/errors.js";
import { type Box3, checkLength, type Shape3 } from "../core/volume.js";
import { type Connectivity, keepComponents, labelComponents, measureComponents } from "../kernels/label.js";

export { type Connectivity, labelComponents };

/** One connected component; its label is its place in the list plus 1. */
export interface ComponentStatistics {
  readonly voxels: number;
  readonly box: Box3;
}

/**
 * Voxels and bounding box of every connected component of a mask, in the order of `labelComponents`.
 *
 * @throws NnprepError SHAPE_MISMATCH, OUT_OF_MEMORY
 */
export function componentStatistics(
  mask: Uint8Array,
  shape: Shape3,
  connectivity: Connectivity,
): ComponentStatistics[] {
  const { sizes, boxes } = measureComponents(mask, shape, connectivity);
  return boxes.map((box, i) => ({ voxels: sizes[i] as number, box }));
}

/** A class or several that count as one. */
export interface ComponentRule {
  readonly labels: readonly number[];
  /** An object that is not the largest is removed only if its size is below this, in the unit of `voxelVolume`. */
  readonly minimumSize?: number;
}

/** What became of the objects of one rule; sizes are voxels times `voxelVolume`. */
export interface ComponentOutcome {
  /** Size of the largest object that was removed; null if none was. */
  readonly largestRemoved: number | null;
  /** Size of the largest object; null if there is none. */
  readonly keptSize: number | null;
}

/**
 * Keeps the largest face-connected component of every rule, all of them where several are equally large, and sets the
 * voxels of the others to 0: `remove_all_but_the_largest_connected_component` of nnU-Net 1.7.1. Rules apply one after
 * the other to the image as the ones before left it.
 *
 * @param image labels, C order; changed in place
 * @param rules null: one for every label above 0
 * @param voxelVolume what one voxel adds to a size
 * @returns one outcome per rule
 * @throws NnprepError INVALID_ARGUMENT if a rule names the background, SHAPE_MISMATCH
 */
export function keepLargestComponents(
  image: Uint8Array | Int16Array,
  shape: Shape3,
  rules: readonly ComponentRule[] | null = null,
  voxelVolume = 1,
): ComponentOutcome[] {
  checkLength("image", image, shape);
  const all: readonly ComponentRule[] = rules ?? foregroundLabels(image).map((label) => ({ labels: [label] }));
  if (all.some(({ labels }) => labels.includes(0))) {
    throw new NnprepError(
      "INVALID_ARGUMENT",
      "a rule names label 0, but components of the background cannot be removed",
    );
  }
  const mask = new Uint8Array(image.length);
  const kept = new Uint8Array(image.length);
  return all.map((rule) => {
    let outcome: ComponentOutcome = { largestRemoved: null, keptSize: null };
    markLabels(image, rule.labels, mask);
    const keep = (sizes: Uint32Array): boolean[] => {
      const choice = chooseComponents(sizes, rule.minimumSize, voxelVolume);
      outcome = choice.outcome;
      return choice.kept;
    };
    keepComponents(mask, shape, 6, keep, kept);
    if (outcome.largestRemoved !== null) {
      for (let i = 0; i < image.length; i++) if (mask[i] !== kept[i]) image[i] = 0;
    }
    return outcome;
  });
}

function foregroundLabels(image: Uint8Array | Int16Array): number[] {
  const labels = new Set<number>();
  for (const label of image) if (label > 0) labels.add(label);
  return [...labels].sort((a, b) => a - b);
}

function markLabels(image: Uint8Array | Int16Array, labels: readonly number[], mask: Uint8Array): void {
  const [first] = labels;
  if (labels.length === 1) {
    for (let i = 0; i < image.length; i++) mask[i] = image[i] === first ? 1 : 0;
  } else {
    for (let i = 0; i < image.length; i++) mask[i] = labels.includes(image[i] as number) ? 1 : 0;
  }
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
