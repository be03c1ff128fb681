/** One dataset of each generation, prepared in memory, and a larger case of it for engines of threads. */
import { formatNifti } from "../../dist/io/nifti.js";
import * as exportV1 from "../../dist/recipes/v1/export.js";
import * as casesV1 from "../../dist/recipes/v1/preprocess.js";
import { cropDataset } from "../../dist/recipes/v1/stages/crop.js";
import * as planV1 from "../../dist/recipes/v1/stages/plan.js";
import * as preprocessV1 from "../../dist/recipes/v1/stages/preprocess.js";
import { getConfiguration } from "../../dist/recipes/v2/documents/plans.js";
import * as exportV2 from "../../dist/recipes/v2/export.js";
import * as casesV2 from "../../dist/recipes/v2/preprocess.js";
import { readDatasetJson } from "../../dist/recipes/v2/stages/dataset.js";
import { extractFingerprint } from "../../dist/recipes/v2/stages/fingerprint.js";
import * as planV2 from "../../dist/recipes/v2/stages/plan.js";
import * as preprocessV2 from "../../dist/recipes/v2/stages/preprocess.js";
import { LocalExecutor } from "../../dist/runner/local-executor.js";
import { MemoryStore } from "../../dist/runner/memory-store.js";
import { floats, syntheticCase } from "./synthetic.mjs";

/** The cases of the datasets: their shape, and spacing in mm, slowest axis first. */
export const GRIDS = [
  [
    [14, 22, 20],
    [2, 1, 1],
  ],
  [
    [6, 24, 22],
    [5, 0.9, 0.95],
  ],
  [
    [12, 20, 24],
    [2.5, 1.1, 1],
  ],
];
const LARGE = [40, 61, 53];
const DIRECTION = [1, 0, 0, 0, 1, 0, 0, 0, 1];
const text = (value) => new TextEncoder().encode(JSON.stringify(value));

/** Images and labels of cases as files in nnU-Net's layout, by path. */
export async function rawFiles(grids, channels) {
  const files = [];
  for (const [i, [shape, spacingMm]] of grids.entries()) {
    const identifier = `case_${String(i).padStart(3, "0")}`;
    const geometry = { spacingMm, originMm: [-10, 5, 30], direction: DIRECTION };
    const one = syntheticCase(shape, channels, 100 + i);
    const gzipped = (data) => formatNifti({ data, shape, geometry }, { gzip: true });
    for (const [c, data] of one.channels.entries()) {
      files.push([`imagesTr/${identifier}_000${c}.nii.gz`, await gzipped(Int16Array.from(data))]);
    }
    files.push([`labelsTr/${identifier}.nii.gz`, await gzipped(Uint8Array.from(one.label))]);
  }
  return files;
}

/** dataset.json of v1 for the CT cases. */
function taskJson(count) {
  const training = Array.from({ length: count }, (_, i) => `case_${String(i).padStart(3, "0")}.nii.gz`);
  return text({
    name: "Synthetic",
    description: "",
    reference: "",
    licence: "",
    release: "",
    tensorImageSize: "4D",
    modality: { 0: "CT" },
    labels: { 0: "background", 1: "left", 2: "right" },
    numTraining: count,
    numTest: 0,
    training: training.map((name) => ({ image: `./imagesTr/${name}`, label: `./labelsTr/${name}` })),
    test: [],
  });
}

/** dataset.json of v2 for cases of as many channels as `names`. */
export function datasetJson(count, names) {
  return text({
    channel_names: Object.fromEntries(names.map((name, i) => [i, name])),
    labels: { background: 0, left: 1, right: 2 },
    numTraining: count,
    file_ending: ".nii.gz",
  });
}

async function filesOf(store, folders) {
  const files = [];
  for (const folder of folders) {
    for (const name of await store.list(folder)) {
      const path = folder === "" ? name : `${folder}/${name}`;
      // Compressed anew by nobody: copies of the labels as they came, and with them this engine's gzip.
      if (!path.endsWith(".nii.gz")) files.push([path, await store.read(path)]);
    }
  }
  return files;
}

/** @throws the error of the first case that failed */
function requireAll(outcomes) {
  for (const outcome of outcomes) if (!outcome.ok) throw outcome.error;
}

/** Numbers that stand for a network's answer: two classes beside the background. */
function logitsOf(shape) {
  return { data: floats(3 * shape[0] * shape[1] * shape[2], 9), classes: 3, shape };
}

export async function prepareV1() {
  const raw = new MemoryStore([...(await rawFiles(GRIDS, 1)), ["dataset.json", taskJson(GRIDS.length)]], "raw");
  const stores = { raw, cropped: new MemoryStore([], "cropped"), preprocessed: new MemoryStore([], "preprocessed") };
  const task = { stores, executor: new LocalExecutor(stores) };
  requireAll(await cropDataset(task));
  const { plans } = await planV1.planDataset(task);
  const stages = await preprocessV1.preprocessDataset(task);
  for (const { cases } of stages) requireAll(cases);
  const folders = ["nnUNetData_plans_v2.1_stage0", "nnUNetData_plans_v2.1_2D_stage0"];
  const files = [...(await filesOf(stores.cropped, [""])), ...(await filesOf(stores.preprocessed, ["", ...folders]))];
  return {
    files,
    preprocessLarge: async (resampler) => {
      const one = syntheticCase(LARGE, 1, 7);
      const settings = casesV1.stageSettings(plans.get("3d"), 0);
      const properties = { original_spacing: [2.2, 0.8, 1.3], original_size_of_raw_data: LARGE };
      const prepared = await casesV1.preprocessCase(one, properties, settings, { resampler });
      const { segmentation } = await exportV1.exportSegmentation(logitsOf(prepared.arrays.shape), {
        ...prepared.properties,
        itk_origin: [0, 0, 0],
        itk_spacing: [1.3, 0.8, 2.2],
        itk_direction: DIRECTION,
        size_after_cropping: LARGE,
        crop_bbox: LARGE.map((n) => [0, n]),
      });
      return [prepared.arrays, [...prepared.properties.class_locations.values()], segmentation.data];
    },
  };
}

export async function prepareV2() {
  const raw = new MemoryStore(
    [...(await rawFiles(GRIDS, 2)), ["dataset.json", datasetJson(GRIDS.length, ["CT", "T2"])]],
    "raw",
  );
  const stores = { raw, preprocessed: new MemoryStore([], "preprocessed") };
  const dataset = { name: "Dataset001_Synthetic", stores, executor: new LocalExecutor(stores) };
  requireAll((await extractFingerprint(dataset)).cases);
  const { plans } = await planV2.planDataset(dataset);
  const configurations = await preprocessV2.preprocessDataset(dataset);
  for (const { cases } of configurations) requireAll(cases);
  const { labels } = await readDatasetJson(raw);
  return {
    files: await filesOf(stores.preprocessed, ["", "nnUNetPlans_2d", "nnUNetPlans_3d_fullres"]),
    preprocessLarge: async (resampler) => {
      const settings = casesV2.preprocessSettings(plans, "3d_fullres", labels);
      const reader = { spacingMm: [2.2, 0.8, 1.3] };
      const one = syntheticCase(LARGE, 2, 8);
      const prepared = await casesV2.preprocessCase(one, reader, settings, { resampler });
      const exported = await exportV2.exportSegmentation(logitsOf(prepared.shape), prepared.properties, {
        plans,
        configuration: getConfiguration(plans, "3d_fullres"),
        labels,
      });
      return [prepared.channels, prepared.label, prepared.properties.classLocations, exported.labels];
    },
  };
}
