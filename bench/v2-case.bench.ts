import { type Shape3, voxelCount } from "../src/core/volume.js";
import type { Resampling } from "../src/recipes/v2/documents/configuration.js";
import { type PreprocessedCase, type PreprocessSettings, preprocessCase } from "../src/recipes/v2/preprocess.js";
import { type CaseSpec, caseSpecs } from "./case.bench.js";
import { exactAnd, type Numbers, type Row, type Scale, sizeText } from "./row.js";

const CT_STATISTICS = { percentile005: -110, percentile995: 310, mean: 71.25, std: 42.5 };
/** Labels of the cases. */
const FOREGROUND = [1, 2, 3];

function resampling(isSeg: boolean, order: number): Resampling {
  return { kind: "default", isSeg, order, orderZ: 0, forceSeparateZ: null, separateZThreshold: 3 };
}

export function settingsOf({ target, scheme, useMask, channels }: CaseSpec): PreprocessSettings {
  const { percentile005, percentile995, mean, std } = CT_STATISTICS;
  const statistics = { percentile005, percentile995, mean, std, max: 700, median: 60, min: -980 };
  return {
    plans: { transposeForward: [0, 1, 2], intensities: channels.map(() => statistics) },
    configuration: {
      name: "3d_fullres",
      spacingMm: target,
      normalization: channels.map(() => (scheme === "CT" ? "CTNormalization" : "ZScoreNormalization")),
      useMaskForNorm: channels.map(() => useMask),
      resampleData: resampling(false, 3),
      resampleSeg: resampling(true, 1),
    },
    labels: { all: [0, ...FOREGROUND], foreground: FOREGROUND, regions: null, ignore: null },
  };
}

function concatenate(channels: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(channels.length * channels[0].length);
  channels.forEach((channel, c) => {
    all.set(channel, c * channel.length);
  });
  return all;
}

function caseRow(spec: CaseSpec): Row {
  const { shape, spacing, target, channels, label } = spec;
  const named = channels.map((input, c) => [`channel${c}`, input] as const);
  const settings = settingsOf(spec);
  const { normalization } = settings.configuration;
  return {
    name: `v2-${spec.name}`,
    size: `${channels.length} x ${sizeText(shape as Shape3)}, ${spacing.join("x")} -> ${target.join("x")} mm`,
    operation: "v2-case",
    reference: "nnunetv2 DefaultPreprocessor.run_case_npy",
    inputs: { ...Object.fromEntries(named), label },
    parameters: {
      spacing,
      target,
      schemes: normalization,
      useMask: spec.useMask,
      statistics: {
        percentile_00_5: CT_STATISTICS.percentile005,
        percentile_99_5: CT_STATISTICS.percentile995,
        mean: CT_STATISTICS.mean,
        std: CT_STATISTICS.std,
      },
      foreground: FOREGROUND,
    },
    voxels: channels.length * voxelCount(shape),
    target: exactAnd(30),
    prepare: (arrays) => {
      let result: PreprocessedCase | null = null;
      const data = named.map(([key]) => arrays[key] as Float32Array);
      return {
        run: async () => {
          result = null;
          result = await preprocessCase(
            { channels: data, label: arrays.label as Int16Array, shape },
            { spacingMm: spec.spacing },
            settings,
            // Of the batchgenerators that nnU-Net v1 needs, which both generations share here.
            { labelRule: "threshold" },
          );
          return result.channels[0][result.channels[0].length >> 1];
        },
        outputs: (): Record<string, Numbers> => {
          const { channels: found, label: seg } = result as PreprocessedCase;
          return { channels: concatenate(found), label: seg as Int16Array };
        },
      };
    },
  };
}

export function v2CaseRows(scale: Scale): Row[] {
  return caseSpecs(scale).map(caseRow);
}
