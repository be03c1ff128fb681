import { position, remembered } from "../taps.js";
import { BLOCK } from "./extent.js";

/** Where each output sample of an axis takes its values from. */
export interface CubicTaps {
  /** Index of the first of four taps in the line without padding, -2 ... n - 2. */
  readonly first: Int32Array;
  /** Four weights per output sample. */
  readonly weights: Float64Array;
}

/** The reference pads each axis by this much before it takes the fraction of a position. */
export const PADDING = 12;

/** Taps and weights of the cubic spline, fraction and weights computed as scipy.ndimage.zoom does (1.17). */
export const cubicTaps = remembered((n: number, m: number): CubicTaps => {
  const first = new Int32Array(m);
  const weights = new Float64Array(4 * m);
  for (let k = 0; k < m; k++) {
    const u = position(k, n, m) + PADDING;
    const floor = Math.floor(u);
    const x = u - floor;
    const y = 1 - x;
    const w1 = (x * x * (x - 2) * 3 + 4) / 6;
    const w2 = (y * y * (y - 2) * 3 + 4) / 6;
    const w0 = (y * y * y) / 6;
    first[k] = floor - 1 - PADDING;
    weights.set([w0, w1, w2, 1 - w0 - w1 - w2], 4 * k);
  }
  return { first, weights };
});

/** Block of the source axis under each output sample. */
export const blockOfSample = remembered(
  (n: number, m: number): Int32Array =>
    Int32Array.from({ length: m }, (_, k) =>
      Math.floor(Math.min(Math.max(Math.floor(position(k, n, m)), 0), n - 1) / BLOCK),
    ),
);

/** Source sample nearest to each output sample. */
export const nearestSample = remembered(
  (n: number, m: number): Int32Array =>
    Int32Array.from({ length: m }, (_, k) => Math.min(Math.max(Math.round(position(k, n, m)), 0), n - 1)),
);
