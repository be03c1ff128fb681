import type { Shape3 } from "../../core/volume.js";
import { kernels } from "../../runtime/instantiate.js";

/** Edge length in voxels of the blocks whose magnitudes are known. */
export const BLOCK = 4;

/** A float32's infinity; magnitudes below are finite. */
const INFINITY_BITS = 0x7f800000;

/** Least and greatest value of a volume. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

export function largestOfRange({ low, high }: Range): number {
  return Math.max(Math.abs(low), Math.abs(high));
}

/** Range of a volume and the magnitudes of its blocks. */
export interface Extent extends Range {
  readonly finite: boolean;
  /** Blocks per axis. */
  readonly blocks: Shape3;
  /** Largest magnitude of each block of `BLOCK`^3 voxels. */
  readonly magnitudes: Float32Array;
}

interface ExtentExports {
  foldExtent(rowsAddress: number, rows: number, columns: number, accumulators: number, range: number): void;
  takeBlocks(accumulators: number, count: number, output: number): void;
}

export function blockCount(n: number): number {
  return Math.ceil(n / BLOCK);
}

/** Gathers the extent of a volume whose slices pass through the window one by one. */
export class ExtentGatherer {
  readonly #accumulators: number;
  readonly #range: number;
  readonly #output: number;
  readonly #perSlice: number;
  readonly #blocks: Shape3;
  readonly #magnitudes: Float32Array;
  #slices = 0;
  #taken = 0;

  /** Bytes of window it needs for a volume of this shape. */
  static byteLengths(shape: Shape3): [number, number, number] {
    const perSlice = blockCount(shape[1]) * blockCount(shape[2]);
    return [perSlice * 16, 48, perSlice * 4];
  }

  constructor(shape: Shape3, [accumulators, range, output]: readonly [number, number, number]) {
    this.#accumulators = accumulators;
    this.#range = range;
    this.#output = output;
    this.#blocks = [blockCount(shape[0]), blockCount(shape[1]), blockCount(shape[2])];
    this.#perSlice = this.#blocks[1] * this.#blocks[2];
    this.#magnitudes = new Float32Array(this.#blocks[0] * this.#perSlice);
    const { window } = kernels();
    window.f32(accumulators, this.#perSlice * 4).fill(0);
    const start = window.f32(range, 12);
    start.fill(Number.POSITIVE_INFINITY, 0, 4);
    start.fill(Number.NEGATIVE_INFINITY, 4, 8);
    start.fill(0, 8, 12);
  }

  /** Folds in rows of the current slice from address `rows` on; `firstRow` is a multiple of the block's edge. */
  addRows(rows: number, firstRow: number, count: number, columns: number): void {
    const accumulators = this.#accumulators + (firstRow / BLOCK) * this.#blocks[2] * 16;
    kernels<ExtentExports>().exports.foldExtent(rows, count, columns, accumulators, this.#range);
  }

  endSlice(): void {
    this.#slices++;
    if (this.#slices % BLOCK === 0) this.#take();
  }

  #take(): void {
    const { exports, window } = kernels<ExtentExports>();
    exports.takeBlocks(this.#accumulators, this.#perSlice, this.#output);
    this.#magnitudes.set(window.f32(this.#output, this.#perSlice), this.#taken * this.#perSlice);
    this.#taken++;
  }

  finish(): Extent {
    if (this.#slices % BLOCK !== 0) this.#take();
    const { window } = kernels();
    const range = window.f32(this.#range, 8);
    const bits = window.i32(this.#range + 32, 4);
    return {
      low: Math.min(...range.subarray(0, 4)),
      high: Math.max(...range.subarray(4, 8)),
      finite: bits.every((b) => b < INFINITY_BITS),
      blocks: this.#blocks,
      magnitudes: this.#magnitudes,
    };
  }
}

/** The extent of a volume from those of slabs of its slices, in order; all but the last are whole blocks thick. */
export function joinExtents(parts: readonly Extent[]): Extent {
  const first = parts[0];
  const magnitudes = new Float32Array(parts.reduce((length, part) => length + part.magnitudes.length, 0));
  let at = 0;
  for (const part of parts) {
    magnitudes.set(part.magnitudes, at);
    at += part.magnitudes.length;
  }
  return {
    low: parts.reduce((low, part) => Math.min(low, part.low), first.low),
    high: parts.reduce((high, part) => Math.max(high, part.high), first.high),
    finite: parts.every((part) => part.finite),
    blocks: [parts.reduce((count, part) => count + part.blocks[0], 0), first.blocks[1], first.blocks[2]],
    magnitudes,
  };
}

/** Where the voxels of each row of blocks (axis 0, axis 1) may be other than 0: half-open range of the last axis, in voxels. */
export function nonzeroSpans({ blocks, magnitudes }: Extent): Int32Array {
  const [b0, b1, b2] = blocks;
  const spans = new Int32Array(2 * b0 * b1);
  for (let row = 0; row < b0 * b1; row++) {
    let from = 0;
    let to = b2;
    while (to > 0 && magnitudes[row * b2 + to - 1] === 0) to--;
    while (from < to && magnitudes[row * b2 + from] === 0) from++;
    spans[2 * row] = from * BLOCK;
    spans[2 * row + 1] = to * BLOCK;
  }
  return spans;
}
