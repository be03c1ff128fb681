import { NnprepError } from "../core/errors.js";
import { formatShape, type Shape3, voxelCount } from "../core/volume.js";
import { sigmoidInPlace, softmaxInPlace } from "../kernels/class-probabilities.js";
import type { Network } from "./network.js";
import { addMirrored, cutPatch, type Flips, mirrorings, type NetworkInput } from "./patches.js";
import type { WindowRules } from "./window-rules.js";

const NO_FLIPS: Flips = [false, false, false];

/** What every window of an image has in common. */
export interface WindowRun {
  readonly image: NetworkInput;
  /** Voxels of a window as the network has them, two or three axes. */
  readonly patch: readonly number[];
  /** The same with three axes. */
  readonly size: Shape3;
  readonly classes: number;
  readonly mirrorAxes: readonly number[];
  readonly rules: WindowRules;
  readonly signal: AbortSignal | undefined;
}

/** Arrays that windows and folds use one after the other. */
export interface WindowBuffers {
  /** The patch that goes into the network. */
  readonly patch: Float32Array;
  /** Sum over mirrored versions; empty without mirroring. */
  readonly mirrored: Float32Array;
}

export function windowBuffers({ image, size, classes, mirrorAxes }: WindowRun): WindowBuffers {
  const voxels = voxelCount(size);
  return {
    patch: new Float32Array(image.channels.length * voxels),
    mirrored: new Float32Array(mirrorAxes.length > 0 ? classes * voxels : 0),
  };
}

/**
 * What the network says of the window at a place of the image, which may reach over its borders: the sum over all
 * mirrored versions. The result is valid until the next call.
 */
export function windowPredictor(
  network: Network,
  run: WindowRun,
  { patch: data, mirrored: sums }: WindowBuffers,
): (start: Shape3) => Promise<Float32Array> {
  const { image, patch, size, classes, mirrorAxes, rules, signal } = run;
  const shape = [image.channels.length, ...patch];
  const flips = mirrorings(mirrorAxes, patch.length, rules.mirrorOrder);
  const expected = classes * voxelCount(size);
  let spare: Float32Array | undefined;
  const predict = async (start: Shape3, mirrored: Flips) => {
    if (signal?.aborted === true) throw new NnprepError("ABORTED", "stopped between two windows of the prediction");
    cutPatch(image, start, size, mirrored, data);
    const output = await network.run({ data, shape }, spare);
    if (output.length === expected) {
      spare = output;
      if (rules.activation === "softmax") softmaxInPlace(output, classes);
      if (rules.activation === "sigmoid") sigmoidInPlace(output);
      return output;
    }
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `the network returns ${output.length} values for a patch of ${formatShape(shape)}, but ${classes} classes of ${formatShape(patch)} voxels are ${expected}: the model does not belong to this dataset.json and plans`,
      { found: output.length, expected },
    );
  };
  return async (start) => {
    const first = await predict(start, NO_FLIPS);
    if (flips.length === 0) return first;
    sums.set(first);
    for (const mirrored of flips) addMirrored(await predict(start, mirrored), size, mirrored, sums);
    return sums;
  };
}
