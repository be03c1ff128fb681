import { inFile } from "../../../core/errors.js";
import { formatPickle, parsePickle } from "../../../io/pickle.js";
import { throwIfAborted } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import { type PlansV1, plansFromPython, plansToPython } from "../documents/plans.js";
import { DATASET_JSON, DATASET_PROPERTIES, type Planner, plansFileName } from "../layout.js";
import { type PlanOptions, planExperiment2d, planExperiment3d } from "../planners/experiment-planner.js";
import { loadProperties, saveProperties } from "./case-files.js";
import { fingerprintDataset } from "./fingerprint.js";
import type { StageOptions, Task } from "./task.js";

/** How a task is planned. */
export interface PlanDatasetOptions extends StageOptions, Pick<PlanOptions, "targetSpacingRule"> {
  /** Which networks to plan for. Default both. */
  readonly planners?: readonly Planner[] | undefined;
}

/** A task's plans, and the files that hold them. */
export interface PlannedDataset {
  readonly plans: ReadonlyMap<Planner, PlansV1>;
  /** Where each plans file is. */
  readonly files: ReadonlyMap<Planner, string>;
}

/**
 * Fingerprint and plans of a cropped task (`nnUNet_plan_and_preprocess -no_pp` of nnU-Net 1.7.1 after cropping): the
 * plans files, dataset.json and dataset_properties.pkl in the preprocessed folder, `use_nonzero_mask_for_norm` in every
 * cropped ID.pkl.
 *
 * @throws NnprepError INVALID_DATASET if a case is not cropped, INVALID_PLANS, CANNOT_WRITE, ABORTED
 */
export async function planDataset(task: Task, options: PlanDatasetOptions = {}): Promise<PlannedDataset> {
  const { raw, cropped, preprocessed } = task.stores;
  const fingerprint = await fingerprintDataset(task, options);
  await preprocessed.write(DATASET_PROPERTIES, await cropped.read(DATASET_PROPERTIES));
  const source = (await raw.exists(DATASET_JSON)) ? raw : cropped;
  await preprocessed.write(DATASET_JSON, await source.read(DATASET_JSON));
  const plans = new Map<Planner, PlansV1>();
  const files = new Map<Planner, string>();
  for (const planner of options.planners ?? (["3d", "2d"] as const)) {
    const settings: PlanOptions = {
      croppedFolder: cropped.location(""),
      preprocessedFolder: preprocessed.location(""),
      ...(options.targetSpacingRule === undefined ? {} : { targetSpacingRule: options.targetSpacingRule }),
    };
    const planned =
      planner === "3d" ? planExperiment3d(fingerprint, settings) : planExperiment2d(fingerprint, settings);
    await noteMask(cropped, planned, options.signal);
    const path = plansFileName(planner);
    await preprocessed.write(path, formatPickle(plansToPython(planned)));
    plans.set(planner, planned);
    files.set(planner, preprocessed.location(path));
  }
  return { plans, files };
}

/** Tells every cropped case which channels are normalised inside the mask, for the preprocessing of test cases. */
async function noteMask(cropped: Store, plans: PlansV1, signal: AbortSignal | undefined): Promise<void> {
  for (const identifier of plans.dataset_properties.size_reductions.keys()) {
    throwIfAborted(signal);
    const properties = await loadProperties(cropped, identifier);
    await saveProperties(cropped, identifier, {
      ...properties,
      use_nonzero_mask_for_norm: [...plans.use_mask_for_norm.values()],
    });
  }
}

/** Reads a plans file of a preprocessed folder. @throws NnprepError FILE_NOT_FOUND, CORRUPT_FILE, INVALID_PLANS */
export async function loadPlans(store: Store, planner: Planner): Promise<PlansV1> {
  const path = plansFileName(planner);
  const bytes = await store.read(path);
  return inFile(store.location(path), () => plansFromPython(parsePickle(bytes)));
}
