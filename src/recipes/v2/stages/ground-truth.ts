import { isFirstPart, type Part, takePart } from "../../../runner/parts.js";
import { digestFiles } from "../../../runner/record.js";
import type { Store } from "../../../runner/store.js";
import { GROUND_TRUTH_FOLDER, type TrainingCase } from "../layout.js";

/**
 * Copies the labels to gt_segmentations, as preprocessing of nnU-Net 2.8.1 does in the end; those that are there already
 * and equal stay, those of cases that are gone are removed. With `part` only the labels of that part are copied, and the first one removes.
 */
export async function copyGroundTruth(
  { raw, preprocessed }: { readonly raw: Store; readonly preprocessed: Store },
  cases: readonly TrainingCase[],
  fileEnding: string,
  part?: Part,
): Promise<void> {
  if (isFirstPart(part)) {
    const wanted = new Set(cases.map(({ identifier }) => `${identifier}${fileEnding}`));
    for (const name of await preprocessed.list(GROUND_TRUTH_FOLDER)) {
      if (!wanted.has(name)) await preprocessed.remove(`${GROUND_TRUTH_FOLDER}/${name}`);
    }
  }
  for (const { identifier, label } of takePart(cases, part)) {
    // Preprocessing has told of labels that are missing.
    if (!(await raw.exists(label))) continue;
    const path = `${GROUND_TRUTH_FOLDER}/${identifier}${fileEnding}`;
    if (await isCopied(raw, label, preprocessed, path)) continue;
    await preprocessed.write(path, await raw.read(label));
  }
}

async function isCopied(from: Store, source: string, to: Store, copy: string): Promise<boolean> {
  if ((await from.byteLength(source)) !== (await to.byteLength(copy))) return false;
  const [[, expected]] = Object.values(await digestFiles(from, [source])) as [[number, number]];
  const [[, found]] = Object.values(await digestFiles(to, [copy])) as [[number, number]];
  return found === expected;
}
