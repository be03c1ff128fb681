import { NnprepError } from "../core/errors.js";
import { checkLength, type Shape3 } from "../core/volume.js";
import { Choices } from "../kernels/draws.js";
import { runStarts } from "../kernels/label-runs.js";

/** Voxels of a class that are kept at least, if it has so many. */
const SAMPLES_PER_CLASS = 10000;
/** Share of a class that is kept at least, so that large classes are not covered too thinly. */
const MINIMAL_SHARE = 0.01;
const SEED = 1234;

/**
 * Random voxels of each class, for oversampling the foreground in training: `_run_internal` of nnU-Net 1.7.1 and
 * `_sample_foreground_locations` of 2.8.1 (one `RandomState(1234)` per case, classes in the given order).
 *
 * @param label `shape` in C order, slowest axis first (the resampled label, -1 outside the mask).
 * @param classes labels, or regions: lists of labels whose voxels are joined in the list's own order, label by label.
 * Labels are whole numbers in the int16 range.
 * @returns per class an array of triples `[a0, a1, a2]`, flattened (n * 3), slowest axis first, in the order drawn;
 * empty for a class without voxels. A class of n voxels gives `max(min(10000, n), ceil(0.01 n))` triples.
 * @throws NnprepError SHAPE_MISMATCH, INVALID_ARGUMENT.
 */
export function sampleClassLocations(
  label: Int16Array,
  shape: Shape3,
  classes: readonly (number | readonly number[])[],
): Int32Array[] {
  checkLength("label", label, shape);
  const regions = classes.map((region) => (typeof region === "number" ? [region] : region));
  const labels = [...new Set(regions.flat())];
  if (labels.length === 0) return regions.map(() => new Int32Array(0));
  const runs = collectRuns(label, labels);
  const choices = new Choices(SEED);
  return regions.map((region) => {
    const lists = region.map((value) => runs[labels.indexOf(value)]);
    const voxels = lists.reduce((sum, list) => sum + list.voxels, 0);
    const count = Math.max(Math.min(SAMPLES_PER_CLASS, voxels), Math.ceil(voxels * MINIMAL_SHARE));
    return toTriples(choices.choose(voxels, count), lists, shape);
  });
}

/** The voxels of one label in C order, as runs of linear indices: labels come in runs. */
interface Runs {
  readonly voxels: number;
  /** Index of each run's first voxel. */
  readonly starts: Int32Array;
  /** How many of the label's voxels come before each run. */
  readonly before: Int32Array;
}

function collectRuns(label: Int16Array, classes: readonly number[]): Runs[] {
  // Indexed by the label's low 16 bits. The last slot takes the voxels of no class.
  const none = classes.length;
  const slot = new Int32Array(65536).fill(none);
  classes.forEach((value, i) => {
    if (!Number.isInteger(value) || value < -32768 || value > 32767) {
      throw new NnprepError(
        "INVALID_ARGUMENT",
        `classes [${classes.join(", ")}]: ${value} is no whole number that fits into int16`,
        { found: value },
      );
    }
    slot[value & 0xffff] = i;
  });
  const all = runStarts(label);
  const counts = new Int32Array(classes.length + 1);
  for (const start of all) counts[slot[label[start] & 0xffff]]++;
  const runs = classes.map((_, s) => ({
    voxels: 0,
    starts: new Int32Array(counts[s]),
    before: new Int32Array(counts[s]),
  }));
  const filled = new Int32Array(classes.length);
  for (let i = 0; i < all.length; i++) {
    const start = all[i];
    const s = slot[label[start] & 0xffff];
    if (s === none) continue;
    const found = runs[s];
    const at = filled[s]++;
    found.starts[at] = start;
    found.before[at] = found.voxels;
    found.voxels += (all[i + 1] ?? label.length) - start;
  }
  return runs;
}

/** Positions of the voxels with these numbers, counted through all `lists` one after the other. */
function toTriples(numbers: Uint32Array, lists: readonly Runs[], shape: Shape3): Int32Array {
  const triples = new Int32Array(numbers.length * 3);
  const [, n1, n2] = shape;
  let out = 0;
  for (const number of numbers) {
    let rank = number;
    let l = 0;
    while (rank >= lists[l].voxels) rank -= lists[l++].voxels;
    const position = voxelAt(lists[l], rank);
    const row = Math.floor(position / n2);
    const plane = Math.floor(row / n1);
    triples[out++] = plane;
    triples[out++] = row - plane * n1;
    triples[out++] = position - row * n2;
  }
  return triples;
}

/** Linear index of a label's voxel by its rank. */
function voxelAt({ starts, before }: Runs, rank: number): number {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (before[middle] <= rank) low = middle;
    else high = middle;
  }
  return starts[low] + (rank - before[low]);
}
