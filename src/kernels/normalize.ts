import { NnprepError } from "../core/errors.js";
import { kernels } from "../runtime/instantiate.js";
import { copierOf, forEachTile, TILE } from "./tile.js";

interface NormalizeExports {
  clipAndScale(values: number, count: number, low: number, high: number, mean: number, sd: number): void;
  restoreUnlabelled(values: number, originals: number, labels: number, count: number): void;
  clearUnlabelled(values: number, labels: number, count: number): void;
}

/** Scalars of `(clip(x, low, high) - mean) / sd`; each is rounded to float32 first. */
export interface Scaling {
  /** Lower bound; without it nothing is clipped below. */
  readonly low?: number;
  /** Upper bound; without it nothing is clipped above. */
  readonly high?: number;
  readonly mean: number;
  readonly sd: number;
}

/**
 * A scaling of voxels that are on their way into a kernel, so that no scaled copy of a volume is made: bit by bit what
 * `clipAndScale` gives.
 */
export class ScalingOnTheWay {
  readonly #low: number;
  readonly #high: number;
  readonly #mean: number;
  readonly #sd: number;

  constructor(scaling: Scaling) {
    const { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY, mean, sd } = scaling;
    this.#low = Math.fround(low);
    this.#high = Math.fround(high);
    // A bound that is NaN makes everything NaN.
    this.#mean = Number.isNaN(low) || Number.isNaN(high) ? Number.NaN : Math.fround(mean);
    this.#sd = Math.fround(sd);
  }

  /** Scales `count` float32 in the window, up to 28 bytes behind them too. */
  inWindow(address: number, count: number): void {
    kernels<NormalizeExports>().exports.clipAndScale(address, count, this.#low, this.#high, this.#mean, this.#sd);
  }

  /** Scales one voxel that is finite. */
  of(value: number): number {
    const clipped = Math.min(Math.max(value, this.#low), this.#high);
    return Math.fround(Math.fround(clipped - this.#mean) / this.#sd);
  }
}

/**
 * `(clip(x, low, high) - mean) / sd`, each operation rounded to float32: bit by bit what NumPy 2 computes for a float32
 * array and Python floats or float32 scalars. NaN stays NaN, a bound that is NaN makes everything NaN, and `sd` 0 gives
 * infinities and NaN.
 *
 * @param label where given, `outside` holds for voxels with a label below 0
 * @param outside whether those become 0 or keep their value
 * @param destination may be `values` itself
 * @throws NnprepError SHAPE_MISMATCH
 */
export function clipAndScale(
  values: Float32Array,
  scaling: Scaling,
  label: Int16Array | null = null,
  destination: Float32Array = new Float32Array(values.length),
  outside: "zero" | "keep" = "zero",
): Float32Array {
  for (const [name, array] of Object.entries({ label: label ?? values, destination })) {
    if (array.length !== values.length) {
      throw new NnprepError("SHAPE_MISMATCH", `${name} has ${array.length} voxels, the image ${values.length}`, {
        found: array.length,
        expected: values.length,
      });
    }
  }
  const scaled = new ScalingOnTheWay(scaling);
  const { exports, window } = kernels<NormalizeExports>();
  const [tile, labels, originals] = window.reserve(4 * TILE, 2 * TILE, 4 * TILE);
  const view = window.f32(tile, TILE);
  const copyOut = copierOf(view);
  const labelView = window.i16(labels, TILE);
  const originalView = window.f32(originals, TILE);
  forEachTile(values.length, (start, length) => {
    view.set(values.subarray(start, start + length));
    if (label !== null && outside === "keep") originalView.set(view);
    scaled.inWindow(tile, length);
    if (label !== null) {
      labelView.set(label.subarray(start, start + length));
      if (outside === "zero") exports.clearUnlabelled(tile, labels, length);
      else exports.restoreUnlabelled(tile, originals, labels, length);
    }
    copyOut(destination, start, length);
  });
  return destination;
}
