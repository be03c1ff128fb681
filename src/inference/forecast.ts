import { NnprepError } from "../core/errors.js";
import { peekScan } from "../recipes/scan-files.js";
import { PROGRAM_BYTES } from "../runner/run.js";
import type { Store } from "../runner/store.js";
import type { ModelFolder } from "./model-folder.js";
import { listPredictionCases } from "./predict-cases.js";
import { estimatePredictionMemory } from "./prediction-memory.js";

/** What the prediction of a folder will need, said before anything is done. */
export interface PredictionForecast {
  readonly cases: number;
  /** Resident bytes at the peak of the largest case; null if no image has a head that tells its size. */
  readonly memoryBytes: number | null;
  /** Its case; null likewise. */
  readonly largest: string | null;
}

/**
 * Memory of the largest case of a folder, by the heads of its images.
 * @throws NnprepError INVALID_DATASET for a folder without images of the model's ending
 */
export async function forecastPrediction(
  model: ModelFolder,
  input: Store,
  options: { readonly mirroring?: boolean } = {},
): Promise<PredictionForecast> {
  const names = (await input.list()).filter((name) => !name.startsWith("."));
  const cases = listPredictionCases(names, model.fileEnding);
  if (cases.length === 0) {
    const folder = input.location("");
    throw new NnprepError("INVALID_DATASET", `${folder}: no images that end in ${model.fileEnding} found`, { folder });
  }
  let memoryBytes: number | null = null;
  let largest: string | null = null;
  for (const { identifier, images } of cases) {
    const facts = await peekScan(input, images[0]).catch((error: unknown) => {
      if (error instanceof NnprepError) return null;
      throw error;
    });
    if (facts === null) continue;
    const need = PROGRAM_BYTES + estimatePredictionMemory(model, facts, options).totalBytes;
    if (memoryBytes === null || need > memoryBytes) [memoryBytes, largest] = [need, identifier];
  }
  return { cases: cases.length, memoryBytes, largest };
}
