import { NnprepError } from "../../../core/errors.js";
import { compareCodePoints } from "../../../core/paths.js";
import { RandomState } from "../../../core/random.js";
import { JsonFields } from "../../../io/json-fields.js";
import { parseOrderedJson } from "../../../io/ordered-json.js";
import { formatPythonJson } from "../../../io/python-json.js";

/** Identifiers of the cases that one fold trains with, and of those that it is tested with. */
export interface Split {
  readonly train: readonly string[];
  readonly val: readonly string[];
}

const FOLDS = 5;
const SEED = 12345;
/** Share of the cases that a fold beyond the file trains with. */
const TRAINING_SHARE = 0.8;

const fields = new JsonFields("INVALID_DATASET");

/**
 * Folds that nnU-Net v2 trains when there is no splits_final.json: scikit-learn's shuffled `KFold` over the sorted
 * identifiers.
 * @throws NnprepError INVALID_DATASET for fewer than five cases.
 */
export function makeSplits(identifiers: readonly string[]): Split[] {
  if (identifiers.length < FOLDS) {
    throw new NnprepError(
      "INVALID_DATASET",
      `${identifiers.length} cases found; expected at least ${FOLDS} for ${FOLDS} folds. Write a splits_final.json ` +
        "with fewer folds, or train fold all",
      { found: identifiers.length, expected: FOLDS },
    );
  }
  const ids = [...identifiers].sort(compareCodePoints);
  const order = Uint32Array.from(ids, (_, i) => i);
  new RandomState(SEED).shuffle(order);
  const [small, larger] = [Math.floor(ids.length / FOLDS), ids.length % FOLDS];
  let start = 0;
  return Array.from({ length: FOLDS }, (_, fold) => {
    const tested = new Set(order.subarray(start, start + small + (fold < larger ? 1 : 0)));
    start += tested.size;
    return { train: ids.filter((_id, i) => !tested.has(i)), val: ids.filter((_id, i) => tested.has(i)) };
  });
}

/**
 * The fold that nnU-Net trains when asked for one that `splits` does not have: a drawn 80 % of the cases, in the order
 * of the draw.
 */
export function selectSplit(splits: readonly Split[], fold: number, identifiers: readonly string[]): Split {
  const listed = splits[fold];
  if (listed !== undefined) return listed;
  const ids = [...identifiers].sort(compareCodePoints);
  const count = Math.floor(ids.length * TRAINING_SHARE);
  const drawn = [...new RandomState(SEED + fold).choiceWithoutReplacement(ids.length, count)];
  const trained = new Set(drawn);
  return { train: drawn.map((i) => ids[i]), val: ids.filter((_, i) => !trained.has(i)) };
}

/** The text of a splits_final.json as nnU-Net writes it. */
export function formatSplits(splits: readonly Split[]): string {
  return formatPythonJson(
    splits.map(({ train, val }) => new Map([["train", train] as const, ["val", val] as const])),
    { indent: 4 },
  );
}

/**
 * The folds of a `splits_final.json`.
 *
 * @throws NnprepError INVALID_DATASET, CORRUPT_FILE
 */
export function parseSplits(content: Uint8Array | string, file = "splits_final.json"): Split[] {
  try {
    return fields.list(parseOrderedJson(content), "splits", (item, key) => {
      const dict = fields.dict(item, key);
      return {
        train: fields.list(dict.get("train"), `${key}.train`, fields.text),
        val: fields.list(dict.get("val"), `${key}.val`, fields.text),
      };
    });
  } catch (error) {
    throw error instanceof NnprepError ? error.inFile(file) : error;
  }
}

/**
 * The rule by which planning takes over the splits of the raw dataset: all of its folds have to be in the file that is
 * already there. Says which fold differs, or null.
 */
export function describeSplitDifference(raw: readonly Split[], present: readonly Split[]): string | null {
  const same = (a: readonly string[], b: readonly string[] = []) =>
    new Set(a).size === new Set(b).size && a.every((id) => b.includes(id));
  const fold = raw.findIndex((split, i) => !(same(split.train, present[i]?.train) && same(split.val, present[i]?.val)));
  if (fold === -1) return null;
  return `fold ${fold} of the raw dataset's splits_final.json is not that of the preprocessed one; remove one of the files`;
}
