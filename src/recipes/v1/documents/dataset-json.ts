import * as v from "valibot";
import { NnprepError } from "../../../core/errors.js";

/** Endings that a task's files may have: nnU-Net's own, and those of formats that hold a volume in one file. */
const ENDINGS = /\.(nii\.gz|nrrd|mha)$/;
const NNUNET_ENDING = ".nii.gz";
/** A private-use character that marks keys that are whole numbers, see `parseOrdered`. */
const MARK = "\uE000";

/** One training case of dataset.json; paths as written there, the image without its channel number. */
export interface TrainingEntry {
  readonly image: string;
  readonly label: string;
}

/** What nnU-Net v1 uses of a task's dataset.json. Maps keep the order of the file, as Python's dicts do. */
export interface DatasetJson {
  readonly name: string;
  /** Channel number to its name ("CT", "T2", ...). */
  readonly modality: ReadonlyMap<number, string>;
  /** Label value to its name, with 0 for the background. */
  readonly labels: ReadonlyMap<number, string>;
  readonly training: readonly TrainingEntry[];
  /** Image paths of the test cases, without channel number. */
  readonly test: readonly string[];
  /** The counts that the file states, if it does; nothing else reads them. */
  readonly numTraining: number | undefined;
  readonly numTest: number | undefined;
}

const path = v.pipe(
  v.string(),
  v.regex(
    new RegExp(`[^/]${ENDINGS.source}`),
    (issue) => `expected a path that ends in "ID.nii.gz", "ID.nrrd" or "ID.mha", found ${issue.received}`,
  ),
);
const numbered = v.record(
  v.pipe(
    v.string(),
    v.regex(/^\uE000\d+$/, (issue) => `expected a whole number as key, found ${issue.received}`),
  ),
  v.string(),
);
const count = v.optional(v.pipe(v.number(), v.integer()));
const schema = v.object({
  name: v.optional(v.string(), ""),
  modality: numbered,
  labels: numbered,
  training: v.array(v.object({ image: path, label: path })),
  test: v.optional(v.array(path), []),
  numTraining: count,
  numTest: count,
});

/**
 * JSON.parse sorts keys that look like whole numbers, but the order of `labels` in the file decides the order of the
 * classes. So such keys get a mark in front, and objects keep the order of the text.
 */
function parseOrdered(text: string): unknown {
  const marked = text.replace(/("(?:[^"\\]|\\.)*")(\s*:)?/g, (whole, string: string, colon: string | undefined) =>
    colon !== undefined && /^"\d+"$/.test(string) ? `"${MARK}${string.slice(1)}${colon}` : whole,
  );
  // What checks the document would leave out a key of this name.
  return JSON.parse(marked, (key, value) => {
    if (key === "__proto__") throw new Error('a key "__proto__"');
    return value;
  });
}

function describeIssue(issue: v.BaseIssue<unknown>): { key: string; text: string } {
  const key = (v.getDotPath(issue) ?? "").replaceAll(MARK, "");
  const found = issue.received.replaceAll(MARK, "");
  const text =
    issue.kind === "schema" ? `expected ${issue.expected ?? "another value"}, found ${found}` : issue.message;
  return { key, text: text.replaceAll(MARK, "") };
}

function invalid(file: string, message: string, detail: Record<string, unknown> = {}): NnprepError {
  return new NnprepError("INVALID_DATASET", message, detail).inFile(file);
}

function toNumbered(entries: Record<string, string>, key: string, file: string): Map<number, string> {
  const result = new Map<number, string>();
  for (const [k, name] of Object.entries(entries)) {
    const number = Number(k.slice(1));
    if (!Number.isSafeInteger(number)) {
      throw invalid(file, `${key}: the number ${k.slice(1, 41)} is too large; whole numbers up to 2^53 are expected`, {
        key,
      });
    }
    if (result.has(number)) {
      throw invalid(file, `${key}: the number ${number} appears twice; remove one of the entries`, { key });
    }
    result.set(number, name);
  }
  return result;
}

/**
 * Reads and checks a dataset.json of nnU-Net v1 (the layout of the Medical Segmentation Decathlon).
 * Whether labels are consecutive and files exist is the business of the dataset check, not of this function.
 *
 * @param file what messages call the file.
 * @throws NnprepError INVALID_DATASET naming every offending key and its value.
 */
export function parseDatasetJson(content: Uint8Array | string, file = "dataset.json"): DatasetJson {
  const text = typeof content === "string" ? content : new TextDecoder().decode(content);
  let raw: unknown;
  try {
    raw = parseOrdered(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw invalid(file, `not valid JSON (${(cause as Error).message}); correct the file with a JSON checker`);
  }
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    throw invalid(file, "expected an object with modality, labels and training at the top, found another JSON value");
  }
  const parsed = v.safeParse(schema, raw);
  if (!parsed.success) {
    const issues = parsed.issues.map(describeIssue);
    const list = issues.map(({ key, text }) => (key === "" ? text : `${key}: ${text}`)).join("; ");
    const isVersion2 = "channel_names" in raw;
    const hint = isVersion2
      ? ". This looks like a dataset.json of nnU-Net v2; v1 expects modality and labels by number"
      : "";
    throw invalid(file, list + hint, { key: issues[0].key, issues });
  }
  const { name, training, test, numTraining, numTest } = parsed.output;
  const modality = toNumbered(parsed.output.modality, "modality", file);
  const labels = toNumbered(parsed.output.labels, "labels", file);
  if (modality.size === 0) throw invalid(file, 'modality: no channel named; expected for example {"0": "CT"}');
  for (let channel = 0; channel < modality.size; channel++) {
    if (!modality.has(channel)) {
      const found = [...modality.keys()].join(", ");
      const expected = `0 to ${modality.size - 1}`;
      throw invalid(file, `modality: keys ${found} found, expected the channel numbers ${expected}`, {
        key: "modality",
        found,
        expected,
      });
    }
  }
  return { name, modality, labels, training, test, numTraining, numTest };
}

/** The text of a dataset.json, in the key order of the Medical Segmentation Decathlon, with counts filled in. */
export function formatDatasetJson(
  dataset: Pick<DatasetJson, "name" | "modality" | "labels" | "training" | "test">,
): string {
  const entries = (map: ReadonlyMap<number, string>) =>
    `{${[...map].map(([k, name]) => `${JSON.stringify(String(k))}: ${JSON.stringify(name)}`).join(", ")}}`;
  const list = (values: readonly unknown[]) =>
    values.length === 0 ? "[]" : `[\n${values.map((value) => `  ${JSON.stringify(value)}`).join(",\n")}\n ]`;
  const lines = [
    `"name": ${JSON.stringify(dataset.name)}`,
    `"tensorImageSize": "3D"`,
    `"modality": ${entries(dataset.modality)}`,
    `"labels": ${entries(dataset.labels)}`,
    `"numTraining": ${dataset.training.length}`,
    `"numTest": ${dataset.test.length}`,
    `"training": ${list(dataset.training)}`,
    `"test": ${list(dataset.test)}`,
  ];
  return `{\n ${lines.join(",\n ")}\n}\n`;
}

/** The part of a path after its last slash. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** What a task's file name ends in: ".nii.gz", ".nrrd" or ".mha"; "" for another file. */
export function endingOf(name: string): string {
  return ENDINGS.exec(name)?.[0] ?? "";
}

/** The identifier of a case: the image's file name without folders and ending. */
export function caseIdentifier(imagePath: string): string {
  const name = baseName(imagePath);
  return name.slice(0, name.length - endingOf(name).length);
}

/** File name of one channel: `ID_0000.nii.gz`, `ID_0001.nii.gz` ... */
export function channelFileName(identifier: string, channel: number, ending = NNUNET_ENDING): string {
  return `${identifier}_${String(channel).padStart(4, "0")}${ending}`;
}

/** File names of all channels of a case, in channel order; their ending is that of its image in dataset.json. */
export function channelFileNames(imagePath: string, dataset: DatasetJson): string[] {
  const [identifier, ending] = [caseIdentifier(imagePath), endingOf(imagePath)];
  return Array.from({ length: dataset.modality.size }, (_, channel) => channelFileName(identifier, channel, ending));
}

/** File name of a case's label, as the dataset check expects it: `ID` with the ending that its entry has. */
export function labelFileName({ image, label }: TrainingEntry): string {
  return `${caseIdentifier(image)}${endingOf(label)}`;
}

/** Name of a label in gt_segmentations, where nnU-Net looks for .nii.gz only. */
export function groundTruthName(label: string): string {
  return `${caseIdentifier(label)}${NNUNET_ENDING}`;
}

/** One training case: its identifier and its file names inside imagesTr and labelsTr, as cropping reads them. */
export interface TrainingCase {
  readonly identifier: string;
  readonly images: readonly string[];
  readonly label: string;
}

/** The training cases in the order of dataset.json; the label's name is taken from its own entry. */
export function trainingCases(dataset: DatasetJson): TrainingCase[] {
  return dataset.training.map(({ image, label }) => {
    const identifier = caseIdentifier(image);
    return { identifier, images: channelFileNames(image, dataset), label: baseName(label) };
  });
}

/** Identifiers of the test cases in the order of dataset.json. */
export function testIdentifiers(dataset: DatasetJson): string[] {
  return dataset.test.map(caseIdentifier);
}

/** Label values above 0 in the order of dataset.json: nnU-Net's `all_classes`. */
export function foregroundClasses(dataset: Pick<DatasetJson, "labels">): number[] {
  return [...dataset.labels.keys()].filter((value) => value > 0);
}
