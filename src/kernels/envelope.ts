import type { Shape3 } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";
import type { Extent } from "./extent.js";
import { LANES } from "./plane-pass.js";
import { blockOfSample } from "./tolerance.js";

interface EnvelopeExports {
  spreadPlanes(source: number, target: number, count: number, inner: number, gap: number, decay: number): void;
  spreadRows(source: number, target: number, rows: number, count: number, gap: number, decay: number): void;
}

/**
 * Decay over one block of 4 voxels, and over the 3 between the nearest taps of blocks with one between them. Slower
 * than the spline's own, because the rounding errors of a tail grow with its length while its values decay.
 */
const DECAY_OF_BLOCK = 0.3 * 0.3 * 0.3 * 0.3;
const DECAY_OF_GAP = 0.3 * 0.3 * 0.3;
/** Values of the first axis that go through the window at once. */
const CHUNK = 1 << 17;

/** Bytes of the two buffers that `envelope` needs for slices of their own. */
export function envelopeBytes([, b1, b2]: Extent["blocks"]): [number, number] {
  return [8 * b1 * b2, 8 * b1 * b2];
}

/** Envelopes below this are all taken for this: float32 has few digits there. */
const SMALLEST = 1e-37;

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
 * @param planarAt two buffers of the window when the spline does not run along the first axis; otherwise null, and the
 *   scratch window is used and overwritten
 */
export function envelope(
  { blocks, magnitudes }: Extent,
  planarAt: readonly [number, number] | null,
  n2: number,
  m2: number,
): Envelope {
  const [b0, b1, b2] = blocks;
  const plane = b1 * b2;
  const groups = Math.ceil(m2 / LANES);
  const { exports, window } = kernels<EnvelopeExports>();
  const columns = Math.max(1, Math.min(b1 * groups, Math.floor(CHUNK / b0)));
  const [here, there] =
    planarAt ??
    (window.reserve(8 * Math.max(plane, b0 * columns), 8 * Math.max(plane, b0 * columns)) as [number, number]);
  const values = new Float32Array(b0 * b1 * groups);
  const view = window.f64(here, plane);
  for (let b = 0; b < b0; b++) {
    view.set(magnitudes.subarray(b * plane, (b + 1) * plane));
    exports.spreadPlanes(here, there, b1, b2, DECAY_OF_GAP, DECAY_OF_BLOCK);
    exports.spreadRows(there, here, b1, b2, DECAY_OF_GAP, DECAY_OF_BLOCK);
    takeGroups(view, blocks, n2, m2, values.subarray(b * b1 * groups, (b + 1) * b1 * groups));
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

/** The largest of a plane of blocks under each group of output samples. */
function takeGroups(plane: Float64Array, [, b1, b2]: Shape3, n2: number, m2: number, largest: Float32Array): void {
  const groups = Math.ceil(m2 / LANES);
  const blockOf = blockOfSample(n2, m2);
  for (let group = 0; group < groups; group++) {
    const from = blockOf[group * LANES] as number;
    const to = blockOf[Math.min(group * LANES + LANES - 1, m2 - 1)] as number;
    for (let row = 0; row < b1; row++) {
      let most = SMALLEST;
      for (let b = from; b <= to; b++) most = Math.max(most, plane[row * b2 + b] as number);
      largest[row * groups + group] = most;
    }
  }
}
