import { inFile, NnprepError } from "../../../core/errors.js";
import { formatShape, type Shape3 } from "../../../core/volume.js";
import { type FirstArray, NPZ_HEAD_BYTES, peekNpz, readNpzFloats, writeNpzPieces } from "../../../io/npz.js";
import type { Store } from "../../../runner/store.js";
import type { FloatValues, ProbabilityArray } from "../../../steps/probabilities.js";
import type { CaseProperties } from "../documents/properties.js";
import { caseFileNames } from "../layout.js";
import { loadProperties, saveProperties } from "./case-files.js";

/** Key of the one array in nnU-Net's files of probabilities. */
const KEY = "softmax";
const ENDING = ".npz";

/** Identifiers of the cases that have an npz file, sorted by file name. */
export async function listProbabilities(store: Store): Promise<string[]> {
  const names = await store.list();
  return names.filter((name) => name.endsWith(ENDING)).map((name) => name.slice(0, -ENDING.length));
}

/**
 * Reads `ID.npz` as nnU-Net v1 writes it with `--save_npz`, float16 or float32. nnU-Net would decide about float64 in
 * float64; it never writes such a file.
 * @throws NnprepError FILE_NOT_FOUND, CORRUPT_FILE, UNSUPPORTED for other types, float64 among them
 */
export async function loadProbabilities(store: Store, identifier: string): Promise<ProbabilityArray> {
  const path = caseFileNames(identifier).arrays;
  const bytes = await store.read(path);
  return inFile(store.location(path), async () => {
    const { data, shape } = await readNpzFloats(bytes, KEY);
    if (data instanceof Float64Array) {
      throw new NnprepError(
        "UNSUPPORTED",
        `array "${KEY}" is float64; float16 or float32, as nnU-Net writes probabilities, is expected. Rounding may turn near ties, so do it yourself: np.savez_compressed(file, ${KEY}=array.astype(np.float32))`,
        { found: "float64", expected: "float16 or float32" },
      );
    }
    if (shape.length !== 4 || shape.some((n) => n < 1)) {
      throw new NnprepError(
        "CORRUPT_FILE",
        `array "${KEY}" has the shape ${formatShape(shape)}; (classes, a0, a1, a2) is expected`,
        { found: [...shape] },
      );
    }
    const [classes, ...grid] = shape as [number, number, number, number];
    return { classes, shape: grid, data };
  });
}

/**
 * Reads `ID.pkl`, without which probabilities belong nowhere.
 * @throws NnprepError FILE_NOT_FOUND that says which of the case's files is missing, CORRUPT_FILE
 */
export async function loadProbabilityProperties(store: Store, identifier: string): Promise<CaseProperties> {
  const { arrays, properties } = caseFileNames(identifier);
  if (await store.exists(properties)) return loadProperties(store, identifier);
  const file = store.location(properties);
  const reason = (await store.exists(arrays))
    ? `${arrays} is there, but without it nobody knows where in the scan it belongs. nnU-Net writes both with --save_npz: copy it too, or predict the case again`
    : `this folder has no case "${identifier}"; predict it, or leave it out of the other folders too`;
  throw new NnprepError("FILE_NOT_FOUND", `${file}: no such file; ${reason}`, { file, case: identifier });
}

/** Shape and bytes of the array of `ID.npz`, from the head of the file. @throws NnprepError */
export async function peekArray(store: Store, identifier: string): Promise<FirstArray> {
  return peekNpz(await store.readHead(caseFileNames(identifier).arrays, NPZ_HEAD_BYTES));
}

/**
 * Writes `ID.npz` (float16, whatever the chunks are: Uint16Array are taken for its bits) and then `ID.pkl`; an older
 * `ID.pkl` goes first, so that the two always belong together.
 */
export async function saveProbabilities(
  store: Store,
  identifier: string,
  classes: readonly Uint16Array[],
  shape: Shape3,
  properties: CaseProperties,
): Promise<void> {
  const names = caseFileNames(identifier);
  const array = { chunks: classes, shape: [classes.length, ...shape], float16: true };
  const pieces = await writeNpzPieces({ [KEY]: array }, { compression: "fast" });
  await store.remove(names.properties);
  await store.write(names.arrays, pieces);
  await saveProperties(store, identifier, properties);
}

/** The classes of an array, each a view of its own. */
export function splitClasses<T extends FloatValues>(data: T, classes: number): T[] {
  const count = data.length / classes;
  return Array.from({ length: classes }, (_, c) => data.subarray(c * count, (c + 1) * count) as T);
}
