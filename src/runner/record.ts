import { crc32 } from "#deflate";
import { NnprepError } from "../core/errors.js";
import type { Store } from "./store.js";

/** Size and CRC-32 of a file. Times are not looked at: copies and shared folders change them, edits may not. */
export type FileDigest = readonly [byteLength: number, crc32: number];

/**
 * What a finished result was made of, kept under `RECORDS`, so that a later run keeps what still fits and makes anew
 * what does not.
 */
export interface ResultRecord {
  /** All that decides the result beside the inputs, as text. */
  readonly settings: string;
  readonly inputs: Readonly<Record<string, FileDigest>>;
  /** Sizes of the files that were written, so that one that was cut off or removed is noticed. */
  readonly outputs: Readonly<Record<string, number>>;
  /** What the job returned, to be returned again. */
  readonly result: unknown;
}

/** Folder of the records, hidden and apart from the data: nnU-Net takes every file of a data folder for a case. */
export const RECORDS = ".nnprep";

export async function digestFiles(
  store: Pick<Store, "read">,
  paths: readonly string[],
): Promise<Record<string, FileDigest>> {
  const digests: Record<string, FileDigest> = {};
  for (const path of paths) {
    const bytes = await store.read(path);
    digests[path] = [bytes.byteLength, crc32(bytes)];
  }
  return digests;
}

/**
 * The result of an earlier run, if it was made of the same settings and inputs and its files are there in full length;
 * null otherwise.
 */
export async function findResult(
  store: Store,
  path: string,
  settings: string,
  inputs: ResultRecord["inputs"],
): Promise<ResultRecord | null> {
  const record = await readRecord(store, path);
  if (record === null || record.settings !== settings) return null;
  const names = Object.keys(inputs);
  if (names.length !== Object.keys(record.inputs).length) return null;
  for (const name of names) {
    const [now, then] = [inputs[name], record.inputs[name]];
    if (now === undefined || then === undefined || now[0] !== then[0] || now[1] !== then[1]) return null;
  }
  for (const [file, byteLength] of Object.entries(record.outputs)) {
    if ((await store.byteLength(file)) !== byteLength) return null;
  }
  return record;
}

/** A record that cannot be read counts as none: then the result is made anew. */
export async function readRecord(store: Store, path: string): Promise<ResultRecord | null> {
  try {
    return JSON.parse(new TextDecoder().decode(await store.read(path))) as ResultRecord;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof NnprepError) return null;
    throw error;
  }
}

/** Notes what `files`, which are there now, were made of. */
export async function saveRecord(
  store: Store,
  path: string,
  record: Omit<ResultRecord, "outputs">,
  files: readonly string[],
): Promise<void> {
  const outputs: Record<string, number> = {};
  for (const file of files) outputs[file] = (await store.byteLength(file)) ?? 0;
  await store.write(path, new TextEncoder().encode(JSON.stringify({ ...record, outputs })));
}
