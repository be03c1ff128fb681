import { checkLength, type Shape3, voxelCount } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";
import { withScratch } from "../runtime/scratch.js";
import { repairDoubts } from "./cubic-repair.js";
import { Doubts } from "./doubts.js";
import { blockCount, type Extent, ExtentGatherer } from "./extent.js";
import { type CubicTaps, cubicTaps } from "./taps.js";
import { blockOfSample, cancellation, envelope, envelopeOfGroups, RELATIVE_ERROR } from "./tolerance.js";

interface CubicExports {
  cubicRows(
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
  cubicColumns(
    input: number,
    inputStride: number,
    n: number,
    lanes: number,
    table: number,
    m: number,
    scratch: number,
    output: number,
    outputStride: number,
  ): void;
  cubicColumnsRounded(
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
    tolerances: number,
    blocks: number,
    blockOf: number,
    sharpness: number,
    doubts: number,
    doubtValues: number,
  ): number;
}

/** (1 - z)(1 - 1/z): the prefilter's gain, which the kernels leave to the weights. */
const GAIN = 6;
const LANES = 16;
const ENTRY = 40;
/** Bytes of window that the last pass works in: enough for long lines, small enough for the second-level cache. */
const TILE_BYTES = 1 << 20;
/** Planes whose passes need more than this go through in parts. */
const PLANE_BYTES = 24 << 20;

function padToLanes(n: number): number {
  return Math.ceil(n / LANES) * LANES;
}

function scratchBytes(n: number): number {
  return (n + 4) * LANES * 8;
}

/** Writes the table of taps that the kernels read: four weights with the gain, then the tap's place in scratch. */
function storeTaps(taps: CubicTaps, address: number): void {
  const m = taps.first.length;
  const { window } = kernels();
  const f64 = window.f64(address, m * 5);
  const i32 = window.i32(address, m * 10);
  for (let k = 0; k < m; k++) {
    for (let j = 0; j < 4; j++) f64[5 * k + j] = GAIN * (taps.weights[4 * k + j] as number);
    i32[10 * k + 8] = (taps.first[k] as number) + 2;
  }
}

/** Resamples the two last axes of one slice after the other, into float64 planes of padded width. */
class PlanePass {
  readonly width: number;
  readonly #n1: number;
  readonly #n2: number;
  readonly #m1: number;
  readonly #m2: number;
  readonly #rowsAtOnce: number;
  readonly #lanesAtOnce: number;
  readonly #slice: number;
  readonly #rows: number;
  readonly #plane: number;
  readonly #scratch: number;
  readonly #table1: number;
  readonly #table2: number;
  readonly #between: Float64Array | null;

  /** Lanes that one part of `forEachPart` has at most. */
  static lanesAtOnce(shape: Shape3, newShape: Shape3): number {
    return PlanePass.#split(shape, newShape).lanesAtOnce;
  }

  static byteLengths(shape: Shape3, newShape: Shape3): number[] {
    const { rowsAtOnce, lanesAtOnce, whole } = PlanePass.#split(shape, newShape);
    const width = padToLanes(newShape[2]);
    const lanes = whole ? width : lanesAtOnce;
    return [
      padToLanes(whole ? shape[1] : rowsAtOnce) * shape[2] * 4,
      Math.max(padToLanes(whole ? shape[1] : rowsAtOnce) * width, shape[1] * lanes) * 8,
      newShape[1] * lanes * 8,
      scratchBytes(Math.max(shape[1], shape[2])),
      newShape[1] * ENTRY,
      newShape[2] * ENTRY,
    ];
  }

  static #split(shape: Shape3, newShape: Shape3): { rowsAtOnce: number; lanesAtOnce: number; whole: boolean } {
    const width = padToLanes(newShape[2]);
    const whole = shape[1] * (shape[2] * 4 + width * 8) + newShape[1] * width * 8 <= PLANE_BYTES;
    if (whole) return { rowsAtOnce: padToLanes(shape[1]), lanesAtOnce: width, whole };
    const perRow = shape[2] * 4 + width * 8;
    const perLane = (shape[1] + newShape[1]) * 8;
    const part = PLANE_BYTES / 2;
    return {
      rowsAtOnce: Math.max(LANES, Math.floor(part / perRow / LANES) * LANES),
      lanesAtOnce: Math.min(width, Math.max(LANES, Math.floor(part / perLane / LANES) * LANES)),
      whole,
    };
  }

  constructor(shape: Shape3, newShape: Shape3, addresses: readonly number[]) {
    const { rowsAtOnce, lanesAtOnce, whole } = PlanePass.#split(shape, newShape);
    this.width = padToLanes(newShape[2]);
    this.#n1 = shape[1];
    this.#n2 = shape[2];
    this.#m1 = newShape[1];
    this.#m2 = newShape[2];
    this.#rowsAtOnce = rowsAtOnce;
    this.#lanesAtOnce = lanesAtOnce;
    [this.#slice, this.#rows, this.#plane, this.#scratch, this.#table1, this.#table2] = addresses as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    this.#between = whole ? null : new Float64Array(this.#n1 * this.width);
    storeTaps(cubicTaps(this.#n1, this.#m1), this.#table1);
    storeTaps(cubicTaps(this.#n2, this.#m2), this.#table2);
  }

  get scratchAddress(): number {
    return this.#scratch;
  }

  get table1Address(): number {
    return this.#table1;
  }

  /** First half: the last axis. Leaves (n1, width) float64 at `rowsAddress` when whole, else in memory of its own. */
  runRows(source: Float32Array, gatherer: ExtentGatherer): void {
    const { exports, window } = kernels<CubicExports>();
    const { width } = this;
    for (let row = 0; row < this.#n1; row += this.#rowsAtOnce) {
      const rows = Math.min(this.#rowsAtOnce, this.#n1 - row);
      window.f32(this.#slice, rows * this.#n2).set(source.subarray(row * this.#n2, (row + rows) * this.#n2));
      gatherer.addRows(this.#slice, row, rows, this.#n2);
      exports.cubicRows(
        this.#slice,
        this.#n2 * 4,
        rows,
        this.#n2,
        this.#table2,
        this.#m2,
        this.#scratch,
        this.#rows,
        width * 8,
      );
      this.#between?.set(window.f64(this.#rows, rows * width), row * width);
    }
    gatherer.endSlice();
  }

  /** Lanes of the result of `runRows` in parts that fit the window: address and stride of each part are given. */
  forEachPart(use: (lane: number, lanes: number, address: number, stride: number) => void): void {
    const { window } = kernels();
    for (let lane = 0; lane < this.width; lane += this.#lanesAtOnce) {
      const lanes = Math.min(this.#lanesAtOnce, this.width - lane);
      if (this.#between !== null) {
        const part = window.f64(this.#rows, this.#n1 * lanes);
        for (let row = 0; row < this.#n1; row++) {
          const from = row * this.width + lane;
          part.set(this.#between.subarray(from, from + lanes), row * lanes);
        }
      }
      use(lane, lanes, this.#rows, lanes * 8);
    }
  }

  /** Second half: axis 1, in parts; each result of (m1, lanes) float64 is handed to `take`. */
  runColumns(take: (lane: number, lanes: number, plane: Float64Array) => void): void {
    const { exports, window } = kernels<CubicExports>();
    this.forEachPart((lane, lanes, address, stride) => {
      exports.cubicColumns(
        address,
        stride,
        this.#n1,
        lanes,
        this.#table1,
        this.#m1,
        this.#scratch,
        this.#plane,
        lanes * 8,
      );
      take(lane, lanes, window.f64(this.#plane, this.#m1 * lanes));
    });
  }
}

/** Part of the padded output plane that goes through the last pass at once: whole rows, or a piece of one. */
interface Tile {
  readonly lane: number;
  readonly lanes: number;
}

function tilesOfPlane(rows: number, width: number, bytesPerLane: number): Tile[] {
  const lanesAtOnce = Math.max(LANES, Math.floor(TILE_BYTES / bytesPerLane / LANES) * LANES);
  const total = rows * width;
  const wholeRows = Math.floor(lanesAtOnce / width);
  const tiles: Tile[] = [];
  if (wholeRows >= 1) {
    const step = wholeRows * width;
    for (let lane = 0; lane < total; lane += step) tiles.push({ lane, lanes: Math.min(step, total - lane) });
    return tiles;
  }
  for (let row = 0; row < rows; row++) {
    for (let lane = 0; lane < width; lane += lanesAtOnce) {
      tiles.push({ lane: row * width + lane, lanes: Math.min(lanesAtOnce, width - lane) });
    }
  }
  return tiles;
}

/** Moves rows between a padded plane and tile after tile of [n0][lanes]. */
function scatterPlane(
  plane: Float64Array,
  part: { lane: number; lanes: number; rows: number; width: number },
  tiles: readonly Tile[],
  n0: number,
  i0: number,
  store: Float64Array,
): void {
  if (part.lanes === part.width) {
    for (const { lane, lanes } of tiles) {
      store.set(plane.subarray(lane, lane + lanes), n0 * lane + i0 * lanes);
    }
    return;
  }
  for (const tile of tiles) {
    for (let at = tile.lane; at < tile.lane + tile.lanes; ) {
      const row = Math.floor(at / part.width);
      const column = at - row * part.width;
      const count = Math.min(part.width - column, tile.lane + tile.lanes - at);
      const from = Math.max(column, part.lane);
      const to = Math.min(column + count, part.lane + part.lanes);
      if (from < to) {
        const source = row * part.lanes + from - part.lane;
        const target = n0 * tile.lane + i0 * tile.lanes + (at - tile.lane) + (from - column);
        store.set(plane.subarray(source, source + to - from), target);
      }
      at += count;
    }
  }
}

/** Copies rows of a rounded tile (stride `lanes`) to the output, leaving out the padding lanes. */
function copyRows(
  tile: Float32Array,
  { lane, lanes }: Tile,
  newShape: Shape3,
  width: number,
  output: Float32Array,
): void {
  const [m0, m1, m2] = newShape;
  for (let k0 = 0; k0 < m0; k0++) {
    if (width === m2) {
      output.set(tile.subarray(k0 * lanes, (k0 + 1) * lanes), k0 * m1 * m2 + lane);
      continue;
    }
    for (let at = 0; at < lanes; ) {
      const k1 = Math.floor((lane + at) / width);
      const k2 = lane + at - k1 * width;
      const count = Math.min(lanes - at, width - k2);
      const valid = Math.min(count, m2 - k2);
      if (valid > 0) {
        const from = k0 * lanes + at;
        output.set(tile.subarray(from, from + valid), (k0 * m1 + k1) * m2 + k2);
      }
      at += count;
    }
  }
}

/** Envelope per (block of axis 0, block of axis 1, group of 16 lanes) as tolerances. */
interface GroupTolerances {
  readonly values: Float64Array;
  readonly groups: number;
  readonly blocks: Shape3;
}

function groupTolerances(extent: Extent, planar: boolean, n2: number, m2: number): GroupTolerances {
  const values = envelopeOfGroups(envelope(extent, planar), extent.blocks, n2, m2);
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) * RELATIVE_ERROR;
  return { values, groups: Math.ceil(m2 / LANES), blocks: extent.blocks };
}

/**
 * Cubic B-spline resampling of a volume, equal to
 * `skimage.transform.resize(x.astype(float64), newShape, 3, mode="edge", anti_aliasing=False).astype(float32)`
 * (scikit-image >= 0.19, scipy >= 1.6) bit by bit: edge padding, prefilter, evaluation, clip to the input's range.
 * One non-finite voxel makes every voxel NaN, as in the reference.
 *
 * @param data voxels of `shape`, C order
 * @param output receives the result; a new array when not given
 * @throws NnprepError SHAPE_MISMATCH, INVALID_ARGUMENT, OUT_OF_MEMORY
 */
export function resizeCubic(
  data: Float32Array,
  shape: Shape3,
  newShape: Shape3,
  output: Float32Array = new Float32Array(voxelCount(newShape)),
): Float32Array {
  checkLength("input", data, shape);
  checkLength("output", output, newShape);
  const [n0, , n2] = shape;
  const [m0, m1, m2] = newShape;
  const width = padToLanes(m2);
  const tiles = tilesOfPlane(m1, width, n0 * 8 + m0 * 4);
  return withScratch(n0 * m1 * width, (store) => {
    const extent = resizePlanes(data, shape, newShape, (i0, lane, lanes, plane) =>
      scatterPlane(plane, { lane, lanes, rows: m1, width }, tiles, n0, i0, store),
    );
    if (!extent.finite) return output.fill(Number.NaN);
    const tolerances = groupTolerances(extent, false, n2, m2);
    const doubts = resizeFirstAxis(store, tiles, shape, newShape, extent, tolerances, output);
    repairDoubts({ data, shape, newShape, planar: false }, doubts, extent, output);
    return output;
  });
}

/** The two last axes of every slice; the extent of the volume on the way. */
function resizePlanes(
  data: Float32Array,
  shape: Shape3,
  newShape: Shape3,
  take: (i0: number, lane: number, lanes: number, plane: Float64Array) => void,
): Extent {
  const [n0, n1, n2] = shape;
  const { window } = kernels();
  const planeBytes = PlanePass.byteLengths(shape, newShape);
  const addresses = window.reserve(...planeBytes, ...ExtentGatherer.byteLengths(shape));
  const pass = new PlanePass(shape, newShape, addresses);
  const gatherer = new ExtentGatherer(shape, addresses.slice(planeBytes.length) as [number, number, number]);
  for (let i0 = 0; i0 < n0; i0++) {
    const slice = data.subarray(i0 * n1 * n2, (i0 + 1) * n1 * n2);
    pass.runRows(slice, gatherer);
    pass.runColumns((lane, lanes, plane) => take(i0, lane, lanes, plane));
  }
  return gatherer.finish();
}

/** The first axis, tile after tile, rounded to float32. Returns the voxels whose rounding is in doubt. */
function resizeFirstAxis(
  store: Float64Array,
  tiles: readonly Tile[],
  shape: Shape3,
  newShape: Shape3,
  extent: Extent,
  tolerances: GroupTolerances,
  output: Float32Array,
): Doubts {
  const n0 = shape[0];
  const [m0, , m2] = newShape;
  const width = padToLanes(m2);
  const { exports, window } = kernels<CubicExports>();
  const most = tiles.reduce((a, t) => Math.max(a, t.lanes), 0);
  const blocks0 = blockCount(n0);
  const [input, rounded, scratch, table, blockOf, tolerance, sharpness, places, values] = window.reserve(
    n0 * most * 8,
    m0 * most * 4,
    scratchBytes(n0),
    m0 * ENTRY,
    m0 * 4,
    (most / LANES) * blocks0 * 8,
    most * 8,
    m0 * most * 8,
    m0 * most * 8,
  ) as [number, number, number, number, number, number, number, number, number];
  storeTaps(cubicTaps(n0, m0), table);
  window.i32(blockOf, m0).set(blockOfSample(n0, m0));
  const block1 = blockOfSample(shape[1], newShape[1]);
  const cancels1 = cancellation(shape[1], newShape[1]);
  const cancels2 = cancellation(shape[2], m2);
  const doubts = new Doubts(newShape);
  for (const tile of tiles) {
    const { lane, lanes } = tile;
    window.f64(input, n0 * lanes).set(store.subarray(n0 * lane, n0 * (lane + lanes)));
    const tolerated = window.f64(tolerance, (lanes / LANES) * blocks0);
    for (let group = 0, at = 0; group < lanes / LANES; group++) {
      const first = lane + group * LANES;
      const k1 = Math.floor(first / width);
      const column = (first - k1 * width) / LANES;
      const b1 = block1[k1] as number;
      for (let b0 = 0; b0 < blocks0; b0++) {
        tolerated[at++] = tolerances.values[(b0 * tolerances.blocks[1] + b1) * tolerances.groups + column] as number;
      }
    }
    const sharp = window.f64(sharpness, lanes);
    for (let at = 0; at < lanes; at++) {
      const k1 = Math.floor((lane + at) / width);
      const k2 = lane + at - k1 * width;
      sharp[at] = k2 < m2 ? RELATIVE_ERROR * (cancels1[k1] as number) * (cancels2[k2] as number) : 0;
    }
    const count = exports.cubicColumnsRounded(
      input,
      lanes * 8,
      n0,
      lanes,
      table,
      m0,
      scratch,
      rounded,
      lanes * 4,
      extent.low,
      extent.high,
      tolerance,
      blocks0,
      blockOf,
      sharpness,
      places,
      values,
    );
    copyRows(window.f32(rounded, m0 * lanes), tile, newShape, width, output);
    const where = window.i32(places, count * 2);
    const what = window.f64(values, count);
    for (let i = 0; i < count; i++) {
      const at = lane + (where[2 * i + 1] as number);
      const k1 = Math.floor(at / width);
      const k2 = at - k1 * width;
      if (k2 < m2) doubts.add(where[2 * i] as number, k1, k2, what[i] as number);
    }
  }
  return doubts;
}

/**
 * Cubic B-spline resampling of every slice along axis 0 on its own (clip range included):
 * `skimage.transform.resize(slice, newPlane, 3, mode="edge", anti_aliasing=False).astype(float32)`, bit by bit.
 *
 * @param data voxels of `shape`, C order
 * @param newPlane shape of a resampled slice
 * @returns voxels of `(shape[0], ...newPlane)`
 */
export function resizeCubicSlices(
  data: Float32Array,
  shape: Shape3,
  newPlane: readonly [number, number],
  output: Float32Array = new Float32Array(shape[0] * newPlane[0] * newPlane[1]),
): Float32Array {
  const [n0, n1, n2] = shape;
  const [m1, m2] = newPlane;
  const newShape: Shape3 = [n0, m1, m2];
  checkLength("input", data, shape);
  checkLength("output", output, newShape);
  const one: Shape3 = [1, n1, n2];
  const cancels2 = cancellation(n2, m2);
  const { exports, window } = kernels<CubicExports>();
  for (let i0 = 0; i0 < n0; i0++) {
    const slice = data.subarray(i0 * n1 * n2, (i0 + 1) * n1 * n2);
    const result = output.subarray(i0 * m1 * m2, (i0 + 1) * m1 * m2);
    if (m1 === n1 && m2 === n2) {
      // scipy >= 1.16 returns the input itself when nothing is zoomed.
      result.set(slice);
      continue;
    }
    const planeBytes = PlanePass.byteLengths(one, newShape);
    const most = PlanePass.lanesAtOnce(one, newShape);
    const blocks1 = blockCount(n1);
    const addresses = window.reserve(
      ...planeBytes,
      ...ExtentGatherer.byteLengths(one),
      m1 * most * 4,
      m1 * 4,
      (most / LANES) * blocks1 * 8,
      most * 8,
      m1 * most * 8,
      m1 * most * 8,
    );
    const pass = new PlanePass(one, newShape, addresses);
    const rest = addresses.slice(planeBytes.length);
    const gatherer = new ExtentGatherer(one, rest as unknown as [number, number, number]);
    const [rounded, blockOf, tolerance, sharpness, places, values] = rest.slice(3) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    pass.runRows(slice, gatherer);
    const extent = gatherer.finish();
    if (!extent.finite) {
      result.fill(Number.NaN);
      continue;
    }
    const tolerances = groupTolerances(extent, true, n2, m2);
    window.i32(blockOf, m1).set(blockOfSample(n1, m1));
    const doubts = new Doubts([1, m1, m2]);
    pass.forEachPart((lane, lanes, address, stride) => {
      const tolerated = window.f64(tolerance, (lanes / LANES) * blocks1);
      for (let group = 0, at = 0; group < lanes / LANES; group++) {
        for (let b1 = 0; b1 < blocks1; b1++) {
          tolerated[at++] = tolerances.values[b1 * tolerances.groups + lane / LANES + group] as number;
        }
      }
      window
        .f64(sharpness, lanes)
        .set(Float64Array.from({ length: lanes }, (_, i) => RELATIVE_ERROR * (cancels2[lane + i] ?? 0)));
      const count = exports.cubicColumnsRounded(
        address,
        stride,
        n1,
        lanes,
        pass.table1Address,
        m1,
        pass.scratchAddress,
        rounded,
        lanes * 4,
        extent.low,
        extent.high,
        tolerance,
        blocks1,
        blockOf,
        sharpness,
        places,
        values,
      );
      const valid = Math.min(lanes, m2 - lane);
      const tile = window.f32(rounded, m1 * lanes);
      for (let k1 = 0; k1 < m1; k1++) result.set(tile.subarray(k1 * lanes, k1 * lanes + valid), k1 * m2 + lane);
      const where = window.i32(places, count * 2);
      const what = window.f64(values, count);
      for (let i = 0; i < count; i++) {
        const k2 = lane + (where[2 * i + 1] as number);
        if (k2 < m2) doubts.add(0, where[2 * i] as number, k2, what[i] as number);
      }
    });
    repairDoubts({ data: slice, shape: one, newShape: [1, m1, m2], planar: true }, doubts, extent, result);
  }
  return output;
}
