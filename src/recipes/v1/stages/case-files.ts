import { inFile, NnprepError } from "../../../core/errors.js";
import { joinPath } from "../../../core/paths.js";
import type { NdArray } from "../../../core/python.js";
import { type CaseArrays, type Shape3, voxelCount } from "../../../core/volume.js";

import { type NpzCompression, readNpzArray, streamFloat32Npz } from "../../../io/npz.js";
import { formatPickle, parsePickle } from "../../../io/pickle.js";
import { wholeFloatLabels } from "../../../kernels/clean.js";
import type { Store } from "../../../runner/store.js";
import { init } from "../../../runtime/instantiate.js";
import type { LabelledCaseArrays } from "../../../steps/crop.js";
import { asCropped, type CroppedProperties } from "../crop/crop-case.js";
import { type CaseProperties, propertiesFromPython, propertiesToPython } from "../documents/properties.js";
import { caseFileNames } from "../layout.js";

/** Key of the one array in nnU-Net's npz files. */
const ARRAY_KEY = "data";

/**
 * Reads `ID.pkl` of a cropped or preprocessed case, written by nnU-Net v1 or by this package.
 * @throws NnprepError FILE_NOT_FOUND, CORRUPT_FILE
 */
export async function loadProperties(store: Store, identifier: string, folder = ""): Promise<CaseProperties> {
  const path = joinPath(folder, caseFileNames(identifier).properties);
  const bytes = await store.read(path);
  return inFile(store.location(path), () => propertiesFromPython(parsePickle(bytes)));
}

/** The same, for a case that must have been cropped. */
export async function loadCroppedProperties(store: Store, identifier: string): Promise<CroppedProperties> {
  const properties = await loadProperties(store, identifier);
  return inFile(store.location(caseFileNames(identifier).properties), () => asCropped(properties));
}

/** Writes `ID.pkl`. @throws NnprepError CANNOT_WRITE */
export async function saveProperties(
  store: Store,
  identifier: string,
  properties: CaseProperties,
  folder = "",
): Promise<void> {
  const path = joinPath(folder, caseFileNames(identifier).properties);
  await store.write(path, formatPickle(propertiesToPython(properties)));
}

/** Reads `ID.npz`: the channels, and the label that nnU-Net keeps as the last of them. */
export async function loadArrays(store: Store, identifier: string, folder = ""): Promise<LabelledCaseArrays> {
  const path = joinPath(folder, caseFileNames(identifier).arrays);
  const [bytes] = await Promise.all([store.read(path), init()]);
  return inFile(store.location(path), async () => splitStack(await readNpzArray(bytes, ARRAY_KEY)));
}

function splitStack({ data, shape }: NdArray): LabelledCaseArrays {
  const isFloat = data instanceof Float32Array || data instanceof Float64Array;
  if (!isFloat || shape.length !== 4 || shape[0] < 2) {
    throw new NnprepError(
      "CORRUPT_FILE",
      `array "${ARRAY_KEY}" has the shape (${shape.join(", ")}); float32 (channels + 1, a0, a1, a2) is expected. Crop the case again with --overwrite`,
      { found: [...shape] },
    );
  }
  // nnU-Net stores float64 for a case without a label.
  const stack = data instanceof Float32Array ? data : new Float32Array(data);
  const grid: Shape3 = [shape[1], shape[2], shape[3]];
  const n = voxelCount(grid);
  const channels = Array.from({ length: shape[0] - 1 }, (_, c) => stack.subarray(c * n, (c + 1) * n));
  const values = stack.subarray(channels.length * n);
  // The label becomes int16 where it is: the stack is not needed any more.
  const label = wholeFloatLabels(values, new Int16Array(values.buffer, values.byteOffset, n));
  if (typeof label === "number") {
    throw new NnprepError(
      "CORRUPT_FILE",
      `array "${ARRAY_KEY}": its last channel has the value ${values[label]} at voxel ${label}; nnU-Net keeps the label there, as whole numbers`,
      { found: values[label], voxel: label },
    );
  }
  return { channels, label, shape: grid };
}

/**
 * Writes `ID.npz`, then `ID.pkl`. An older `ID.pkl` goes first, so that a case counts as done only when both files
 * belong together, wherever a run is cut off.
 */
export async function saveCase(
  store: Store,
  identifier: string,
  arrays: CaseArrays & { readonly label: Int16Array },
  properties: CaseProperties,
  folder = "",
  compression: NpzCompression = "fast",
): Promise<void> {
  const names = caseFileNames(identifier);
  const parts = [...arrays.channels, arrays.label];
  const pieces = streamFloat32Npz(ARRAY_KEY, parts, [parts.length, ...arrays.shape], { compression });
  await store.remove(joinPath(folder, names.properties));
  await store.write(joinPath(folder, names.arrays), pieces);
  await saveProperties(store, identifier, properties, folder);
}
