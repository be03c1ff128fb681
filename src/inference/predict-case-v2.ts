import { type ExportedSegmentation, exportProbabilities, exportSegmentation } from "../recipes/v2/export.js";
import { type PreprocessedCase, preprocessCase, preprocessSettings } from "../recipes/v2/preprocess.js";
import { saveProbabilities } from "../recipes/v2/stages/probability-files.js";
import type { LoadedModel } from "./load-model.js";
import type { CaseInput, PreparedCase, PrepareOptions, RestoredLabels, SaveProbabilities } from "./prepared-case.js";

/**
 * What `nnUNetv2_predict` of nnU-Net 2.8.1 does before and after the network.
 *
 * @throws NnprepError as `preprocessCase` and `exportSegmentation` of v2
 */
export async function prepareCaseV2(
  { plans, configuration, dataset: { labels } }: LoadedModel,
  { channels, shape, properties: read, previousStage }: CaseInput,
  { inPlace, signal }: PrepareOptions,
): Promise<PreparedCase> {
  const label = configuration.previousStage === undefined ? null : (previousStage as Int16Array);
  const rules = preprocessSettings(plans, configuration.name, labels);
  const prepared = await preprocessCase({ channels, label, shape }, read, rules, { inPlace, signal });
  const target = { plans, configuration, labels };
  const { properties } = prepared;
  return {
    image: { channels: withPreviousStage(prepared, labels.foreground), shape: prepared.shape },
    warnings: prepared.warnings.map(({ message }) => message),
    properties,
    toLabels: async (logits) => restored(await exportSegmentation(logits, properties, target, { signal })),
    toProbabilities: async (logits) => {
      const both = await exportProbabilities(logits, properties, target, { signal });
      const { classes, volumes } = both;
      const save: SaveProbabilities = (output, identifier) =>
        saveProbabilities(output, identifier, volumes, [classes, ...both.shape], properties);
      return { ...restored(both), probabilities: { classes, volumes }, save };
    },
  };
}

function restored({ labels, warnings }: ExportedSegmentation): RestoredLabels {
  return { labels, warnings: warnings.map(({ message }) => message) };
}

/** The channels, and for a cascade 1 where each foreground label of the previous stage is. */
function withPreviousStage({ channels, label }: PreprocessedCase, foreground: readonly number[]): Float32Array[] {
  if (label === null) return [...channels];
  return [...channels, ...foreground.map((value) => Float32Array.from(label, (x) => (x === value ? 1 : 0)))];
}
