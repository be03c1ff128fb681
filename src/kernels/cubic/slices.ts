import { checkLength, type Shape3 } from "../../core/volume.js";
import { kernels } from "../../runtime/instantiate.js";
import { envelope, envelopeBytes } from "./envelope.js";
import { RELATIVE_ERROR } from "./error-bound.js";
import { blockCount, ExtentGatherer } from "./extent.js";
import { levelsOfPlane, wordCount } from "./influence-levels.js";
import type { CubicJob } from "./job.js";
import { LANES, padToLanes } from "./lanes.js";
import { PlanePass } from "./plane-pass.js";
import { repairUncertain } from "./repair.js";
import { RoundedPass } from "./rounded-pass.js";
import { UncertainVoxels } from "./uncertain-voxels.js";

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
    const job: CubicJob = {
      data: slice,
      scaling: null,
      shape: [1, n1, n2],
      newShape: [1, m1, m2],
      planar: true,
      within: null,
    };
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

/** One slice on its own. Returns false when so many voxels are uncertain that their levels are needed first. */
function resizeSlice(job: CubicJob, output: Float32Array, levels: Int32Array | null): boolean {
  const { shape, newShape } = job;
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
  plane.runRows(job, 0, gatherer);
  const extent = gatherer.finish();
  if (!extent.finite) {
    output.fill(Number.NaN);
    return true;
  }
  const reaching = envelope(extent, [here, there, spans], n2, m2);
  const blocks1 = extent.blocks[1];
  const pass = new RoundedPass(n1, m1, extent, rounded);
  const uncertain = new UncertainVoxels(output, newShape, { from: 0, to: m1 * m2, width: m2 });
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
            values[at++] = RELATIVE_ERROR * reaching.values[b1 * groups + group];
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
    pass.forEachUncertain(count, (k1, at, value) => {
      if (lane + at < m2) uncertain.add(0, k1, lane + at, value);
    });
  });
  if (complete) repairUncertain(job, uncertain, extent, output);
  return complete;
}
