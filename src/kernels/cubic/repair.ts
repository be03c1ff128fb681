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
import { type Extent, largestOfRange, nonzeroSpans } from "./extent.js";
import type { CubicJob } from "./job.js";
import { type CubicTaps, cubicTaps, PADDING } from "./taps.js";
import type { UncertainVoxel, UncertainVoxels } from "./uncertain-voxels.js";

/** Coefficients that a window may hold, so that it stays within the scratch memory. */
const WINDOW_VOXELS = 5 << 20;

/** UncertainVoxels that are repaired together. */
interface Group extends TapBox {
  readonly voxels: UncertainVoxel[];
}

function windowArea(group: Pick<TapBox, "first" | "last">, reach: number): number {
  return (group.last[1] - group.first[1] + 2 * reach + 4) * (group.last[2] - group.first[2] + 2 * reach + 4);
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
  const byPlane = new Map<number, Group[]>();
  const largest = largestOfRange(extent);
  for (const voxel of few) {
    const first = [taps[0].first[voxel.k0], taps[1].first[voxel.k1], taps[2].first[voxel.k2]] as Group["first"];
    const { magnitude, distance } = decisiveSource(job.data, shape, first, largest, spans);
    // What the last pass knew of the neighbourhood was rough: most are certain after all.
    if (isCertain(voxel.value, RELATIVE_ERROR * magnitude)) continue;
    if (distance > NEAR) {
      if (isCertain(voxel.value, ERROR_OF_TAIL * magnitude)) continue;
    } else {
      const box: TapBox = { first, last: first, reach: NEAR + distance };
      const terms = new ExactCoefficients(job, taps, box, spans).magnitudeOfTerms(voxel.k0, voxel.k1, voxel.k2);
      if (isCertain(voxel.value, ERROR_OF_SOURCE * magnitude + ERROR_OF_TERMS * terms)) continue;
    }
    const groups = byPlane.get(first[0]) ?? [];
    byPlane.set(first[0], groups);
    joinGroup(groups, voxel, first, EXACT_REACH + distance);
  }
  for (const groups of byPlane.values()) {
    for (const group of groups) {
      const window = new ExactCoefficients(job, taps, group, spans);
      for (const { k0, k1, k2 } of group.voxels) repairRow(job, window, k0, k1, Int32Array.of(k2), extent, output);
    }
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

function joinGroup(groups: Group[], voxel: UncertainVoxel, first: [number, number, number], reach: number): void {
  const alone = windowArea({ first, last: first }, reach);
  for (const group of groups) {
    const joined = {
      first: first.map((f, axis) => Math.min(f, group.first[axis])) as [number, number, number],
      last: first.map((f, axis) => Math.max(f, group.last[axis])) as [number, number, number],
    };
    const together = Math.max(reach, group.reach);
    const area = windowArea(joined, together);
    if (area <= windowArea(group, group.reach) + alone && 4 * area <= WINDOW_VOXELS) {
      group.voxels.push(voxel);
      Object.assign(group, joined, { reach: together });
      return;
    }
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
