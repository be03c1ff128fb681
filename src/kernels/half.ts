import { kernels } from "../runtime/instantiate.js";

interface HalfExports {
  widenHalves(input: number, count: number, output: number): void;
  narrowToHalves(input: number, count: number, output: number): void;
  addFloats(values: number, count: number, sums: number): void;
  divideFloats(sums: number, count: number, divisor: number): void;
}

/** Values per call: input and output stay in the cache. */
const TILE = 32768;

/** Probabilities: float32, or float16 as its bits. */
export type FloatValues = Float32Array | Uint16Array;

function forEachPart(count: number, visit: (from: number, to: number) => void): void {
  for (let from = 0; from < count; from += TILE) visit(from, Math.min(from + TILE, count));
}

/** float16 bits as float32; exact. */
export function widenHalves(halves: Uint16Array, output = new Float32Array(halves.length)): Float32Array {
  const { exports, window } = kernels<HalfExports>();
  const [input, result] = window.reserve(TILE * 2, TILE * 4);
  forEachPart(halves.length, (from, to) => {
    window.u16(input, to - from).set(halves.subarray(from, to));
    exports.widenHalves(input, to - from, result);
    output.set(window.f32(result, to - from), from);
  });
  return output;
}

/** float32 rounded to float16 (nearest, ties to even), as bits; equal to NumPy's `astype(float16)`. NaN become 0x7e00. */
export function narrowToHalves(values: Float32Array, output = new Uint16Array(values.length)): Uint16Array {
  const { exports, window } = kernels<HalfExports>();
  const [input, result] = window.reserve(TILE * 4, TILE * 2);
  forEachPart(values.length, (from, to) => {
    window.f32(input, to - from).set(values.subarray(from, to));
    exports.narrowToHalves(input, to - from, result);
    output.set(window.u16(result, to - from), from);
  });
  return output;
}

/** `sums[i] += values[i]`, rounded to float32. */
export function addToSums(values: FloatValues, sums: Float32Array): void {
  const { exports, window } = kernels<HalfExports>();
  const [halves, floats, result] = window.reserve(TILE * 2, TILE * 4, TILE * 4);
  forEachPart(sums.length, (from, to) => {
    const count = to - from;
    if (values instanceof Uint16Array) {
      window.u16(halves, count).set(values.subarray(from, to));
      exports.widenHalves(halves, count, floats);
    } else {
      window.f32(floats, count).set(values.subarray(from, to));
    }
    window.f32(result, count).set(sums.subarray(from, to));
    exports.addFloats(floats, count, result);
    sums.set(window.f32(result, count), from);
  });
}

/** `sums[i] / divisor`, rounded to float32; written into `sums`, or to float16 bits if `halves` is given. */
export function divideSums(sums: Float32Array, divisor: number, halves?: Uint16Array): void {
  const { exports, window } = kernels<HalfExports>();
  const [floats, result] = window.reserve(TILE * 4, TILE * 2);
  forEachPart(sums.length, (from, to) => {
    const count = to - from;
    window.f32(floats, count).set(sums.subarray(from, to));
    exports.divideFloats(floats, count, divisor);
    if (halves === undefined) {
      sums.set(window.f32(floats, count), from);
    } else {
      exports.narrowToHalves(floats, count, result);
      halves.set(window.u16(result, count), from);
    }
  });
}
