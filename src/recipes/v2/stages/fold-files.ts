import { NnprepError } from "../../../core/errors.js";
import { joinPath } from "../../../core/paths.js";
import type { Store } from "../../../runner/store.js";
import { foldFolderName, VALIDATION_FOLDER } from "../layout.js";

/** A case, and the fold that predicted it. */
export interface FoldFile {
  readonly fold: number;
  readonly identifier: string;
}

/**
 * The cases of all folds of a model that have some file, fold by fold.
 * @param store the model's folder
 * @throws NnprepError INVALID_DATASET for a fold without, or a case in two folds
 */
export async function filesOfFolds(
  store: Store,
  folds: readonly number[],
  list: (store: Store, folder: string) => Promise<string[]>,
  missing: string,
): Promise<FoldFile[]> {
  const homes = new Map<string, number>();
  const found: FoldFile[] = [];
  for (const fold of folds) {
    const folder = validationFolder(fold);
    const identifiers = await list(store, folder);
    if (identifiers.length === 0) {
      const where = store.location(folder);
      throw new NnprepError("INVALID_DATASET", `${where}: ${missing}`, { folder: where, fold });
    }
    for (const identifier of identifiers) {
      const other = homes.get(identifier);
      if (other !== undefined) {
        throw new NnprepError(
          "INVALID_DATASET",
          `${store.location(folder)}: case ${identifier} was predicted in fold ${other} too; a case belongs to one fold only. Remove one of them`,
          { case: identifier, folds: [other, fold] },
        );
      }
      homes.set(identifier, fold);
      found.push({ fold, identifier });
    }
  }
  return found;
}

/** `fold_0/validation` */
export function validationFolder(fold: number): string {
  return joinPath(foldFolderName(fold), VALIDATION_FOLDER);
}

/** @throws NnprepError INVALID_DATASET if the other member of an ensemble lacks cases */
export function requireSame(wanted: readonly FoldFile[], found: readonly FoldFile[], where: string): void {
  const known = new Set(found.map(({ identifier }) => identifier));
  const missing = wanted.map(({ identifier }) => identifier).filter((identifier) => !known.has(identifier));
  if (missing.length === 0) return;
  throw new NnprepError(
    "INVALID_DATASET",
    `${where}: no probabilities of ${missing.join(", ")}, which the other member of the ensemble has. Run the validation again with --val --npz`,
    { folder: where, missing },
  );
}
