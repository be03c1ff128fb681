import type { Shape3, VoxelArray } from "../../core/volume.js";
import { type ComponentMeasure, type ComponentOutcome, keepLargestComponent } from "../../steps/components.js";
import { type Confusion, compareLabels, type LabelPair } from "../../steps/metrics.js";
import type { Labels, Region } from "./documents/labels.js";
import { labelsOfStep, type PostprocessingStep } from "./documents/postprocessing.js";
import {
  foregroundDice,
  meanDice,
  regionKey,
  regionScores,
  type SummaryMeans,
  summarize,
} from "./documents/summary.js";
import { evaluatedRegions } from "./evaluate.js";

/** Objects touch by corners too; their sizes are counts of voxels. */
const MEASURE: ComponentMeasure = { connectivity: 26, voxelVolumeMm3: 1 };

/**
 * Applies steps to one prediction: `apply_postprocessing` of nnU-Net 2.8.1.
 *
 * @param image labels, C order; changed in place
 * @returns what became of the objects of each step, and whether any was removed
 * @throws NnprepError SHAPE_MISMATCH, INVALID_VALUES
 * @example
 * const steps = parsePostprocessing(new Uint8Array(await file.arrayBuffer())); // postprocessing.pkl
 * const { changed } = applyPostprocessing(labels, shape, steps);
 */
export function applyPostprocessing(
  image: VoxelArray,
  shape: Shape3,
  steps: readonly PostprocessingStep[],
): { outcomes: ComponentOutcome[]; changed: boolean } {
  const rules = steps.map((step) => ({ labels: labelsOfStep(step) }));
  const outcomes = keepLargestComponent(image, shape, rules, MEASURE);
  return { outcomes, changed: outcomes.some(({ largestRemoved }) => largestRemoved !== null) };
}

/** Steps that are applied one after the other. */
export type Chain = readonly PostprocessingStep[];

/**
 * Applies each chain to a copy of the prediction and counts what is right then, region by region.
 * @throws NnprepError SHAPE_MISMATCH, INVALID_VALUES
 */
export function scoreChains(
  { prediction, reference, shape }: LabelPair,
  { regions, ignore }: { readonly regions: readonly Region[]; readonly ignore?: number | undefined },
  chains: readonly Chain[],
): Confusion[][] {
  return chains.map((chain) => {
    const changed = chain.length === 0 ? prediction : prediction.slice();
    if (chain.length > 0) applyPostprocessing(changed, shape, chain);
    return compareLabels({ prediction: changed, reference, shape }, regions, ignore).confusions;
  });
}

/** Scores chains on every case: one list per case, each with one list of regions per chain. */
export type ScoreCases = (chains: readonly Chain[]) => Promise<readonly (readonly Confusion[][])[]>;

/** What was tried, and what came of it. */
export interface PostprocessingTrial {
  readonly step: PostprocessingStep;
  /** Mean Dice of the foreground, or of the region. */
  readonly before: number;
  readonly after: number;
  readonly accepted: boolean;
}

function meansOf(regions: readonly Region[], cases: readonly (readonly Confusion[][])[], chain: number): SummaryMeans {
  return summarize(
    cases.map((chains) => ({
      regions: new Map(regions.map((region, i) => [regionKey(region), regionScores(chains[chain]?.[i])])),
      predictionFile: "",
      referenceFile: "",
    })),
  );
}

/** Whether the foreground gets better and no region worse; NaN is neither. */
function isBetter(regions: readonly Region[], before: SummaryMeans, after: SummaryMeans): boolean {
  if (!(foregroundDice(after) > foregroundDice(before))) return false;
  return !regions.some((region) => meanDice(after, region) < meanDice(before, region));
}

/**
 * Decides by cross-validation whether to keep only the largest component: of all labels together, if the foreground
 * gets better by it and no region worse; then of each region in turn, on top of what was accepted so far, if that region
 * gets better by it. The decisions of `determine_postprocessing` of nnU-Net 2.8.1.
 *
 * @param raw means of the predictions as they are
 * @param scoreCases called once, or once for each region where regions share labels
 * @example
 * const rule = { regions: evaluatedRegions(labels), ignore: labels.ignore ?? undefined };
 * const raw = summarize(pairs.map((pair) => ({ ...evaluateRegions(pair, rule), predictionFile: "", referenceFile: "" })));
 * const { steps } = await choosePostprocessing(labels, raw, async (chains) =>
 *   pairs.map((pair) => scoreChains(pair, rule, chains)),
 * );
 */
export async function choosePostprocessing(
  labels: Labels,
  raw: SummaryMeans,
  scoreCases: ScoreCases,
): Promise<{ readonly steps: PostprocessingStep[]; readonly trials: PostprocessingTrial[] }> {
  const regions = evaluatedRegions(labels);
  const together: PostprocessingStep = { together: labels.foreground };
  const single = regions.length > 1 ? regions.map((region): PostprocessingStep => ({ region })) : [];
  const scoresOf = (cases: Awaited<ReturnType<ScoreCases>>, chain: number) => meansOf(regions, cases, chain);
  const apart = new Set(regions.flat()).size === regions.flat().length;
  // Where no label belongs to two regions, what happens to one changes no other: all can be scored in one pass.
  const first = await scoreCases([[together], ...(apart ? [single, [together, ...single]] : [])]);
  const joint = scoresOf(first, 0);
  const keepsAll = isBetter(regions, raw, joint);
  const steps: PostprocessingStep[] = keepsAll ? [together] : [];
  const trials: PostprocessingTrial[] = [
    { step: together, before: foregroundDice(raw), after: foregroundDice(joint), accepted: keepsAll },
  ];
  let source = keepsAll ? joint : raw;
  const atOnce = apart && single.length > 0 ? scoresOf(first, keepsAll ? 2 : 1) : undefined;
  for (const [i, step] of single.entries()) {
    const region = regions[i];
    const changed = atOnce ?? scoresOf(await scoreCases([[...steps, step]]), 0);
    const [before, after] = [meanDice(source, region), meanDice(changed, region)];
    const accepted = after > before;
    trials.push({ step, before, after, accepted });
    if (!accepted) continue;
    steps.push(step);
    if (atOnce === undefined) source = changed;
  }
  return { steps, trials };
}
