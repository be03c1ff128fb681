import { type AxisTaps, type CubicJob, CubicWindow, type TapBox } from "./cubic-window.js";
import { decisiveSource, FARTHEST } from "./decisive-source.js";
import type { Doubt, Doubts } from "./doubts.js";
import { type Extent, largestOfRange, nonzeroSpans } from "./extent.js";
import { type CubicTaps, cubicTaps, PADDING } from "./taps.js";
import { ERROR_OF_SOURCE, ERROR_OF_TAIL, ERROR_OF_TERMS, RELATIVE_ERROR } from "./tolerance.js";

/**
 * Samples on each side after which a recursion started in steady state has the reference's very bits: a difference
 * shrinks to the last bit within 27, and each further sample removes the last bit in three cases of four.
 */
const REACH = 38;
/** Samples after which a coefficient is known to 1e-3; as far away the sharper bounds of a doubt's error differ. */
const NEAR = 6;
/** Coefficients that a window may hold, so that it stays within the scratch memory. */
const WINDOW_VOXELS = 5 << 20;

/** Doubts that are repaired together. */
interface Group extends TapBox {
  readonly doubts: Doubt[];
}

function windowArea(group: Pick<TapBox, "first" | "last">, reach: number): number {
  return (group.last[1] - group.first[1] + 2 * reach + 4) * (group.last[2] - group.first[2] + 2 * reach + 4);
}

/**
 * Evaluates voxels in doubt in the reference's own order of operations and writes them to `output`: coefficients that
 * are bit-equal to the reference's, from windows of the padded volume, then the sum over all taps in C order.
 */
export function repairDoubts(job: CubicJob, doubts: Doubts, extent: Extent, output: Float32Array): void {
  const { shape, newShape } = job;
  const taps = [0, 1, 2].map((axis) =>
    cubicTaps(shape[axis] as number, newShape[axis] as number),
  ) as unknown as AxisTaps;
  const few = doubts.few;
  if (few?.length === 0) return;
  const spans = nonzeroSpans(extent);
  if (few === null) {
    repairMany(job, doubts, taps, extent, spans, output);
    return;
  }
  const byPlane = new Map<number, Group[]>();
  const largest = largestOfRange(extent);
  for (const doubt of few) {
    const first = [taps[0].first[doubt.k0], taps[1].first[doubt.k1], taps[2].first[doubt.k2]] as Group["first"];
    const { magnitude, distance } = decisiveSource(job.data, shape, first, largest, spans);
    // What the last pass knew of the neighbourhood was rough: most are no doubts at all.
    if (isDecided(doubt, RELATIVE_ERROR * magnitude)) continue;
    if (distance > NEAR) {
      if (isDecided(doubt, ERROR_OF_TAIL * magnitude)) continue;
    } else {
      const box: TapBox = { first, last: first, reach: NEAR + distance };
      const terms = new CubicWindow(job, taps, box, spans).magnitudeOfTerms(doubt.k0, doubt.k1, doubt.k2);
      if (isDecided(doubt, ERROR_OF_SOURCE * magnitude + ERROR_OF_TERMS * terms)) continue;
    }
    const groups = byPlane.get(first[0]) ?? [];
    byPlane.set(first[0], groups);
    joinGroup(groups, doubt, first, REACH + distance);
  }
  for (const groups of byPlane.values()) {
    for (const group of groups) {
      const window = new CubicWindow(job, taps, group, spans);
      for (const { k0, k1, k2 } of group.doubts) repairRow(job, window, k0, k1, Int32Array.of(k2), extent, output);
    }
  }
}

/** Whether the reference rounds to the same float32, if it comes within `tolerance` of the doubt's value. */
function isDecided({ value }: Doubt, tolerance: number): boolean {
  return Math.fround(value - tolerance) === Math.fround(value + tolerance);
}

function repairRow(
  { newShape }: CubicJob,
  window: CubicWindow,
  k0: number,
  k1: number,
  columns: Int32Array,
  { low, high }: Extent,
  output: Float32Array,
): void {
  const to = (k0 * newShape[1] + k1) * newShape[2];
  window.evaluate(k0, k1, columns).forEach((value, c) => {
    output[to + (columns[c] as number)] = Math.min(Math.max(value, low), high);
  });
}

function joinGroup(groups: Group[], doubt: Doubt, first: [number, number, number], reach: number): void {
  const alone = windowArea({ first, last: first }, reach);
  for (const group of groups) {
    const joined = {
      first: first.map((f, axis) => Math.min(f, group.first[axis] as number)) as [number, number, number],
      last: first.map((f, axis) => Math.max(f, group.last[axis] as number)) as [number, number, number],
    };
    const together = Math.max(reach, group.reach);
    const area = windowArea(joined, together);
    if (area <= windowArea(group, group.reach) + alone && 4 * area <= WINDOW_VOXELS) {
      group.doubts.push(doubt);
      Object.assign(group, joined, { reach: together });
      return;
    }
  }
  groups.push({ doubts: [doubt], reach, first, last: [...first] });
}

/** Output samples of an axis in runs whose taps span at most `most` coefficients. */
function runsOfTaps(taps: CubicTaps, most: number): [number, number][] {
  const runs: [number, number][] = [];
  const m = taps.first.length;
  for (let from = 0; from < m; ) {
    let to = from + 1;
    while (to < m && (taps.first[to] as number) - (taps.first[from] as number) + 4 <= most) to++;
    runs.push([from, to]);
    from = to;
  }
  return runs;
}

/** Box after box over the whole output: where most of a volume is in doubt, windows share what they can. */
function repairMany(
  job: CubicJob,
  doubts: Doubts,
  taps: AxisTaps,
  extent: Extent,
  spans: Int32Array,
  output: Float32Array,
): void {
  const { shape, planar } = job;
  const reach = REACH + FARTHEST;
  const side = 1024;
  const columns = new Int32Array(job.newShape[2]);
  const height = Math.min(side, shape[1]) + 2 * PADDING + 2 * reach;
  const width = Math.min(side, shape[2]) + 2 * PADDING + 2 * reach;
  const planes = planar ? 4 : Math.max(4, Math.floor(WINDOW_VOXELS / (height * width)));
  for (const [from0, to0] of runsOfTaps(taps[0], planes)) {
    for (const [from1, to1] of runsOfTaps(taps[1], side)) {
      for (const [from2, to2] of runsOfTaps(taps[2], side)) {
        let window: CubicWindow | null = null;
        for (let k0 = from0; k0 < to0; k0++) {
          for (let k1 = from1; k1 < to1; k1++) {
            const count = doubts.markedInRow(k0, k1, from2, to2, columns);
            if (count === 0) continue;
            window ??= new CubicWindow(
              job,
              taps,
              {
                reach,
                first: [taps[0].first[from0] as number, taps[1].first[from1] as number, taps[2].first[from2] as number],
                last: [
                  taps[0].first[to0 - 1] as number,
                  taps[1].first[to1 - 1] as number,
                  taps[2].first[to2 - 1] as number,
                ],
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
