import { kernels } from "../../runtime/instantiate.js";
import { remembered } from "../taps.js";
import { cubicTaps } from "./taps.js";

/*
 * What the passes in float64 share: they work on 16 lines of samples at once, one in each lane, in scratch memory of a
 * row of lanes for each sample, and read where to take their values from in a table.
 */

/** (1 - z)(1 - 1/z): the prefilter's gain, which the kernels leave to the weights. */
const GAIN = 6;
export const LANES = 16;
/** Bytes of an entry of the table of taps. */
export const ENTRY = 40;

export function padToLanes(n: number): number {
  return Math.ceil(n / LANES) * LANES;
}

/** Room for n samples and a halo of 2 on both sides. */
export function scratchBytes(n: number): number {
  return (n + 4) * LANES * 8;
}

/** The table of taps that the kernels read: four weights with the gain, then the tap's place in scratch. */
const tapTable = remembered((n: number, m: number): Float64Array => {
  const { first, weights } = cubicTaps(n, m);
  const table = new Float64Array(m * 5);
  const places = new Int32Array(table.buffer);
  for (let k = 0; k < m; k++) {
    for (let j = 0; j < 4; j++) table[5 * k + j] = GAIN * weights[4 * k + j];
    places[10 * k + 8] = first[k] + 2;
  }
  return table;
});

/** Writes the table of taps from n to m samples. */
export function storeTaps(n: number, m: number, address: number): void {
  kernels()
    .window.f64(address, m * 5)
    .set(tapTable(n, m));
}
