import * as v from "valibot";
import { NnprepError } from "../../../core/errors.js";
import { PyFloat } from "../../../core/python.js";
import { formatPythonJson, type PythonJson, parsePythonJson, pythonFloat } from "../../../io/python-json.js";

/** A class, or several that count as one. */
export type ClassOrRegion = number | readonly number[];

/** Objects of a class or region below this size in mm3 are removed, larger ones stay. */
export interface MinimumObjectSize {
  readonly classes: ClassOrRegion;
  readonly sizeMm3: number;
}

/** What of postprocessing.json is needed to apply it. */
export interface Postprocessing {
  /** Of each only the largest component is kept, one after the other. */
  readonly for_which_classes: readonly ClassOrRegion[];
  /** Null: objects of every size are removed. */
  readonly min_valid_object_sizes: readonly MinimumObjectSize[] | null;
}

/** nnU-Net v1's postprocessing.json, with the Dice by which it was decided. Classes as text are the keys of the maps. */
export interface PostprocessingDecision extends Postprocessing {
  readonly dc_per_class_raw: ReadonlyMap<string, number>;
  readonly dc_per_class_pp_all: ReadonlyMap<string, number>;
  /** Empty with a single class. */
  readonly dc_per_class_pp_per_class: ReadonlyMap<string, number>;
  readonly num_samples: number;
  /** Folders of the predictions as they were and as they became. */
  readonly validation_raw: string;
  readonly validation_final: string;
}

function pythonKey(classes: ClassOrRegion): string {
  if (typeof classes === "number") return String(classes);
  return classes.length === 1 ? `(${classes[0]},)` : `(${classes.join(", ")})`;
}

/**
 * The dict of sizes as Python prints it. Under NumPy 2 nnU-Net 1.7.1 itself writes `np.float64(24.0)`, which it cannot
 * read again; this is what it writes under NumPy 1.
 */
function formatSizes(sizes: readonly MinimumObjectSize[] | null): string {
  if (sizes === null) return "None";
  return `{${sizes.map(({ classes, sizeMm3 }) => `${pythonKey(classes)}: ${pythonFloat(sizeMm3)}`).join(", ")}}`;
}

/** One entry of a text without blanks. */
const ENTRY = /^(\d{1,15}|\(\d{1,15}(?:,\d{1,15})*,?\)):(?:np\.float64\()?([-+.\deE]{1,64})\)?(?:,|$)/;

/** Reads what `formatSizes` and nnU-Net under NumPy 1 or 2 write. */
function parseSizes(text: string): MinimumObjectSize[] | null {
  // Without blanks first: a pattern that allows them everywhere tries every way to share them out.
  const trimmed = text.replaceAll(/\s/g, "");
  if (trimmed === "None") return null;
  if (!trimmed.startsWith("{") || !trimmed.endsWith("}")) throw unreadableSizes(text);
  const sizes: MinimumObjectSize[] = [];
  for (let rest = trimmed.slice(1, -1); rest !== ""; ) {
    const entry = ENTRY.exec(rest);
    const size = Number(entry?.[2]);
    if (entry === null || Number.isNaN(size)) throw unreadableSizes(text);
    const key = entry[1];
    const numbers = (key.match(/\d+/g) as string[]).map(Number);
    sizes.push({ classes: key.startsWith("(") ? numbers : numbers[0], sizeMm3: size });
    rest = rest.slice(entry[0].length);
  }
  return sizes;
}

function unreadableSizes(text: string): NnprepError {
  return new NnprepError(
    "CORRUPT_FILE",
    `min_valid_object_sizes: expected "None" or sizes by class such as "{1: 24.0, (1, 2): 30.5}", found "${text.slice(0, 200)}"`,
    { found: text.slice(0, 200) },
  );
}

/** The text of postprocessing.json as nnU-Net 1.7.1 writes it. */
export function formatPostprocessing(decision: PostprocessingDecision): string {
  const floats = (map: ReadonlyMap<string, number>): PythonJson =>
    new Map([...map].map(([key, value]) => [key, new PyFloat(value)]));
  const document = new Map<string, PythonJson>([
    ["dc_per_class_raw", floats(decision.dc_per_class_raw)],
    ["dc_per_class_pp_all", floats(decision.dc_per_class_pp_all)],
    ["dc_per_class_pp_per_class", floats(decision.dc_per_class_pp_per_class)],
    ["for_which_classes", decision.for_which_classes],
    ["min_valid_object_sizes", formatSizes(decision.min_valid_object_sizes)],
    ["num_samples", decision.num_samples],
    ["validation_raw", decision.validation_raw],
    ["validation_final", decision.validation_final],
  ]);
  return formatPythonJson(document, { indent: 4, sortKeys: true });
}

const label = v.pipe(v.number(), v.integer(), v.minValue(1, "a class of at least 1 is expected"));
const schema = v.object({
  for_which_classes: v.array(v.union([label, v.pipe(v.array(label), v.minLength(1))])),
  min_valid_object_sizes: v.optional(v.string(), "None"),
});

/**
 * Reads a postprocessing.json of nnU-Net v1 or of this package: `load_postprocessing`.
 * @throws NnprepError CORRUPT_FILE
 */
export function parsePostprocessing(text: string): Postprocessing {
  const result = v.safeParse(schema, parsePythonJson(text));
  if (!result.success) {
    const [issue] = result.issues;
    throw new NnprepError(
      "CORRUPT_FILE",
      `no postprocessing.json of nnU-Net v1: ${v.getDotPath(issue) ?? ""} ${issue.message}`,
    );
  }
  const { for_which_classes, min_valid_object_sizes } = result.output;
  return { for_which_classes, min_valid_object_sizes: parseSizes(min_valid_object_sizes) };
}
