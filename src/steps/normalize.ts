import { NnprepError } from "../core/errors.js";
import { type CaseArrays, checkLength } from "../core/volume.js";
import { meanAndStd, type Selection, voxelsWhere } from "../kernels/moments.js";
import { clipAndScale } from "../kernels/normalize.js";
import { meanAndStdFloat32 } from "../kernels/pairwise.js";
import { withScratch } from "../runtime/scratch.js";
import type { IntensityStatistics } from "./intensity.js";

/** How nnU-Net 1.7.1 normalises a channel; what is none of the first three is "nonCT". */
export type NormalizationScheme = "CT" | "CT2" | "noNorm" | "nonCT";

/** What the CT schemes take from a channel's pooled foreground voxels. */
export type CtStatistics = Pick<IntensityStatistics, "mean" | "sd" | "percentile_00_5" | "percentile_99_5">;

/** float32 sums in NumPy's order, or float64 sums. */
export type Summation = "reference" | "float64";

/** Added to the standard deviation of a nonCT channel. */
const EPSILON = Math.fround(1e-8);

/**
 * Normalises every channel by its scheme: the last part of `GenericPreprocessor.resample_and_normalize` (nnU-Net 1.7.1).
 *
 * Scalars are rounded to float32 and every operation rounds to float32. The mean and standard deviation of a channel
 * are summed in the order of NumPy 2.3 and later for contiguous float32 arrays, so that the result equals the
 * reference's bit by bit; "float64" sums more exactly, faster and without a copy of the masked voxels, and differs from
 * the reference by less than 1e-6. The mask of a channel is `label >= 0`. `CT` and `CT2` add no epsilon, so that a standard
 * deviation of 0 gives infinities and NaN; `noNorm` leaves the channel as it is, masked or not.
 *
 * @param arrays the resampled case; not changed unless its channels are the destination
 * @param schemes one per channel
 * @param useMask one per channel: whether voxels with label -1 become 0 (and, for nonCT, do not count)
 * @param intensityProperties statistics per channel; only the CT schemes look at theirs
 * @param destination where the channels go; `arrays.channels` normalises in place
 * @param summation how the mean and standard deviation of a channel are computed
 * @throws NnprepError INVALID_ARGUMENT if the numbers of channels, schemes and masks differ, or if a label or
 *   statistics are missing; SHAPE_MISMATCH
 */
export function normalizeChannels(
  arrays: CaseArrays,
  schemes: readonly NormalizationScheme[],
  useMask: readonly boolean[],
  intensityProperties: readonly (CtStatistics | null)[] | null = null,
  destination: readonly Float32Array[] = arrays.channels.map((channel) => new Float32Array(channel.length)),
  summation: Summation = "reference",
): CaseArrays {
  const { channels, label, shape } = arrays;
  checkCounts(channels.length, schemes.length, useMask.length);
  channels.forEach((channel, c) => {
    checkLength(`channel ${c}`, channel, shape);
  });
  if (label !== null) checkLength("label", label, shape);
  const normalized = channels.map((channel, c) => {
    const scheme = schemes[c] as NormalizationScheme;
    if (useMask[c] && label === null && scheme !== "noNorm") {
      throw new NnprepError(
        "INVALID_ARGUMENT",
        `channel ${c} is to be normalised inside the mask, but the case has no label to take the mask from; crop it first`,
        { channel: c },
      );
    }
    const mask = useMask[c] ? label : null;
    const statistics = checkedStatistics(scheme, intensityProperties?.[c], c);
    return normalizeChannel(channel, scheme, mask, statistics, destination[c], summation);
  });
  return { channels: normalized, label, shape };
}

function checkCounts(channels: number, schemes: number, masks: number): void {
  if (channels === schemes && channels === masks) return;
  throw new NnprepError(
    "INVALID_ARGUMENT",
    `${channels} channels found, but ${schemes} normalization schemes and ${masks} mask flags; there must be one of each per channel`,
    { channels, schemes, masks },
  );
}

function checkedStatistics(
  scheme: NormalizationScheme,
  statistics: CtStatistics | null | undefined,
  channel: number,
): CtStatistics | null {
  if (scheme !== "CT" && scheme !== "CT2") return null;
  if (statistics) return statistics;
  throw new NnprepError(
    "INVALID_ARGUMENT",
    `channel ${channel} has the scheme ${scheme}, which needs the intensity statistics of the training cases, but none are given`,
    { channel, scheme },
  );
}

function normalizeChannel(
  channel: Float32Array,
  scheme: NormalizationScheme,
  mask: Int16Array | null,
  statistics: CtStatistics | null,
  destination: Float32Array | undefined,
  summation: Summation,
): Float32Array {
  if (scheme === "noNorm") {
    if (destination === undefined) return channel.slice();
    if (destination !== channel) destination.set(channel);
    return destination;
  }
  if (statistics === null) {
    const { mean, std } = momentsOf(channel, mask === null ? undefined : { label: mask, least: 0 }, summation);
    const sd = Math.fround(Math.fround(std) + EPSILON);
    return clipAndScale(channel, { mean, sd }, mask, destination);
  }
  const low = Math.fround(statistics.percentile_00_5);
  const high = Math.fround(statistics.percentile_99_5);
  if (scheme === "CT") {
    return clipAndScale(channel, { low, high, mean: statistics.mean, sd: statistics.sd }, mask, destination);
  }
  const { mean, std } = momentsOf(channel, { above: low, below: high }, summation);
  return clipAndScale(channel, { low, high, mean, sd: std }, mask, destination);
}

function momentsOf(
  channel: Float32Array,
  selection: Selection | undefined,
  summation: Summation,
): { mean: number; std: number } {
  if (summation === "float64") return meanAndStd(channel, selection);
  if (selection === undefined) return meanAndStdFloat32(channel);
  return withScratch(Math.ceil(channel.length / 2), ({ buffer, byteOffset }) =>
    meanAndStdFloat32(voxelsWhere(channel, selection, new Float32Array(buffer, byteOffset, channel.length))),
  );
}
