import { NnprepError } from "../../../core/errors.js";
import { JsonFields } from "../../../io/json-fields.js";
import { type JsonDict, parseJsonDict } from "../../../io/ordered-json.js";
import { formatPythonJson, type PythonJson } from "../../../io/python-json.js";
import { type Labels, type Region, readLabels } from "./labels.js";

/** Files of one training case as `dataset` of a dataset.json lists them; paths as written there. */
export interface ListedCase {
  /** One file per channel, in their order. */
  readonly images: readonly string[];
  readonly label: string;
}

/** A dataset.json of nnU-Net v2. Maps keep the order of the file, as Python's dicts do. */
export interface DatasetJson {
  /** Names of the channels ("CT", "T2", ...) in the order of the file; the keys do not order them. */
  readonly channels: readonly string[];
  readonly labels: Labels;
  /** Name of each label or region in the order of the file, background and ignore label included. */
  readonly labelNames: ReadonlyMap<string, Region>;
  /** The count that the file states; the planner believes it. */
  readonly numTraining: number;
  /** What all files of the dataset end in, with its dot: ".nii.gz". */
  readonly fileEnding: string;
  /** Class of nnU-Net that reads the files, if the file names one ("None" counts as unset). */
  readonly readerName: string | undefined;
  /** Case identifier to its files, for datasets that list them; such datasets need no imagesTr. */
  readonly cases: ReadonlyMap<string, ListedCase> | undefined;
  /** All that stands in the file, also what nothing reads. */
  readonly document: JsonDict;
}

const fields = new JsonFields("INVALID_DATASET");
/** Keys without which nnU-Net's integrity check refuses a dataset. */
const REQUIRED = ["channel_names", "labels", "numTraining", "file_ending"] as const;

function isVersion1(document: JsonDict): boolean {
  const labels = document.get("labels");
  const byNumber = labels instanceof Map && [...labels.keys()].every((key) => /^\d+$/.test(key as string));
  return !document.has("channel_names") && (document.has("training") || (byNumber && document.has("modality")));
}

function missingKeys(document: JsonDict): NnprepError | undefined {
  const missing = REQUIRED.filter(
    (key) => !(document.has(key) || (key === "channel_names" && document.has("modality"))),
  );
  if (missing.length === 0) return undefined;
  return new NnprepError(
    "INVALID_DATASET",
    `${missing.join(", ")} missing; a dataset.json of nnU-Net v2 has ${REQUIRED.join(", ")}. Add what is missing`,
    { key: missing[0], missing },
  );
}

function readChannels(document: JsonDict): string[] {
  const key = document.has("channel_names") ? "channel_names" : "modality";
  const channels = [...fields.dict(document.get(key), key)].map(([i, name]) => fields.text(name, `${key}["${i}"]`));
  if (channels.length === 0) fields.fail(key, 'at least one channel, for example {"0": "CT"}', document.get(key));
  return channels;
}

function readFileEnding(document: JsonDict): string {
  const ending = fields.text(document.get("file_ending"), "file_ending");
  return /^\.[^/]+$/.test(ending)
    ? ending
    : fields.fail("file_ending", 'an ending with its dot, such as ".nii.gz"', ending);
}

function readCase(value: PythonJson, key: string): ListedCase {
  const dict = fields.dict(value, key);
  const images = fields.list(dict.get("images"), `${key}.images`, fields.text);
  if (images.length === 0) fields.fail(`${key}.images`, "one file per channel", dict.get("images"));
  return { images, label: fields.text(dict.get("label"), `${key}.label`) };
}

function readCases(document: JsonDict): ReadonlyMap<string, ListedCase> | undefined {
  const value = document.get("dataset");
  if (value === undefined) return undefined;
  const cases = [...fields.dict(value, "dataset")];
  return new Map(
    cases.map(([id, item]) => [fields.plainName(id, "dataset: a case"), readCase(item, `dataset["${id}"]`)]),
  );
}

function readDatasetLabels(document: JsonDict): Labels {
  const order = document.get("regions_class_order");
  // Python's None is what a missing key is to nnU-Net.
  const given = order === undefined || order === null;
  return readLabels(
    fields.dict(document.get("labels"), "labels"),
    given ? undefined : fields.list(order, "regions_class_order", fields.whole),
  );
}

function readerName(document: JsonDict): string | undefined {
  const value = document.get("overwrite_image_reader_writer");
  if (value === undefined || value === null || value === "None") return undefined;
  return fields.text(value, "overwrite_image_reader_writer");
}

/** Does all of `tasks`; what is wrong in several of them is one error. */
function collect<T extends Record<string, () => unknown>>(tasks: T): { [K in keyof T]: ReturnType<T[K]> } {
  const result: Record<string, unknown> = {};
  const errors: NnprepError[] = [];
  for (const [name, task] of Object.entries(tasks)) {
    try {
      result[name] = task();
    } catch (error) {
      if (!(error instanceof NnprepError)) throw error;
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) {
    const issues = errors.map(({ message, detail }) => ({ key: detail.key, text: message }));
    throw new NnprepError("INVALID_DATASET", issues.map(({ text }) => text).join("; "), {
      key: issues[0]?.key,
      issues,
    });
  }
  return result as { [K in keyof T]: ReturnType<T[K]> };
}

/**
 * Reads and checks the content of a dataset.json of nnU-Net v2.
 * @throws NnprepError INVALID_DATASET naming every offending key; for a dataset.json of v1 it says so.
 */
export function readDatasetJson(document: JsonDict): DatasetJson {
  if (isVersion1(document)) {
    throw new NnprepError(
      "INVALID_DATASET",
      "this is a dataset.json of nnU-Net v1 (labels by number, cases under training); expected one of v2 with " +
        "channel_names, labels by name, numTraining and file_ending. Use -t for a task of v1, or make a dataset of " +
        "v2 of it by nnprep convert --from-v1",
      { found: "v1", expected: "v2" },
    );
  }
  const missing = missingKeys(document);
  if (missing !== undefined) throw missing;
  const read = collect({
    channels: () => readChannels(document),
    labels: () => readDatasetLabels(document),
    numTraining: () => fields.whole(document.get("numTraining"), "numTraining"),
    fileEnding: () => readFileEnding(document),
    readerName: () => readerName(document),
    cases: () => readCases(document),
  });
  const labelNames = new Map(
    [...fields.dict(document.get("labels"), "labels")].map(([name, value]) => [
      name,
      Array.isArray(value) ? (value as PythonJson[]).map(Number) : Number(value),
    ]),
  );
  return { ...read, labelNames, document };
}

/**
 * `readDatasetJson` of a file's content.
 * @param file what messages call the file.
 * @throws NnprepError INVALID_DATASET
 *
 * @example
 * ```ts
 * import { parseDatasetJson } from "nnprep";
 * import { readFile } from "node:fs/promises";
 *
 * const { labels } = parseDatasetJson(await readFile("dataset.json"));
 * console.log(labels.foreground); // [1, 2]
 * ```
 */
export function parseDatasetJson(content: Uint8Array | string, file = "dataset.json"): DatasetJson {
  try {
    return readDatasetJson(parseJsonDict(content));
  } catch (error) {
    if (!(error instanceof NnprepError)) throw error;
    // Whatever is wrong with it, the dataset is not usable.
    throw new NnprepError("INVALID_DATASET", error.message, error.detail).inFile(file);
  }
}

/** The text of a dataset.json as nnU-Net writes it: Python's JSON, indented by 4, keys in their order. */
export function formatDatasetJson(document: JsonDict): string {
  return formatPythonJson(document, { indent: 4 });
}

/** What a new dataset.json is made from. */
export interface DatasetContent {
  readonly channels: readonly string[];
  readonly labels: ReadonlyMap<string, Region>;
  readonly numTraining: number;
  readonly fileEnding: string;
  readonly regionsClassOrder?: readonly number[];
  /** More keys, such as name and licence. */
  readonly more?: JsonDict;
}

/** A dataset.json with the keys of nnU-Net's `generate_dataset_json`, in its order. */
export function makeDatasetDocument(content: DatasetContent): JsonDict {
  const document = new Map<string, PythonJson>([
    ["channel_names", new Map(content.channels.map((name, i) => [String(i), name]))],
    ["labels", new Map(content.labels)],
    ["numTraining", content.numTraining],
    ["file_ending", content.fileEnding],
  ]);
  for (const [key, value] of content.more ?? []) document.set(key, value);
  if (content.regionsClassOrder !== undefined) document.set("regions_class_order", content.regionsClassOrder);
  return document;
}
