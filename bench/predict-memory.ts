/**
 * Peak memory of one prediction beside the program: `node predict-memory.js MODEL_FOLDER FOLDS IMAGE...`, started by
 * `predict.ts` so that each prediction has a process of its own. Prints peak and estimate in bytes.
 */

import { loadModel } from "../src/inference/load-model.js";
import { predictCase } from "../src/inference/predict.js";
import { estimatePredictionMemory } from "../src/inference/prediction-memory.js";
import { scanFileFromPath, scanFilesInFolder } from "../src/io/scan-path.js";
import { readerFor } from "../src/recipes/v2/readers/registry.js";
import { init } from "../src/runtime/instantiate.js";

const [folder, folds, ...images] = process.argv.slice(2);
await init();
const program = process.memoryUsage().rss;
const model = await loadModel(await scanFilesInFolder(folder), folder, { folds: folds.split(","), threads: 1 });
const reader = await readerFor(model.readerName);
const input = await reader.readImages(await Promise.all(images.map((file) => scanFileFromPath(file))));
const { spacingMm } = input.properties;
const estimate = estimatePredictionMemory(model, { shape: input.shape, spacingMm }, { volumesStay: false }).totalBytes;
const { labels, shape } = await predictCase(model, input, { inPlace: true });
await reader.formatSegmentation(labels, shape, input.properties, ".nii.gz");
const peak = process.resourceUsage().maxRSS * 1024 - program;
console.log(JSON.stringify({ peak, estimate }));
