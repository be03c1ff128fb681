import type { Shape3 } from "../../core/volume.js";
import { kernels } from "../../runtime/instantiate.js";
import { remembered } from "../taps.js";
import { DECAY_OF_BLOCK, DECAY_OF_GAP, SMALLEST_ENVELOPE } from "./error-bound.js";
import type { Extent } from "./extent.js";
import { LANES } from "./lanes.js";
import { blockOfSample } from "./taps.js";

interface EnvelopeExports {
  spreadPlanes(source: number, target: number, count: number, inner: number, gap: number, decay: number): void;
  spreadRows(source: number, target: number, rows: number, count: number, gap: number, decay: number): void;
  largestOfGroups(
    values: number,
    rows: number,
    count: number,
    spans: number,
    groups: number,
    least: number,
    output: number,
  ): void;
}

/** Values of the first axis that go through the window at once. */
const CHUNK = 1 << 17;

/** Bytes of the buffers that `envelope` needs for a slice. */
export function envelopeBytes([, b1, b2]: Extent["blocks"], m2: number): [number, number, number] {
  const groups = Math.ceil(m2 / LANES);
  return [8 * b1 * b2, Math.max(8 * b1 * b2, 4 * b1 * groups), 8 * groups];
}

/** What reaches the blocks of a volume, taken together for each 16 samples of an output row. */
export interface Envelope {
  /** One value per (block of axis 0, block of axis 1, group of 16 output samples). */
  readonly values: Float32Array;
  readonly groups: number;
  readonly blocks: Shape3;
}

/**
 * Magnitudes that reach each block, decayed by distance, the largest under each group of 16 samples of an output row
 * of `m2`. Largest values and decays may be taken in any order of the axes: first what makes the array small.
 *
 * @param planarAt `envelopeBytes` of the window when the spline does not run along the first axis; otherwise null, and the
 *   scratch window is used and overwritten
 */
export function envelope(
  { blocks, magnitudes }: Extent,
  planarAt: readonly [number, number, number] | null,
  n2: number,
  m2: number,
): Envelope {
  const [b0, b1, b2] = blocks;
  const plane = b1 * b2;
  const groups = Math.ceil(m2 / LANES);
  const { exports, window } = kernels<EnvelopeExports>();
  const columns = Math.max(1, Math.min(b1 * groups, Math.floor(CHUNK / b0)));
  const [bytesHere, bytesThere, bytesSpans] = envelopeBytes(blocks, m2);
  const chunk = 8 * b0 * columns;
  const [here, there, spans] =
    planarAt ?? window.reserve(Math.max(bytesHere, chunk), Math.max(bytesThere, chunk), bytesSpans);
  window.i32(spans, 2 * groups).set(blocksOfGroups(n2, m2));
  const values = new Float32Array(b0 * b1 * groups);
  const view = window.f64(here, plane);
  for (let b = 0; b < b0; b++) {
    view.set(magnitudes.subarray(b * plane, (b + 1) * plane));
    exports.spreadPlanes(here, there, b1, b2, DECAY_OF_GAP, DECAY_OF_BLOCK);
    exports.spreadRows(there, here, b1, b2, DECAY_OF_GAP, DECAY_OF_BLOCK);
    exports.largestOfGroups(here, b1, b2, spans, groups, SMALLEST_ENVELOPE, there);
    values.set(window.f32(there, b1 * groups), b * b1 * groups);
  }
  for (let column = 0; planarAt === null && column < b1 * groups; column += columns) {
    const some = Math.min(columns, b1 * groups - column);
    const rows = window.f64(here, b0 * some);
    const place = (b: number) => values.subarray(b * b1 * groups + column, b * b1 * groups + column + some);
    for (let b = 0; b < b0; b++) rows.set(place(b), b * some);
    exports.spreadPlanes(here, there, b0, some, DECAY_OF_GAP, DECAY_OF_BLOCK);
    const spread = window.f64(there, b0 * some);
    for (let b = 0; b < b0; b++) place(b).set(spread.subarray(b * some, (b + 1) * some));
  }
  return { values, groups, blocks };
}

/** First and last block under each group of output samples. */
const blocksOfGroups = remembered((n2: number, m2: number): Int32Array => {
  const blockOf = blockOfSample(n2, m2);
  const groups = Math.ceil(m2 / LANES);
  return Int32Array.from({ length: 2 * groups }, (_, i) => {
    const first = (i >> 1) * LANES;
    return blockOf[i % 2 === 0 ? first : Math.min(first + LANES - 1, m2 - 1)];
  });
});
