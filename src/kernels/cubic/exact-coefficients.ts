import { kernels } from "../../runtime/instantiate.js";
import type { CopyRowsExports } from "../copy-rows.js";
import { BLOCK, blockCount } from "./extent.js";
import { type CubicJob, loadVoxels } from "./job.js";
import { type CubicTaps, PADDING } from "./taps.js";

interface ExactExports extends CopyRowsExports {
  padRow(input: number, count: number, left: number, right: number, output: number): void;
  padLines(
    input: number,
    sliceBytes: number,
    slices: number,
    before: number,
    depth: number,
    count: number,
    left: number,
    right: number,
    output: number,
  ): void;
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

/** Source rows that are looked at together. */
const SLAB_BYTES = 1 << 20;

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

/** Taps of the voxels that share a window, by the first and the last voxel's first tap on each axis. */
export interface TapBox {
  first: [number, number, number];
  last: [number, number, number];
  /** Source samples that are looked at beyond the taps. */
  reach: number;
}

export type AxisTaps = readonly [CubicTaps, CubicTaps, CubicTaps];

/**
 * Coefficients around some taps, in the reference's order: first axis, second, third (rows only when asked for). Good
 * until the scratch window is used again.
 */
export class ExactCoefficients {
  readonly #taps: AxisTaps;
  readonly #planar: boolean;
  readonly #box: TapBox;
  readonly #span1: Span;
  readonly #span2: Span;
  readonly #rowBytes: number;
  readonly #planeBytes: number;
  readonly #volume: number;
  readonly #weights: readonly [number, number, number];
  readonly #firstTaps: number;
  readonly #chosen: number;
  readonly #sums: number;
  /** z^N of the last axis. */
  readonly #zn: number;
  readonly #filtered: Uint8Array;

  constructor(job: CubicJob, taps: AxisTaps, box: TapBox, spans: Int32Array) {
    const { shape, newShape, planar } = job;
    const [n0, n1, n2] = shape;
    const span0 = planar ? { from: 0, to: 1 } : spanAround(box.first[0], box.last[0], n0, box.reach);
    const span1 = spanAround(box.first[1], box.last[1], n1, box.reach);
    const span2 = spanAround(box.first[2], box.last[2], n2, box.reach);
    const planes = planar ? 1 : box.last[0] - box.first[0] + 4;
    const width = Math.ceil((span2.to - span2.from) / 2) * 2;
    const height = span1.to - span1.from;
    const rowsAtOnce = Math.max(1, Math.floor(SLAB_BYTES / ((span0.to - span0.from) * n2 * 4)));
    const { exports, window } = kernels<ExactExports>();
    const [strip, samples, volume, weights0, weights1, weights2, firstTaps, chosen, sums] = window.reserve(
      (span0.to - span0.from) * width * 8,
      Math.min(rowsAtOnce, height) * Math.min(span0.to - span0.from, n0) * n2 * 4,
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
    filterFirstAxis(job, box, planes, [span1, span2], width, spans, { strip, samples, rowsAtOnce, volume });
    const rowBytes = width * 8;
    const planeBytes = height * rowBytes;
    for (let plane = 0; plane < planes; plane++) {
      exports.filterLines(volume + plane * planeBytes, height, width, span1.from === 0 ? 1 : 0, endPower(span1, n1));
    }
    this.#taps = taps;
    this.#planar = planar;
    this.#box = box;
    this.#span1 = span1;
    this.#span2 = span2;
    this.#rowBytes = rowBytes;
    this.#planeBytes = planeBytes;
    this.#volume = volume;
    this.#weights = [weights0, weights1, weights2];
    this.#firstTaps = firstTaps;
    this.#chosen = chosen;
    this.#sums = sums;
    this.#zn = endPower(span2, n2);
    this.#filtered = new Uint8Array(planes * height);
  }

  /** Address of the first row of coefficients that the output row (k0, k1) is made of; all of them are ready. */
  #rowsOf(k0: number, k1: number): number {
    const { exports } = kernels<ExactExports>();
    const plane = this.#planar ? 0 : this.#taps[0].first[k0] - this.#box.first[0];
    const row = this.#taps[1].first[k1] + PADDING - this.#span1.from;
    const { from, to } = this.#span2;
    const height = this.#span1.to - this.#span1.from;
    for (let i = 0; i < (this.#planar ? 1 : 4); i++) {
      for (let j = 0; j < 4; j++) {
        const at = (plane + i) * height + row + j;
        if (this.#filtered[at] === 1) continue;
        this.#filtered[at] = 1;
        exports.filterRow(this.#volume + at * this.#rowBytes, to - from, from === 0 ? 1 : 0, this.#zn);
      }
    }
    return this.#volume + plane * this.#planeBytes + row * this.#rowBytes;
  }

  /** The voxels of the output row (k0, k1) at the given columns, before the clip. */
  evaluate(k0: number, k1: number, columns: Int32Array): Float64Array {
    const { exports, window } = kernels<ExactExports>();
    const first = this.#rowsOf(k0, k1);
    const count = columns.length;
    window.i32(this.#chosen, count).set(columns);
    const [weights0, weights1, weights2] = this.#weights;
    const at1 = weights1 + 32 * k1;
    const end = [this.#firstTaps, this.#chosen, count, this.#sums] as const;
    if (this.#planar) exports.sumTaps2(first, this.#rowBytes, at1, weights2, ...end);
    else exports.sumTaps3(first, this.#planeBytes, this.#rowBytes, weights0 + 32 * k0, at1, weights2, ...end);
    return window.f64(this.#sums, count);
  }

  /** What a voxel is the sum of, all terms taken positive. */
  magnitudeOfTerms(k0: number, k1: number, k2: number): number {
    const { window } = kernels();
    const first = this.#rowsOf(k0, k1) + 8 * (this.#taps[2].first[k2] + PADDING - this.#span2.from);
    const [w0, w1, w2] = [k0, k1, k2].map((k, axis) => this.#taps[axis].weights.subarray(4 * k, 4 * k + 4));
    let sum = 0;
    for (let i = 0; i < (this.#planar ? 1 : 4); i++) {
      for (let j = 0; j < 4; j++) {
        const row = window.f64(first + i * this.#planeBytes + j * this.#rowBytes, 4);
        const weight = (this.#planar ? 1 : w0?.[i]) * w1?.[j];
        for (let k = 0; k < 4; k++) sum += Math.abs(row[k] * weight * w2?.[k]);
      }
    }
    return sum;
  }
}

/** Where voxels of row `i1` of the slices from `from` to `to` may be other than 0: half-open range of the last axis. */
function joinSpans(spans: Int32Array, from: number, to: number, i1: number, n1: number): [number, number] {
  const blocks1 = blockCount(n1);
  const joined: [number, number] = [Number.POSITIVE_INFINITY, 0];
  for (let b0 = Math.floor(from / BLOCK); b0 <= Math.floor(to / BLOCK); b0++) {
    const span = 2 * (b0 * blocks1 + Math.floor(i1 / BLOCK));
    if (spans[span] >= spans[span + 1]) continue;
    joined[0] = Math.min(joined[0], spans[span]);
    joined[1] = Math.max(joined[1], spans[span + 1]);
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
  box: TapBox,
  planes: number,
  [span1, span2]: readonly [Span, Span],
  width: number,
  spans: Int32Array,
  { strip, samples, rowsAtOnce, volume }: { strip: number; samples: number; rowsAtOnce: number; volume: number },
): void {
  const { shape, planar } = job;
  const [n0, n1, n2] = shape;
  const { exports, window } = kernels<ExactExports>();
  const height = span1.to - span1.from;
  const rowBytes = width * 8;
  window.u8(volume, planes * height * rowBytes).fill(0);
  const deepest = planar ? { from: 0, to: 1 } : spanAround(box.first[0], box.last[0], n0, box.reach);
  const slab: Slab = { slices: insideOf(deepest, n0), rows: [0, 0] };
  for (let row = 0; row < height; row++) {
    const tap = span1.from + row - PADDING;
    const away = Math.max(0, box.first[1] - tap, tap - box.last[1] - 3);
    const reach = Math.max(planar ? box.reach : 4, box.reach - away);
    const part = spanAround(box.first[2], box.last[2], n2, reach);
    const span0 = planar ? deepest : spanAround(box.first[0], box.last[0], n0, reach);
    const slices = insideOf(span0, n0);
    const i1 = inside(span1.from + row, n1);
    // Columns of zeros have zeros for coefficients.
    const [nonzeroFrom, nonzeroTo] = joinSpans(spans, slices[0], slices[1] - 1, i1, n1);
    const from2 = Math.max(inside(part.from, n2), nonzeroFrom);
    const count2 = Math.min(inside(part.to - 1, n2) + 1, nonzeroTo) - from2;
    if (count2 <= 0) continue;
    if (i1 >= slab.rows[1]) {
      slab.rows = [i1, Math.min(i1 + rowsAtOnce, inside(span1.to - 1, n1) + 1)];
      loadSlab(job, slab, samples);
    }
    const left = from2 === 0 ? Math.max(PADDING - part.from, 0) : 0;
    const right = from2 + count2 === n2 ? Math.max(part.to - PADDING - n2, 0) : 0;
    const valid = left + count2 + right;
    const to = volume + row * rowBytes + (from2 + PADDING - left - span2.from) * 8;
    const sliceBytes = (slab.rows[1] - slab.rows[0]) * n2 * 4;
    const source = samples + (slices[0] - slab.slices[0]) * sliceBytes + ((i1 - slab.rows[0]) * n2 + from2) * 4;
    if (planar) {
      exports.padRow(source, count2, left, right, to);
      continue;
    }
    const lanes = Math.ceil(valid / 2) * 2;
    const depth = span0.to - span0.from;
    const before = Math.max(0, PADDING - span0.from);
    const added = lanes - left - count2;
    exports.padLines(source, sliceBytes, slices[1] - slices[0], before, depth, count2, left, added, strip);
    exports.filterLines(strip, depth, lanes, span0.from === 0 ? 1 : 0, endPower(span0, n0));
    const from = strip + (box.first[0] + PADDING - span0.from) * lanes * 8;
    exports.copyRows(from, lanes * 8, to, height * rowBytes, valid * 8, planes);
  }
}

/** Rows of source slices that lie in the window: half-open ranges. */
interface Slab {
  readonly slices: readonly [number, number];
  rows: readonly [number, number];
}

function loadSlab(job: CubicJob, { slices, rows }: Slab, address: number): void {
  const [, n1, n2] = job.shape;
  const count = (rows[1] - rows[0]) * n2;
  for (let i0 = slices[0], at = address; i0 < slices[1]; i0++, at += count * 4) {
    loadVoxels(job, (i0 * n1 + rows[0]) * n2, count, at);
  }
}

/** The sample that stands at a place of a padded line of n. */
function inside(padded: number, n: number): number {
  return Math.min(Math.max(padded - PADDING, 0), n - 1);
}

/** Samples of a line of n that stand in a span of the padded line: half-open range. */
function insideOf({ from, to }: Span, n: number): [number, number] {
  return [inside(from, n), inside(to - 1, n) + 1];
}
