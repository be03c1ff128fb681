import type { Volume } from "../core/volume.js";
import { resampleToNextStage } from "../recipes/v1/cascade.js";
import { cropCase } from "../recipes/v1/crop/crop-case.js";
import { exportSegmentation } from "../recipes/v1/export.js";
import { preprocessCase, stageSettings } from "../recipes/v1/preprocess.js";
import { writeProbabilities } from "../recipes/v1/stages/export.js";
import { gatherProbabilities, type Probabilities } from "../steps/probabilities.js";
import type { LoadedModelV1 } from "./load-model.js";
import type { CaseInput, PreparedCase, PrepareOptions, RestoredLabels, SaveProbabilities } from "./prepared-case.js";
import { PROBABILITIES_V1, type WindowRules } from "./window-rules.js";

/** The window rules of a model of nnU-Net v1. */
export function windowRulesV1({ activation }: LoadedModelV1): WindowRules {
  return { ...PROBABILITIES_V1, activation };
}

/**
 * What `nnUNet_predict` of nnU-Net 1.7.1 does before and after the network: `preprocess_test_case` and
 * `save_segmentation_nifti_from_softmax`. The previous stage of a cascade is cropped as the scan is, which nnU-Net 1.7.1
 * forgets.
 *
 * @throws NnprepError as `cropCase`, `preprocessCase` and `exportSegmentation` of v1
 */
export async function prepareCaseV1(
  model: LoadedModelV1,
  { channels, shape, properties, previousStage }: CaseInput,
  { inPlace, signal }: PrepareOptions,
): Promise<PreparedCase> {
  const { plans, regions } = model;
  const { spacingMm, sitk } = properties;
  const geometry = { spacingMm, originMm: sitk?.origin, direction: sitk?.direction } as Volume["geometry"];
  const images = channels.map((data): Volume => ({ data, shape, geometry }));
  const cropped = cropCase({ images }, inPlace === true);
  const settings = stageSettings(plans, model.stage);
  const prepared = await preprocessCase(cropped.arrays, cropped.properties, settings, { signal });
  const { arrays } = prepared;
  const image = { channels: [...arrays.channels], shape: arrays.shape };
  const transposeForward = plans.transpose_forward;
  if (model.previousStage !== undefined) {
    const stage = { data: previousStage as Int16Array, shape };
    const labels = resampleToNextStage(stage, cropped.properties, { shape: arrays.shape, transposeForward });
    const foreground = Array.from({ length: plans.num_classes }, (_, i) => i + 1);
    image.channels.push(...foreground.map((value) => Float32Array.from(labels, (x) => (x === value ? 1 : 0))));
  }
  const options = { regions, transposed: true, transposeForward, signal };
  const toLabels = async (probabilities: Probabilities): Promise<RestoredLabels> => {
    const { segmentation, warnings } = await exportSegmentation(probabilities, prepared.properties, options);
    return { labels: segmentation.data, warnings: warnings.map(({ message }) => message) };
  };
  return {
    image,
    warnings: prepared.warnings.map(({ message }) => message),
    properties: null,
    toLabels,
    toProbabilities: async (output) => {
      const gathered = await gatherProbabilities(output);
      const save: SaveProbabilities = (store, identifier) =>
        writeProbabilities(store, identifier, gathered, prepared.properties, options);
      return { ...(await toLabels(gathered)), probabilities: undefined, save };
    },
  };
}
