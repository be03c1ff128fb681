import { joinPath } from "../../../core/paths.js";
import { RECORDS } from "../../../runner/record.js";
import type { Store } from "../../../runner/store.js";
import { caseFileNames } from "../layout.js";

const ENDING = ".json";

/** Where the record of a finished case lies; `step` is "crop" or the folder of a stage. */
export function recordPath(step: string, identifier: string): string {
  return joinPath(RECORDS, step, identifier + ENDING);
}

/** All that decides a result beside its inputs, as text: options in the order in which they are given, Maps as their entries. */
export function settingsText(settings: object): string {
  return JSON.stringify(settings, (_, value: unknown) => (value instanceof Map ? [...value] : value));
}

/**
 * Removes cases that an earlier run made and that the task has no more: nnU-Net takes every case of a folder. Cases
 * without a record are somebody else's and stay.
 * @param filesOf what belongs to a case beside its two files
 */
export async function removeVanished(
  store: Store,
  step: string,
  identifiers: readonly string[],
  folder: string,
  filesOf: (identifier: string) => readonly string[] = () => [],
): Promise<void> {
  const known = new Set(identifiers.map((identifier) => identifier + ENDING));
  for (const name of await store.list(joinPath(RECORDS, step))) {
    if (known.has(name) || !name.endsWith(ENDING)) continue;
    const identifier = name.slice(0, -ENDING.length);
    const { arrays, properties } = caseFileNames(identifier);
    const files = [...filesOf(identifier), joinPath(folder, properties), joinPath(folder, arrays)];
    for (const file of files) await store.remove(file);
    await store.remove(recordPath(step, identifier));
  }
}
