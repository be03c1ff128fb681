import { NnprepError } from "../core/errors.js";
import { meanAndStd, minAndMax, type Selection, voxelsWhere } from "../kernels/moments.js";
import { clipAndScale, type Scaling } from "../kernels/normalize.js";
import { meanAndStdFloat32, type SummationOrder } from "../kernels/pairwise.js";
import { withScratch } from "../runtime/scratch.js";

export interface Bounds {
  readonly low: number;
  readonly high: number;
}

/** How the values of a channel are moved and scaled: `(clip(x) - a) / b`. All numbers are rounded to float32 first. */
export type ChannelScaling =
  | { readonly kind: "none" }
  /** By numbers that are known. */
  | { readonly kind: "fixed"; readonly clip?: Bounds; readonly subtract: number; readonly divide: number }
  /** By mean and standard deviation of the channel's own voxels. */
  | {
      readonly kind: "moments";
      readonly clip?: Bounds;
      /** Which voxels count: all, those with a label of at least 0, or those strictly between the bounds. */
      readonly counting: "all" | "masked" | "between";
      /** What the standard deviation, a float32, becomes before it divides. */
      readonly divisor: (std: number) => number;
    }
  /** From the channel's smallest value to its largest. */
  | { readonly kind: "range"; readonly leastDivisor: number };

export interface ChannelNormalization {
  readonly scaling: ChannelScaling;
  /** What voxels with a label below 0 become: scaled like all others, 0, or they keep their value. */
  readonly outside: "scaled" | "zero" | "keep";
}

/** float32 sums in NumPy's order, or float64 sums. */
export type Summation = "reference" | "float64";

export interface NormalizeOptions {
  /** Where the channel goes; `channel` itself normalises in place. Default: a new array. */
  readonly destination?: Float32Array | undefined;
  /** How mean and standard deviation are computed. */
  readonly summation?: Summation | undefined;
  /** How NumPy sums when all voxels count, see `viewOrder`. Default: all at once. */
  readonly order?: SummationOrder | undefined;
}

/**
 * Normalises one channel. Scalars are rounded to float32 and every operation rounds to float32. Mean and standard
 * deviation are summed in the order of NumPy 2.3 and later, so that the result equals the reference's bit by bit;
 * "float64" sums more exactly, faster and without a copy of the voxels that count, and differs from the reference by
 * less than 1e-6. A divisor of 0 gives infinities and NaN.
 *
 * @param label of the channel's voxels; null where the rule asks for none
 * @throws NnprepError INVALID_ARGUMENT if the rule asks for a label and there is none; SHAPE_MISMATCH
 */
export function normalizeChannel(
  channel: Float32Array,
  label: Int16Array | null,
  { scaling, outside }: ChannelNormalization,
  { destination = new Float32Array(channel.length), summation = "reference", order }: NormalizeOptions = {},
): Float32Array {
  const numbers = scalingOf(channel, label, { scaling, outside }, { summation, order });
  if (numbers === null) {
    if (destination !== channel) destination.set(channel);
    return destination;
  }
  return outside === "scaled"
    ? clipAndScale(channel, numbers, null, destination)
    : clipAndScale(channel, numbers, label, destination, outside);
}

/**
 * The numbers by which `normalizeChannel` moves and scales; null where nothing is done.
 * @throws NnprepError INVALID_ARGUMENT if the rule asks for a label and there is none; SHAPE_MISMATCH
 */
export function scalingOf(
  channel: Float32Array,
  label: Int16Array | null,
  { scaling, outside }: ChannelNormalization,
  { summation = "reference", order }: Pick<NormalizeOptions, "summation" | "order"> = {},
): Scaling | null {
  if (scaling.kind === "none") return null;
  const counting = scaling.kind === "moments" ? scaling.counting : "all";
  if (label === null && (outside !== "scaled" || counting === "masked")) {
    throw new NnprepError(
      "INVALID_ARGUMENT",
      "a channel is to be normalised inside the mask, but the case has no label to take the mask from; crop it first",
    );
  }
  const { clip, subtract, divide } = numbersOf(channel, label, scaling, summation, order);
  return { ...clip, mean: subtract, sd: divide };
}

function numbersOf(
  channel: Float32Array,
  label: Int16Array | null,
  scaling: Exclude<ChannelScaling, { kind: "none" }>,
  summation: Summation,
  order: SummationOrder | undefined,
): { clip?: Bounds; subtract: number; divide: number } {
  if (scaling.kind === "range") {
    const { min, max } = minAndMax(channel);
    return { subtract: min, divide: Math.max(Math.fround(max - min), scaling.leastDivisor) };
  }
  const clip = scaling.clip && { low: Math.fround(scaling.clip.low), high: Math.fround(scaling.clip.high) };
  const clipping = clip === undefined ? {} : { clip };
  if (scaling.kind === "fixed") return { ...clipping, subtract: scaling.subtract, divide: scaling.divide };
  const selection = selectionOf(scaling.counting, label, clip);
  const { mean, std } = momentsOf(channel, selection, summation, order);
  return { ...clipping, subtract: mean, divide: scaling.divisor(Math.fround(std)) };
}

function selectionOf(
  counting: "all" | "masked" | "between",
  label: Int16Array | null,
  clip: Bounds | undefined,
): Selection | undefined {
  if (counting === "masked" && label !== null) return { label, least: 0 };
  return counting === "between" && clip !== undefined ? { above: clip.low, below: clip.high } : undefined;
}

function momentsOf(
  channel: Float32Array,
  selection: Selection | undefined,
  summation: Summation,
  order: SummationOrder | undefined,
): { mean: number; std: number } {
  if (summation === "float64") return meanAndStd(channel, selection);
  if (selection === undefined) return meanAndStdFloat32(channel, order);
  return withScratch(Math.ceil(channel.length / 2), ({ buffer, byteOffset }) =>
    meanAndStdFloat32(voxelsWhere(channel, selection, new Float32Array(buffer, byteOffset, channel.length))),
  );
}
