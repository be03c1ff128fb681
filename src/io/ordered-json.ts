import { NnprepError } from "../core/errors.js";
import { PyFloat } from "../core/python.js";
import type { PythonJson } from "./python-json.js";

/** A JSON object as Python reads it: a dict in the order of the text, whole numbers as keys included. */
export type JsonDict = ReadonlyMap<string, PythonJson>;

const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\]|\\.)*"/sy;
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/y;
const WORDS: readonly (readonly [string, PythonJson])[] = [
  ["null", null],
  ["true", true],
  ["false", false],
  ["NaN", new PyFloat(Number.NaN)],
  ["Infinity", new PyFloat(Number.POSITIVE_INFINITY)],
  ["-Infinity", new PyFloat(Number.NEGATIVE_INFINITY)],
];
/** Far deeper than any document; the reader calls itself once per level. */
const MAX_DEPTH = 500;

/** Reads one text from its beginning to its end. */
class OrderedJsonReader {
  private at = 0;

  constructor(private readonly text: string) {}

  read(): PythonJson {
    const value = this.value(0);
    this.match(SPACE);
    if (this.at < this.text.length) this.fail("more text after the end");
    return value;
  }

  private fail(problem: string): never {
    const line = this.text.slice(0, this.at).split("\n").length;
    const found = this.at < this.text.length ? JSON.stringify(this.text.slice(this.at, this.at + 12)) : "the end";
    throw new NnprepError("CORRUPT_FILE", `not valid JSON: ${problem} at line ${line}, where ${found} stands`, {
      line,
      found,
    });
  }

  /** What `pattern` matches here, stepped over. */
  private match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found !== null) this.at = pattern.lastIndex;
    return found;
  }

  private take(symbol: string): boolean {
    this.match(SPACE);
    if (!this.text.startsWith(symbol, this.at)) return false;
    this.at += symbol.length;
    return true;
  }

  private value(depth: number): PythonJson {
    if (depth > MAX_DEPTH) this.fail(`more than ${MAX_DEPTH} levels`);
    if (this.take("{")) return this.dict(depth);
    if (this.take("[")) return this.list(depth);
    for (const [word, value] of WORDS) if (this.take(word)) return value;
    const number = this.match(NUMBER);
    if (number !== null) return toNumber(number);
    return this.string("a value is expected");
  }

  private string(problem: string): string {
    this.match(SPACE);
    const found = this.match(STRING);
    if (found === null) this.fail(problem);
    try {
      return JSON.parse(found[0]) as string;
    } catch {
      this.at -= found[0].length;
      return this.fail("a text with a broken escape or a control character");
    }
  }

  private dict(depth: number): JsonDict {
    const dict = new Map<string, PythonJson>();
    if (this.take("}")) return dict;
    do {
      const key = this.string("a key in quotes is expected");
      if (!this.take(":")) this.fail(`":" is expected after the key "${key}"`);
      // As in Python, of two equal keys the last one counts, at the place of the first.
      dict.set(key, this.value(depth + 1));
    } while (this.take(","));
    if (!this.take("}")) this.fail('"," or "}" is expected');
    return dict;
  }

  private list(depth: number): PythonJson[] {
    const list: PythonJson[] = [];
    if (this.take("]")) return list;
    do list.push(this.value(depth + 1));
    while (this.take(","));
    if (!this.take("]")) this.fail('"," or "]" is expected');
    return list;
  }
}

/** Python's int without fraction and exponent, else its float. */
function toNumber([text, fraction, exponent]: RegExpExecArray): PythonJson {
  if (fraction !== undefined || exponent !== undefined) return new PyFloat(Number(text));
  const number = Number(text);
  return Number.isSafeInteger(number) ? number + 0 : BigInt(text);
}

/**
 * Reads JSON as Python's `json.loads` does and keeps all that it tells apart: the order of keys (JavaScript sorts those
 * that look like whole numbers), 1 from 1.0, NaN and Infinity. `formatPythonJson` writes the same text again.
 *
 * @throws NnprepError CORRUPT_FILE naming the line.
 */
export function parseOrderedJson(content: Uint8Array | string): PythonJson {
  const text = typeof content === "string" ? content : new TextDecoder().decode(content);
  return new OrderedJsonReader(text.replace(/^\uFEFF/, "")).read();
}

/**
 * As `parseOrderedJson`, for a document, which is an object at the top.
 * @throws NnprepError CORRUPT_FILE
 */
export function parseJsonDict(content: Uint8Array | string): JsonDict {
  const value = parseOrderedJson(content);
  if (value instanceof Map) return value as JsonDict;
  throw new NnprepError("CORRUPT_FILE", 'not a JSON object: "{" is expected at the top, another value was found');
}
