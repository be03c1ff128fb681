import type { Shape3 } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";
import { decisiveSource, FARTHEST } from "./decisive-source.js";
import type { Doubt, Doubts } from "./doubts.js";
import { BLOCK, blockCount, type Extent, nonzeroSpans } from "./extent.js";
import { type CubicTaps, cubicTaps, PADDING } from "./taps.js";
import { RELATIVE_ERROR } from "./tolerance.js";

/**
 * What is resampled; `planar` when the first axis is not (slices of their own). Where the label `within` of the new shape
 * is negative, values need not be the reference's to the last bit.
 */
export interface CubicJob {
  readonly data: Float32Array;
  readonly shape: Shape3;
  readonly newShape: Shape3;
  readonly planar: boolean;
  readonly within: Int16Array | null;
}

interface ExactExports {
  padRow(input: number, count: number, left: number, right: number, output: number): void;
  filterLines(line: number, count: number, lanes: number, fromEdge: number, zn: number): void;
  filterRow(line: number, count: number, fromEdge: number, zn: number): void;
  sumTaps3(
    row: number,
    planeStride: number,
    rowStride: number,
    weights0: number,
    weights1: number,
    weights2: number,
    firstTaps: number,
    columns: number,
    count: number,
    output: number,
  ): void;
  sumTaps2(
    row: number,
    rowStride: number,
    weights1: number,
    weights2: number,
    firstTaps: number,
    columns: number,
    count: number,
    output: number,
  ): void;
}

const Z = -0.2679491924311227;
/**
 * Samples on each side after which a recursion started in steady state has the reference's very bits: a difference
 * shrinks to the last bit within 27, and each further sample removes the last bit in three cases of four.
 */
const REACH = 38;
/** Coefficients that a window may hold, so that it stays within the scratch memory. */
const WINDOW_VOXELS = 5 << 20;

/** Half-open range of a padded line. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** Part of a padded line around taps `first` ... `last + 3` (indices without padding). */
function spanAround(first: number, last: number, n: number, reach: number): Span {
  const padded = n + 2 * PADDING;
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
  if (few?.length === 0) return;
  const spans = nonzeroSpans(extent);
  if (few === null) {
    repairMany(job, doubts, taps, extent, spans, output);
    return;
  }
  const byPlane = new Map<number, Group[]>();
  const largest = Math.max(Math.abs(extent.low), Math.abs(extent.high));
  for (const doubt of few) {
    const { k0, k1, k2, value } = doubt;
    const first = [taps[0].first[k0], taps[1].first[k1], taps[2].first[k2]] as [number, number, number];
    const { magnitude, distance } = decisiveSource(job.data, shape, first, largest, spans);
    // What the last pass knew of the neighbourhood was rough: most are no doubts at all.
    const tolerance = RELATIVE_ERROR * magnitude;
    if (Math.fround(value - tolerance) === Math.fround(value + tolerance)) continue;
    const groups = byPlane.get(first[0]) ?? [];
    byPlane.set(first[0], groups);
    joinGroup(groups, doubt, first, REACH + distance);
  }
  for (const groups of byPlane.values()) {
    for (const group of groups) {
      const repair = openWindow(job, taps, group, extent, spans, output);
      for (const { k0, k1, k2 } of group.doubts) repair(k0, k1, Int32Array.of(k2));
    }
  }
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
        let repair: RowRepair | null = null;
        for (let k0 = from0; k0 < to0; k0++) {
          for (let k1 = from1; k1 < to1; k1++) {
            const count = doubts.markedInRow(k0, k1, from2, to2, columns);
            if (count === 0) continue;
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
              spans,
              output,
            );
            repair(k0, k1, columns.subarray(0, count));
          }
        }
      }
    }
  }
}

/** Evaluates the voxels of one output row at the given columns. */
type RowRepair = (k0: number, k1: number, columns: Int32Array) => void;

/**
 * Makes the coefficients of a group's window, in the reference's order: first axis, second, third (rows only when
 * asked for). Returns the function that evaluates voxels from them; it is good until the window is used again.
 */
function openWindow(
  job: CubicJob,
  taps: AxisTaps,
  group: Group,
  extent: Extent,
  spans: Int32Array,
  output: Float32Array,
): RowRepair {
  const { shape, newShape, planar } = job;
  const [n0, n1, n2] = shape;
  const span0 = planar ? { from: 0, to: 1 } : spanAround(group.first[0], group.last[0], n0, group.reach);
  const span1 = spanAround(group.first[1], group.last[1], n1, group.reach);
  const span2 = spanAround(group.first[2], group.last[2], n2, group.reach);
  const planes = planar ? 1 : group.last[0] - group.first[0] + 4;
  const width = Math.ceil((span2.to - span2.from) / 2) * 2;
  const height = span1.to - span1.from;
  const { exports, window } = kernels<ExactExports>();
  const [strip, samples, volume, weights0, weights1, weights2, firstTaps, chosen, sums] = window.reserve(
    (span0.to - span0.from) * width * 8,
    n2 * 4,
    planes * height * width * 8,
    newShape[0] * 32,
    newShape[1] * 32,
    newShape[2] * 32,
    newShape[2] * 4,
    newShape[2] * 4,
    newShape[2] * 8,
  );
  window.f64(weights0, newShape[0] * 4).set(taps[0].weights);
  window.f64(weights1, newShape[1] * 4).set(taps[1].weights);
  window.f64(weights2, newShape[2] * 4).set(taps[2].weights);
  window.i32(firstTaps, newShape[2]).set(taps[2].first.map((first) => first + PADDING - span2.from));

  filterFirstAxis(job, group, planes, [span1, span2], width, spans, { strip, samples, volume });
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
  return (k0, k1, columns) => {
    const plane = planar ? 0 : (taps[0].first[k0] as number) - group.first[0];
    const row = (taps[1].first[k1] as number) + PADDING - span1.from;
    for (let i = 0; i < (planar ? 1 : 4); i++) {
      for (let j = 0; j < 4; j++) prepareRow((plane + i) * height + row + j);
    }
    const count = columns.length;
    window.i32(chosen, count).set(columns);
    const first = volume + plane * planeBytes + row * rowBytes;
    const at1 = weights1 + 32 * k1;
    if (planar) exports.sumTaps2(first, rowBytes, at1, weights2, firstTaps, chosen, count, sums);
    else {
      const at0 = weights0 + 32 * k0;
      exports.sumTaps3(first, planeBytes, rowBytes, at0, at1, weights2, firstTaps, chosen, count, sums);
    }
    const values = window.f64(sums, count);
    const to = (k0 * newShape[1] + k1) * newShape[2];
    for (let c = 0; c < count; c++) {
      output[to + (columns[c] as number)] = Math.min(Math.max(values[c] as number, extent.low), extent.high);
    }
  };
}

/** Where voxels of row `i1` of the slices from `from` to `to` may be other than 0: half-open range of the last axis. */
function joinSpans(spans: Int32Array, from: number, to: number, i1: number, n1: number): [number, number] {
  const blocks1 = blockCount(n1);
  const joined: [number, number] = [Number.POSITIVE_INFINITY, 0];
  for (let b0 = Math.floor(from / BLOCK); b0 <= Math.floor(to / BLOCK); b0++) {
    const span = 2 * (b0 * blocks1 + Math.floor(i1 / BLOCK));
    if ((spans[span] as number) >= (spans[span + 1] as number)) continue;
    joined[0] = Math.min(joined[0], spans[span] as number);
    joined[1] = Math.max(joined[1], spans[span + 1] as number);
  }
  return joined;
}

/**
 * Fills the window's planes with coefficients of the first axis (or the samples themselves when it has none). A line
 * that lies d away from the taps counts with DECAY^d only: its own filter may start d later, and lines farther away
 * than the reach are left zero, so that the window is an octahedron and not a box.
 */
function filterFirstAxis(
  job: CubicJob,
  group: Group,
  planes: number,
  [span1, span2]: readonly [Span, Span],
  width: number,
  spans: Int32Array,
  { strip, samples, volume }: { strip: number; samples: number; volume: number },
): void {
  const { data, shape, planar } = job;
  const [n0, n1, n2] = shape;
  const { exports, window } = kernels<ExactExports>();
  const inside = (padded: number, n: number) => Math.min(Math.max(padded - PADDING, 0), n - 1);
  const height = span1.to - span1.from;
  const rowBytes = width * 8;
  const bytes = window.u8(0, window.byteLength);
  bytes.fill(0, volume, volume + planes * height * rowBytes);
  const sample = window.f32(samples, n2);
  const deepest = spanAround(group.first[0], group.last[0], n0, group.reach);
  const lines = window.f64(strip, planar ? 0 : (deepest.to - deepest.from) * width);
  for (let row = 0; row < height; row++) {
    const tap = span1.from + row - PADDING;
    const away = Math.max(0, group.first[1] - tap, tap - group.last[1] - 3);
    const reach = Math.max(planar ? group.reach : 4, group.reach - away);
    const part = spanAround(group.first[2], group.last[2], n2, reach);
    const span0 = planar ? { from: 0, to: 1 } : spanAround(group.first[0], group.last[0], n0, reach);
    const i1 = inside(span1.from + row, n1);
    // Columns of zeros have zeros for coefficients.
    const [nonzeroFrom, nonzeroTo] = joinSpans(spans, inside(span0.from, n0), inside(span0.to - 1, n0), i1, n1);
    const from2 = Math.max(inside(part.from, n2), nonzeroFrom);
    const count2 = Math.min(inside(part.to - 1, n2) + 1, nonzeroTo) - from2;
    if (count2 <= 0) continue;
    const left = from2 === 0 ? Math.max(PADDING - part.from, 0) : 0;
    const right = from2 + count2 === n2 ? Math.max(part.to - PADDING - n2, 0) : 0;
    const valid = left + count2 + right;
    const lanes = Math.ceil(valid / 2) * 2;
    const to = volume + row * rowBytes + (from2 + PADDING - left - span2.from) * 8;
    const source = i1 * n2 + from2;
    if (planar) {
      sample.set(data.subarray(source, source + count2));
      exports.padRow(samples, count2, left, right, to);
      continue;
    }
    const depth = span0.to - span0.from;
    for (let i = 0, at = 0; i < depth; i++, at += lanes) {
      const start = inside(span0.from + i, n0) * n1 * n2 + source;
      const first = data[start] as number;
      const last = data[start + count2 - 1] as number;
      for (let c = 0; c < left; c++) lines[at + c] = first;
      for (let c = 0; c < count2; c++) lines[at + left + c] = data[start + c] as number;
      for (let c = left + count2; c < lanes; c++) lines[at + c] = last;
    }
    exports.filterLines(strip, depth, lanes, span0.from === 0 ? 1 : 0, endPower(span0, n0));
    for (let plane = 0; plane < planes; plane++) {
      const from = strip + (group.first[0] + PADDING - span0.from + plane) * lanes * 8;
      bytes.copyWithin(to + plane * height * rowBytes, from, from + valid * 8);
    }
  }
}
