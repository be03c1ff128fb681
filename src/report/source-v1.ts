import { permute } from "../core/axes.js";
import { NnprepError } from "../core/errors.js";
import type { Volume } from "../core/volume.js";
import { parsePickle } from "../io/pickle.js";
import type { CroppedProperties } from "../recipes/v1/crop/crop-case.js";
import { preparedGeometry } from "../recipes/v1/crop/prepared-geometry.js";
import { type DatasetJson, trainingCases } from "../recipes/v1/documents/dataset-json.js";
import { type DatasetProperties, datasetPropertiesFromPython } from "../recipes/v1/documents/fingerprint.js";
import type { PlansV1 } from "../recipes/v1/documents/plans.js";
import {
  caseFileNames,
  DATASET_PROPERTIES,
  IMAGES_TRAINING,
  LABELS_TRAINING,
  type Planner,
  stageFolderName,
} from "../recipes/v1/layout.js";
import { loadArrays, loadProperties } from "../recipes/v1/stages/case-files.js";
import { loadPlans } from "../recipes/v1/stages/plan.js";
import { readDatasetJson, type StageOptions, type Task } from "../recipes/v1/stages/task.js";
import { verifyDataset } from "../recipes/v1/stages/verify-task.js";
import type { ReportGrid } from "../view/report.js";
import { explainPlans } from "./explain-plans-v1.js";
import type { PreparedCase, ReportSource } from "./source.js";

const isMissing = (error: unknown): boolean => error instanceof NnprepError && error.code === "FILE_NOT_FOUND";

/** Plans of both planners, as far as they are there; what is wrong with them goes to `notes`. */
async function readPlans({ stores }: Task, notes: string[]): Promise<ReadonlyMap<Planner, PlansV1>> {
  const plans = new Map<Planner, PlansV1>();
  for (const planner of ["3d", "2d"] as const) {
    try {
      plans.set(planner, await loadPlans(stores.preprocessed, planner));
    } catch (error) {
      if (!isMissing(error)) notes.push(`${planner.toUpperCase()} plans: ${(error as Error).message}`);
    }
  }
  return plans;
}

/** The fingerprint that an earlier step left; null when there is none that can be read. */
async function readFingerprint({ stores }: Task): Promise<DatasetProperties | null> {
  try {
    return datasetPropertiesFromPython(parsePickle(await stores.cropped.read(DATASET_PROPERTIES)));
  } catch (error) {
    if (error instanceof NnprepError) return null;
    throw error;
  }
}

/** All cases from the fingerprint, which knows what they were cropped to. */
function gridsOf(known: DatasetProperties | null): ReportGrid[] | null {
  const names = [...(known?.size_reductions.keys() ?? [])];
  if (known === null || names.length !== known.all_sizes.length) return null;
  return names.map((name, i) => ({
    name,
    shape: known.all_sizes[i],
    spacingMm: known.all_spacings[i],
    kept: known.size_reductions.get(name) ?? null,
  }));
}

/** The stages' folders from the finest on, those of the 3-D networks first. */
function stageFolders(plans: ReadonlyMap<Planner, PlansV1>): { folder: string; plans: PlansV1 }[] {
  return [...plans].map(([planner, found]) => ({
    folder: stageFolderName(planner, found.num_stages - 1),
    plans: found,
  }));
}

async function loadPrepared({ stores }: Task, name: string, folder: string, plans: PlansV1): Promise<PreparedCase> {
  const properties = (await loadProperties(stores.preprocessed, name, folder)) as CroppedProperties;
  const { channels, label, shape } = await loadArrays(stores.preprocessed, name, folder);
  const geometry = preparedGeometry(properties, shape, plans.transpose_forward);
  const image: Volume = { data: channels[0], shape, geometry };
  return {
    image,
    label: { data: label.map((value) => Math.max(0, value)), shape, geometry },
    spacingMm: permute(geometry.spacingMm, plans.transpose_backward),
  };
}

function casesOf(dataset: DatasetJson) {
  return trainingCases(dataset).map(({ identifier, images, label }) => ({
    identifier,
    images: images.map((file) => `${IMAGES_TRAINING}/${file}`),
    label: `${LABELS_TRAINING}/${label}`,
  }));
}

/**
 * A task of nnU-Net v1 as a report sees it.
 * @param name `Task001_X`
 * @param placeOptions command-line options that say where the task lies, for commands that are proposed
 * @throws NnprepError FILE_NOT_FOUND, INVALID_DATASET for a dataset.json that cannot be read
 */
export async function reportSourceV1(
  name: string,
  task: Task,
  options: StageOptions,
  placeOptions: readonly string[] = [],
): Promise<ReportSource> {
  const dataset = await readDatasetJson(task.stores.raw);
  const notes: string[] = [];
  const plans = await readPlans(task, notes);
  const main = plans.get("3d") ?? plans.get("2d");
  const known = main?.dataset_properties ?? (await readFingerprint(task));
  const folderOf = async (identifier?: string) => {
    for (const found of stageFolders(plans)) {
      const files = await task.stores.preprocessed.list(found.folder);
      const wanted = identifier === undefined ? undefined : caseFileNames(identifier);
      const isThere =
        wanted === undefined ? files.length > 0 : files.includes(wanted.arrays) && files.includes(wanted.properties);
      if (isThere) return found;
    }
    return null;
  };
  const isCt = (channel: number) => /^ct$/i.test(dataset.modality.get(channel) ?? "");
  return {
    title: `${name}: ${dataset.name}`,
    raw: task.stores.raw,
    preprocessed: task.stores.preprocessed,
    channels: [...dataset.modality.values()],
    labels: new Map([...dataset.labels].filter(([value]) => value > 0)),
    trainingCases: casesOf(dataset),
    testCaseCount: dataset.test.length,
    verify: () => verifyDataset(task, options),
    plan: async (said) => {
      said.push(...notes);
      if (main === undefined) return null;
      const finest = main.plans_per_stage[main.num_stages - 1];
      const targetMm = finest === undefined ? null : permute(finest.current_spacing, main.transpose_backward);
      return { explained: [...plans.values()].map(explainPlans), targetMm };
    },
    grids: async () => gridsOf(known),
    intensityMarks: async (channel) => {
      const numbers = known?.intensityproperties?.get(channel);
      if (numbers === undefined || !isCt(channel)) return [];
      return [
        { name: "clipped below", value: numbers.percentile_00_5 },
        { name: "mean", value: numbers.mean },
        { name: "clipped above", value: numbers.percentile_99_5 },
      ];
    },
    isPrepared: async () => (await folderOf()) !== null,
    prepared: async (identifier) => {
      const found = await folderOf(identifier);
      return found === null ? null : loadPrepared(task, identifier, found.folder, found.plans);
    },
    preparedFiles: async (identifier) => {
      const found = await folderOf(identifier);
      const { arrays, properties } = caseFileNames(identifier);
      return found === null ? [] : [arrays, properties].map((file) => `${found.folder}/${file}`);
    },
    normalizedWindow: async ({ low, high, name: windowName }) => {
      const numbers = known?.intensityproperties?.get(0);
      if (numbers === undefined || main?.normalization_schemes.get(0) !== "CT") return null;
      const { mean, sd } = numbers;
      return { low: (low - mean) / sd, high: (high - mean) / sd, name: windowName };
    },
    commandOf: (step) => [`nnprep ${step} -t ${Number(name.slice(4, 7))}`, ...placeOptions].join(" "),
  };
}
