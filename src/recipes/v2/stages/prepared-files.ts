import { joinPath } from "../../../core/paths.js";
import { NdArray } from "../../../core/python.js";
import type { Shape3 } from "../../../core/volume.js";
import { writeB2nd } from "../../../io/blosc2/write.js";
import { type NpzCompression, writeNpzPieces } from "../../../io/npz.js";
import { formatPickle } from "../../../io/pickle.js";
import type { Store } from "../../../runner/store.js";
import { giveBack } from "../../../runtime/scratch.js";
import { type CaseProperties, propertiesToPython } from "../documents/properties.js";
import { preparedFileNames } from "../layout.js";

/** How preprocessed cases are stored; nnU-Net trains from both. */
export type PreparedFormat = "b2nd" | "npz";

/** A preprocessed case on the network's grid. */
export interface PreparedArrays {
  readonly channels: readonly Float32Array[];
  readonly label: Int16Array;
  readonly shape: Shape3;
}

/** The files of one case, in the order in which they are written. */
export function preparedPaths(identifier: string, folder: string, format: PreparedFormat): string[] {
  const names = preparedFileNames(identifier);
  const arrays = format === "b2nd" ? [names.data, names.seg] : [names.npz];
  return [...arrays, names.properties].map((name) => joinPath(folder, name));
}

/**
 * Writes `ID.b2nd`, `ID_seg.b2nd` and `ID.pkl`, or `ID.npz` and `ID.pkl`; what is there of the case goes first.
 * @param patchSize of the configuration: nnU-Net cuts its arrays by it
 */
export async function savePrepared(
  store: Store,
  identifier: string,
  { channels, label, shape }: PreparedArrays,
  properties: CaseProperties,
  {
    folder,
    format,
    patchSize,
    compression,
  }: {
    readonly folder: string;
    readonly format: PreparedFormat;
    readonly patchSize: readonly number[];
    /** Of npz files. */
    readonly compression: NpzCompression;
  },
): Promise<void> {
  for (const path of new Set([
    ...preparedPaths(identifier, folder, "b2nd"),
    ...preparedPaths(identifier, folder, "npz"),
  ])) {
    await store.remove(path);
  }
  const [first, second, third] = preparedPaths(identifier, folder, format) as [string, string, string];
  if (format === "b2nd") {
    const image = { chunks: channels, shape: [channels.length, ...shape] };
    for (const [path, array] of [
      [first, image],
      [second, new NdArray(label, [1, ...shape])],
    ] as const) {
      const pieces = await writeB2nd(array, { patchSize });
      await store.write(path, pieces);
      giveBack(pieces);
    }
    await store.write(third, formatPickle(propertiesToPython(properties)));
    return;
  }
  const data = { chunks: channels, shape: [channels.length, ...shape] };
  const arrays = { data, seg: new NdArray(label, [1, ...shape]) };
  await store.write(first, await writeNpzPieces(arrays, { compression }));
  await store.write(second, formatPickle(propertiesToPython(properties)));
}
