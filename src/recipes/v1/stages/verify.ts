import { NnprepError } from "../../../core/errors.js";
import { joinPath } from "../../../core/paths.js";
import { type Part, takePart } from "../../../runner/parts.js";
import type { Finding, Verification } from "../../verify/findings.js";
import type { CaseVerification } from "../../verify/verify-case.js";
import {
  baseName,
  caseIdentifier,
  channelFileNames,
  type DatasetJson,
  endingOf,
  labelFileName,
  parseDatasetJson,
  testIdentifiers,
} from "../documents/dataset-json.js";
import { DATASET_JSON, IMAGES_TEST, IMAGES_TRAINING, LABELS_TRAINING } from "../layout.js";

/** Where the files of one raw task are; paths are relative to the task's folder. */
export interface DatasetStore {
  /** Names of the files directly in a folder; none if there is no such folder. */
  list(folder: string): Promise<string[]>;
  /** @throws NnprepError FILE_NOT_FOUND */
  read(path: string): Promise<Uint8Array>;
  exists(path: string): Promise<boolean>;
}

/** The files of one case that are there, to be read and given to `verifyCase`. Plain values. */
export interface VerifyCaseJob {
  readonly identifier: string;
  readonly images: readonly string[];
  /** null for test cases and missing labels. */
  readonly label: string | null;
  readonly expectedLabels: readonly number[];
  /** Channels of the task; more than `images` if a file is missing. */
  readonly channels: number;
}

/** File names in the three folders of a raw task. */
export interface DatasetListing {
  readonly imagesTr: readonly string[];
  readonly labelsTr: readonly string[];
  readonly imagesTs: readonly string[];
}

/** Values above this do not fit into the files that nnU-Net v1 writes when it predicts. */
const LARGEST_LABEL = 255;

/**
 * The part of the check that needs only dataset.json and the names of the files: the rest of nnU-Net 1.7.1
 * `verify_dataset_integrity`, all findings in one pass. `jobs` are the cases whose voxels are to be checked.
 */
export function verifyListing(
  dataset: DatasetJson,
  listing: DatasetListing,
): { findings: Finding[]; jobs: VerifyCaseJob[] } {
  const expectedLabels = [...dataset.labels.keys()].sort((a, b) => a - b);
  const identifiers = dataset.training.map(({ image }) => caseIdentifier(image));
  const tests = testIdentifiers(dataset);
  const findings = [
    ...checkCounts(dataset, listing),
    ...findDuplicates(identifiers, "training"),
    ...findDuplicates(tests, "test"),
    ...checkLabelNames(dataset),
    ...checkLabelNumbering(expectedLabels),
  ];
  const jobs: VerifyCaseJob[] = [];
  const channels = dataset.modality.size;
  type Entry = { readonly image: string; readonly label: string | null };
  const gather = (
    entries: readonly Entry[],
    folder: string,
    present: readonly string[],
    labels: ReadonlySet<string>,
  ) => {
    const names = new Set(present);
    for (const [identifier, { image, label }] of byIdentifier(entries)) {
      const images = channelFileNames(image, dataset);
      const missing = images.filter((name) => !names.has(name)).map((name) => joinPath(folder, name));
      if (label !== null && !labels.has(label)) missing.push(joinPath(LABELS_TRAINING, label));
      findings.push(...missing.map((file) => missingFile(file, identifier)));
      jobs.push({
        identifier,
        images: images.filter((name) => names.has(name)).map((name) => joinPath(folder, name)),
        label: label !== null && labels.has(label) ? joinPath(LABELS_TRAINING, label) : null,
        expectedLabels,
        channels,
      });
    }
    const known = new Set(entries.flatMap(({ image }) => channelFileNames(image, dataset)));
    const ids = new Set(entries.map(({ image }) => caseIdentifier(image)));
    findings.push(...findStrays(folder, present, known, ids, channels));
  };
  const training = dataset.training.map((entry) => ({ image: entry.image, label: labelFileName(entry) }));
  gather(training, IMAGES_TRAINING, listing.imagesTr, new Set(listing.labelsTr));
  const labelNames = new Set(training.map(({ label }) => label));
  findings.push(...findStrays(LABELS_TRAINING, listing.labelsTr, labelNames, new Set(), channels));
  // As in nnU-Net, imagesTs only counts if dataset.json lists test cases.
  const test = dataset.test.map((image) => ({ image, label: null }));
  if (test.length > 0) gather(test, IMAGES_TEST, listing.imagesTs, new Set());
  return { findings, jobs: jobs.filter((job) => job.images.length > 0 || job.label !== null) };
}

/** The first entry of every case. */
function byIdentifier<E extends { readonly image: string }>(entries: readonly E[]): Map<string, E> {
  const result = new Map<string, E>();
  for (const entry of entries) {
    const identifier = caseIdentifier(entry.image);
    if (!result.has(identifier)) result.set(identifier, entry);
  }
  return result;
}

function missingFile(file: string, identifier: string): Finding {
  return {
    severity: "error",
    kind: "missing-file",
    file,
    found: "no such file",
    expected: `this file of case ${identifier}, which dataset.json lists`,
    action: "add the file, or take the case out of dataset.json",
  };
}

function checkCounts(dataset: DatasetJson, listing: DatasetListing): Finding[] {
  const findings: Finding[] = [];
  for (const [folder, names] of [
    [IMAGES_TRAINING, listing.imagesTr],
    [LABELS_TRAINING, listing.labelsTr],
  ] as const) {
    if (names.length > 0) continue;
    findings.push({
      severity: "error",
      kind: "missing-folder",
      file: folder,
      found: "no folder, or one without files",
      expected: `a folder ${folder} with files ending in .nii.gz, .nrrd or .mha`,
      action: "put images into imagesTr and labels into labelsTr, beside dataset.json",
    });
  }
  if (dataset.training.length === 0) {
    findings.push({
      severity: "error",
      kind: "no-cases",
      file: DATASET_JSON,
      found: "training: no entries",
      expected: "at least one case",
      action: "list the training cases in dataset.json",
    });
  }
  const stated = [
    ["numTraining", dataset.numTraining, "training", dataset.training.length],
    ["numTest", dataset.numTest, "test", dataset.test.length],
  ] as const;
  for (const [key, found, list, count] of stated) {
    if (found === undefined || found === count) continue;
    findings.push({
      severity: "warning",
      kind: "case-count",
      file: DATASET_JSON,
      found: `${key}: ${found}`,
      expected: `${count}, the number of entries of ${list}`,
      action: "correct the number, or complete the list if cases are missing",
    });
  }
  return findings;
}

function findDuplicates(identifiers: readonly string[], list: string): Finding[] {
  const counts = new Map<string, number>();
  for (const identifier of identifiers) counts.set(identifier, (counts.get(identifier) ?? 0) + 1);
  return [...counts]
    .filter(([, count]) => count > 1)
    .map(([identifier, count]) => ({
      severity: "error",
      kind: "duplicate-case",
      file: DATASET_JSON,
      found: `${identifier} ${count} times in ${list}`,
      expected: "every case once",
      action: "remove the repeated entries",
    }));
}

function checkLabelNames(dataset: DatasetJson): Finding[] {
  return dataset.training
    .map((entry) => [baseName(entry.label), labelFileName(entry)] as const)
    .filter(([found, expected]) => found !== expected)
    .map(([found, expected]) => ({
      severity: "error",
      kind: "label-name",
      file: DATASET_JSON,
      found: `label ${found}`,
      expected: `${expected}, the name of its image`,
      action: "rename the label: nnU-Net reads it by its own name here and by the image's name there",
    }));
}

function checkLabelNumbering(labels: readonly number[]): Finding[] {
  const findings: Finding[] = [];
  const add = (found: string, expected: string, action: string) =>
    findings.push({ severity: "error", kind: "label-numbering", file: DATASET_JSON, found, expected, action });
  const renumber = "renumber the labels in dataset.json and in the label files";
  if (labels[0] !== 0) {
    add(`labels: smallest number ${labels[0] ?? "missing"}`, "0, the background", `add "0": "background"; ${renumber}`);
  }
  const gaps = labels.filter((value, i) => i > 0 && value !== labels[i - 1] + 1);
  if (gaps.length > 0) {
    add(`labels: ${gaps.join(", ")} not following on the number before`, "0, 1, 2, ... without gaps", renumber);
  }
  const large = labels.filter((value) => value > LARGEST_LABEL);
  if (large.length > 0) {
    add(`labels: ${large.join(", ")}`, `at most ${LARGEST_LABEL}`, "use fewer labels: nnU-Net v1 writes 8-bit results");
  }
  return findings;
}

function findStrays(
  folder: string,
  present: readonly string[],
  known: ReadonlySet<string>,
  identifiers: ReadonlySet<string>,
  channels: number,
): Finding[] {
  return present
    .filter((name) => endingOf(name) !== "" && !known.has(name))
    .map((name) => {
      // A channel too many of a known case deserves its own advice.
      const isChannel = identifiers.has(caseIdentifier(name).replace(/_\d{4}$/, ""));
      return {
        severity: "error",
        kind: "stray-file",
        file: joinPath(folder, name),
        found: isChannel ? "a channel that dataset.json does not name" : "a file that dataset.json does not list",
        expected: isChannel ? `${channels} channel${channels === 1 ? "" : "s"} as in modality` : "listed files only",
        action: isChannel
          ? "add the channel to modality for all cases, or remove the file"
          : "list the case in dataset.json, or move the file elsewhere",
      };
    });
}

/** Files whose axes run otherwise than those of most files. Comparing is left to the whole training set. */
function compareAxisCodes(cases: readonly CaseVerification[]): Finding[] {
  const files = cases.flatMap(({ axisCodes }) => axisCodes).filter(({ file }) => file.startsWith(IMAGES_TRAINING));
  const counts = new Map<string, number>();
  for (const { codes } of files) counts.set(codes, (counts.get(codes) ?? 0) + 1);
  const usual = [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best), ["", 0])[0];
  return files
    .filter(({ codes }) => codes !== usual)
    .map(({ file, codes }) => ({
      severity: "warning",
      kind: "axis-codes",
      file,
      found: `axes ${codes}`,
      expected: `${usual} as in most files of ${IMAGES_TRAINING}`,
      action: "reorient all files of the task to one order of axes, for example with fslreorient2std",
    }));
}

function failedCheck({ identifier }: VerifyCaseJob, error: Error): Finding {
  return {
    severity: "error",
    kind: "check-failed",
    file: identifier,
    found: error.message,
    expected: "a check that runs to its end",
    action: "run the check of this case again, with fewer workers if memory is short",
  };
}

async function readDataset(store: DatasetStore): Promise<DatasetJson | Finding> {
  const fail = (kind: "missing-file" | "invalid-dataset-json", found: string, action: string): Finding => {
    return { severity: "error", kind, file: DATASET_JSON, found, expected: "a dataset.json of nnU-Net v1", action };
  };
  if (!(await store.exists(DATASET_JSON))) {
    return fail("missing-file", "no such file", "add a dataset.json to the folder of the task");
  }
  try {
    return parseDatasetJson(await store.read(DATASET_JSON));
  } catch (error) {
    if (!(error instanceof NnprepError)) throw error;
    return fail("invalid-dataset-json", error.message, "correct the keys that are named");
  }
}

/**
 * The integrity check of a raw task: everything that nnU-Net 1.7.1 `verify_dataset_integrity` looks for and more, with
 * all findings of one pass instead of the first. Never throws for what it finds.
 *
 * @param checkCases reads the files of each job and gives them to `verifyCase`; one result or error per job, in order.
 * @param part only its cases are read; files and dataset.json are checked by every part
 */
export async function verifyFiles(
  store: DatasetStore,
  checkCases: (jobs: readonly VerifyCaseJob[]) => Promise<readonly (CaseVerification | Error)[]>,
  part?: Part,
): Promise<Verification> {
  const dataset = await readDataset(store);
  if ("kind" in dataset) return { trainingCases: 0, testCases: 0, findings: [dataset] };
  const { findings, jobs: all } = verifyListing(dataset, {
    imagesTr: await store.list(IMAGES_TRAINING),
    labelsTr: await store.list(LABELS_TRAINING),
    imagesTs: await store.list(IMAGES_TEST),
  });
  const jobs = takePart(all, part);
  const results = await checkCases(jobs);
  const cases: CaseVerification[] = [];
  results.forEach((result, i) => {
    if (result instanceof Error) findings.push(failedCheck(jobs[i], result));
    else cases.push(result);
  });
  findings.push(...cases.flatMap((c) => c.findings), ...compareAxisCodes(cases));
  return { trainingCases: dataset.training.length, testCases: dataset.test.length, findings };
}
