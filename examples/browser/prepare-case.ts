import {
  type Axes3,
  type Box3,
  type CroppedProperties,
  cropCase,
  type Engine,
  foregroundVoxels,
  type IntensityStatistics,
  intensityStatistics,
  inverseAxes,
  NnprepError,
  normalizeChannels,
  permute,
  resampledShape,
  resampleLabel,
  resizeNearest,
  type Shape3,
  type StageSettings,
  sampleClassLocations,
  separateAxis,
  transpose,
  type Vec3,
} from "nnprep";
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

type Settled = Omit<StageSettings, "intensityProperties"> & {
  readonly intensityProperties: readonly (CtNumbers | null)[];
};

/** nnU-Net normalises inside the mask when cropping leaves less than this share of the voxels. */
const MASK_BELOW = 0.75;

/** Runs steps one after the other, with a name and a clock for each. */
export class Steps {
  readonly timings: { step: string; ms: number }[] = [];
  #done = 0;
  constructor(
    readonly count: number,
    readonly tell: (step: string, share: number) => void,
  ) {}
  async run<T>(step: string, work: () => T | Promise<T>): Promise<T> {
    this.tell(step, this.#done / this.count);
    const start = performance.now();
    const result = await work();
    this.timings.push({ step, ms: performance.now() - start });
    this.#done++;
    return result;
  }
}

/** As `resampleImage`, with the cubic parts on the engine's threads: the same bits. */
async function resampleWithEngine(
  engine: Engine,
  data: Float32Array,
  shape: Shape3,
  newShape: Shape3,
  axis: number | null,
): Promise<Float32Array> {
  if (shape.every((n, i) => n === newShape[i])) return data;
  if (axis === null) return engine.resizeCubic(data, shape, newShape);
  const forward = [axis, ...[0, 1, 2].filter((a) => a !== axis)] as unknown as Axes3;
  const from: Shape3 = permute(shape, forward);
  const to: Shape3 = permute(newShape, forward);
  const slices = await engine.resizeCubicSlices(transpose(data, shape, forward), from, [to[1], to[2]]);
  const between: Shape3 = [from[0], to[1], to[2]];
  const turned = from[0] === to[0] ? slices : resizeNearest(slices, between, to);
  return transpose(turned, to, inverseAxes(forward));
}

function withoutNan(channel: Float32Array, index: number, notes: string[]): Float32Array {
  let count = 0;
  for (let i = 0; i < channel.length; i++) if (Number.isNaN(channel[i])) count++;
  if (count === 0) return channel;
  notes.push(`Channel ${index}: ${count} voxels are NaN; they were replaced by 0, as nnU-Net does.`);
  return channel.map((value) => (Number.isNaN(value) ? 0 : value));
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
): Settled {
  const { scheme, targetSpacingMm } = settings;
  const needsStatistics = scheme === "CT" || scheme === "CT2";
  const statistics = channels.map((channel) => {
    if (!needsStatistics) return null;
    if (settings.statistics !== null) return settings.statistics;
    const voxels = foregroundVoxels(channel, label);
    if (voxels.length > 0) return intensityStatistics(voxels);
    throw new NnprepError(
      "INVALID_ARGUMENT",
      `the scheme ${scheme} needs intensity statistics, but this case has no labelled voxels to take them from; give a label, plans, or the four numbers`,
      { found: "no labelled voxels", expected: "mean, standard deviation, percentiles 0.5 and 99.5" },
    );
  });
  const useMask = settings.useMask ?? (scheme === "nonCT" && cropShare < MASK_BELOW);
  return {
    targetSpacingMm,
    transposeForward: [0, 1, 2],
    normalizationSchemes: channels.map(() => scheme),
    useMaskForNorm: channels.map(() => useMask),
    intensityProperties: statistics,
    classes: [...new Set(label)].filter((value) => value > 0).sort((a, b) => a - b),
    planar: false,
  };
}

function fromPlans(stage: StageSettings): Settled {
  return {
    ...stage,
    intensityProperties: stage.normalizationSchemes.map((_, c) => stage.intensityProperties?.get(c) ?? null),
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

/** Statistics over all voxels of the box. */
function statisticsOf(channel: Float32Array): IntensityStatistics {
  return intensityStatistics(channel);
}

/**
 * Crops, resamples and normalises a case: what `cropCase` and `preprocessCase` do, step by step so that there is
 * progress to tell, and with the engine's threads.
 */
export async function prepareCase(
  read: ReadCase,
  settings: Settings,
  stage: StageSettings | null,
  engine: Engine,
  steps: Steps,
): Promise<{ numbers: Numbers; arrays: PreparedArrays }> {
  const { images, label: labelVolume, files } = read;
  const notes: string[] = [];
  const { arrays: cropped, properties } = await steps.run("Crop to the non-zero part", () =>
    cropCase({ images, label: labelVolume, files }),
  );
  const box = properties.crop_bbox as Box3;
  const scanShape = properties.original_size_of_raw_data;
  const settled =
    settings.from === "plans" && stage !== null
      ? fromPlans(stage)
      : settle(settings as Extract<Settings, { from: "form" }>, cropped.channels, cropped.label, share(box, scanShape));
  if (settled.normalizationSchemes.length !== images.length) {
    throw new NnprepError(
      "INVALID_PLANS",
      `the plans are for ${settled.normalizationSchemes.length} channels, but the scan has ${images.length}; choose all channels (…_0000, …_0001 …) or other plans`,
      { found: images.length, expected: settled.normalizationSchemes.length },
    );
  }
  const axes = settled.transposeForward;
  const spacing = permute(properties.original_spacing, axes) as Vec3;
  const target: Vec3 = settled.planar
    ? [spacing[0], settled.targetSpacingMm[1], settled.targetSpacingMm[2]]
    : settled.targetSpacingMm;
  const shape: Shape3 = permute(cropped.shape, axes);
  const newShape = resampledShape(shape, spacing, target);
  const axis = separateAxis(spacing, target, { force: null, threshold: 3 });

  const label = await steps.run("Resample the label", () => {
    const resampled = resampleLabel(transpose(cropped.label, cropped.shape, axes), shape, newShape, axis, "threshold");
    return resampled.map((value) => (value < -1 ? 0 : value));
  });
  const resampled: Float32Array[] = [];
  for (const [c, channel] of cropped.channels.entries()) {
    const name = cropped.channels.length === 1 ? "Resample the scan" : `Resample channel ${c}`;
    resampled.push(
      await steps.run(name, () =>
        resampleWithEngine(
          engine,
          transpose(withoutNan(channel, c, notes), cropped.shape, axes),
          shape,
          newShape,
          axis,
        ),
      ),
    );
  }
  const normalized = await steps.run("Normalise", () =>
    normalizeChannels(
      { channels: resampled, label, shape: newShape },
      settled.normalizationSchemes,
      settled.useMaskForNorm,
      settled.intensityProperties,
    ),
  );
  const classLocations = sampleClassLocations(label, newShape, settled.classes);
  const mlBefore = labelVolumes(cropped.label, spacing);
  const edge = (i: number) => ((spacing[i] as number) * (shape[i] as number)) / (newShape[i] as number);
  const mlAfter = labelVolumes(label, [edge(0), edge(1), edge(2)]);
  const labels: LabelNumbers[] = [...new Set([...mlBefore.keys(), ...mlAfter.keys()])]
    .sort((a, b) => a - b)
    .map((value) => ({ value, mlBefore: mlBefore.get(value) ?? 0, mlAfter: mlAfter.get(value) ?? 0 }));
  const channels = await steps.run("Statistics", () =>
    cropped.channels.map((channel, c) => ({
      scheme: settled.normalizationSchemes[c] as (typeof settled.normalizationSchemes)[number],
      useMask: settled.useMaskForNorm[c] as boolean,
      before: statisticsOf(channel),
      after: statisticsOf(normalized.channels[c] as Float32Array),
    })),
  );
  return {
    numbers: {
      name: read.name,
      box,
      shapes: { scan: scanShape, cropped: cropped.shape, prepared: newShape },
      spacings: { scan: properties.original_spacing, prepared: target },
      separateAxis: axis,
      channels,
      labels,
      notes,
      timings: steps.timings,
      threads: engine.threads,
    },
    arrays: {
      channels: normalized.channels,
      label,
      shape: newShape,
      axes,
      properties: {
        ...properties,
        size_after_resampling: newShape,
        spacing_after_resampling: target,
        class_locations: classLocations,
      },
    },
  };
}
