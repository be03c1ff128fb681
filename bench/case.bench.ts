import { IDENTITY_GEOMETRY, type Shape3, type Vec3, voxelCount } from "../src/core/volume.js";
import { cropCase } from "../src/recipes/v1/crop/crop-case.js";
import { type PreprocessedCase, preprocessCase, type StageSettings } from "../src/recipes/v1/preprocess.js";
import { ctScan, labelMap, mrScan } from "./data.js";
import { exactAnd, type Input, type Numbers, type Row, type Scale, sizeText } from "./row.js";

/** A case in memory and what is done with it; spacings in mm, slowest axis first. */
export interface CaseSpec {
  readonly name: string;
  readonly shape: Shape3;
  readonly spacing: Vec3;
  readonly target: Vec3;
  readonly scheme: "CT" | "nonCT";
  readonly useMask: boolean;
  readonly channels: readonly Input[];
  readonly label: Input;
}

const CT_STATISTICS = {
  median: 60,
  mean: 71.25,
  sd: 42.5,
  mn: -980,
  mx: 700,
  percentile_99_5: 310,
  percentile_00_5: -110,
};

/** Labels of a scan whose background was removed lie in what is left. */
function labelInside(scan: Float32Array, label: Int16Array): Int16Array {
  return label.map((value, i) => (scan[i] === 0 ? 0 : value));
}

export function caseSpecs(scale: Scale): CaseSpec[] {
  const ct = scale.shape([150, 512, 512]);
  const mr = scale.shape([155, 240, 240]);
  return [
    {
      name: "case-ct",
      shape: ct,
      spacing: [2, 0.8, 0.8],
      target: [1.5, 1.5, 1.5],
      scheme: "CT",
      useMask: false,
      channels: [{ file: "case-ct", shape: ct, make: () => ctScan(ct, 71) }],
      label: { file: "case-ct-label", shape: ct, make: () => labelMap(ct, 3, 72) },
    },
    {
      name: "case-mr",
      shape: mr,
      spacing: [1, 1, 1],
      target: [1.2, 1.2, 1.2],
      scheme: "nonCT",
      useMask: true,
      channels: [0, 1, 2, 3].map((c) => ({
        file: `mr-channel${c}`,
        shape: mr,
        make: () => mrScan(mr, 50 + c, "zero"),
      })),
      label: { file: "case-mr-label", shape: mr, make: () => labelInside(mrScan(mr, 50, "zero"), labelMap(mr, 3, 73)) },
    },
  ];
}

export function stageOf({ target, scheme, useMask, channels }: CaseSpec): StageSettings {
  return {
    targetSpacingMm: target,
    transposeForward: [0, 1, 2],
    normalizationSchemes: channels.map(() => scheme),
    useMaskForNorm: channels.map(() => useMask),
    intensityProperties:
      scheme === "CT" ? new Map(channels.map((_, c) => [c, { ...CT_STATISTICS, local_props: new Map() }])) : null,
    // Sampling locations is no part of what the reference function does.
    classes: [],
    planar: false,
  };
}

/** Crops, resamples and normalises the case once. */
export function processCase(spec: CaseSpec, channels: readonly Numbers[], label: Numbers): Promise<PreprocessedCase> {
  const geometry = { ...IDENTITY_GEOMETRY, spacingMm: spec.spacing };
  const cropped = cropCase({
    images: channels.map((data) => ({ data: data as Float32Array, shape: spec.shape, geometry })),
    label: { data: label as Int16Array, shape: spec.shape, geometry },
  });
  return preprocessCase(cropped.arrays, cropped.properties, stageOf(spec));
}

function concatenate(channels: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(channels.length * channels[0].length);
  channels.forEach((channel, c) => {
    all.set(channel, c * channel.length);
  });
  return all;
}

function caseRow(spec: CaseSpec): Row {
  const { name, shape, spacing, target, channels, label } = spec;
  const named = channels.map((input, c) => [`channel${c}`, input] as const);
  return {
    name,
    size: `${channels.length} x ${sizeText(shape)}, ${spacing.join("x")} -> ${target.join("x")} mm`,
    operation: "case",
    reference: "nnunet ImageCropper.crop, GenericPreprocessor.resample_and_normalize",
    inputs: { ...Object.fromEntries(named), label },
    parameters: {
      spacing,
      target,
      scheme: spec.scheme,
      useMask: spec.useMask,
      intensityProperties: spec.scheme === "CT" ? CT_STATISTICS : null,
    },
    voxels: channels.length * voxelCount(shape),
    target: exactAnd(30),
    prepare: (arrays) => {
      let result: PreprocessedCase | null = null;
      return {
        run: async () => {
          result = null;
          result = await processCase(
            spec,
            named.map(([key]) => arrays[key]),
            arrays.label,
          );
          return result.arrays.channels[0][result.arrays.label.length >> 1];
        },
        outputs: () => {
          const { channels: data, label: seg } = (result as PreprocessedCase).arrays;
          return { channels: concatenate(data), label: seg };
        },
      };
    },
  };
}

export function caseRows(scale: Scale): Row[] {
  return caseSpecs(scale).map(caseRow);
}
