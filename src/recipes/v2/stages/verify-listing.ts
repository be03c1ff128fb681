import { joinPath } from "../../../core/paths.js";
import type { Finding, FindingKind } from "../../verify/findings.js";
import type { DatasetJson } from "../documents/dataset-json.js";
import { describeLabelGap } from "../documents/labels.js";
import { DATASET_FILE, IMAGES_FOLDER, isHiddenIdentifier, LABELS_FOLDER, type TrainingCase } from "../layout.js";

/** File names in the two folders of a raw dataset. */
export interface DatasetListing {
  readonly images: readonly string[];
  readonly labels: readonly string[];
}

/** Labels are stored as int16. */
const LARGEST_LABEL = 32767;
/** Names that choose a normalisation, whatever their case. */
const SCHEME_NAMES = ["ct", "nonorm", "zscore", "rescale_to_0_1", "rgb_to_0_1"];
/** What somebody writes who means one of them. */
const SCHEME_LIKE = /norm|rescale|rgb|0_1/i;

function finding(
  severity: Finding["severity"],
  kind: FindingKind,
  [file, found, expected, action]: readonly [string, string, string, string],
): Finding {
  return { severity, kind, file, found, expected, action };
}

/**
 * What can be told from dataset.json and the names of the files alone: that part of nnU-Net 2.8.1
 * `verify_dataset_integrity`, and what it passes over (stray files, labels without images, names that get lost).
 * @param cases the training cases, from `trainingCases`
 */
export function verifyListing(
  dataset: DatasetJson,
  cases: readonly TrainingCase[],
  listing: DatasetListing,
): Finding[] {
  return [
    ...checkLabels(dataset),
    ...checkChannelNames(dataset),
    ...checkCount(dataset, cases),
    ...cases.flatMap(checkIdentifier),
    ...(dataset.cases === undefined ? checkFiles(dataset, cases, listing) : []),
  ];
}

function checkLabels({ labels }: DatasetJson): Finding[] {
  const findings: Finding[] = [];
  const gap = describeLabelGap(labels);
  if (gap !== null) {
    const action = "renumber the labels in dataset.json and in the label files";
    findings.push(finding("error", "label-numbering", [DATASET_FILE, gap, "0, 1, 2, ... without gaps", action]));
  }
  const large = [...labels.all, ...(labels.ignore === null ? [] : [labels.ignore])].filter((l) => l > LARGEST_LABEL);
  if (large.length > 0) {
    const action = "use smaller numbers: preprocessed labels are 16-bit";
    const found = `labels: ${large.join(", ")}`;
    findings.push(finding("error", "label-numbering", [DATASET_FILE, found, `at most ${LARGEST_LABEL}`, action]));
  }
  return findings;
}

function checkChannelNames({ channels }: DatasetJson): Finding[] {
  return channels
    .filter((name) => SCHEME_LIKE.test(name) && !SCHEME_NAMES.includes(name.toLowerCase()))
    .map((name) =>
      finding("warning", "channel-name", [
        DATASET_FILE,
        `channel_names: "${name}"`,
        `one of ${SCHEME_NAMES.join(", ")} if a normalisation is meant`,
        "correct the name: any other name is normalised by its mean and standard deviation",
      ]),
    );
}

function checkCount({ numTraining }: DatasetJson, cases: readonly TrainingCase[]): Finding[] {
  if (cases.length === 0) {
    const action = "put images into imagesTr and labels into labelsTr, beside dataset.json";
    return [finding("error", "no-cases", [DATASET_FILE, "no training case", "at least one case", action])];
  }
  if (cases.length === numTraining) return [];
  const found = `numTraining: ${numTraining}`;
  const action = "correct the number (the planner takes the batch size from it), or complete the cases";
  return [finding("error", "case-count", [DATASET_FILE, found, `${cases.length}, the number of cases found`, action])];
}

function checkIdentifier({ identifier, images }: TrainingCase): Finding[] {
  if (!isHiddenIdentifier(identifier)) return [];
  const file = images[0] ?? identifier;
  const action = "rename the case: training would take it for the label of another one and never see it";
  return [finding("error", "case-name", [file, `case ${identifier}`, 'a name that does not end in "_seg"', action])];
}

function checkFiles(
  { fileEnding }: DatasetJson,
  cases: readonly TrainingCase[],
  { images, labels }: DatasetListing,
): Finding[] {
  const findings: Finding[] = [];
  for (const [folder, names] of [
    [IMAGES_FOLDER, images],
    [LABELS_FOLDER, labels],
  ] as const) {
    if (names.length > 0) continue;
    const expected = `a folder ${folder} with files ending in ${fileEnding}`;
    const action = "put images into imagesTr and labels into labelsTr, beside dataset.json";
    findings.push(finding("error", "missing-folder", [folder, "no folder, or one without files", expected, action]));
  }
  const known = new Set(cases.flatMap((one) => one.images));
  for (const name of images) {
    const path = joinPath(IMAGES_FOLDER, name);
    if (!known.has(path)) findings.push(strayImage(path, name, fileEnding));
  }
  const labelPaths = new Set(cases.map(({ label }) => label));
  for (const name of labels) {
    const path = joinPath(LABELS_FOLDER, name);
    if (labelPaths.has(path)) continue;
    const action = "add the images of this case, or move the file elsewhere";
    const expected = `labels of cases in ${IMAGES_FOLDER}, ending in ${fileEnding}`;
    findings.push(finding("warning", "stray-file", [path, "a file that belongs to no case", expected, action]));
  }
  const present = new Set(labels.map((name) => joinPath(LABELS_FOLDER, name)));
  for (const { identifier, label, images: own } of cases) {
    // Such a case is a stray image, which is reported as one.
    if (present.has(label) || own.length === 0) continue;
    const action = "add the label, or move the images of this case elsewhere";
    findings.push(finding("error", "missing-file", [label, "no such file", `the label of case ${identifier}`, action]));
  }
  return findings;
}

/** nnU-Net makes cases with cut names of images that are not called as it expects. */
function strayImage(path: string, name: string, fileEnding: string): Finding {
  const isCounted = name.endsWith(fileEnding);
  return finding(isCounted ? "error" : "warning", "stray-file", [
    path,
    isCounted ? "an image without a channel number" : "a file of another kind",
    `names such as case_0000${fileEnding}`,
    isCounted ? "rename it: nnU-Net takes it for a case of its own" : "move the file elsewhere",
  ]);
}
