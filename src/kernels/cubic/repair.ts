import type { Shape3 } from "../../core/volume.js";
import { decisiveSource } from "./decisive-source.js";
import {
  ERROR_OF_SOURCE,
  ERROR_OF_TAIL,
  ERROR_OF_TERMS,
  EXACT_REACH,
  FARTHEST,
  isCertain,
  NEAR,
  RELATIVE_ERROR,
} from "./error-bound.js";
import { type AxisTaps, ExactCoefficients, type TapBox } from "./exact-coefficients.js";
import { type Extent, nonzeroSpans } from "./extent.js";
import type { CubicJob } from "./job.js";
import { type CubicTaps, cubicTaps, PADDING } from "./taps.js";
import type { UncertainVoxel, UncertainVoxels } from "./uncertain-voxels.js";

/** Coefficients that a window may hold, so that it stays within the scratch memory. */
const WINDOW_VOXELS = 5 << 20;

/** The same where voxels are repaired one by one, so that they need little memory. */
const GROUP_VOXELS = 1 << 20;

/** Uncertain voxels that are repaired together. */
interface Group extends TapBox {
  readonly voxels: UncertainVoxel[];
}

/** Padded samples of an axis that a group's window spans, or some more. */
function windowLength({ first, last, reach }: TapBox, shape: Shape3, axis: 0 | 1 | 2): number {
  return Math.min(last[axis] - first[axis] + 4 + 2 * reach, shape[axis] + 2 * PADDING);
}

/** Coefficients that a window keeps: the taps' planes of it. */
function windowVoxels(box: TapBox, shape: Shape3): number {
  return (box.last[0] - box.first[0] + 4) * windowLength(box, shape, 1) * windowLength(box, shape, 2);
}

/** Samples that are filtered for a window: the first axis in its whole depth, then its planes. */
function windowCost(box: TapBox, shape: Shape3): number {
  const area = windowLength(box, shape, 1) * windowLength(box, shape, 2);
  return area * windowLength(box, shape, 0) + windowVoxels(box, shape);
}

/**
 * Evaluates uncertain voxels in the reference's own order of operations and writes them to `output`: coefficients that
 * are bit-equal to the reference's, from windows of the padded volume, then the sum over all taps in C order.
 */
export function repairUncertain(job: CubicJob, uncertain: UncertainVoxels, extent: Extent, output: Float32Array): void {
  const { shape, newShape } = job;
  const taps = [0, 1, 2].map((axis) => cubicTaps(shape[axis], newShape[axis])) as unknown as AxisTaps;
  const few = uncertain.few;
  if (few?.length === 0) return;
  const spans = nonzeroSpans(extent);
  if (few === null) {
    repairMany(job, uncertain, taps, extent, spans, output);
    return;
  }
  const groups: Group[] = [];
  for (const voxel of few) {
    const first = [taps[0].first[voxel.k0], taps[1].first[voxel.k1], taps[2].first[voxel.k2]] as Group["first"];
    const { magnitude, distance } = decisiveSource(job, first, extent);
    // What the last pass knew of the neighbourhood was rough: most are certain after all.
    if (isCertain(voxel.value, RELATIVE_ERROR * magnitude)) continue;
    if (distance > NEAR) {
      if (isCertain(voxel.value, ERROR_OF_TAIL * magnitude)) continue;
    } else {
      const box: TapBox = { first, last: first, reach: NEAR + distance };
      const terms = new ExactCoefficients(job, taps, box, spans).magnitudeOfTerms(voxel.k0, voxel.k1, voxel.k2);
      if (isCertain(voxel.value, ERROR_OF_SOURCE * magnitude + ERROR_OF_TERMS * terms)) continue;
    }
    joinGroup(groups, voxel, first, EXACT_REACH + distance, shape);
  }
  for (const group of groups) {
    const window = new ExactCoefficients(job, taps, group, spans);
    for (const { k0, k1, k2 } of group.voxels) repairRow(job, window, k0, k1, Int32Array.of(k2), extent, output);
  }
}

function repairRow(
  { newShape }: CubicJob,
  window: ExactCoefficients,
  k0: number,
  k1: number,
  columns: Int32Array,
  { low, high }: Extent,
  output: Float32Array,
): void {
  const to = (k0 * newShape[1] + k1) * newShape[2];
  window.evaluate(k0, k1, columns).forEach((value, c) => {
    output[to + columns[c]] = Math.min(Math.max(value, low), high);
  });
}

/** Puts a voxel into a group with which it costs less than alone, or into one of its own. */
function joinGroup(
  groups: Group[],
  voxel: UncertainVoxel,
  first: [number, number, number],
  reach: number,
  shape: Shape3,
): void {
  const alone = windowCost({ first, last: first, reach }, shape);
  for (const group of groups) {
    const joined: TapBox = {
      first: first.map((f, axis) => Math.min(f, group.first[axis])) as [number, number, number],
      last: first.map((f, axis) => Math.max(f, group.last[axis])) as [number, number, number],
      reach: Math.max(reach, group.reach),
    };
    if (windowCost(joined, shape) > windowCost(group, shape) + alone) continue;
    if (windowVoxels(joined, shape) > GROUP_VOXELS) continue;
    group.voxels.push(voxel);
    Object.assign(group, joined);
    return;
  }
  groups.push({ voxels: [voxel], reach, first, last: [...first] });
}

/** Output samples of an axis in runs whose taps span at most `most` coefficients. */
function runsOfTaps(taps: CubicTaps, most: number): [number, number][] {
  const runs: [number, number][] = [];
  const m = taps.first.length;
  for (let from = 0; from < m; ) {
    let to = from + 1;
    while (to < m && taps.first[to] - taps.first[from] + 4 <= most) to++;
    runs.push([from, to]);
    from = to;
  }
  return runs;
}

/** Box after box over the whole output: where most of a volume is uncertain, windows share what they can. */
function repairMany(
  job: CubicJob,
  uncertain: UncertainVoxels,
  taps: AxisTaps,
  extent: Extent,
  spans: Int32Array,
  output: Float32Array,
): void {
  const { shape, planar } = job;
  const reach = EXACT_REACH + FARTHEST;
  const side = 1024;
  const columns = new Int32Array(job.newShape[2]);
  const height = Math.min(side, shape[1]) + 2 * PADDING + 2 * reach;
  const width = Math.min(side, shape[2]) + 2 * PADDING + 2 * reach;
  const planes = planar ? 4 : Math.max(4, Math.floor(WINDOW_VOXELS / (height * width)));
  for (const [from0, to0] of runsOfTaps(taps[0], planes)) {
    for (const [from1, to1] of runsOfTaps(taps[1], side)) {
      for (const [from2, to2] of runsOfTaps(taps[2], side)) {
        let window: ExactCoefficients | null = null;
        for (let k0 = from0; k0 < to0; k0++) {
          for (let k1 = from1; k1 < to1; k1++) {
            const count = uncertain.markedInRow(k0, k1, from2, to2, columns);
            if (count === 0) continue;
            window ??= new ExactCoefficients(
              job,
              taps,
              {
                reach,
                first: [taps[0].first[from0], taps[1].first[from1], taps[2].first[from2]],
                last: [taps[0].first[to0 - 1], taps[1].first[to1 - 1], taps[2].first[to2 - 1]],
              },
              spans,
            );
            repairRow(job, window, k0, k1, columns.subarray(0, count), extent, output);
          }
        }
      }
    }
  }
}
