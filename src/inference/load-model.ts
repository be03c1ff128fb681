import { openOnnxNetwork } from "#onnx";
import { NnprepError } from "../core/errors.js";
import type { ScanFile } from "../io/scan-file.js";
import { findModelFiles, type ModelFolderOptions } from "./model-files.js";
import { type ModelFolder, readModelFolder, type TrainedModel } from "./model-folder.js";
import { type ModelFolderV1, readModelFolderV1 } from "./model-folder-v1.js";
import type { Network } from "./network.js";
import type { OnnxOptions } from "./onnx.js";

interface OpenNetworks {
  /** One per fold, in the order of `folds`. */
  readonly networks: readonly Network[];
  /** Frees the networks. */
  dispose(): Promise<void>;
}

/** A model of nnU-Net v2 that is ready to predict. */
export interface LoadedModel extends ModelFolder, OpenNetworks {}

/** A model of nnU-Net v1 that is ready to predict. */
export interface LoadedModelV1 extends ModelFolderV1, OpenNetworks {}

/** Which folds and files of a model folder, and how its networks run. */
export interface LoadModelOptions extends ModelFolderOptions, OnnxOptions {
  /**
   * Opens the network of a fold: another runtime, a remote service. Default: ONNX Runtime, which is an optional package
   * (onnxruntime-node, onnxruntime-web).
   */
  readonly openNetwork?: ((model: Uint8Array, options: OnnxOptions) => Promise<Network>) | undefined;
}

/**
 * Reads a model folder of nnU-Net v2 and opens its networks.
 *
 * @param source the files of the folder, or one zip archive
 * @param name what messages call the model
 * @throws NnprepError as `readModelFolder`; SHAPE_MISMATCH for a network of other channels, classes or axes than plans
 * and dataset.json say; UNSUPPORTED without the package, or for an operator that the runtime lacks; OUT_OF_MEMORY
 *
 * @example
 * ```ts
 * import { loadModel, scanFilesInFolder } from "nnprep";
 *
 * const model = await loadModel(await scanFilesInFolder("model"), "model");
 * console.log(model.configuration.name, model.networks.length); // 3d_fullres, a network per fold
 * await model.dispose();
 * ```
 */
export async function loadModel(
  source: readonly ScanFile[],
  name: string,
  options: LoadModelOptions = {},
): Promise<LoadedModel> {
  return openNetworks(await readModelFolder(source, name, options), options);
}

/** The same for a model of nnU-Net v1. @throws NnprepError as `loadModel` */
export async function loadModelV1(
  source: readonly ScanFile[],
  name: string,
  options: LoadModelOptions = {},
): Promise<LoadedModelV1> {
  return openNetworks(await readModelFolderV1(source, name, options), options);
}

/** Reads a model folder of either generation, by the files that are there. @throws NnprepError as `readModelFolder` */
export async function readAnyModelFolder(
  source: readonly ScanFile[],
  name: string,
  options: ModelFolderOptions = {},
): Promise<ModelFolder | ModelFolderV1> {
  const { generation } = await findModelFiles(source, name);
  return generation === "v1" ? readModelFolderV1(source, name, options) : readModelFolder(source, name, options);
}

/** The same for a model of either generation, by the files that are there. @throws NnprepError as `loadModel` */
export async function loadAnyModel(
  source: readonly ScanFile[],
  name: string,
  options: LoadModelOptions = {},
): Promise<LoadedModel | LoadedModelV1> {
  return openNetworks(await readAnyModelFolder(source, name, options), options);
}

async function openNetworks<M extends TrainedModel>(model: M, options: LoadModelOptions): Promise<M & OpenNetworks> {
  const { openNetwork = openOnnxNetwork } = options;
  const trialShape = options.trialShape ?? [model.channels, ...model.patchSize];
  const networks: Network[] = [];
  const dispose = async () => {
    for (const network of networks) await network.dispose?.();
  };
  try {
    for (const { file } of model.folds) {
      try {
        const network = await openNetwork(await file.read(), { ...options, trialShape });
        networks.push(network);
        checkNetwork(network, model);
      } catch (error) {
        throw error instanceof NnprepError ? error.inFile(file.name) : error;
      }
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  return { ...model, networks, dispose };
}

function checkNetwork({ channels, classes, patch }: Network, model: TrainedModel): void {
  const { patchSize } = model;
  const fits = (found: number | undefined, expected: number | undefined) => found === undefined || found === expected;
  const [is, wants]: [string, string] = fits(channels, model.channels)
    ? fits(classes, model.classes)
      ? [`patches of ${patch?.map((n) => n ?? "any").join(" x ")}`, `patches of ${patchSize.join(" x ")}`]
      : [`${classes} output channels`, `${model.classes}`]
    : [`${channels} input channels`, `${model.channels}`];
  const axes =
    patch === undefined || (patch.length === patchSize.length && patch.every((n, axis) => fits(n, patchSize[axis])));
  if (fits(channels, model.channels) && fits(classes, model.classes) && axes) return;
  throw new NnprepError(
    "SHAPE_MISMATCH",
    `the network has ${is}, but the plans and dataset.json ask for ${wants}: it belongs to another model or configuration`,
    { found: is, expected: wants },
  );
}
