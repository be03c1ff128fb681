import { checkLength, type Shape3, voxelCount } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";
import { withScratch } from "../runtime/scratch.js";
import { type FirstAxisPass, roundFirstAxis } from "./cubic-first-axis.js";
import { repairDoubts } from "./cubic-repair.js";
import { RoundedPass } from "./cubic-rounded.js";
import { type BetweenPasses, cutPlane, planCubic, scatterPart, scatterPlane } from "./cubic-tiles.js";
import type { CubicJob } from "./cubic-window.js";
import { Doubts, type Lanes } from "./doubts.js";
import { envelope, envelopeBytes } from "./envelope.js";
import { blockCount, type Extent, ExtentGatherer, largestOfRange } from "./extent.js";
import { levelsOfPlane, OutputLevels, wordCount } from "./levels.js";
import { LANES, PlanePass, padToLanes } from "./plane-pass.js";
import { RELATIVE_ERROR } from "./tolerance.js";

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
 * @throws NnprepError SHAPE_MISMATCH, INVALID_ARGUMENT, OUT_OF_MEMORY
 */
export function resizeCubic(
  data: Float32Array,
  shape: Shape3,
  newShape: Shape3,
  output: Float32Array = new Float32Array(voxelCount(newShape)),
  within: Int16Array | null = null,
): Float32Array {
  checkLength("input", data, shape);
  checkLength("output", output, newShape);
  if (within !== null) checkLength("label", within, newShape);
  const { tiles, storeLength } = planCubic(shape, newShape);
  const job: CubicJob = { data, shape, newShape, planar: false, within };
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
  const { data, shape, newShape } = job;
  const [, n1, n2] = shape;
  const { window } = kernels();
  const slab: Shape3 = [to - from, n1, n2];
  const addresses = window.reserve(...PlanePass.byteLengths(shape, newShape), ...ExtentGatherer.byteLengths(slab));
  const [, , , , , , ...afterPlane] = addresses;
  const pass = new PlanePass(shape, newShape, addresses);
  const gatherer = new ExtentGatherer(slab, afterPlane);
  // The same views for all slices: making them costs as much as what they copy.
  let parts: Float64Array[][] | null = null;
  for (let i0 = from; i0 < to; i0++) {
    pass.runRows(data.subarray(i0 * n1 * n2, (i0 + 1) * n1 * n2), gatherer);
    pass.runColumns((lane, lanes, plane) => {
      if (lanes < pass.width) {
        for (const block of blocks) scatterPart(plane, lane, lanes, pass.width, i0, block);
        return;
      }
      parts ??= blocks.map(({ tiles }) => cutPlane(plane, tiles));
      for (const [b, cut] of parts.entries()) scatterPlane(cut, i0, blocks[b] as BetweenPasses);
    });
  }
  return gatherer.finish();
}

/**
 * Second part: the first axis of all or some tiles, rounded to float32 and written to `output`; voxels whose rounding
 * is in doubt are repaired.
 */
export function resizeFirstAxis(job: CubicJob, block: BetweenPasses, extent: Extent, output: Float32Array): void {
  const { data, shape, newShape } = job;
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
  const findLevels = (pending: Lanes) =>
    OutputLevels.find(data, shape, largestOfRange(extent), newShape, output, pending);
  repairDoubts(job, roundFirstAxis(pass, output, null, findLevels) as Doubts, extent, output);
}

/**
 * Cubic B-spline resampling of every slice along axis 0 on its own (clip range included):
 * `skimage.transform.resize(slice, newPlane, 3, mode="edge", anti_aliasing=False).astype(float32)`, bit by bit.
 *
 * @param data voxels of `shape`, C order
 * @param newPlane shape of a resampled slice
 * @returns voxels of `(shape[0], ...newPlane)`
 */
export function resizeCubicSlices(
  data: Float32Array,
  shape: Shape3,
  newPlane: readonly [number, number],
  output: Float32Array = new Float32Array(shape[0] * newPlane[0] * newPlane[1]),
): Float32Array {
  const [n0, n1, n2] = shape;
  const [m1, m2] = newPlane;
  const newShape: Shape3 = [n0, m1, m2];
  checkLength("input", data, shape);
  checkLength("output", output, newShape);
  for (let i0 = 0; i0 < n0; i0++) {
    const slice = data.subarray(i0 * n1 * n2, (i0 + 1) * n1 * n2);
    const result = output.subarray(i0 * m1 * m2, (i0 + 1) * m1 * m2);
    if (m1 === n1 && m2 === n2) {
      // scipy >= 1.16 returns the input itself when nothing is zoomed.
      result.set(slice);
      continue;
    }
    const job: CubicJob = { data: slice, shape: [1, n1, n2], newShape: [1, m1, m2], planar: true, within: null };
    if (!resizeSlice(job, result, null)) {
      resizeSlice(job, result, levelsOfPlane(slice, n1, n2, largestMagnitude(slice), m2, padToLanes(m2)));
    }
  }
  return output;
}

function largestMagnitude(values: Float32Array): number {
  let largest = 0;
  for (const x of values) largest = Math.max(largest, Math.abs(x));
  return largest;
}

/** One slice on its own. Returns false when so many voxels are in doubt that their levels are needed first. */
function resizeSlice(job: CubicJob, output: Float32Array, levels: Int32Array | null): boolean {
  const { data, shape, newShape } = job;
  const [, n1, n2] = shape;
  const [, m1, m2] = newShape;
  const { window } = kernels();
  const most = PlanePass.lanesAtOnce(shape, newShape);
  const addresses = window.reserve(
    ...PlanePass.byteLengths(shape, newShape),
    ...ExtentGatherer.byteLengths(shape),
    ...envelopeBytes([1, blockCount(n1), blockCount(n2)], m2),
    ...RoundedPass.byteLengths(n1, m1, most, false),
  );
  const plane = new PlanePass(shape, newShape, addresses);
  const [, , , , , , ...afterPlane] = addresses;
  const [accumulators, range, magnitudes, here, there, spans, ...rounded] = afterPlane;
  const gatherer = new ExtentGatherer(shape, [accumulators, range, magnitudes]);
  plane.runRows(data, gatherer);
  const extent = gatherer.finish();
  if (!extent.finite) {
    output.fill(Number.NaN);
    return true;
  }
  const reaching = envelope(extent, [here, there, spans], n2, m2);
  const blocks1 = extent.blocks[1];
  const pass = new RoundedPass(n1, m1, extent, rounded);
  const doubts = new Doubts(output, newShape, { from: 0, to: m1 * m2, width: m2 });
  let complete = true;
  plane.forEachPart((lane, lanes, input) => {
    if (!complete) return;
    const count = pass.run({
      input,
      inputStride: 0,
      groupBytes: plane.groupBytes,
      lanes,
      fillTolerances: (values) => {
        const { groups } = reaching;
        for (let group = lane / LANES, at = 0; at < values.length; group++) {
          for (let b1 = 0; b1 < blocks1; b1++) {
            values[at++] = RELATIVE_ERROR * (reaching.values[b1 * groups + group] as number);
          }
        }
      },
      fillLevels:
        levels === null
          ? null
          : (values) => {
              for (let word = 0; word < wordCount(n1); word++) {
                const from = word * plane.width + lane;
                values.set(levels.subarray(from, from + lanes), word * lanes);
              }
            },
      fillWithin: null,
    });
    if (count < 0) {
      complete = false;
      return;
    }
    const valid = Math.min(lanes, m2 - lane);
    const rows = pass.result(lanes);
    if (lanes === m2) output.set(rows);
    else for (let k1 = 0; k1 < m1; k1++) output.set(rows.subarray(k1 * lanes, k1 * lanes + valid), k1 * m2 + lane);
    pass.forEachDoubt(count, (k1, at, value) => {
      if (lane + at < m2) doubts.add(0, k1, lane + at, value);
    });
  });
  if (complete) repairDoubts(job, doubts, extent, output);
  return complete;
}
