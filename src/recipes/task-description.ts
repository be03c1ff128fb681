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
  readonly labels: Readonly<Record<string, string>>;
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
const trainingCase = v.strictObject({ id, images: paths, label: path });
const testCase = v.pipe(
  v.strictObject({ id, images: paths }),
  v.transform((entry) => ({ ...entry, label: null })),
);
const schema = v.strictObject({
  modality: names,
  labels: names,
  training: v.union([v.strictObject({ images: patterns, label: pattern }), v.array(trainingCase)]),
  test: v.optional(
    v.union([v.array(testCase), v.strictObject({ ids: v.array(id) }), v.strictObject({ images: patterns })]),
    [],
  ),
});

function invalid(file: string, message: string): NnprepError {
  return new NnprepError("INVALID_DATASET", `${file}: ${message}`, { file });
}

function describeIssue(issue: v.BaseIssue<unknown>): string {
  // A union says only that nothing fitted; what did not fit is one level down.
  const inner = issue.issues?.find((deeper) => deeper.path !== undefined) ?? issue;
  const key = v.getDotPath(inner) ?? v.getDotPath(issue) ?? "";
  const text =
    inner.kind === "schema" ? `expected ${inner.expected ?? "another value"}, found ${inner.received}` : inner.message;
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
