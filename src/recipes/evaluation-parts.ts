import { joinPath } from "../core/paths.js";
import { digestFiles, type FileDigest, findResult, RECORDS, saveRecord } from "../runner/record.js";
import type { Store } from "../runner/store.js";
import type { ComparedStores, PredictionFiles } from "./prediction-files.js";

/** Where parts of an evaluation leave what they measured, beside the predictions. */
const FOLDER = joinPath(RECORDS, "evaluation");

/** What a run does with what is measured: one of several parts leaves it, the run over all cases takes what they left. */
export type PartRole = "leave" | "take";

/** JSON has neither Maps nor numbers that are not finite. */
function encode(value: unknown): string {
  return JSON.stringify(value, (_, found: unknown) => {
    if (found instanceof Map) return { entries: [...found] };
    return typeof found === "number" && !Number.isFinite(found) ? { number: String(found) } : found;
  });
}

function decode(text: string): unknown {
  return JSON.parse(text, (_, found: unknown) => {
    if (typeof found !== "object" || found === null || Array.isArray(found)) return found;
    const { entries, number } = found as { entries?: [unknown, unknown][]; number?: string };
    if (entries !== undefined) return new Map(entries);
    return number !== undefined ? Number(number) : found;
  });
}

async function digestOf(store: Store, path: string): Promise<FileDigest> {
  return (await digestFiles(store, [path]))[path];
}

/**
 * What is measured on one case, unless a part has measured it on the same files.
 * @param settings all that decides beside the files, as text
 * @param measure structured values and Maps; without names of folders, which may be called otherwise elsewhere
 */
export async function measureOnce<R>(
  { prediction, reference }: ComparedStores,
  files: PredictionFiles,
  settings: string,
  role: PartRole | undefined,
  measure: () => Promise<R>,
): Promise<R> {
  const path = joinPath(FOLDER, `${files.identifier}.json`);
  if (role === undefined || (role === "take" && !(await prediction.exists(path)))) return measure();
  const inputs = {
    prediction: await digestOf(prediction, files.prediction),
    reference: await digestOf(reference, files.reference),
  };
  const earlier = await findResult(prediction, path, settings, inputs);
  if (earlier !== null) return decode(earlier.result as string) as R;
  const measured = await measure();
  if (role === "leave") await saveRecord(prediction, path, { settings, inputs, result: encode(measured) }, []);
  return measured;
}

/** Removes what parts left among predictions, when the summary of all is written. */
export async function forgetMeasured(prediction: Store): Promise<void> {
  for (const name of await prediction.list(FOLDER)) await prediction.remove(joinPath(FOLDER, name));
}
