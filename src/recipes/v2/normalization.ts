import { NnprepError } from "../../core/errors.js";
import { minAndMax } from "../../kernels/moments.js";
import type { ChannelNormalization, ChannelScaling } from "../../steps/normalize.js";
import type { NormalizationScheme } from "./documents/configuration.js";
import type { IntensityStatistics } from "./documents/fingerprint.js";

/** Least number that nnU-Net v2 divides by. */
const EPSILON = 1e-8;
/** Largest value of an RGB image. */
const RGB_MAXIMUM = 255;

function unmasked(scaling: ChannelScaling): ChannelNormalization {
  return { scaling, outside: "scaled" };
}

/**
 * What a scheme of nnU-Net 2.8.1 does (`default_normalization_schemes`). Only ZScoreNormalization looks at the mask; what
 * is outside of it keeps its value.
 *
 * @param statistics of the channel's foreground, for CTNormalization
 * @throws NnprepError INVALID_PLANS without them
 */
export function normalizationOf(
  scheme: NormalizationScheme,
  useMask: boolean,
  statistics: IntensityStatistics | undefined,
  channel: number,
): ChannelNormalization {
  switch (scheme) {
    case "NoNormalization":
      return unmasked({ kind: "none" });
    case "RescaleTo01Normalization":
      return unmasked({ kind: "range", leastDivisor: EPSILON });
    case "RGBTo01Normalization":
      return unmasked({ kind: "fixed", subtract: 0, divide: RGB_MAXIMUM });
    case "ZScoreNormalization": {
      const divisor = (std: number) => Math.max(std, EPSILON);
      return useMask
        ? { scaling: { kind: "moments", counting: "masked", divisor }, outside: "keep" }
        : unmasked({ kind: "moments", counting: "all", divisor });
    }
    case "CTNormalization": {
      if (statistics === undefined) {
        throw new NnprepError(
          "INVALID_PLANS",
          `channel ${channel} is normalised as CT, but the plans hold no intensity statistics for it; extract the fingerprint and plan again`,
          { channel },
        );
      }
      const clip = { low: statistics.percentile005, high: statistics.percentile995 };
      return unmasked({
        kind: "fixed",
        clip,
        subtract: statistics.mean,
        divide: Math.max(statistics.std, EPSILON),
      });
    }
  }
}

/** @throws NnprepError INVALID_VALUES unless all values are those of an RGB image of 8 bits */
export function checkRgb(values: Float32Array, channel: number): void {
  const { min, max } = minAndMax(values);
  if (!(min < 0 || max > RGB_MAXIMUM)) return;
  throw new NnprepError(
    "INVALID_VALUES",
    `channel ${channel} has values from ${min} to ${max}, but is normalised as RGB (rgb_to_0_1), which takes 0 to ${RGB_MAXIMUM}; give it another channel name and plan again`,
    { channel, found: [min, max], expected: [0, RGB_MAXIMUM] },
  );
}
