import { NnprepError } from "../core/errors.js";
import { formatShape, sameShape } from "../core/volume.js";
import { addToSums, divideSums, widenHalves } from "../kernels/half.js";
import type { ProbabilityArray } from "./probabilities.js";

/**
 * The mean of the members' probabilities, one member after the other: sums and quotient in float32. Memory: one float32
 * array and one member.
 */
export class ProbabilityMean {
  readonly #result: "members" | "float32";
  #sums: Float32Array | null = null;
  #first: Pick<ProbabilityArray, "classes" | "shape"> | null = null;
  #count = 0;
  #halves = true;

  /**
   * @param result precision of the mean: "members" means float16 if all members are float16, as in `numpy.mean` of the
   * stacked arrays (nnU-Net 1.7.1); "float32" means float32 (nnU-Net 2.8.1)
   */
  constructor(result: "members" | "float32") {
    this.#result = result;
  }

  /** Adds a member. @throws NnprepError SHAPE_MISMATCH if it differs from the first in classes or shape. */
  add(member: ProbabilityArray): void {
    const { classes, shape, data } = member;
    this.#halves &&= data instanceof Uint16Array;
    this.#count++;
    if (this.#sums === null || this.#first === null) {
      this.#first = { classes, shape };
      this.#sums = data instanceof Uint16Array ? widenHalves(data) : data.slice();
      return;
    }
    const first = this.#first;
    if (classes !== first.classes || !sameShape(shape, first.shape)) {
      const found = formatShape([classes, ...shape]);
      const expected = formatShape([first.classes, ...first.shape]);
      throw new NnprepError(
        "SHAPE_MISMATCH",
        `member ${this.#count} of the ensemble has probabilities of shape ${found}, the first ${expected} (classes, then voxels); ` +
          "they must come from the same case and have the same classes",
        { member: this.#count, found: [classes, ...shape], expected: [first.classes, ...first.shape] },
      );
    }
    addToSums(data, this.#sums);
  }

  /** The mean; the sums are used up. @throws NnprepError INVALID_ARGUMENT if there is no member */
  take(): ProbabilityArray {
    const sums = this.#sums;
    if (sums === null || this.#first === null) {
      throw new NnprepError("INVALID_ARGUMENT", "an ensemble without members has no mean");
    }
    this.#sums = null;
    if (!this.#halves || this.#result === "float32") {
      divideSums(sums, this.#count);
      return { ...this.#first, data: sums };
    }
    const halves = new Uint16Array(sums.length);
    divideSums(sums, this.#count, halves);
    return { ...this.#first, data: halves };
  }
}

/**
 * The mean of members that arrive one after the other, in the precision of the members.
 * @throws NnprepError SHAPE_MISMATCH, INVALID_ARGUMENT
 */
export async function meanProbabilities(
  members: AsyncIterable<ProbabilityArray> | Iterable<ProbabilityArray>,
): Promise<ProbabilityArray> {
  const mean = new ProbabilityMean("members");
  for await (const member of members) mean.add(member);
  return mean.take();
}
