import {
  compareLabels,
  evaluateLabels,
  type LabelPair,
  type SurfaceMetrics,
  type SurfaceOptions,
} from "../../steps/metrics.js";
import type { Labels, Region } from "./documents/labels.js";
import { regionKey, regionScores, type Scores } from "./documents/summary.js";

/** Distances that stand beside nnU-Net's own metrics when they are asked for. */
const SURFACE_METRICS = [
  "Hausdorff Distance",
  "Hausdorff Distance 95",
  "Avg. Surface Distance",
  "Avg. Symmetric Surface Distance",
  "Normalized Surface Dice",
] as const satisfies readonly (keyof SurfaceMetrics)[];

/** What nnU-Net evaluates of a dataset: its regions, else its labels but 0. */
export function evaluatedRegions({ regions, foreground }: Pick<Labels, "regions" | "foreground">): readonly Region[] {
  return regions ?? foreground;
}

/** What is compared, and how. */
export interface EvaluationRule {
  readonly regions: readonly Region[];
  /** Voxels whose reference is this label count nowhere. */
  readonly ignore?: number | undefined;
  /** Measure distances between surfaces too. */
  readonly surface?: SurfaceOptions | undefined;
}

/** The scores of one prediction. */
export interface RegionEvaluation {
  /** By the region's key in a summary. */
  readonly regions: ReadonlyMap<string, Scores>;
  /** Labels other than 0 that are there but belong to no region, ascending; the ignore label does not count. */
  readonly unexpectedLabels: { readonly prediction: readonly number[]; readonly reference: readonly number[] };
}

/**
 * Compares a prediction with its reference: `compute_metrics` of nnU-Net 2.8.1 without the files.
 * @throws NnprepError SHAPE_MISMATCH, INVALID_VALUES
 * @example
 * const rule = { regions: evaluatedRegions(dataset.labels), ignore: dataset.labels.ignore ?? undefined };
 * const { regions } = evaluateRegions({ prediction, reference, shape }, rule);
 * console.log(regions.get("1")?.get("Dice"));
 */
export function evaluateRegions(pair: LabelPair, { regions, ignore, surface }: EvaluationRule): RegionEvaluation {
  const { confusions, predictionLabels, referenceLabels } = compareLabels(pair, regions, ignore);
  const distances = surface === undefined ? undefined : evaluateLabels(pair, regions, surface).metrics;
  const known = new Set([0, ...regions.flat()]);
  const unexpected = (labels: readonly number[]) => labels.filter((label) => !known.has(label));
  return {
    regions: new Map(
      confusions.map((confusion, i) => {
        const measured = SURFACE_METRICS.flatMap((name) => {
          const value = distances?.[i]?.[name];
          return value === undefined ? [] : [[name, value] as const];
        });
        return [regionKey(regions[i]), new Map([...regionScores(confusion), ...measured])];
      }),
    ),
    unexpectedLabels: {
      prediction: unexpected(predictionLabels),
      reference: unexpected(referenceLabels).filter((label) => label !== ignore),
    },
  };
}
