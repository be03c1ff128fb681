import { kernels } from "../runtime/instantiate.js";
import type { Extent } from "./extent.js";

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

/**
 * Magnitudes that reach each block, decayed by distance.
 *
 * @param planarAt two buffers of the window when the spline does not run along the first axis; otherwise null, and the
 *   scratch window is used and overwritten
 */
export function envelope(extent: Extent, planarAt: readonly [number, number] | null): Float64Array {
  const { blocks, magnitudes } = extent;
  const [b0, b1, b2] = blocks;
  const plane = b1 * b2;
  const { exports, window } = kernels<EnvelopeExports>();
  const values = new Float64Array(magnitudes);
  const columns = Math.max(1, Math.min(plane, Math.floor(CHUNK / b0)));
  const [here, there] =
    planarAt ??
    (window.reserve(8 * Math.max(plane, b0 * columns), 8 * Math.max(plane, b0 * columns)) as [number, number]);
  if (planarAt === null) {
    for (let column = 0; column < plane; column += columns) {
      const some = Math.min(columns, plane - column);
      const rows = window.f64(here, b0 * some);
      for (let b = 0; b < b0; b++) rows.set(values.subarray(b * plane + column, b * plane + column + some), b * some);
      exports.spreadPlanes(here, there, b0, some, DECAY_OF_GAP, DECAY_OF_BLOCK);
      const spread = window.f64(there, b0 * some);
      for (let b = 0; b < b0; b++) values.set(spread.subarray(b * some, (b + 1) * some), b * plane + column);
    }
  }
  const view = window.f64(here, plane);
  for (let b = 0; b < b0; b++) {
    view.set(values.subarray(b * plane, (b + 1) * plane));
    exports.spreadPlanes(here, there, b1, b2, DECAY_OF_GAP, DECAY_OF_BLOCK);
    exports.spreadRows(there, here, b1, b2, DECAY_OF_GAP, DECAY_OF_BLOCK);
    values.set(view, b * plane);
  }
  return values;
}
