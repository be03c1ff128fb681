import type { ErrorFacts } from "../core/errors.js";
import { readFailure } from "./failures.js";
import { type ResultRecord, readRecord } from "./record.js";
import type { Store } from "./store.js";

/** How far one stage of a dataset is, by what all its parts have noted beside the results. */
export interface StageStatus {
  readonly stage: string;
  readonly done: number;
  /** Cases, or documents, that are not there. */
  readonly missing: readonly string[];
  /** Cases that failed when they were tried last. */
  readonly failed: readonly { readonly identifier: string; readonly error: ErrorFacts }[];
}

/** Where a stage keeps its notes. */
export interface StageNotes {
  /** Path of a case's record. */
  readonly record: (identifier: string) => string;
  /** Name of the folder of the notes on failures. */
  readonly failures: string;
  /** Whether a record is of what is wanted now. Default: it is. */
  readonly fits?: (record: ResultRecord) => boolean;
}

/** Reads the notes on cases. The scans that the results were made of are not read again. */
export async function statusOfCases(
  store: Store,
  stage: string,
  identifiers: readonly string[],
  { record: recordOf, failures, fits = () => true }: StageNotes,
): Promise<StageStatus> {
  let done = 0;
  const missing: string[] = [];
  const failed: { identifier: string; error: ErrorFacts }[] = [];
  for (const identifier of identifiers) {
    // What an earlier run made may still be there, of other scans.
    const error = await readFailure(store, failures, identifier);
    if (error !== null) {
      failed.push({ identifier, error });
      continue;
    }
    const record = await readRecord(store, recordOf(identifier));
    if (record !== null && fits(record) && (await hasOutputs(store, record))) done++;
    else missing.push(identifier);
  }
  return { stage, done, missing, failed };
}

/** Whether the files that a record names are there in full length. */
async function hasOutputs(store: Store, { outputs }: ResultRecord): Promise<boolean> {
  for (const [file, byteLength] of Object.entries(outputs)) {
    if ((await store.byteLength(file)) !== byteLength) return false;
  }
  return true;
}

/** Documents that follow from all cases, by their names. */
export async function statusOfDocuments(store: Store, stage: string, names: readonly string[]): Promise<StageStatus> {
  const missing: string[] = [];
  for (const name of names) if (!(await store.exists(name))) missing.push(name);
  return { stage, done: names.length - missing.length, missing, failed: [] };
}
