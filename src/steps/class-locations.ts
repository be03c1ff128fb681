import { NnprepError } from "../core/errors.js";
import { RandomState } from "../core/random.js";
import { checkLength, type Shape3 } from "../core/volume.js";

/** Voxels of a class that are kept at least, if it has so many. */
const SAMPLES_PER_CLASS = 10000;
/** Share of a class that is kept at least, so that large classes are not covered too thinly. */
const MINIMAL_SHARE = 0.01;
const SEED = 1234;
const ABSENT = -1;

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
  const uses = new Map<number, number>();
  for (const value of regions.flat()) uses.set(value, (uses.get(value) ?? 0) + 1);
  if (uses.size === 0) return regions.map(() => new Int32Array(0));
  const labels = [...uses.keys()];
  const positions = collectPositions(label, labels);
  const random = new RandomState(SEED);
  return regions.map((region) => {
    const lists = region.map((value) => positions[labels.indexOf(value)]);
    const [only] = lists;
    const found = lists.length === 1 && uses.get(region[0]) === 1 ? only : joinLists(lists);
    // Shuffling the positions themselves is the same as shuffling their indices and looking them up.
    random.shuffle(found);
    const count = Math.max(Math.min(SAMPLES_PER_CLASS, found.length), Math.ceil(found.length * MINIMAL_SHARE));
    return toTriples(found, count, shape);
  });
}

function joinLists(lists: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(lists.reduce((sum, list) => sum + list.length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return all;
}

/** Linear voxel indices of each class in C order: one pass counts, one collects. */
function collectPositions(label: Int16Array, classes: readonly number[]): Int32Array[] {
  // Indexed by the label's low 16 bits.
  const slot = new Int16Array(65536).fill(ABSENT);
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
  // The last slot takes the voxels of no class, which spares the loops a branch.
  const counts = new Int32Array(classes.length + 1);
  const none = classes.length;
  for (let i = 0; i < 65536; i++) if (slot[i] === ABSENT) slot[i] = none;
  const n = label.length;
  // Labels come in runs, so that most voxels need one comparison.
  for (let i = 0, end = 0; i < n; i = end) {
    end = endOfRun(label, i);
    counts[slot[label[i] & 0xffff]] += end - i;
  }
  const positions = classes.map((_, i) => new Int32Array(counts[i]));
  const filled = new Int32Array(classes.length);
  for (let i = 0, end = 0; i < n; i = end) {
    end = endOfRun(label, i);
    const s = slot[label[i] & 0xffff];
    if (s === none) continue;
    const found = positions[s];
    let to = filled[s];
    for (let at = i; at < end; at++) found[to++] = at;
    filled[s] = to;
  }
  return positions;
}

/** Index after the last voxel that has the label of voxel `i` and of all between. */
function endOfRun(label: Int16Array, i: number): number {
  const value = label[i];
  let end = i + 1;
  while (end < label.length && label[end] === value) end++;
  return end;
}

function toTriples(positions: Int32Array, count: number, shape: Shape3): Int32Array {
  const triples = new Int32Array(count * 3);
  const [, n1, n2] = shape;
  for (let i = 0, out = 0; i < count; i++) {
    const position = positions[i];
    const row = Math.floor(position / n2);
    const plane = Math.floor(row / n1);
    triples[out++] = plane;
    triples[out++] = row - plane * n1;
    triples[out++] = position - row * n2;
  }
  return triples;
}
