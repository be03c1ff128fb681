import { NnprepError } from "../core/errors.js";
import { formatShape, type Shape3 } from "../core/volume.js";
import type { CaseProperties } from "../documents/properties.js";
import { readNpzFloats, writeNpzPieces } from "../io/npz.js";
import { memberLength } from "../io/zip.js";
import { caseFileNames } from "../recipes/v1/layout.js";
import type { FloatValues, ProbabilityArray } from "../steps/probabilities.js";
import { inFile, saveProperties } from "./case-files.js";
import type { Store } from "./store.js";

/** Key of the one array in nnU-Net's files of probabilities. */
const KEY = "softmax";
const ENDING = ".npz";
/** Enough of an archive for the header of its first member. */
const HEAD_BYTES = 512;

/** Identifiers of the cases that have an npz file, sorted by file name. */
export async function listProbabilities(store: Store): Promise<string[]> {
  const names = await store.list();
  return names.filter((name) => name.endsWith(ENDING)).map((name) => name.slice(0, -ENDING.length));
}

/**
 * Reads `ID.npz` as nnU-Net v1 writes it with `--save_npz`. float64 is rounded to float32.
 * @throws NnprepError FILE_NOT_FOUND, CORRUPT_FILE, UNSUPPORTED
 */
export async function loadProbabilities(store: Store, identifier: string): Promise<ProbabilityArray> {
  const path = caseFileNames(identifier).arrays;
  const bytes = await store.read(path);
  return inFile(store.location(path), async () => {
    const { data, shape } = await readNpzFloats(bytes, KEY);
    if (shape.length !== 4 || shape.some((n) => n < 1)) {
      throw new NnprepError(
        "CORRUPT_FILE",
        `array "${KEY}" has the shape ${formatShape(shape)}; (classes, a0, a1, a2) is expected`,
        { found: [...shape] },
      );
    }
    const [classes, ...grid] = shape as [number, number, number, number];
    return { classes, shape: grid, data: data instanceof Float64Array ? Float32Array.from(data) : data };
  });
}

/** Bytes of the probabilities of a case once they are read, from the head of its file; 0 if it does not say. */
export async function probabilityBytes(store: Store, identifier: string): Promise<number> {
  const head = await store.readHead(caseFileNames(identifier).arrays, HEAD_BYTES);
  return memberLength(head) ?? 0;
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
