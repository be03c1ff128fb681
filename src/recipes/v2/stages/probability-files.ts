import { inFile, NnprepError } from "../../../core/errors.js";
import { formatShape, type Shape3 } from "../../../core/volume.js";
import { type FirstArray, NPZ_HEAD_BYTES, peekNpz, readNpzFloats, streamVolumesNpz } from "../../../io/npz.js";
import { formatPickle, parsePickle } from "../../../io/pickle.js";
import type { Store } from "../../../runner/store.js";
import { init } from "../../../runtime/instantiate.js";
import type { ProbabilityArray } from "../../../steps/probabilities.js";
import { type CaseProperties, propertiesFromPython, propertiesToPython } from "../documents/properties.js";
import { preparedFileNames } from "../layout.js";

/** Key of the one array: `probabilities` in nnU-Net's files; `logits` in those that are still to be exported. */
export type ProbabilityKey = "probabilities" | "logits";

const ENDING = ".npz";

/** Identifiers of the cases that have an npz file, sorted by file name. */
export async function listProbabilities(store: Store, folder = ""): Promise<string[]> {
  const names = await store.list(folder);
  return names.filter((name) => name.endsWith(ENDING)).map((name) => name.slice(0, -ENDING.length));
}

/**
 * Reads `ID.npz`: probabilities as nnU-Net v2 writes them with `--save_probabilities`, or logits; float16 or float32.
 * @throws NnprepError FILE_NOT_FOUND, CORRUPT_FILE, UNSUPPORTED for other types
 */
export async function loadProbabilities(
  store: Store,
  identifier: string,
  key: ProbabilityKey,
): Promise<ProbabilityArray> {
  const path = preparedFileNames(identifier).npz;
  const [bytes] = await Promise.all([store.read(path), init()]);
  return inFile(store.location(path), async () => {
    const { data, shape } = await readNpzFloats(bytes, key);
    if (data instanceof Float64Array) {
      throw new NnprepError("UNSUPPORTED", `array "${key}" is float64; float16 or float32 is expected`, {
        found: "float64",
      });
    }
    if (shape.length !== 4 || shape.some((n) => n < 1)) {
      throw new NnprepError(
        "CORRUPT_FILE",
        `array "${key}" has the shape ${formatShape(shape)}; (heads, a0, a1, a2) is expected`,
        {
          found: [...shape],
        },
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
export async function loadCaseProperties(store: Store, identifier: string): Promise<CaseProperties> {
  const { npz, properties } = preparedFileNames(identifier);
  const file = store.location(properties);
  if (await store.exists(properties)) {
    const bytes = await store.read(properties);
    return inFile(file, () => propertiesFromPython(parsePickle(bytes)));
  }
  const reason = (await store.exists(npz))
    ? `${npz} is there, but without it nobody knows where in the scan it belongs. nnU-Net writes both with --save_probabilities: copy it too, or predict the case again`
    : `this folder has no case "${identifier}"; predict it, or leave it out of the other folders too`;
  throw new NnprepError("FILE_NOT_FOUND", `${file}: no such file; ${reason}`, { file, case: identifier });
}

/** Shape and bytes of the array of `ID.npz`, from the head of the file. @throws NnprepError */
export async function peekProbabilities(store: Store, identifier: string): Promise<FirstArray> {
  return peekNpz(await store.readHead(preparedFileNames(identifier).npz, NPZ_HEAD_BYTES));
}

/**
 * Writes `ID.npz`, volume after volume while they are made, and then `ID.pkl`; an older `ID.pkl` goes first, so that the
 * two always belong together.
 */
export async function saveProbabilities(
  store: Store,
  identifier: string,
  volumes: () => Iterable<Float32Array>,
  shape: readonly [number, ...Shape3],
  properties: CaseProperties,
): Promise<void> {
  const names = preparedFileNames(identifier);
  await store.remove(names.properties);
  await store.write(names.npz, streamVolumesNpz("probabilities", volumes, shape, { compression: "fast" }));
  const { classLocations: _, ...rest } = properties;
  await store.write(names.properties, formatPickle(propertiesToPython(rest)));
}
