import { type Box3, type Engine, NnprepError, type Shape3, type Vec3 } from "nnprep";
import { MemoryStore } from "nnprep/dataset";
import { formatPickle } from "nnprep/io";
import { foregroundVoxels, permute, separateAxis } from "nnprep/steps";
import {
  type CroppedProperties,
  cropCase,
  type ExportedSegmentation,
  exportSegmentation,
  intensityStatistics,
  loadProbabilities,
  preprocessCase,
  propertiesToPython,
  type StageSettings,
  saveCase,
} from "nnprep/v1";
import { capitalized, describeCase, type Prepared, type Restored, type Steps } from "./prepared.js";
import type { CtNumbers, Settings } from "./protocol.js";
import type { ReadCase } from "./read-case.js";

/* Preparation by nnU-Net v1: from its plans, or from what the form says in their words. */

type FormSettings = Extract<Settings, { from: "form" }>;

/** Every how many foreground voxels nnU-Net takes its statistics from. */
const FOREGROUND_STRIDE = 10;
/** nnU-Net normalises inside the mask when cropping leaves less than this share of the voxels. */
const MASK_BELOW = 0.75;

function share(box: Box3, shape: Shape3): number {
  return box.reduce((part, [low, high], axis) => (part * (high - low)) / (shape[axis] as number), 1);
}

/** The form's choices in the words of nnU-Net's plans. */
function settle(
  settings: FormSettings,
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

function asRestored({ segmentation, warnings }: ExportedSegmentation): Restored {
  return { segmentation, warnings: warnings.map(({ message }) => message) };
}

export async function prepareV1(
  read: ReadCase,
  chosen: StageSettings | FormSettings,
  engine: Engine,
  steps: Steps,
): Promise<Prepared> {
  const { name, images, label: labelVolume, files } = read;
  steps.begin("Crop to the non-zero part");
  const { arrays: cropped, properties } = cropCase({ images, label: labelVolume, files });
  const box = properties.crop_bbox as Box3;
  const scanShape = properties.original_size_of_raw_data;
  const settings = "from" in chosen ? settle(chosen, cropped.channels, cropped.label, share(box, scanShape)) : chosen;
  const done = await preprocessCase(cropped, properties, settings, {
    resampler: engine,
    onProgress: ({ step, done, total }) => steps.begin(done === total ? null : capitalized(step)),
  });
  const { arrays } = done;
  const axes = settings.transposeForward;
  const target = done.properties.spacing_after_resampling as Vec3;
  const facts = {
    generation: "v1",
    scan: { shape: scanShape, geometry: (images[0] as (typeof images)[0]).geometry },
    box,
    axes,
    spacingMm: target,
    separateAxis: separateAxis(permute(properties.original_spacing, axes) as Vec3, target, {
      force: null,
      threshold: 3,
    }),
    schemes: settings.normalizationSchemes,
    useMask: settings.useMaskForNorm,
    names: new Map<number, string>(),
    warnings: done.warnings.map(({ message }) => message),
    threads: engine.threads,
  } as const;
  const { numbers, geometry } = describeCase(read, arrays, facts, steps);
  return {
    ...arrays,
    geometry,
    axes,
    numbers,
    file: (what) => formatFile(name, what, arrays, done.properties),
    restore: async (probabilities, onShare) =>
      asRestored(
        await exportSegmentation(probabilities, done.properties, {
          transposed: true,
          transposeForward: axes,
          onProgress: (i, total) => onShare(i / total),
        }),
      ),
    restoreFile: async (file, bytes, onShare) => {
      // nnU-Net's `softmax` of a case, float16 or float32: (classes, a0, a1, a2) in the file's axes.
      const identifier = file.replace(/\.npz$/i, "");
      const store = new MemoryStore();
      await store.write(`${identifier}.npz`, bytes);
      const probabilities = await loadProbabilities(store, identifier);
      return asRestored(
        await exportSegmentation(probabilities, done.properties, {
          transposeForward: axes,
          onProgress: (i, total) => onShare(i / total),
        }),
      );
    },
  };
}

async function formatFile(
  name: string,
  what: "arrays" | "seg" | "properties",
  arrays: Parameters<typeof saveCase>[2],
  properties: CroppedProperties,
) {
  if (what === "properties") {
    return { name: `${name}.pkl`, blob: new Blob([formatPickle(propertiesToPython(properties)) as BlobPart]) };
  }
  if (what === "seg") throw new Error("v1 keeps the label in its arrays");
  const store = new MemoryStore();
  await saveCase(store, name, arrays, properties);
  return { name: `${name}.npz`, blob: new Blob([(await store.read(`${name}.npz`)) as BlobPart]) };
}
