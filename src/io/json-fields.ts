import { type ErrorCode, NnprepError } from "../core/errors.js";
import { PyFloat } from "../core/python.js";
import type { JsonDict } from "./ordered-json.js";
import type { PythonJson } from "./python-json.js";

type Field = PythonJson | undefined;

/** What a value is, for messages: short, and with the value itself where it is one. */
export function describeJson(value: Field): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (value instanceof PyFloat) return String(value.value);
  if (value instanceof Map) return `an object of ${value.size} entries`;
  if (Array.isArray(value)) return `a list of ${value.length} values`;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** A JSON number, int or float; undefined for everything else. */
export function jsonNumber(value: Field): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  return value instanceof PyFloat ? value.value : undefined;
}

/**
 * Reads values out of a JSON document; every error names the key and what stands there, under the code of its kind of
 * document.
 */
export class JsonFields {
  constructor(private readonly code: ErrorCode) {}

  fail(key: string, expected: string, found: Field): never {
    throw new NnprepError(this.code, `${key}: expected ${expected}, found ${describeJson(found)}`, { key, expected });
  }

  dict(value: Field, key: string): JsonDict {
    return value instanceof Map ? (value as JsonDict) : this.fail(key, "an object", value);
  }

  text(value: Field, key: string): string {
    return typeof value === "string" ? value : this.fail(key, "a text", value);
  }

  /** What names a file or folder in its place: nothing may end up elsewhere, or hidden. */
  plainName(value: Field, key: string): string {
    const name = this.text(value, key);
    return /^[^./\\][^/\\]*$/.test(name)
      ? name
      : this.fail(key, 'a name without "/" that does not begin with "."', value);
  }

  boolean(value: Field, key: string): boolean {
    return typeof value === "boolean" ? value : this.fail(key, "true or false", value);
  }

  number(value: Field, key: string): number {
    return jsonNumber(value) ?? this.fail(key, "a number", value);
  }

  /** A whole number, also where it is written as a float. */
  whole(value: Field, key: string): number {
    const number = jsonNumber(value);
    return number !== undefined && Number.isSafeInteger(number) ? number : this.fail(key, "a whole number", value);
  }

  list<T>(value: Field, key: string, read: (item: PythonJson, key: string) => T): T[] {
    if (!Array.isArray(value)) return this.fail(key, "a list", value);
    return (value as readonly PythonJson[]).map((item, i) => read.call(this, item, `${key}[${i}]`));
  }

  numbers(value: Field, key: string): number[] {
    return this.list(value, key, this.number);
  }

  /** A list of `count` numbers. */
  vector(value: Field, key: string, count: number): number[] {
    const numbers = this.numbers(value, key);
    return numbers.length === count ? numbers : this.fail(key, `${count} numbers`, value);
  }
}
