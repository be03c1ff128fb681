import { inFile, NnprepError } from "../core/errors.js";
import * as v1 from "../recipes/v1/documents/postprocessing.js";
import { applyPostprocessing as applyV1 } from "../recipes/v1/postprocess.js";
import { parsePostprocessing } from "../recipes/v2/documents/postprocessing.js";
import { applyPostprocessing as applyV2 } from "../recipes/v2/postprocess.js";
import type { LoadedModel, LoadedModelV1 } from "./load-model.js";
import type { LabelPostprocessing } from "./predict-cases.js";

/**
 * What a model's folder says is to be done to its predictions.
 *
 * @throws NnprepError FILE_NOT_FOUND if it says nothing, CORRUPT_FILE
 */
export async function readPostprocessing(model: LoadedModel | LoadedModelV1): Promise<LabelPostprocessing> {
  const { postprocessing: file, name, generation } = model;
  if (file === undefined) {
    const wanted = generation === "v1" ? "postprocessing.json" : "postprocessing.pkl";
    throw new NnprepError(
      "FILE_NOT_FOUND",
      `${name}: no ${wanted}, in the model folder or its crossval_results_folds_*; run nnprep find-best or determine-postprocessing first, or leave --postprocess out`,
      { file: name },
    );
  }
  return inFile(file.name, async () => {
    const bytes = await file.read();
    if (generation === "v1") {
      const decision = v1.parsePostprocessing(new TextDecoder().decode(bytes));
      return (labels, shape, spacingMm) => void applyV1(labels, shape, spacingMm, decision);
    }
    const steps = parsePostprocessing(bytes);
    return (labels, shape) => void applyV2(labels, shape, steps);
  });
}
