import { checkLength, type Shape3, voxelCount } from "../../core/volume.js";
import { kernels } from "../../runtime/instantiate.js";
import { withScratch } from "../../runtime/scratch.js";
import { type Scaling, ScalingOnTheWay } from "../normalize.js";
import { envelope } from "./envelope.js";
import { type Extent, ExtentGatherer, largestOfRange } from "./extent.js";
import { type FirstAxisPass, roundFirstAxis } from "./first-axis.js";
import { InfluenceLevels } from "./influence-levels.js";
import type { CubicJob } from "./job.js";
import { PlanePass } from "./plane-pass.js";
import { repairUncertain } from "./repair.js";
import { type BetweenPasses, cutPlane, planCubic, scatterPart, scatterPlane } from "./tiles.js";
import type { Lanes, UncertainVoxels } from "./uncertain-voxels.js";

/**
 * Cubic B-spline resampling of a volume, equal to
 * `skimage.transform.resize(x.astype(float64), newShape, 3, mode="edge", anti_aliasing=False).astype(float32)`
 * (scikit-image >= 0.19, scipy >= 1.6) bit by bit: edge padding, prefilter, evaluation, clip to the input's range.
 * One non-finite voxel makes every voxel NaN, as in the reference.
 *
 * @param data voxels of `shape`, C order
 * @param output receives the result; a new array when not given
 * @param within label of `newShape` or null: voxels where it is negative may have rounding errors (a last bit, or 1e-14
 *   of the range), because the caller replaces them
 * @param scaling what becomes of the voxels first, or null: as `clipAndScale`, without a copy of the volume
 * @throws NnprepError SHAPE_MISMATCH, INVALID_ARGUMENT, OUT_OF_MEMORY
 */
export function resizeCubic(
  data: Float32Array,
  shape: Shape3,
  newShape: Shape3,
  output: Float32Array = new Float32Array(voxelCount(newShape)),
  within: Int16Array | null = null,
  scaling: Scaling | null = null,
): Float32Array {
  checkLength("input", data, shape);
  checkLength("output", output, newShape);
  if (within !== null) checkLength("label", within, newShape);
  const { tiles, storeLength } = planCubic(shape, newShape);
  const onTheWay = scaling === null ? null : new ScalingOnTheWay(scaling);
  const job: CubicJob = { data, scaling: onTheWay, shape, newShape, planar: false, within };
  return withScratch(storeLength, (store) => {
    const block: BetweenPasses = { tiles, samples: shape[0], store };
    resizeFirstAxis(job, block, resizePlanes(job, [0, shape[0]], [block]), output);
    return output;
  });
}

/**
 * First part: the two last axes of the slices [from, to), into blocks side by side that hold all tiles together. Returns
 * the extent of these slices; a slab that does not start the volume starts on a whole block of the extent.
 */
export function resizePlanes(
  job: CubicJob,
  [from, to]: readonly [number, number],
  blocks: readonly BetweenPasses[],
): Extent {
  const { shape, newShape } = job;
  const { window } = kernels();
  const slab: Shape3 = [to - from, shape[1], shape[2]];
  const addresses = window.reserve(...PlanePass.byteLengths(shape, newShape), ...ExtentGatherer.byteLengths(slab));
  const [, , , , , , ...afterPlane] = addresses;
  const pass = new PlanePass(shape, newShape, addresses);
  const gatherer = new ExtentGatherer(slab, afterPlane);
  // The same views for all slices: making them costs as much as what they copy.
  let parts: Float64Array[][] | null = null;
  for (let i0 = from; i0 < to; i0++) {
    pass.runRows(job, i0, gatherer);
    pass.runColumns((lane, lanes, plane) => {
      if (lanes < pass.width) {
        for (const block of blocks) scatterPart(plane, lane, lanes, pass.width, i0, block);
        return;
      }
      parts ??= blocks.map(({ tiles }) => cutPlane(plane, tiles));
      for (const [b, cut] of parts.entries()) scatterPlane(cut, i0, blocks[b]);
    });
  }
  return gatherer.finish();
}

/**
 * Second part: the first axis of all or some tiles, rounded to float32 and written to `output`; uncertain voxels are
 * repaired.
 */
export function resizeFirstAxis(job: CubicJob, block: BetweenPasses, extent: Extent, output: Float32Array): void {
  const { shape, newShape } = job;
  if (!extent.finite) {
    output.fill(Number.NaN);
    return;
  }
  const pass: FirstAxisPass = {
    shape,
    newShape,
    within: job.within,
    rows: [0, newShape[1]],
    blocks: [block],
    range: extent,
    reaching: envelope(extent, null, shape[2], newShape[2]),
  };
  const findLevels = (pending: Lanes) => InfluenceLevels.find(job, largestOfRange(extent), output, pending);
  repairUncertain(job, roundFirstAxis(pass, output, null, findLevels) as UncertainVoxels, extent, output);
}
