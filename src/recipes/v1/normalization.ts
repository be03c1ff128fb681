import { NnprepError } from "../../core/errors.js";
import { type CaseArrays, checkLength } from "../../core/volume.js";
import { type ChannelNormalization, normalizeChannel, type Summation } from "../../steps/normalize.js";
import type { IntensityStatistics } from "./documents/fingerprint.js";
import type { NormalizationScheme } from "./documents/plans.js";

/** What the CT schemes take from a channel's pooled foreground voxels. */
export type CtStatistics = Pick<IntensityStatistics, "mean" | "sd" | "percentile_00_5" | "percentile_99_5">;

/** Added to the standard deviation of a nonCT channel. */
const EPSILON = Math.fround(1e-8);

/**
 * Normalises every channel by its scheme: the last part of `GenericPreprocessor.resample_and_normalize` (nnU-Net 1.7.1),
 * bit by bit; what is none of the schemes CT, CT2 and noNorm is nonCT. The mask of a channel is `label >= 0`. CT and CT2
 * add no epsilon, so that a standard deviation of 0 gives infinities and NaN; noNorm leaves the channel as it is, masked
 * or not.
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
    const scheme = schemes[c];
    const masked = useMask[c] === true && scheme !== "noNorm";
    if (masked && label === null) {
      throw new NnprepError(
        "INVALID_ARGUMENT",
        `channel ${c} is to be normalised inside the mask, but the case has no label to take the mask from; crop it first`,
        { channel: c },
      );
    }
    const normalization = normalizationOf(scheme, masked, intensityProperties?.[c], c);
    return normalizeChannel(channel, label, normalization, { destination: destination[c], summation });
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

function normalizationOf(
  scheme: NormalizationScheme,
  masked: boolean,
  statistics: CtStatistics | null | undefined,
  channel: number,
): ChannelNormalization {
  if (scheme === "noNorm") return { scaling: { kind: "none" }, outside: "scaled" };
  const outside = masked ? "zero" : "scaled";
  if (scheme !== "CT" && scheme !== "CT2") {
    const divisor = (std: number) => Math.fround(std + EPSILON);
    return { scaling: { kind: "moments", counting: masked ? "masked" : "all", divisor }, outside };
  }
  if (!statistics) {
    throw new NnprepError(
      "INVALID_ARGUMENT",
      `channel ${channel} has the scheme ${scheme}, which needs the intensity statistics of the training cases, but none are given`,
      { channel, scheme },
    );
  }
  const clip = { low: statistics.percentile_00_5, high: statistics.percentile_99_5 };
  if (scheme === "CT2") {
    return { scaling: { kind: "moments", clip, counting: "between", divisor: (std) => std }, outside };
  }
  return { scaling: { kind: "fixed", clip, subtract: statistics.mean, divide: statistics.sd }, outside };
}
