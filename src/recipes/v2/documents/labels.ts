import { NnprepError } from "../../../core/errors.js";
import { describeJson, jsonNumber } from "../../../io/json-fields.js";
import type { JsonDict } from "../../../io/ordered-json.js";
import type { PythonJson } from "../../../io/python-json.js";

/** What a network learns as one: a label, or the union of labels in the order of dataset.json. */
export type Region = number | readonly number[];

/** The labels of a dataset as nnU-Net v2's `LabelManager` sees them. */
export interface Labels {
  /** Label values, ascending, 0 included, the ignore label not. */
  readonly all: readonly number[];
  /** `all` without 0. */
  readonly foreground: readonly number[];
  /** Regions in the order of dataset.json, or null where every class is one label. */
  readonly regions: readonly Region[] | null;
  /** Label that each region is written as, in the order of `regions`; null without regions. */
  readonly regionsClassOrder: readonly number[] | null;
  /** Voxels with this label do not count in training; null without such a label. */
  readonly ignore: number | null;
  /** Channels of the network's output: one per region, or one per label. */
  readonly heads: number;
  /** Entries of `labels`: what the planner counts as classes, background, regions and ignore label included. */
  readonly entries: number;
}

/** Name of the label that must be 0, and of the one that is not learned. */
const BACKGROUND = "background";
const IGNORE = "ignore";

function invalid(message: string, detail: Record<string, unknown>): NnprepError {
  return new NnprepError("INVALID_DATASET", message, { key: "labels", ...detail });
}

/** A label as Python's `int` takes it: a number, or a text with a whole number. */
function toLabel(value: PythonJson, name: string): number {
  const number = typeof value === "string" && /^\s*[-+]?\d+\s*$/.test(value) ? Number(value) : jsonNumber(value);
  if (number !== undefined && Number.isSafeInteger(number)) return number;
  throw invalid(`labels: "${name}" is ${describeJson(value)}; expected a whole number up to 2^53 or a list of them`, {
    found: name,
  });
}

function toRegion(value: PythonJson, name: string): Region {
  return Array.isArray(value) ? (value as PythonJson[]).map((item) => toLabel(item, name)) : toLabel(value, name);
}

function readIgnore(value: PythonJson | undefined, highest: number): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== "number") {
    throw invalid(`labels: "${IGNORE}" must be one whole number and no region; give it ${highest + 1}`, {
      expected: highest + 1,
    });
  }
  if (value !== highest + 1) {
    throw invalid(
      `labels: "${IGNORE}" is ${value}, but must be the highest label, one above all others: expected ${highest + 1}`,
      { found: value, expected: highest + 1 },
    );
  }
  return value;
}

function checkBackground(labels: JsonDict): void {
  const background = labels.get(BACKGROUND);
  if (background === undefined) {
    const zero = [...labels].find(([, value]) => value === 0)?.[0];
    const hint = zero === undefined ? "" : ` (rename "${zero}", which is 0)`;
    throw invalid(`labels: no "${BACKGROUND}" found; expected "${BACKGROUND}": 0${hint}`, { expected: BACKGROUND });
  }
  if (Array.isArray(background) || toLabel(background, BACKGROUND) !== 0) {
    throw invalid(`labels: "${BACKGROUND}" is ${describeJson(background)}; expected 0`, { expected: 0 });
  }
}

function checkOrder(regions: readonly Region[], order: readonly number[] | undefined): readonly number[] {
  if (order === undefined) {
    throw new NnprepError(
      "INVALID_DATASET",
      `regions_class_order is missing; expected a list of ${regions.length} labels, one per region of labels ` +
        "in their order, because some label is a list of several",
      { key: "regions_class_order", expected: regions.length },
    );
  }
  if (order.length !== regions.length) {
    throw new NnprepError(
      "INVALID_DATASET",
      `regions_class_order has ${order.length} labels; expected ${regions.length}, one per region of labels`,
      { key: "regions_class_order", found: order.length, expected: regions.length },
    );
  }
  return order;
}

/** True for 0 and for a list of nothing but 0. */
function isBackground(region: Region): boolean {
  return typeof region === "number" ? region === 0 : region.length > 0 && region.every((label) => label === 0);
}

/**
 * The labels of a dataset.json: `LabelManager` of nnU-Net 2.8.1, with its checks.
 *
 * @param labels names to labels or lists of labels, in the order of the file.
 * @throws NnprepError INVALID_DATASET: background missing or not 0, ignore label not the highest or a list,
 * regions_class_order missing or of another length, a label that is no whole number.
 */
export function readLabels(labels: JsonDict, regionsClassOrder?: readonly number[]): Labels {
  checkBackground(labels);
  const learned = [...labels].filter(([name]) => name !== IGNORE);
  const values = learned.map(([name, value]) => toRegion(value, name));
  const all = [...new Set(values.flat())].sort((a, b) => a - b);
  const several = [...labels.values()].some((value) => Array.isArray(value) && value.length > 1);
  const regions = several ? values.filter((region) => !isBackground(region)) : null;
  return {
    all,
    foreground: all.filter((label) => label !== 0),
    regions,
    regionsClassOrder: regions === null ? null : checkOrder(regions, regionsClassOrder),
    ignore: readIgnore(labels.get(IGNORE), all.at(-1) as number),
    heads: regions === null ? all.length : regions.length,
    entries: labels.size,
  };
}

/**
 * What `--verify_dataset_integrity` asks of the labels besides: with the ignore label they count up from 0 without a
 * gap. Says what is wrong, or null.
 */
export function describeLabelGap({ all, ignore }: Labels): string | null {
  const expected = ignore === null ? all : [...all, ignore];
  const gap = expected.findIndex((label, i) => i > 0 && label !== expected[i - 1] + 1);
  if (gap === -1) return null;
  const missing = expected[gap - 1] + 1;
  return `labels: ${expected.join(", ")} found; expected consecutive labels from 0 on, but ${missing} is missing`;
}
