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
 * Random voxels of each class, for oversampling the foreground in training: nnU-Net 1.7.1,
 * `GenericPreprocessor._run_internal` (semantics of one `RandomState(1234)` per case, classes in the given order).
 *
 * @param label `shape` in C order, slowest axis first (the resampled label, -1 outside the mask).
 * @param classes different whole numbers in the int16 range, in the order of dataset.json.
 * @returns per class an array of triples `[a0, a1, a2]`, flattened (n * 3), slowest axis first, in the order drawn;
 * empty for a class without voxels. A class of n voxels gives `max(min(10000, n), ceil(0.01 n))` triples.
 * @throws NnprepError SHAPE_MISMATCH, INVALID_ARGUMENT.
 */
export function sampleClassLocations(
  label: Int16Array,
  shape: Shape3,
  classes: readonly number[],
): Map<number, Int32Array> {
  checkLength("label", label, shape);
  if (classes.length === 0) return new Map();
  const positions = collectPositions(label, classes);
  const random = new RandomState(SEED);
  const result = new Map<number, Int32Array>();
  classes.forEach((value, i) => {
    const found = positions[i]!;
    // Shuffling the positions themselves is the same as shuffling their indices and looking them up.
    random.shuffle(found);
    const count = Math.max(Math.min(SAMPLES_PER_CLASS, found.length), Math.ceil(found.length * MINIMAL_SHARE));
    result.set(value, toTriples(found, count, shape));
  });
  return result;
}

/** Linear voxel indices of each class in C order: one pass counts, one collects. */
function collectPositions(label: Int16Array, classes: readonly number[]): Int32Array[] {
  // Indexed by the label's low 16 bits.
  const slot = new Int16Array(65536).fill(ABSENT);
  classes.forEach((value, i) => {
    if (!Number.isInteger(value) || value < -32768 || value > 32767 || slot[value & 0xffff] !== ABSENT) {
      throw new NnprepError(
        "INVALID_ARGUMENT",
        `classes [${classes.join(", ")}]: ${value} is repeated or not a whole number that fits into int16`,
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
    counts[slot[label[i]! & 0xffff]!]! += end - i;
  }
  const positions = classes.map((_, i) => new Int32Array(counts[i]!));
  const filled = new Int32Array(classes.length);
  for (let i = 0, end = 0; i < n; i = end) {
    end = endOfRun(label, i);
    const s = slot[label[i]! & 0xffff]!;
    if (s === none) continue;
    const found = positions[s]!;
    let to = filled[s]!;
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
    const position = positions[i]!;
    const row = Math.floor(position / n2);
    const plane = Math.floor(row / n1);
    triples[out++] = plane;
    triples[out++] = row - plane * n1;
    triples[out++] = position - row * n2;
  }
  return triples;
}
