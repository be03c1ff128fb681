import { inFile, NnprepError } from "../core/errors.js";
import { parsePickle } from "../io/pickle.js";
import type { ScanFile } from "../io/scan-file.js";
import { type PlansStage, type PlansV1, plansFromPython } from "../recipes/v1/documents/plans.js";
import { type InferenceJsonV1, readInferenceJsonV1 } from "./inference-json.js";
import { chooseFolds, findModelFiles, type ModelFolderOptions, requireFiles } from "./model-files.js";
import type { TrainedModel } from "./model-folder.js";

/** nnU-Net v1 knows one kind of file, and reads it with SimpleITK. */
const FILE_ENDING = ".nii.gz";
const READER = "SimpleITKIO";
/** What the second network of a cascade needs. */
const CASCADE = { configuration: "3d_cascade_fullres", previousStage: "3d_lowres" };

/** What stands in the folder of a model of nnU-Net v1. */
export interface ModelFolderV1 extends TrainedModel {
  readonly generation: "v1";
  readonly plans: PlansV1;
  /** plans.pkl, which nnU-Net copies beside its predictions. */
  readonly plansFile: ScanFile;
  /** "2d", "3d_fullres" ... */
  readonly configuration: string;
  /** Of the plans. */
  readonly stage: number;
  readonly activation: InferenceJsonV1["activation"];
  readonly regions: InferenceJsonV1["regions"];
}

/**
 * Reads a trained model of nnU-Net v1, as `readModelFolder` one of v2.
 *
 * @param name what messages call the model
 * @throws NnprepError FILE_NOT_FOUND naming what is missing, INVALID_PLANS, CORRUPT_FILE, UNSUPPORTED (a newer format),
 * INVALID_ARGUMENT (several models)
 */
export async function readModelFolderV1(
  source: readonly ScanFile[],
  name: string,
  options: ModelFolderOptions = {},
): Promise<ModelFolderV1> {
  const files = await findModelFiles(source, name);
  requireFiles(files, ["plans.pkl", "inference.json"]);
  const plansFile = files.inFolder.get("plans.pkl") as ScanFile;
  const inferenceFile = files.inFolder.get("inference.json") as ScanFile;
  const plans = await inFile(plansFile.name, async () => plansFromPython(parsePickle(await plansFile.read())));
  const { regions, ...inference } = await inFile(inferenceFile.name, async () =>
    readInferenceJsonV1(await inferenceFile.read()),
  );
  const { patch_size } = stageOf(plans, inference.stage, inferenceFile.name);
  const cascade = inference.configuration === CASCADE.configuration;
  return {
    ...inference,
    name: files.name,
    generation: "v1",
    plans,
    plansFile,
    regions,
    channelNames: Array.from({ length: plans.num_modalities }, (_, c) => plans.modalities.get(c) ?? `channel ${c}`),
    fileEnding: FILE_ENDING,
    readerName: READER,
    patchSize: patch_size,
    previousStage: cascade ? CASCADE.previousStage : undefined,
    channels: plans.num_modalities + (cascade ? plans.num_classes : 0),
    classes: regions === null ? plans.num_classes + 1 : regions.length,
    folds: chooseFolds(files, options),
    postprocessing: files.inFolder.get("postprocessing.json"),
  };
}

function stageOf(plans: PlansV1, stage: number, file: string): PlansStage {
  const found = plans.plans_per_stage[stage];
  if (found !== undefined) return found;
  throw new NnprepError("INVALID_PLANS", `${file}: stage ${stage}, but plans.pkl has ${plans.num_stages}`, {
    file,
    found: stage,
    expected: plans.num_stages,
  });
}
