import * as v from "valibot";
import { NnprepError } from "../core/errors.js";

/** One case of a task to be built: where its channels and its label are, in channel order. */
export interface DescribedCase {
  readonly id: string;
  readonly images: readonly string[];
  /** null for a test case. */
  readonly label: string | null;
}

/** Files by pattern: `{id}` stands for the case's name, the same wherever it appears in a path. */
export interface FilePattern {
  readonly images: readonly string[];
  readonly label: string;
}

/** What a raw task is to be built from; paths are relative to the description. */
export interface TaskDescription {
  readonly modality: Readonly<Record<string, string>>;
  /**
   * Names by number, as the files have them; or, by name, the number or numbers that the files have: those are merged,
   * and labels are numbered anew in this order.
   */
  readonly labels: Readonly<Record<string, string>> | Readonly<Record<string, number | readonly number[]>>;
  readonly training: FilePattern | readonly DescribedCase[];
  /**
   * Test cases one by one; or, with a pattern, which of its cases are for the test (`ids`), or a pattern of their own.
   */
  readonly test:
    | readonly DescribedCase[]
    | { readonly ids: readonly string[] }
    | { readonly images: readonly string[] };
}

const path = v.pipe(v.string(), v.nonEmpty("expected a path"));
const paths = v.pipe(v.array(path), v.nonEmpty("expected one path per channel"));
const pattern = v.pipe(
  path,
  v.check((text) => text.includes("{id}"), 'expected a path with "{id}" in it'),
);
const patterns = v.pipe(v.array(pattern), v.nonEmpty("expected one pattern per channel"));
const id = v.pipe(v.string(), v.regex(/^[^/\\\s]+$/, "expected a name without blanks and slashes"));
const names = v.record(
  v.pipe(v.string(), v.regex(/^\d+$/, "expected a whole number as key")),
  v.pipe(v.string(), v.nonEmpty("expected a name")),
);
const value = v.pipe(v.number(), v.integer("expected a whole number"), v.minValue(0, "expected a number from 0 on"));
const numbersByName = v.record(
  v.pipe(v.string(), v.nonEmpty("expected a name")),
  v.union([value, v.pipe(v.array(value), v.nonEmpty("expected at least one number"))]),
);
const trainingCase = v.strictObject({ id, images: paths, label: path });
const testCase = v.pipe(
  v.strictObject({ id, images: paths }),
  v.transform((entry) => ({ ...entry, label: null })),
);
const schema = v.strictObject({
  modality: names,
  labels: v.union([names, numbersByName]),
  training: v.union([v.strictObject({ images: patterns, label: pattern }), v.array(trainingCase)]),
  test: v.optional(
    v.union([v.array(testCase), v.strictObject({ ids: v.array(id) }), v.strictObject({ images: patterns })]),
    [],
  ),
});

function invalid(file: string, message: string): NnprepError {
  return new NnprepError("INVALID_DATASET", `${file}: ${message}`, { file });
}

/** What labels are called and, where the files number them otherwise, which of their numbers become which; 0 is 0. */
export interface DescribedLabels {
  readonly names: ReadonlyMap<number, string>;
  /** null when the numbers are those of the files. */
  readonly numbers: ReadonlyMap<number, number> | null;
}

/** The labels of a description, numbered as they will be. @throws NnprepError INVALID_DATASET */
export function describedLabels({ labels }: Pick<TaskDescription, "labels">): DescribedLabels {
  const entries = Object.entries(labels);
  if (entries.every(([, name]) => typeof name === "string")) {
    return { names: new Map(entries.map(([key, name]) => [Number(key), name as string])), numbers: null };
  }
  const names = new Map<number, string>();
  const numbers = new Map<number, number>();
  for (const [number, [name, found]] of entries.entries()) {
    names.set(number, name);
    for (const from of (typeof found === "number" ? [found] : found) as readonly number[]) {
      if (numbers.has(from)) {
        const other = names.get(numbers.get(from) as number);
        throw new NnprepError("INVALID_DATASET", `labels: ${from} belongs to "${other}" and to "${name}"`, {
          found: from,
        });
      }
      numbers.set(from, number);
    }
  }
  if (numbers.get(0) !== 0) {
    throw new NnprepError("INVALID_DATASET", 'labels: the first must have the number 0, such as "background": 0', {
      found: entries[0]?.[0],
    });
  }
  const isSame = [...numbers].every(([from, to]) => from === to);
  return { names, numbers: isSame ? null : numbers };
}

/** The key that somebody meant: the one of those that are there that differs least from what is expected. */
function misspelt(expected: string, found: unknown): string | undefined {
  if (typeof found !== "object" || found === null) return undefined;
  const plain = (text: string) => text.toLowerCase().replace(/s$/, "");
  return Object.keys(found).find(
    (key) => key !== expected && (plain(key) === plain(expected) || isNear(plain(key), plain(expected))),
  );
}

/** Whether one letter is missing, too much, wrong, or two are swapped. */
function isNear(a: string, b: string): boolean {
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const [x, y] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  return Math.max(x.length, y.length) <= 1 || (x.length === 2 && y.length === 2 && x[0] === y[1] && x[1] === y[0]);
}

/** A key that is missing, and the one that may have been meant. */
function describeMissing(issue: v.BaseIssue<unknown>): string | undefined {
  const last = issue.path?.[issue.path.length - 1];
  if (last === undefined || issue.input !== undefined || typeof last.key !== "string") return undefined;
  const parent = (last as { readonly input?: unknown }).input;
  const meant = misspelt(last.key, parent);
  const there = typeof parent === "object" && parent !== null ? Object.keys(parent).join(", ") : "";
  const hint = meant === undefined ? `there are ${there === "" ? "no keys" : there}` : `is "${meant}" meant for it?`;
  return `missing; ${hint}`;
}

function describeIssue(issue: v.BaseIssue<unknown>): string {
  // A union says only that nothing fitted; what did not fit is one level down.
  const inner = issue.issues?.find((deeper) => deeper.path !== undefined) ?? issue;
  const keys = inner === issue ? [v.getDotPath(issue)] : [v.getDotPath(issue), v.getDotPath(inner)];
  const key = keys.filter((part) => part !== null).join(".");
  const text =
    describeMissing(inner) ??
    (inner.kind === "schema"
      ? `expected ${inner.expected ?? "another value"}, found ${inner.received}`
      : inner.message);
  return key === "" ? text : `${key}: ${text}`;
}

/** Reads and checks the description of a task to build. @throws NnprepError INVALID_DATASET naming key and value */
export function parseTaskDescription(text: string, file = "description"): TaskDescription {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (cause) {
    throw invalid(file, `not valid JSON (${(cause as Error).message}); correct the file with a JSON checker`);
  }
  const parsed = v.safeParse(schema, raw);
  if (!parsed.success) throw invalid(file, parsed.issues.map(describeIssue).join("; "));
  const description = parsed.output;
  try {
    describedLabels(description as TaskDescription);
  } catch (error) {
    throw error instanceof NnprepError ? error.inFile(file) : error;
  }
  const channels = Object.keys(description.modality).length;
  const lists = Array.isArray(description.training)
    ? description.training.map((entry) => [entry.id, entry.images] as const)
    : [["training", (description.training as FilePattern).images] as const];
  for (const [name, images] of lists) {
    if (images.length === channels) continue;
    throw invalid(
      file,
      `${name}: ${images.length} images, but modality has ${channels} channels; give one per channel`,
    );
  }
  return description as TaskDescription;
}
