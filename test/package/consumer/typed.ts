/** What a user of the package writes in TypeScript; it is compiled, not run. */

import { init, NnprepError, type Volume } from "nnprep";
import { parseNifti, readVolume } from "nnprep/io";
import {
  type CaseProperties,
  cropCase,
  type PreprocessedCase,
  preprocessCase,
  type StageSettings,
  stageSettings,
} from "nnprep/v1";

type IsAny<T> = 0 extends 1 & T ? true : false;
/** Does not compile when the type of the argument is `any`. */
function known<T>(value: IsAny<T> extends true ? never : T): T {
  return value;
}

export async function example(bytes: Uint8Array, settings: StageSettings): Promise<PreprocessedCase> {
  await init({ wasm: bytes as Uint8Array<ArrayBuffer> });
  const image: Volume = known(await readVolume("case_0000.nii.gz", bytes));
  const { spacingMm } = known((await parseNifti(bytes)).geometry);
  const z: number = spacingMm[0];
  const cropped = known(cropCase({ images: [image] }));
  const properties: CaseProperties = known(cropped.properties);
  try {
    const done = known(
      await preprocessCase(cropped.arrays, cropped.properties, settings, { labelOrder: z > 3 ? 0 : 1 }),
    );
    known(done.arrays.channels[0]);
    known(done.warnings[0]?.detail);
    return done;
  } catch (error) {
    if (error instanceof NnprepError && error.code === "SHAPE_MISMATCH") known(error.detail);
    throw new Error(String(properties.original_spacing[2]));
  }
}

// @ts-expect-error a shape has three entries
export const wrong: Volume["shape"] = [1, 2];
export const settings = known(stageSettings);
