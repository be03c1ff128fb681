import { NnprepError } from "../../core/errors.js";
import { type Shape3, type Vec3, voxelCount } from "../../core/volume.js";
import { type DatasetJson, foregroundClasses } from "./documents/dataset-json.js";
import type {
  ChannelIntensityProperties,
  DatasetProperties,
  IntensityProperties,
  IntensityStatistics,
} from "./documents/fingerprint.js";
import { intensityStatistics } from "./intensity.js";
import { sortIdentifiers } from "./layout.js";

/** What the fingerprint takes from one cropped case; sizes and spacing slowest axis first, not transposed. */
export interface CaseSummary {
  readonly identifier: string;
  readonly originalSize: Shape3;
  readonly sizeAfterCropping: Shape3;
  readonly originalSpacingMm: Vec3;
  /** Per channel every 10th voxel with a label above 0 (C order, from the first); only read if a channel is a CT. */
  readonly foreground?: readonly Float32Array[];
}

/** Seven statistics of a channel's foreground voxels. */
export type MeasureIntensities = (voxels: Float32Array) => IntensityStatistics;

/** True if nnU-Net collects intensity statistics (then for all channels): some channel is called exactly CT or ct. */
export function needsIntensityProperties(dataset: Pick<DatasetJson, "modality">): boolean {
  return [...dataset.modality.values()].some((name) => name === "CT" || name === "ct");
}

/**
 * The fingerprint of a dataset: nnU-Net 1.7.1 `DatasetAnalyzer.analyze_dataset`.
 * Cases may come in any order; the result has them in nnU-Net's.
 *
 * @throws NnprepError INVALID_ARGUMENT if a case comes twice or lacks the foreground voxels of a CT task.
 */
export function analyzeDataset(
  dataset: Pick<DatasetJson, "modality" | "labels">,
  cases: readonly CaseSummary[],
  measure: MeasureIntensities = intensityStatistics,
): DatasetProperties {
  const byIdentifier = new Map(cases.map((c) => [c.identifier, c]));
  if (byIdentifier.size !== cases.length) {
    throw new NnprepError("INVALID_ARGUMENT", "a case was given twice; every identifier may come once", {
      found: cases.map((c) => c.identifier),
    });
  }
  const ordered = sortIdentifiers([...byIdentifier.keys()]).map((identifier) => byIdentifier.get(identifier)!);
  return {
    all_sizes: ordered.map((c) => c.sizeAfterCropping),
    all_spacings: ordered.map((c) => c.originalSpacingMm),
    all_classes: foregroundClasses(dataset),
    modalities: dataset.modality,
    intensityproperties: needsIntensityProperties(dataset)
      ? collectIntensityProperties(dataset.modality.size, ordered, measure)
      : null,
    size_reductions: new Map(
      ordered.map((c) => [c.identifier, voxelCount(c.sizeAfterCropping) / voxelCount(c.originalSize)]),
    ),
  };
}

function collectIntensityProperties(
  channels: number,
  cases: readonly CaseSummary[],
  measure: MeasureIntensities,
): IntensityProperties {
  const result = new Map<number, ChannelIntensityProperties>();
  for (let channel = 0; channel < channels; channel++) {
    const voxels = cases.map((c) => {
      const found = c.foreground?.[channel];
      if (found === undefined) {
        throw new NnprepError(
          "INVALID_ARGUMENT",
          `case ${c.identifier}: no foreground voxels given for channel ${channel}, which a CT task needs`,
          { case: c.identifier, channel },
        );
      }
      return found;
    });
    const pooled = new Float32Array(voxels.reduce((sum, part) => sum + part.length, 0));
    let filled = 0;
    for (const part of voxels) {
      pooled.set(part, filled);
      filled += part.length;
    }
    const local_props = new Map(cases.map((c, i) => [c.identifier, measure(voxels[i])]));
    result.set(channel, { local_props, ...measure(pooled) });
  }
  return result;
}
