import { NnprepError } from "../../../core/errors.js";
import { joinPath } from "../../../core/paths.js";
import { RECORDS, readRecord } from "../../../runner/record.js";
import type { Store } from "../../../runner/store.js";
import { type Fingerprint, parseFingerprint } from "../documents/fingerprint.js";
import { FINGERPRINT_FILE } from "../layout.js";
import { type Dataset, listTrainingCases, readDatasetJson, type StageOptions } from "./dataset.js";

/** What the cases of a fingerprint that is not done yet have left. */
export const RECORDS_OF_FINGERPRINT = joinPath(RECORDS, "fingerprint");

/** Name of the notes on cases that could not be read. */
export const FAILURES_OF_FINGERPRINT = "fingerprint";

export function fingerprintRecord(identifier: string): string {
  return joinPath(RECORDS_OF_FINGERPRINT, `${identifier}.json`);
}

/** Reads dataset_fingerprint.json. @throws NnprepError FILE_NOT_FOUND that names the command that makes it */
export async function loadFingerprint(store: Store): Promise<Fingerprint> {
  const file = store.location(FINGERPRINT_FILE);
  if (!(await store.exists(FINGERPRINT_FILE))) {
    throw new NnprepError(
      "FILE_NOT_FOUND",
      `${file}: no such file; extract the fingerprint first: nnprep extract-fingerprint -d ...`,
      { file },
    );
  }
  return parseFingerprint(await store.read(FINGERPRINT_FILE), file);
}

/** Cases of a raw dataset whose foreground has been read for a fingerprint that is not joined yet, and the others. */
export async function partsOfFingerprint(
  { stores }: Pick<Dataset, "stores">,
  options: StageOptions = {},
): Promise<{ readonly read: readonly string[]; readonly missing: readonly string[] }> {
  const { raw, preprocessed } = stores;
  const read: string[] = [];
  const missing: string[] = [];
  for (const { identifier } of await listTrainingCases(raw, await readDatasetJson(raw), options)) {
    const record = await readRecord(preprocessed, fingerprintRecord(identifier));
    (record === null ? missing : read).push(identifier);
  }
  return { read, missing };
}
