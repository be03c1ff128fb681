import { nanMean } from "../../core/mean.js";
import type { Shape3, Vec3, VoxelArray } from "../../core/volume.js";
import {
  type ComponentMeasure,
  type ComponentOutcome,
  type ComponentRule,
  keepLargestComponent,
  voxelVolumeMm3,
} from "../../steps/components.js";
import { type Confusion, compareLabels, overlapMetrics } from "../../steps/metrics.js";
import type {
  ClassOrRegion,
  MinimumObjectSize,
  Postprocessing,
  PostprocessingDecision,
} from "./documents/postprocessing.js";

/** Rules that are applied one after the other to a prediction. */
export type Chain = readonly ComponentRule[];

/** A prediction after one chain of rules. */
export interface ChainResult {
  /** Per class, in the order of the classes. */
  readonly confusions: readonly Confusion[];
  /** Per rule: size of the largest object in mm3, null if there was none. */
  readonly keptSizes: readonly (number | null)[];
}

/** Objects touch by their faces; their sizes are in mm3. */
function measureOf(spacingMm: Vec3): ComponentMeasure {
  return { connectivity: 6, voxelVolumeMm3: voxelVolumeMm3(spacingMm) };
}

/** One case of a cross-validation. */
export interface PredictedCase {
  readonly prediction: VoxelArray;
  readonly reference: VoxelArray;
  readonly shape: Shape3;
  /** Of the prediction; slowest axis first. */
  readonly spacingMm: Vec3;
}

/**
 * Applies each chain to a copy of the prediction and counts what is right then.
 * @throws NnprepError SHAPE_MISMATCH, INVALID_VALUES
 */
export function scoreChains(
  { prediction, reference, shape, spacingMm }: PredictedCase,
  classes: readonly number[],
  chains: readonly Chain[],
): ChainResult[] {
  const measure = measureOf(spacingMm);
  return chains.map((chain) => {
    const changed = chain.length === 0 ? prediction : prediction.slice();
    const outcomes = chain.length === 0 ? [] : keepLargestComponent(changed, shape, chain, measure);
    const { confusions } = compareLabels({ prediction: changed, reference, shape }, classes);
    return { confusions, keptSizes: outcomes.map(({ keptSize }) => keptSize) };
  });
}

/** Scores chains on every case: one list of results per case, each with one result per chain. */
export type ScoreCases = (chains: readonly Chain[]) => Promise<readonly (readonly ChainResult[])[]>;

/** What a decision about post-processing starts from. */
export interface ChoosePostprocessingOptions {
  /** By how much a Dice must rise to count as better. Default 0. */
  readonly diceThreshold?: number | undefined;
  /** Remove only objects smaller than the smallest that was the largest of its class in a case. Default false. */
  readonly advanced?: boolean | undefined;
  /** Mean Dice by class before anything is removed. Default: as `scoreCases` finds it. */
  readonly rawDice?: ReadonlyMap<string, number> | undefined;
  /** Folder names to be noted in the document. */
  readonly rawFolder: string;
  readonly finalFolder: string;
}

/** Dice by class and what came of comparing them. */
type Dices = ReadonlyMap<string, number>;

function ruleOf(classes: ClassOrRegion, sizes: readonly MinimumObjectSize[] | null): ComponentRule {
  const labels = typeof classes === "number" ? [classes] : classes;
  const size = sizes?.find((entry) => isSame(entry.classes, classes))?.sizeMm3;
  return size === undefined ? { labels } : { labels, minimumSize: size };
}

function isSame(a: ClassOrRegion, b: ClassOrRegion): boolean {
  if (typeof a === "number" || typeof b === "number") return a === b;
  return a.length === b.length && a.every((label, i) => label === b[i]);
}

/** The rules of a postprocessing.json, in its order. */
export function postprocessingRules(postprocessing: Postprocessing): ComponentRule[] {
  const { for_which_classes, min_valid_object_sizes } = postprocessing;
  return for_which_classes.map((classes) => ruleOf(classes, min_valid_object_sizes));
}

/**
 * Applies a postprocessing.json to one prediction: `load_remove_save` of nnU-Net 1.7.1 without the files.
 *
 * @param image labels, C order; changed in place
 * @returns what became of the objects of each entry of `for_which_classes`, and whether any was removed
 * @throws NnprepError SHAPE_MISMATCH, INVALID_VALUES
 */
export function applyPostprocessing(
  image: VoxelArray,
  shape: Shape3,
  spacingMm: Vec3,
  postprocessing: Postprocessing,
): { outcomes: ComponentOutcome[]; changed: boolean } {
  const rules = postprocessingRules(postprocessing);
  const outcomes = keepLargestComponent(image, shape, rules, measureOf(spacingMm));
  return { outcomes, changed: outcomes.some(({ largestRemoved }) => largestRemoved !== null) };
}

/**
 * Decides by cross-validation whether to keep only the largest component: of all classes together, if some class gets
 * better by it and none worse; then of each class by itself, if that class gets better by it. The decisions and the
 * document of `determine_postprocessing` of nnU-Net 1.7.1.
 *
 * @param classes labels above 0, in the order of the document
 * @param scoreCases called once, and up to four times with `advanced`
 */
export async function choosePostprocessing(
  classes: readonly number[],
  scoreCases: ScoreCases,
  options: ChoosePostprocessingOptions,
): Promise<PostprocessingDecision> {
  const { diceThreshold = 0, advanced = false, rawFolder, finalFolder } = options;
  const score = advanced ? scoreAdvanced : scoreAtOnce;
  const together = await score.together(classes, scoreCases);
  const { rawDice: raw = together.raw } = options;
  const keepsAll = isBetter(raw, together.all, diceThreshold);
  const source = keepsAll ? together.all : raw;
  const each = classes.length > 1 ? await score.each(classes, scoreCases, keepsAll, together) : undefined;
  const better = classes.filter(
    (c) => (each?.dice.get(`${c}`) ?? Number.NaN) > (source.get(`${c}`) as number) + diceThreshold,
  );
  const sizes = [
    ...(keepsAll ? together.sizes : []),
    ...better.flatMap((c) => each?.sizes.filter(({ classes: of }) => of === c) ?? []),
  ];
  return {
    dc_per_class_raw: raw,
    dc_per_class_pp_all: together.all,
    dc_per_class_pp_per_class: each?.dice ?? new Map(),
    for_which_classes: [...(keepsAll ? [classes] : []), ...better],
    min_valid_object_sizes: advanced ? sizes : null,
    num_samples: together.samples,
    validation_raw: rawFolder,
    validation_final: finalFolder,
  };
}

interface Together {
  readonly samples: number;
  readonly raw: Dices;
  readonly all: Dices;
  readonly sizes: readonly MinimumObjectSize[];
  /** For the class step, if that was measured already: Dice on top of all classes together, and without. */
  readonly each?: { readonly afterAll: Dices; readonly afterRaw: Dices };
}

interface Each {
  readonly dice: Dices;
  readonly sizes: readonly MinimumObjectSize[];
}

interface Scoring {
  together(classes: readonly number[], scoreCases: ScoreCases): Promise<Together>;
  each(classes: readonly number[], scoreCases: ScoreCases, keepsAll: boolean, together: Together): Promise<Each>;
}

/** Without limits on size, whatever may be decided can be scored in one pass over the cases. */
const scoreAtOnce: Scoring = {
  async together(classes, scoreCases) {
    const all = { labels: classes };
    const single = classes.length > 1 ? classes.map((label) => ({ labels: [label] })) : [];
    const cases = await scoreCases([[], [all], single, [all, ...single]]);
    const dice = (chain: number) => meanDice(classes, cases, chain);
    return {
      samples: cases.length,
      raw: dice(0),
      all: dice(1),
      sizes: [],
      each: { afterRaw: dice(2), afterAll: dice(3) },
    };
  },
  async each(_classes, _scoreCases, keepsAll, { each }) {
    return { dice: (keepsAll ? each?.afterAll : each?.afterRaw) as Dices, sizes: [] };
  },
};

/** With limits on size, each step needs to know the sizes that the one before found in all cases. */
const scoreAdvanced: Scoring = {
  async together(classes, scoreCases) {
    const free = await scoreCases([[], [{ labels: classes }]]);
    const sizes = smallestKept([classes], free, 1, 0);
    const limited = await scoreCases([[ruleOf(classes, sizes)]]);
    return { samples: free.length, raw: meanDice(classes, free, 0), all: meanDice(classes, limited, 0), sizes };
  },
  async each(classes, scoreCases, keepsAll, { sizes: sizesTogether }) {
    const source = keepsAll ? [ruleOf(classes, sizesTogether)] : [];
    const free = await scoreCases([[...source, ...classes.map((label) => ({ labels: [label] }))]]);
    const sizes = smallestKept(classes, free, 0, source.length);
    const limited = await scoreCases([[...source, ...classes.map((label) => ruleOf(label, sizes))]]);
    return { dice: meanDice(classes, limited, 0), sizes };
  },
};

function meanDice(
  classes: readonly number[],
  cases: readonly (readonly ChainResult[])[],
  chain: number,
): Map<string, number> {
  return new Map(
    classes.map((label, i) => {
      const dices = cases.map((results) => overlapMetrics(results[chain]?.confusions[i]).Dice);
      return [`${label}`, nanMean(dices)];
    }),
  );
}

/** Smallest size over the cases of what was kept, for each rule of a chain from `firstRule` on. */
function smallestKept(
  rules: readonly ClassOrRegion[],
  cases: readonly (readonly ChainResult[])[],
  chain: number,
  firstRule: number,
): MinimumObjectSize[] {
  return rules.flatMap((classes, i) => {
    const sizes = cases.map((results) => results[chain]?.keptSizes[firstRule + i] ?? Number.POSITIVE_INFINITY);
    const sizeMm3 = sizes.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    return Number.isFinite(sizeMm3) ? [{ classes, sizeMm3 }] : [];
  });
}

/** Whether a class gets better and none gets worse; NaN is neither. */
function isBetter(before: Dices, after: Dices, threshold: number): boolean {
  const labels = [...before.keys()];
  const value = (dices: Dices, label: string) => dices.get(label) as number;
  const someBetter = labels.some((label) => value(after, label) > value(before, label) + threshold);
  return someBetter && !labels.some((label) => value(after, label) < value(before, label));
}
