import { NnprepError } from "../../../core/errors.js";
import { NUMPY_CLOSENESS } from "../../../core/geometry.js";
import type { ScanFile } from "../../../io/scan-file.js";
import { defineJob } from "../../../runner/jobs.js";
import { takePart } from "../../../runner/parts.js";
import { type CaseJob, runCases } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import type { Finding, FindingKind, Verification } from "../../verify/findings.js";
import { checkLabelValues, findSpecialValues, isZero } from "../../verify/voxel-checks.js";
import type { DatasetJson } from "../documents/dataset-json.js";
import { DATASET_FILE, IMAGES_FOLDER, LABELS_FOLDER, type TrainingCase } from "../layout.js";
import type { ImageReading, LabelReading, ReadCaseOptions } from "../readers/reader.js";
import { readerFor } from "../readers/registry.js";
import { type Dataset, type DatasetStores, listTrainingCases, readDatasetJson, type StageOptions } from "./dataset.js";
import { chooseDatasetReader, scanFileInStore, worthSaying } from "./read-case.js";
import { verifyListing } from "./verify-listing.js";

export interface VerifyDatasetOptions extends StageOptions {
  readonly reading?: ReadCaseOptions | undefined;
}

interface VerifyArgument {
  readonly names: TrainingCase;
  readonly readerName: string;
  readonly channels: number;
  readonly expectedLabels: readonly number[];
  readonly reading: ReadCaseOptions | undefined;
}

const KIND_OF_ERROR: Readonly<Record<string, FindingKind>> = {
  FILE_NOT_FOUND: "missing-file",
  SHAPE_MISMATCH: "geometry-mismatch",
  GEOMETRY_MISMATCH: "geometry-mismatch",
  INVALID_VALUES: "non-integer-label",
};

/** What keeps a file from being read, as a finding. */
function failure(file: string, error: unknown): Finding {
  if (!(error instanceof NnprepError)) throw error;
  return {
    severity: "error",
    kind: KIND_OF_ERROR[error.code] ?? "unreadable-file",
    file,
    found: error.message,
    expected: "files that nnU-Net's reader opens, on one grid",
    action: "correct or replace what is named",
  };
}

async function attempt<T>(file: string, read: () => Promise<T>, findings: Finding[]): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    findings.push(failure(file, error));
    return null;
  }
}

/** The job of a worker: reads a case as preprocessing will, and checks grid and voxels. Paths are those of the dataset. */
async function verifyOneCase({ raw }: DatasetStores, argument: VerifyArgument): Promise<Finding[]> {
  const { names, readerName, channels, reading } = argument;
  const { images, label } = names;
  const reader = await readerFor(readerName);
  const findings: Finding[] = [];
  const file = images[0];
  const openAll = async (): Promise<ScanFile[]> => {
    const files: ScanFile[] = [];
    for (const path of images) files.push(await scanFileInStore(raw, path));
    return files;
  };
  const image = await attempt(file, async () => reader.readImages(await openAll(), reading), findings);
  const found = await attempt(
    label,
    async () => reader.readLabel(await scanFileInStore(raw, label), reading),
    findings,
  );
  if (image !== null) findings.push(...checkImage(image, images, channels));
  if (found !== null) findings.push(...checkLabel(found, label, argument.expectedLabels));
  if (image !== null && found !== null) findings.push(...compareGrids(image, file, found, label));
  return findings;
}

export const verifyJob = defineJob("v2/verify", verifyOneCase);

function doubts(file: string, warnings: readonly string[]): Finding[] {
  return worthSaying(warnings).map((found) => ({
    severity: "warning",
    kind: "doubtful-header",
    file,
    found,
    expected: "files that leave nothing to doubt",
    action: "look at the scan beside its label in a viewer, and correct the file if they do not match",
  }));
}

function checkImage({ channels, warnings }: ImageReading, images: readonly string[], expected: number): Finding[] {
  const file = images[0];
  const findings = doubts(file, warnings);
  if (channels.length !== expected) {
    findings.push({
      severity: "error",
      kind: "channel-count",
      file,
      found: `${channels.length} channels in ${images.length === 1 ? "one file" : `${images.length} files`}`,
      expected: `${expected}, as channel_names of dataset.json lists`,
      action: "add the missing channels, or correct channel_names",
    });
  }
  channels.forEach((data, c) => {
    findings.push(...findSpecialValues({ file: images.length === channels.length ? images[c] : file, data }));
  });
  if (channels.every(isZero)) {
    findings.push({
      severity: "warning",
      kind: "empty-image",
      file,
      found: "0 in every voxel of all channels",
      expected: "some voxel other than 0",
      action: "replace the image or take the case out: nnU-Net keeps it whole and trains with it",
    });
  }
  return findings;
}

function checkLabel({ label, warnings }: LabelReading, file: string, expected: readonly number[]): Finding[] {
  return [...doubts(file, warnings), ...checkLabelValues({ file, data: label }, expected)];
}

function compareGrids(
  image: ImageReading,
  file: string,
  { shape, properties }: LabelReading,
  label: string,
): Finding[] {
  const findings: Finding[] = [];
  const add = (what: string, found: readonly number[], expected: readonly number[]) =>
    findings.push({
      severity: "error",
      kind: "geometry-mismatch",
      file: label,
      found: `${what} (${found.join(", ")})`,
      expected: `(${expected.join(", ")}) as in ${file}`,
      action: "resample the label onto the grid of its image; if only the header is off, correct it",
    });
  if (shape.some((n, axis) => n !== image.shape[axis])) add("shape", shape, image.shape);
  const [found, expected] = [properties.spacingMm, image.properties.spacingMm];
  const { absolute, relative } = NUMPY_CLOSENESS;
  const close = found.every((mm, i) => Math.abs(mm - expected[i]) <= absolute + relative * expected[i]);
  if (!close) add("spacing", found, expected);
  return findings;
}

async function readDataset(raw: Store): Promise<DatasetJson | Finding> {
  const fail = (kind: FindingKind, found: string, action: string): Finding => {
    return { severity: "error", kind, file: DATASET_FILE, found, expected: "a dataset.json of nnU-Net v2", action };
  };
  if (!(await raw.exists(DATASET_FILE))) {
    return fail("missing-file", "no such file", "add a dataset.json to the folder of the dataset");
  }
  try {
    return await readDatasetJson(raw);
  } catch (error) {
    if (!(error instanceof NnprepError)) throw error;
    return fail("invalid-dataset-json", error.message, "correct the keys that are named");
  }
}

/**
 * The integrity check of a raw dataset (`verify_dataset_integrity` of nnU-Net 2.8.1) and more, all findings of one pass:
 * dataset.json, missing and stray files, names that get lost, grids, NaN, labels. What is found is returned, not thrown.
 *
 * @throws NnprepError ABORTED
 */
export async function verifyDataset(
  { stores, executor }: Pick<Dataset, "stores" | "executor">,
  options: VerifyDatasetOptions = {},
): Promise<Verification> {
  const { raw } = stores;
  const dataset = await readDataset(raw);
  if ("kind" in dataset) return { trainingCases: 0, testCases: 0, findings: [dataset] };
  const cases = await listTrainingCases(raw, dataset, options);
  const listing = { images: await raw.list(IMAGES_FOLDER), labels: await raw.list(LABELS_FOLDER) };
  const findings = verifyListing(dataset, cases, listing);
  const present = cases.filter(({ images }) => images.length > 0);
  const readerName = await attempt(
    DATASET_FILE,
    async () => (await chooseDatasetReader(raw, dataset, cases, options.reading)).name,
    findings,
  );
  const result = { trainingCases: cases.length, testCases: 0 };
  if (readerName === null) return { ...result, findings };
  const { all, ignore } = dataset.labels;
  const expectedLabels = ignore === null ? all : [...all, ignore];
  const jobs = takePart(present, options.part).map((names): CaseJob<VerifyArgument> => {
    const channels = dataset.channels.length;
    return {
      identifier: names.identifier,
      argument: { names, readerName, channels, expectedLabels, reading: options.reading },
    };
  });
  for (const outcome of await runCases(executor, verifyJob, "verify", jobs, options)) {
    if (outcome.ok) findings.push(...outcome.value);
    else findings.push({ ...failure(outcome.identifier, outcome.error), kind: "check-failed" });
  }
  // A label that is not there is told by its name already.
  const missing = new Set(findings.filter(({ kind }) => kind === "missing-file").map(({ file }) => file));
  return { ...result, findings: findings.filter(isFirst(missing)) };
}

/** Keeps one of the findings on a file that is missing. */
function isFirst(missing: ReadonlySet<string>): (finding: Finding) => boolean {
  const told = new Set<string>();
  return ({ kind, file }) => {
    if (kind !== "missing-file" || !missing.has(file)) return true;
    if (told.has(file)) return false;
    told.add(file);
    return true;
  };
}
