import { permute } from "../core/axes.js";
import { NnprepError } from "../core/errors.js";
import { formatSpacing, formatVoxels } from "../core/grid-text.js";
import { type Geometry, IDENTITY_GEOMETRY, type Shape3, type Vec3, voxelCount } from "../core/volume.js";
import { readB2nd } from "../io/blosc2/read.js";
import { parsePickle } from "../io/pickle.js";
import { preparedGeometry } from "../recipes/v1/crop/prepared-geometry.js";
import type { Configuration } from "../recipes/v2/documents/configuration.js";
import type { DatasetJson } from "../recipes/v2/documents/dataset-json.js";
import type { Fingerprint } from "../recipes/v2/documents/fingerprint.js";
import type { Plans } from "../recipes/v2/documents/plans.js";
import { type CaseProperties, propertiesFromPython } from "../recipes/v2/documents/properties.js";
import { DEFAULT_PLANS, preparedFileNames } from "../recipes/v2/layout.js";
import { describePlan } from "../recipes/v2/planners/describe-plan.js";
import { type Dataset, listTrainingCases, readDatasetJson, type StageOptions } from "../recipes/v2/stages/dataset.js";
import { loadFingerprint } from "../recipes/v2/stages/fingerprint-files.js";
import { loadPlans } from "../recipes/v2/stages/plan.js";
import { verifyDataset } from "../recipes/v2/stages/verify.js";
import type { ReportGrid, ReportPlan } from "../view/report.js";
import type { PreparedCase, ReportSource } from "./source.js";

/** The finest first: what a report shows beside the scan. */
const SHOWN = ["3d_fullres", "3d_lowres", "2d"];

/** What is there; null when it is not, or, with a note, when it cannot be read. */
async function attempt<T>(read: () => Promise<T>, notes: string[]): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof NnprepError)) throw error;
    if (error.code !== "FILE_NOT_FOUND") notes.push(error.message);
    return null;
  }
}

/** Names of the labels above 0; a region's voxels have the labels that it joins, which may have no name of their own. */
function labelNames({ labels, labelNames: names }: DatasetJson): Map<number, string> {
  const named = [...names].flatMap(([name, region]) => (typeof region === "number" ? [[region, name] as const] : []));
  const all = labels.ignore === null ? labels.foreground : [...labels.foreground, labels.ignore];
  const known = new Map(named);
  return new Map(all.map((label) => [label, known.get(label) ?? `label ${label}`]));
}

function gridsOf(fingerprint: Fingerprint, names: readonly string[]): ReportGrid[] | null {
  if (names.length !== fingerprint.spacings.length) return null;
  return names.map((name, i) => ({
    name,
    shape: fingerprint.shapesAfterCrop[i],
    spacingMm: fingerprint.spacings[i],
    kept: null,
  }));
}

/** Numbers in the network's axes along x, y and z of the file; 2-D configurations have two. */
function inFileOrder(plans: Plans, values: readonly number[]): number[] {
  const three = values.length === 2 ? [Number.NaN, ...values] : values;
  const along = plans.transposeBackward.map((axis) => three[axis]);
  return along.reverse().filter((value) => !Number.isNaN(value));
}

/** The plans in words, and their numbers as a table with a column for each configuration. */
function explainPlans(plans: Plans): ReportPlan {
  const configurations = [...plans.configurations.values()];
  const row = (title: string, value: (configuration: Configuration) => string) => [title, ...configurations.map(value)];
  return {
    title: plans.plansName,
    paragraphs: describePlan(plans),
    rows: [
      row("", ({ name }) => name),
      row("Spacing, mm (x × y × z, 2-D without the slices' axis)", (c) =>
        formatSpacing(inFileOrder(plans, c.spacingMm)),
      ),
      row("Median case, voxels", (c) => formatVoxels(inFileOrder(plans, c.medianShape))),
      row("Patch, voxels", (c) => formatVoxels(inFileOrder(plans, c.patchSize))),
      row("Batch", ({ batchSize }) => String(batchSize)),
    ],
  };
}

/** Where a prepared case lies; cases of readers without a place in the patient lie at 0. */
function geometryOf(properties: CaseProperties, plans: Plans, shape: Shape3): Geometry {
  const { sitk, spacingMm, bbox } = properties;
  const isPlaced = sitk?.direction.length === 9 && sitk.origin.length === 3;
  const { originMm, direction } = isPlaced
    ? { originMm: sitk.origin as unknown as Vec3, direction: sitk.direction as unknown as Geometry["direction"] }
    : IDENTITY_GEOMETRY;
  const placed = {
    crop_bbox: permute(bbox, plans.transposeBackward),
    original_spacing: spacingMm,
    itk_origin: originMm,
    itk_direction: direction,
  };
  return preparedGeometry(placed, shape, plans.transposeForward);
}

async function loadPrepared({ stores }: Dataset, name: string, folder: string, plans: Plans): Promise<PreparedCase> {
  const files = preparedFileNames(name);
  const read = (file: string) => stores.preprocessed.read(`${folder}/${file}`);
  const image = await readB2nd(await read(files.data), { dtype: "<f4" });
  const label = await readB2nd(await read(files.seg), { dtype: "<i2" });
  const properties = propertiesFromPython(parsePickle(await read(files.properties)));
  const [, ...grid] = image.shape;
  const shape = grid as unknown as Shape3;
  const geometry = geometryOf(properties, plans, shape);
  const data = (image.data as Float32Array).subarray(0, voxelCount(shape));
  return {
    image: { data, shape, geometry },
    label: { data: (label.data as Int16Array).map((value) => Math.max(0, value)), shape, geometry },
    spacingMm: permute(geometry.spacingMm, plans.transposeBackward),
  };
}

/**
 * A dataset of nnU-Net v2 as a report sees it, with its default plans.
 * @param placeOptions command-line options that say where the dataset lies, for commands that are proposed
 * @throws NnprepError FILE_NOT_FOUND, INVALID_DATASET for a dataset.json that cannot be read
 */
export async function reportSourceV2(
  dataset: Dataset,
  options: StageOptions,
  placeOptions: readonly string[] = [],
): Promise<ReportSource> {
  const { name, stores } = dataset;
  const description = await readDatasetJson(stores.raw);
  const cases = await listTrainingCases(stores.raw, description, options);
  const notes: string[] = [];
  const plans = await attempt(() => loadPlans(stores.preprocessed, DEFAULT_PLANS), notes);
  const fingerprint = await attempt(() => loadFingerprint(stores.preprocessed), notes);
  const shown = SHOWN.flatMap((wanted) => plans?.configurations.get(wanted) ?? []);
  const intensities = plans?.intensities ?? fingerprint?.intensities ?? [];
  const isCt = (channel: number) => shown[0]?.normalization[channel] === "CTNormalization";
  const folderOf = async (identifier?: string): Promise<string | null> => {
    for (const { dataIdentifier } of shown) {
      const files = await stores.preprocessed.list(dataIdentifier);
      const wanted = identifier === undefined ? undefined : Object.values(preparedFileNames(identifier));
      const isThere =
        wanted === undefined
          ? files.length > 0
          : wanted.filter((file) => !file.endsWith(".npz")).every((file) => files.includes(file));
      if (isThere) return dataIdentifier;
    }
    return null;
  };
  return {
    title: name,
    raw: stores.raw,
    preprocessed: stores.preprocessed,
    channels: description.channels,
    labels: labelNames(description),
    trainingCases: cases,
    testCaseCount: 0,
    verify: () => verifyDataset(dataset, options),
    plan: async (said) => {
      said.push(...notes);
      if (plans === null) return null;
      const finest = plans.configurations.get("3d_fullres");
      const targetMm =
        finest === undefined ? null : permute(finest.spacingMm as unknown as Vec3, plans.transposeBackward);
      return { explained: [explainPlans(plans)], targetMm };
    },
    grids: async () =>
      fingerprint === null
        ? null
        : gridsOf(
            fingerprint,
            cases.map(({ identifier }) => identifier),
          ),
    intensityMarks: async (channel) => {
      const numbers = intensities[channel];
      if (numbers === undefined || !isCt(channel)) return [];
      return [
        { name: "clipped below", value: numbers.percentile005 },
        { name: "mean", value: numbers.mean },
        { name: "clipped above", value: numbers.percentile995 },
      ];
    },
    isPrepared: async () => (await folderOf()) !== null,
    prepared: async (identifier) => {
      const folder = await folderOf(identifier);
      return folder === null || plans === null ? null : loadPrepared(dataset, identifier, folder, plans);
    },
    preparedFiles: async (identifier) => {
      const folder = await folderOf(identifier);
      const { data, seg, properties } = preparedFileNames(identifier);
      return folder === null ? [] : [data, seg, properties].map((file) => `${folder}/${file}`);
    },
    normalizedWindow: async ({ low, high, name: windowName }) => {
      const numbers = intensities[0];
      if (numbers === undefined || !isCt(0)) return null;
      const { mean, std } = numbers;
      return { low: (low - mean) / std, high: (high - mean) / std, name: windowName };
    },
    commandOf: (step) => [`nnprep ${step} -d ${Number(name.slice(7, 10))}`, ...placeOptions].join(" "),
  };
}
