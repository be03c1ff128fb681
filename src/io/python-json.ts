import { NnprepError } from "../core/errors.js";
import { compareCodePoints } from "../core/paths.js";
import { PyFloat } from "../core/python.js";

/**
 * What Python's `json` writes. A `number` is an int when it is whole and a float otherwise; `PyFloat` is a float, whole
 * or not; a `bigint` is an int. A Map is a dict, its keys in the order of insertion.
 */
export type PythonJson =
  | null
  | boolean
  | number
  | bigint
  | string
  | PyFloat
  | readonly PythonJson[]
  | ReadonlyMap<string, PythonJson>;

/** Powers of ten from which on Python's `repr` writes an exponent, and below which it does. */
const LARGE = 16;
const SMALL = -4;

/** Python's `repr` of a float: the shortest digits that read back as the same float. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const [mantissa, power] = value.toExponential().split("e") as [string, string];
  const exponent = Number(power);
  if (exponent < SMALL || exponent >= LARGE) {
    return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const digits = mantissa.replace("-", "").replace(".", "");
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

function formatNumber(value: number, isFloat: boolean): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "Infinity" : "-Infinity";
  return isFloat || !Number.isInteger(value) ? pythonFloat(value) : BigInt(value).toString();
}

/** As Python does, everything that is not ASCII is escaped. */
function formatString(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

export interface PythonJsonOptions {
  /** Spaces per level; without, everything stands on one line. */
  readonly indent?: number;
  /** Keys of every dict in the order of their code points. */
  readonly sortKeys?: boolean;
}

/** The text that Python's `json.dumps(value, indent=indent, sort_keys=sortKeys)` returns; NaN is written as NaN. */
export function formatPythonJson(value: PythonJson, options: PythonJsonOptions = {}, level = 0): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return formatString(value);
  if (typeof value === "number") return formatNumber(value, false);
  if (typeof value === "bigint") return value.toString();
  if (value instanceof PyFloat) return formatNumber(value.value, true);
  if (value instanceof Map) {
    const entries = [...(value as ReadonlyMap<string, PythonJson>)];
    if (options.sortKeys === true) entries.sort(([a], [b]) => compareCodePoints(a, b));
    const items = entries.map(([key, item]) => `${formatString(key)}: ${formatPythonJson(item, options, level + 1)}`);
    return enclose("{", items, "}", options, level);
  }
  const items = (value as readonly PythonJson[]).map((item) => formatPythonJson(item, options, level + 1));
  return enclose("[", items, "]", options, level);
}

function enclose(
  open: string,
  items: readonly string[],
  close: string,
  { indent }: PythonJsonOptions,
  level: number,
): string {
  if (items.length === 0) return open + close;
  if (indent === undefined) return open + items.join(", ") + close;
  const pad = (depth: number) => `\n${" ".repeat(indent * depth)}`;
  return open + pad(level + 1) + items.join(`,${pad(level + 1)}`) + pad(level) + close;
}

/** Numbers that JSON has no word for, as Python writes them; strings are stepped over. */
const WORDS = /"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g;
const MARK = "\u0000nnprep:";

/**
 * Reads JSON as Python's `json.loads` does, NaN and Infinity too.
 * @throws NnprepError CORRUPT_FILE
 */
export function parsePythonJson(text: string): unknown {
  const marked = text.replace(WORDS, (word) => (word.startsWith('"') ? word : JSON.stringify(MARK + word)));
  try {
    return JSON.parse(marked, (_key, value: unknown) =>
      typeof value === "string" && value.startsWith(MARK) ? Number(value.slice(MARK.length)) : value,
    );
  } catch (error) {
    throw new NnprepError("CORRUPT_FILE", `no JSON (${error instanceof Error ? error.message : String(error)})`);
  }
}
