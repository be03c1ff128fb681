import { inFile, NnprepError } from "../core/errors.js";
import type { ScanFile } from "../io/scan-file.js";
import type { Configuration } from "../recipes/v2/documents/configuration.js";
import { type DatasetJson, parseDatasetJson } from "../recipes/v2/documents/dataset-json.js";
import { getConfiguration, type Plans, parsePlans } from "../recipes/v2/documents/plans.js";
import { readInferenceJson } from "./inference-json.js";
import { chooseFolds, findModelFiles, type ModelFold, type ModelFolderOptions, requireFiles } from "./model-files.js";

/* A trained model as docs/model-folder.md describes it: nnU-Net's results folder with an ONNX file in each fold. */

/** What the folders of both generations say of a model. */
export interface TrainedModel {
  /** What messages call it. */
  readonly name: string;
  /** nnU-Net's class that trained it. */
  readonly trainer: string;
  /** Names of the image's channels, in their order. */
  readonly channelNames: readonly string[];
  /** Ending of its images and labels. */
  readonly fileEnding: string;
  /** nnU-Net's class that reads them. */
  readonly readerName: string;
  /** Voxels of a window, two or three axes. */
  readonly patchSize: readonly number[];
  /** Configuration whose labels it needs besides the image: that before it in a cascade. */
  readonly previousStage: string | undefined;
  /** Axes of the patch that the trainer allows to be mirrored; null: none. */
  readonly mirrorAxes: readonly number[] | null;
  /** Channels of the network's input: those of the images, and one per foreground label of a previous stage. */
  readonly channels: number;
  /** Channels of its output. */
  readonly classes: number;
  readonly folds: readonly ModelFold[];
  /** nnU-Net's `postprocessing.pkl` (v1: `postprocessing.json`), if the folder has one. */
  readonly postprocessing: ScanFile | undefined;
}

/** What stands in a model's folder, read and checked; the networks themselves are not opened yet. */
export interface ModelFolder extends TrainedModel {
  readonly generation: "v2";
  readonly plans: Plans;
  readonly dataset: DatasetJson;
  readonly configuration: Configuration;
}

/**
 * Reads a trained model: the files of its folder (or of a folder above it), a zip archive of them, or what a page was
 * given. Other files beside them do no harm.
 *
 * @param name what messages call the model
 * @throws NnprepError FILE_NOT_FOUND naming what is missing, INVALID_PLANS, INVALID_DATASET, CORRUPT_FILE, UNSUPPORTED
 * (a model of v1, a newer format), INVALID_ARGUMENT (several models)
 */
export async function readModelFolder(
  source: readonly ScanFile[],
  name: string,
  options: ModelFolderOptions = {},
): Promise<ModelFolder> {
  const files = await findModelFiles(source, name);
  const { inFolder } = files;
  if (files.generation === "v1") {
    throw new NnprepError(
      "UNSUPPORTED",
      `${name} holds a model of nnU-Net v1 (plans.pkl); a model of v2 (plans.json, dataset.json, fold_X/model.onnx) is expected. loadModelV1 of nnprep/v1 loads it, and so does nnprep predict`,
      { file: name, generation: "v1" },
    );
  }
  requireFiles(files, ["plans.json", "dataset.json", "inference.json"]);
  const read = <T>(file: string, parse: (bytes: Uint8Array, path: string) => T): Promise<T> => {
    const found = inFolder.get(file) as ScanFile;
    return inFile(found.name, async () => parse(await found.read(), found.name));
  };
  const plans = await read("plans.json", parsePlans);
  const dataset = await read("dataset.json", parseDatasetJson);
  const inference = await read("inference.json", readInferenceJson);
  const configuration = await read("inference.json", () => getConfiguration(plans, inference.configuration));
  const previous = configuration.previousStage === undefined ? 0 : dataset.labels.foreground.length;
  return {
    name: files.name,
    generation: "v2",
    plans,
    dataset,
    configuration,
    trainer: inference.trainer,
    channelNames: dataset.channels,
    fileEnding: dataset.fileEnding,
    readerName: plans.readerName,
    patchSize: configuration.patchSize,
    previousStage: configuration.previousStage,
    mirrorAxes: inference.mirrorAxes,
    channels: dataset.channels.length + previous,
    classes: dataset.labels.heads,
    folds: chooseFolds(files, options),
    postprocessing: [...inFolder].find(([path]) => /^(crossval_results[^/]*\/)?postprocessing\.pkl$/.test(path))?.[1],
  };
}
