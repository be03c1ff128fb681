import { type Axes3, type Box3, type Engine, NnprepError, type Shape3, type Vec3 } from "nnprep";
import { foregroundVoxels, permute, separateAxis } from "nnprep/steps";
import { type CroppedProperties, cropCase, intensityStatistics, preprocessCase, type StageSettings } from "nnprep/v1";
import type { CtNumbers, LabelNumbers, PreparedCase, Settings } from "./protocol.js";
import type { ReadCase } from "./read-case.js";

/** What the page keeps of a prepared case besides the numbers that it shows. */
export interface PreparedArrays {
  readonly channels: readonly Float32Array[];
  readonly label: Int16Array;
  readonly shape: Shape3;
  readonly axes: Axes3;
  readonly properties: CroppedProperties;
}

export type Numbers = Omit<PreparedCase, "image" | "label">;

/** Every how many foreground voxels nnU-Net takes its statistics from. */
const FOREGROUND_STRIDE = 10;
/** nnU-Net normalises inside the mask when cropping leaves less than this share of the voxels. */
const MASK_BELOW = 0.75;

/** What is told while a case is prepared, and how long each step took. */
export class Steps {
  readonly timings: { step: string; ms: number }[] = [];
  #done = 0;
  #last: { step: string; start: number } | null = null;
  constructor(
    readonly count: number,
    readonly tell: (step: string, share: number) => void,
  ) {}
  /** Ends the step before, and begins the next if one is named. */
  begin(step: string | null): void {
    const now = performance.now();
    if (this.#last !== null) this.timings.push({ step: this.#last.step, ms: now - this.#last.start });
    this.#last = step === null ? null : { step, start: now };
    if (step !== null) this.tell(step, this.#done++ / this.count);
  }
}

function share(box: Box3, shape: Shape3): number {
  return box.reduce((part, [low, high], axis) => (part * (high - low)) / (shape[axis] as number), 1);
}

/** The form's choices in the words of nnU-Net's plans. */
function settle(
  settings: Extract<Settings, { from: "form" }>,
  channels: readonly Float32Array[],
  label: Int16Array,
  cropShare: number,
): StageSettings {
  const { scheme, targetSpacingMm } = settings;
  const needsStatistics = scheme === "CT" || scheme === "CT2";
  const statisticsOf = (channel: Float32Array): CtNumbers => {
    if (settings.statistics !== null) return settings.statistics;
    const voxels = foregroundVoxels(channel, label, FOREGROUND_STRIDE);
    if (voxels.length > 0) return intensityStatistics(voxels);
    throw new NnprepError(
      "INVALID_ARGUMENT",
      `the scheme ${scheme} needs intensity statistics, but this case has no labelled voxels to take them from; give a label, plans, or the four numbers`,
      { found: "no labelled voxels", expected: "mean, standard deviation, percentiles 0.5 and 99.5" },
    );
  };
  const useMask = settings.useMask ?? (scheme === "nonCT" && cropShare < MASK_BELOW);
  return {
    targetSpacingMm,
    transposeForward: [0, 1, 2],
    normalizationSchemes: channels.map(() => scheme),
    useMaskForNorm: channels.map(() => useMask),
    intensityProperties: needsStatistics ? new Map(channels.map((channel, c) => [c, statisticsOf(channel)])) : null,
    classes: [...new Set(label)].filter((value) => value > 0).sort((a, b) => a - b),
    planar: false,
  };
}

function volumes(label: Int16Array, voxelMm3: number): Map<number, number> {
  const counts = new Map<number, number>();
  for (let start = 0; start < label.length; ) {
    const value = label[start] as number;
    let end = start + 1;
    while (end < label.length && label[end] === value) end++;
    if (value > 0) counts.set(value, (counts.get(value) ?? 0) + end - start);
    start = end;
  }
  return new Map([...counts].map(([value, count]) => [value, (count * voxelMm3) / 1000]));
}

export function labelVolumes(label: Int16Array, geometrySpacing: Vec3): Map<number, number> {
  return volumes(label, geometrySpacing[0] * geometrySpacing[1] * geometrySpacing[2]);
}

/** Crops, resamples and normalises a case, with the engine's threads. */
export async function prepareCase(
  read: ReadCase,
  settings: Settings,
  stage: StageSettings | null,
  engine: Engine,
  steps: Steps,
): Promise<{ numbers: Numbers; arrays: PreparedArrays }> {
  const { images, label: labelVolume, files } = read;
  steps.begin("Crop to the non-zero part");
  const { arrays: cropped, properties } = cropCase({ images, label: labelVolume, files });
  const box = properties.crop_bbox as Box3;
  const scanShape = properties.original_size_of_raw_data;
  const settled =
    settings.from === "plans" && stage !== null
      ? stage
      : settle(settings as Extract<Settings, { from: "form" }>, cropped.channels, cropped.label, share(box, scanShape));
  const {
    arrays,
    properties: prepared,
    warnings,
  } = await preprocessCase(cropped, properties, settled, {
    resampler: engine,
    onProgress: ({ step, done, total }) => steps.begin(done === total ? null : capitalized(step)),
  });
  const axes = settled.transposeForward;
  const spacing = permute(properties.original_spacing, axes) as Vec3;
  const target = prepared.spacing_after_resampling as Vec3;
  const shape: Shape3 = permute(cropped.shape, axes);
  const mlBefore = labelVolumes(cropped.label, spacing);
  const edge = (i: number) => ((spacing[i] as number) * (shape[i] as number)) / (arrays.shape[i] as number);
  const mlAfter = labelVolumes(arrays.label, [edge(0), edge(1), edge(2)]);
  const labels: LabelNumbers[] = [...new Set([...mlBefore.keys(), ...mlAfter.keys()])]
    .sort((a, b) => a - b)
    .map((value) => ({ value, mlBefore: mlBefore.get(value) ?? 0, mlAfter: mlAfter.get(value) ?? 0 }));
  steps.begin("Statistics");
  const channels = cropped.channels.map((channel, c) => ({
    scheme: settled.normalizationSchemes[c] as (typeof settled.normalizationSchemes)[number],
    useMask: settled.useMaskForNorm[c] as boolean,
    before: intensityStatistics(channel),
    after: intensityStatistics(arrays.channels[c] as Float32Array),
  }));
  steps.begin(null);
  return {
    numbers: {
      name: read.name,
      box,
      shapes: { scan: scanShape, cropped: cropped.shape, prepared: arrays.shape },
      spacings: { scan: properties.original_spacing, prepared: target },
      separateAxis: separateAxis(spacing, target, { force: null, threshold: 3 }),
      channels,
      labels,
      notes: warnings.map(({ message }) => `${capitalized(message)}.`),
      timings: steps.timings,
      threads: engine.threads,
    },
    arrays: { channels: arrays.channels, label: arrays.label, shape: arrays.shape, axes, properties: prepared },
  };
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
