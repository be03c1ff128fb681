import { NnprepError } from "../../core/errors.js";
import type { Shape3 } from "../../core/volume.js";
import { ProbabilityMean } from "../../steps/ensemble.js";
import type { ProbabilityArray } from "../../steps/probabilities.js";
import { restoreLabels } from "../../steps/restore.js";
import { checkSameProperties, type NamedProperties } from "../ensemble-members.js";
import type { Labels } from "./documents/labels.js";
import type { CaseProperties } from "./documents/properties.js";
import { decisionRule } from "./export.js";

/** What members of an ensemble must have in common: everything that decides where a voxel lies. */
const SHARED = [
  "spacingMm",
  "shapeBeforeCropping",
  "sitk",
  "nibabel",
] as const satisfies readonly (keyof CaseProperties)[];

/**
 * Throws GEOMETRY_MISMATCH unless the members' properties are of one scan. nnU-Net 2.8.1 takes those of the first member.
 */
export function checkMembersAgree(members: readonly NamedProperties<CaseProperties>[]): void {
  // Members of one scan may be of plans with other axes, whose shapes are turned.
  const mayDiffer = (key: keyof CaseProperties, first: CaseProperties, other: CaseProperties) =>
    key === "shapeBeforeCropping" && isTurned(first, other);
  checkSameProperties(members, SHARED, "come from the same scan", mayDiffer);
}

function isTurned(a: CaseProperties, b: CaseProperties): boolean {
  const sorted = (shape: Shape3) => [...shape].sort((x, y) => x - y).join();
  return sorted(a.shapeBeforeCropping) === sorted(b.shapeBeforeCropping);
}

/** Labels of an ensemble on the scan's grid, in the axes of the file, and what they were decided by. */
export interface EnsembledSegmentation {
  readonly labels: Uint8Array | Uint16Array;
  readonly shape: Shape3;
  /** The mean, float32. */
  readonly probabilities: ProbabilityArray;
}

/**
 * The mean of several models' probabilities of one case, in float32, and its labels: `merge_files` of nnU-Net 2.8.1
 * without the files, equal in every bit. Memory: one float32 array and one member.
 *
 * @param members each `(heads, a0, a1, a2)` on the scan's grid, as `exportProbabilities` gives them; one after the other
 * @throws NnprepError SHAPE_MISMATCH for members that differ in heads or shape, or that the labels do not fit;
 * INVALID_ARGUMENT without members
 * @example
 * const { labels, shape } = await ensembleProbabilities([first, second], dataset.labels);
 */
export async function ensembleProbabilities(
  members: AsyncIterable<ProbabilityArray> | Iterable<ProbabilityArray>,
  labels: Labels,
): Promise<EnsembledSegmentation> {
  const mean = new ProbabilityMean("float32");
  for await (const member of members) mean.add(member);
  const probabilities = mean.take();
  return { ...(await labelProbabilities(probabilities, labels)), probabilities };
}

/**
 * Labels of probabilities on the scan's grid: `convert_probabilities_to_segmentation` of nnU-Net 2.8.1, the same label
 * in every voxel.
 *
 * @throws NnprepError SHAPE_MISMATCH for another number of heads than the labels have
 */
export async function labelProbabilities(
  probabilities: ProbabilityArray,
  labels: Labels,
): Promise<{ readonly labels: Uint8Array | Uint16Array; readonly shape: Shape3 }> {
  const { classes, shape } = probabilities;
  if (classes !== labels.heads) {
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `${classes} channels of probabilities found, but dataset.json has ${labels.heads} ${labels.regions === null ? "labels" : "regions"} to predict; do they belong together?`,
      { found: classes, expected: labels.heads },
    );
  }
  const box = shape.map((n) => [0, n] as const) as unknown as [[number, number], [number, number], [number, number]];
  const rule = decisionRule(labels, "probabilities");
  const restored = await restoreLabels(probabilities, { shape, box, separateAxis: null, ...rule });
  return { labels: restored.labels, shape };
}
