import type { Shape3 } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";
import type { Doubt, Doubts } from "./doubts.js";
import type { Extent } from "./extent.js";
import { type CubicTaps, cubicTaps, PADDING, position } from "./taps.js";
import { DECAY, RELATIVE_ERROR } from "./tolerance.js";

/** What is resampled; `planar` when the first axis is not (slices of their own). */
export interface CubicJob {
  readonly data: Float32Array;
  readonly shape: Shape3;
  readonly newShape: Shape3;
  readonly planar: boolean;
}

interface ExactExports {
  padRow(input: number, count: number, left: number, right: number, output: number): void;
  filterLines(line: number, count: number, lanes: number, fromEdge: number, zn: number): void;
  filterRow(line: number, count: number, fromEdge: number, zn: number): void;
  sumTaps3(
    first: number,
    planeStride: number,
    rowStride: number,
    weights0: number,
    weights1: number,
    weights2: number,
  ): number;
  sumTaps2(first: number, rowStride: number, weights1: number, weights2: number): number;
}

const Z = -0.2679491924311227;
/** Samples on each side after which a recursion started in steady state has the reference's very bits. */
const REACH = 44;
/** Lines up to this length are filtered whole. */
const WHOLE_LINE = 160;
/** Coefficients that a window may hold, so that it stays within the scratch memory. */
const WINDOW_VOXELS = 5 << 20;
/** Rounding errors of decaying tails grow with the distance from where they start. */
const ERROR_PER_VOXEL = 1.5e-15;
/** How far a source voxel can matter at all in float32: DECAY^80 is below its smallest number over its largest ordinary data. */
const FARTHEST = 80;

function undecided(value: number, tolerance: number, { low, high }: Extent): boolean {
  const clip = (v: number) => Math.min(Math.max(Math.fround(v), low), high);
  return clip(value - tolerance) !== clip(value + tolerance);
}

/**
 * The second, sharper look at a voxel in doubt: the error is bounded by the magnitudes around it, each decayed by its
 * distance. Returns the distance of the decisive voxel, or -1 when the rounding is certain after all.
 */
function decisiveDistance(job: CubicJob, doubt: Doubt, extent: Extent): number {
  const { data, shape, newShape, planar } = job;
  const c0 = planar ? 0 : Math.round(position(doubt.k0, shape[0], newShape[0]));
  const c1 = Math.round(position(doubt.k1, shape[1], newShape[1]));
  const c2 = Math.round(position(doubt.k2, shape[2], newShape[2]));
  const largest = Math.max(Math.abs(extent.low), Math.abs(extent.high));
  let reached = 0;
  let decisive = 0;
  let decay = 1;
  for (let distance = 0; distance <= FARTHEST; distance++) {
    if (largest * decay <= reached) break;
    const magnitude = largestAtDistance(data, shape, planar, c0, c1, c2, distance);
    if (magnitude * decay > reached) {
      reached = magnitude * decay;
      decisive = distance;
    }
    // Taps lie up to two voxels from the position's nearest voxel on every axis: the first shells count whole.
    if (distance >= 2) decay *= DECAY;
    const tolerance = reached * (RELATIVE_ERROR + ERROR_PER_VOXEL * decisive);
    if (distance >= 3 && undecided(doubt.value, tolerance, extent)) return decisive;
  }
  return undecided(doubt.value, reached * (RELATIVE_ERROR + ERROR_PER_VOXEL * decisive), extent) ? decisive : -1;
}

/** Largest magnitude at the given city-block distance. */
function largestAtDistance(
  data: Float32Array,
  shape: Shape3,
  planar: boolean,
  c0: number,
  c1: number,
  c2: number,
  distance: number,
): number {
  const [n0, n1, n2] = shape;
  let largest = 0;
  const reach0 = planar ? 0 : distance;
  for (let i0 = Math.max(0, c0 - reach0); i0 <= Math.min(n0 - 1, c0 + reach0); i0++) {
    const left1 = distance - Math.abs(i0 - c0);
    for (let i1 = Math.max(0, c1 - left1); i1 <= Math.min(n1 - 1, c1 + left1); i1++) {
      const left2 = left1 - Math.abs(i1 - c1);
      const row = (i0 * n1 + i1) * n2;
      if (c2 - left2 >= 0 && c2 - left2 < n2) largest = Math.max(largest, Math.abs(data[row + c2 - left2] as number));
      if (c2 + left2 >= 0 && c2 + left2 < n2) largest = Math.max(largest, Math.abs(data[row + c2 + left2] as number));
    }
  }
  return largest;
}

/** Half-open range of a padded line. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** Part of a padded line around taps `first` ... `last + 3` (indices without padding). */
function spanAround(first: number, last: number, n: number, reach: number): Span {
  const padded = n + 2 * PADDING;
  if (padded <= WHOLE_LINE) return { from: 0, to: padded };
  return {
    from: Math.max(0, first + PADDING - reach),
    to: Math.min(padded, last + PADDING + 4 + reach),
  };
}

/** z^N of the whole padded line where the span reaches its end too, else 0: then z^N is below every last bit. */
function endPower(span: Span, n: number): number {
  const padded = n + 2 * PADDING;
  if (span.from !== 0 || span.to !== padded) return 0;
  let power = 1;
  for (let i = 0; i < padded; i++) power *= Z;
  return power;
}

/** A box of output voxels to repair together, by its first and last tap on each axis. */
interface Group {
  readonly doubts: Doubt[];
  reach: number;
  first: [number, number, number];
  last: [number, number, number];
}

type AxisTaps = readonly [CubicTaps, CubicTaps, CubicTaps];

function windowArea(group: Pick<Group, "first" | "last">, reach: number): number {
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
  if (few === null) {
    repairMany(job, doubts, taps, extent, output);
    return;
  }
  const byPlane = new Map<number, Group[]>();
  for (const doubt of few) {
    const distance = decisiveDistance(job, doubt, extent);
    if (distance < 0) continue;
    const key = taps[0].first[doubt.k0] as number;
    const groups = byPlane.get(key) ?? [];
    byPlane.set(key, groups);
    joinGroup(groups, doubt, taps, REACH + distance);
  }
  for (const groups of byPlane.values()) {
    for (const group of groups) {
      const repair = openWindow(job, taps, group, extent, output);
      repair(group.doubts);
    }
  }
}

function joinGroup(groups: Group[], doubt: Doubt, taps: AxisTaps, reach: number): void {
  const first: [number, number, number] = [
    taps[0].first[doubt.k0] as number,
    taps[1].first[doubt.k1] as number,
    taps[2].first[doubt.k2] as number,
  ];
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
function repairMany(job: CubicJob, doubts: Doubts, taps: AxisTaps, extent: Extent, output: Float32Array): void {
  const { shape, planar } = job;
  const reach = REACH + FARTHEST;
  const side = 1024;
  const height = Math.min(side, shape[1]) + 2 * PADDING + 2 * reach;
  const width = Math.min(side, shape[2]) + 2 * PADDING + 2 * reach;
  const planes = planar ? 4 : Math.max(4, Math.floor(WINDOW_VOXELS / (height * width)));
  for (const [from0, to0] of runsOfTaps(taps[0], planes)) {
    for (const [from1, to1] of runsOfTaps(taps[1], side)) {
      for (const [from2, to2] of runsOfTaps(taps[2], side)) {
        let repair: ((few: readonly Doubt[]) => void) | null = null;
        for (let k0 = from0; k0 < to0; k0++) {
          for (let k1 = from1; k1 < to1; k1++) {
            const columns = doubts.markedInRow(k0, k1, from2, to2);
            if (columns.length === 0) continue;
            repair ??= openWindow(
              job,
              taps,
              {
                doubts: [],
                reach,
                first: [taps[0].first[from0] as number, taps[1].first[from1] as number, taps[2].first[from2] as number],
                last: [
                  taps[0].first[to0 - 1] as number,
                  taps[1].first[to1 - 1] as number,
                  taps[2].first[to2 - 1] as number,
                ],
              },
              extent,
              output,
            );
            repair(columns.map((k2) => ({ k0, k1, k2, value: 0 })));
          }
        }
      }
    }
  }
}

/**
 * Makes the coefficients of a group's window, in the reference's order: first axis, second, third (rows only when
 * asked for). Returns the function that evaluates voxels from them; it is good until the window is used again.
 */
function openWindow(
  job: CubicJob,
  taps: AxisTaps,
  group: Group,
  extent: Extent,
  output: Float32Array,
): (doubts: readonly Doubt[]) => void {
  const { shape, newShape, planar } = job;
  const [n0, n1, n2] = shape;
  const span0 = planar ? { from: 0, to: 1 } : spanAround(group.first[0], group.last[0], n0, group.reach);
  const span1 = spanAround(group.first[1], group.last[1], n1, group.reach);
  const span2 = spanAround(group.first[2], group.last[2], n2, group.reach);
  const planes = planar ? 1 : group.last[0] - group.first[0] + 4;
  const width = Math.ceil((span2.to - span2.from) / 2) * 2;
  const height = span1.to - span1.from;
  const { exports, window } = kernels<ExactExports>();
  const addresses = window.reserve(
    (span0.to - span0.from) * width * 8,
    n2 * 4,
    planes * height * width * 8,
    ...newShape.map((m) => m * 32),
  );
  const [strip, samples, volume, weights0, weights1, weights2] = addresses as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  window.f64(weights0, newShape[0] * 4).set(taps[0].weights);
  window.f64(weights1, newShape[1] * 4).set(taps[1].weights);
  window.f64(weights2, newShape[2] * 4).set(taps[2].weights);

  filterFirstAxis(job, group.first[0], planes, [span0, span1, span2], width, { strip, samples, volume });
  const rowBytes = width * 8;
  const planeBytes = height * rowBytes;
  for (let plane = 0; plane < planes; plane++) {
    exports.filterLines(volume + plane * planeBytes, height, width, span1.from === 0 ? 1 : 0, endPower(span1, n1));
  }
  const filtered = new Uint8Array(planes * height);
  const zn = endPower(span2, n2);
  const prepareRow = (row: number) => {
    if (filtered[row] === 1) return;
    filtered[row] = 1;
    exports.filterRow(volume + row * rowBytes, span2.to - span2.from, span2.from === 0 ? 1 : 0, zn);
  };
  return (doubts) => {
    for (const { k0, k1, k2 } of doubts) {
      const plane = planar ? 0 : (taps[0].first[k0] as number) - group.first[0];
      const row = (taps[1].first[k1] as number) + PADDING - span1.from;
      const column = (taps[2].first[k2] as number) + PADDING - span2.from;
      for (let i = 0; i < (planar ? 1 : 4); i++) {
        for (let j = 0; j < 4; j++) prepareRow((plane + i) * height + row + j);
      }
      const first = volume + plane * planeBytes + row * rowBytes + column * 8;
      const value = planar
        ? exports.sumTaps2(first, rowBytes, weights1 + 32 * k1, weights2 + 32 * k2)
        : exports.sumTaps3(first, planeBytes, rowBytes, weights0 + 32 * k0, weights1 + 32 * k1, weights2 + 32 * k2);
      output[(k0 * newShape[1] + k1) * newShape[2] + k2] = Math.min(Math.max(value, extent.low), extent.high);
    }
  };
}

/** Fills the window's planes with coefficients of the first axis (or the samples themselves when it has none). */
function filterFirstAxis(
  job: CubicJob,
  first0: number,
  planes: number,
  [span0, span1, span2]: readonly [Span, Span, Span],
  width: number,
  { strip, samples, volume }: { strip: number; samples: number; volume: number },
): void {
  const { data, shape, planar } = job;
  const [n0, n1, n2] = shape;
  const { exports, window } = kernels<ExactExports>();
  const inside = (padded: number, n: number) => Math.min(Math.max(padded - PADDING, 0), n - 1);
  const from2 = inside(span2.from, n2);
  const count2 = inside(span2.to - 1, n2) + 1 - from2;
  const left = Math.max(PADDING - span2.from, 0);
  const right = span2.to - span2.from - left - count2;
  const depth = span0.to - span0.from;
  const height = span1.to - span1.from;
  const rowBytes = width * 8;
  const zn = endPower(span0, n0);
  const bytes = window.u8(0, window.byteLength);
  let previous = -1;
  for (let row = 0; row < height; row++) {
    const i1 = inside(span1.from + row, n1);
    const to = volume + row * rowBytes;
    if (i1 === previous) {
      for (let plane = 0; plane < planes; plane++) {
        const at = to + plane * height * rowBytes;
        bytes.copyWithin(at, at - rowBytes, at);
      }
      continue;
    }
    previous = i1;
    for (let i = 0; i < depth; i++) {
      const i0 = planar ? 0 : inside(span0.from + i, n0);
      const start = (i0 * n1 + i1) * n2 + from2;
      window.f32(samples, count2).set(data.subarray(start, start + count2));
      exports.padRow(samples, count2, left, right, planar ? to : strip + i * rowBytes);
    }
    if (planar) continue;
    exports.filterLines(strip, depth, width, span0.from === 0 ? 1 : 0, zn);
    for (let plane = 0; plane < planes; plane++) {
      const from = strip + (first0 + PADDING - span0.from + plane) * rowBytes;
      bytes.copyWithin(to + plane * height * rowBytes, from, from + rowBytes);
    }
  }
}
