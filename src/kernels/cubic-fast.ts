import { checkLength, type Shape3, voxelCount } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";
import { ExtentGatherer } from "./extent.js";
import { type CubicTaps, cubicTaps } from "./taps.js";

interface FastExports {
  fastRows(
    input: number,
    inputStride: number,
    rows: number,
    n: number,
    table: number,
    m: number,
    scratch: number,
    output: number,
    outputStride: number,
  ): void;
  fastColumns(
    input: number,
    inputStride: number,
    n: number,
    lanes: number,
    table: number,
    m: number,
    scratch: number,
    output: number,
    outputStride: number,
    low: number,
    high: number,
  ): void;
}

const LANES = 32;
const ENTRY = 32;
/** The prefilter's gain (1 - z)(1 - 1/z). */
const GAIN = 6;
/** Bytes of window for the last pass. */
const TILE_BYTES = 1 << 20;

function padToLanes(n: number): number {
  return Math.ceil(n / LANES) * LANES;
}

/** Room for n coefficients, a halo of 2 on both sides and the columns that a transposition of four may write too many. */
function scratchBytes(n: number): number {
  return (n + 8) * LANES * 4;
}

function storeTaps(taps: CubicTaps, address: number): void {
  const m = taps.first.length;
  const { window } = kernels();
  const f32 = window.f32(address, m * 8);
  const i32 = window.i32(address, m * 8);
  for (let k = 0; k < m; k++) {
    for (let j = 0; j < 4; j++) f32[8 * k + j] = GAIN * (taps.weights[4 * k + j] as number);
    i32[8 * k + 4] = (taps.first[k] as number) + 2;
  }
}

/**
 * Cubic B-spline resampling in float32 arithmetic: as `resizeCubic`, but not bit-equal to the reference. The error is at
 * most 4e-7 of the input's range. Needs no memory beside input and output while the first axis does not shrink.
 *
 * @param data voxels of `shape`, C order
 * @param output receives the result; a new array when not given
 * @throws NnprepError SHAPE_MISMATCH, INVALID_ARGUMENT, OUT_OF_MEMORY
 */
export function resizeCubicFast(
  data: Float32Array,
  shape: Shape3,
  newShape: Shape3,
  output: Float32Array = new Float32Array(voxelCount(newShape)),
): Float32Array {
  checkLength("input", data, shape);
  checkLength("output", output, newShape);
  const [n0] = shape;
  const [m0, m1, m2] = newShape;
  // Planes between the passes lie where the output will: a column is read whole before it is written.
  const between = n0 <= m0 ? output.subarray(0, n0 * m1 * m2) : new Float32Array(n0 * m1 * m2);
  const extent = resizePlanes(data, shape, newShape, between);
  if (!extent.finite) return output.fill(Number.NaN);
  resizeFirstAxis(between, n0, newShape, extent, output);
  return output;
}

function resizePlanes(data: Float32Array, shape: Shape3, newShape: Shape3, between: Float32Array) {
  const [n0, n1, n2] = shape;
  const [, m1, m2] = newShape;
  const width = padToLanes(m2);
  const rows = padToLanes(n1);
  const { exports, window } = kernels<FastExports>();
  const addresses = window.reserve(
    rows * n2 * 4,
    rows * width * 4,
    m1 * width * 4,
    scratchBytes(Math.max(n1, n2)),
    m1 * ENTRY,
    m2 * ENTRY,
    ...ExtentGatherer.byteLengths(shape),
  );
  const [slice, wide, plane, scratch, table1, table2] = addresses as [number, number, number, number, number, number];
  storeTaps(cubicTaps(n1, m1), table1);
  storeTaps(cubicTaps(n2, m2), table2);
  const gatherer = new ExtentGatherer(shape, addresses.slice(6) as unknown as [number, number, number]);
  const source = window.f32(slice, n1 * n2);
  const result = window.f32(plane, m1 * width);
  for (let i0 = 0; i0 < n0; i0++) {
    source.set(data.subarray(i0 * n1 * n2, (i0 + 1) * n1 * n2));
    gatherer.addRows(slice, 0, n1, n2);
    gatherer.endSlice();
    exports.fastRows(slice, n2 * 4, n1, n2, table2, m2, scratch, wide, width * 4);
    exports.fastColumns(
      wide,
      width * 4,
      n1,
      width,
      table1,
      m1,
      scratch,
      plane,
      width * 4,
      Number.NEGATIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    );
    if (width === m2) {
      between.set(result, i0 * m1 * m2);
    } else {
      for (let k1 = 0; k1 < m1; k1++) {
        between.set(result.subarray(k1 * width, k1 * width + m2), (i0 * m1 + k1) * m2);
      }
    }
  }
  return gatherer.finish();
}

function resizeFirstAxis(
  between: Float32Array,
  n0: number,
  newShape: Shape3,
  { low, high }: { low: number; high: number },
  output: Float32Array,
): void {
  const [m0, m1, m2] = newShape;
  const columns = m1 * m2;
  const lanesAtOnce = Math.max(LANES, Math.floor(TILE_BYTES / ((n0 + m0) * 4) / LANES) * LANES);
  const most = Math.min(lanesAtOnce, padToLanes(columns));
  const { exports, window } = kernels<FastExports>();
  const [input, result, scratch, table] = window.reserve(
    n0 * most * 4,
    m0 * most * 4,
    scratchBytes(n0),
    m0 * ENTRY,
  ) as [number, number, number, number];
  storeTaps(cubicTaps(n0, m0), table);
  const source = window.f32(input, n0 * most);
  const target = window.f32(result, m0 * most);
  for (let lane = 0; lane < columns; lane += most) {
    const count = Math.min(most, columns - lane);
    for (let i0 = 0; i0 < n0; i0++) {
      source.set(between.subarray(i0 * columns + lane, i0 * columns + lane + count), i0 * most);
    }
    exports.fastColumns(input, most * 4, n0, padToLanes(count), table, m0, scratch, result, most * 4, low, high);
    for (let k0 = 0; k0 < m0; k0++) {
      output.set(target.subarray(k0 * most, k0 * most + count), k0 * columns + lane);
    }
  }
}
