/**
 * How an array lies in chunks and blocks: the array is cut into chunks, numbered in C order; every chunk is cut into blocks,
 * in C order too; a block holds its elements in C order. Blocks that reach beyond their chunk or the array are filled up.
 */
export interface Grid {
  readonly shape: readonly number[];
  readonly chunkShape: readonly number[];
  readonly blockShape: readonly number[];
}

export function product(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a * b, 1);
}

/** How many parts of `part` cover each axis of `whole`. */
export function partsOf(whole: readonly number[], part: readonly number[]): number[] {
  return whole.map((n, axis) => Math.ceil(n / part[axis]));
}

/** Index of the part with the number `n` in C order. */
export function indexOfPart(n: number, parts: readonly number[]): number[] {
  const index = parts.map(() => 0);
  let rest = n;
  for (let axis = parts.length - 1; axis >= 0; axis--) {
    const count = parts[axis];
    index[axis] = rest % count;
    rest = Math.floor(rest / count);
  }
  return index;
}

/** What of a block is the array's: its first element there, and its extent (0 in an axis if it is none of the array). */
export interface Piece {
  readonly start: readonly number[];
  readonly extent: readonly number[];
}

/** The block with the index `block` of the chunk that begins at `origin`. */
export function pieceOfBlock(grid: Grid, origin: readonly number[], block: readonly number[]): Piece {
  const { shape, chunkShape, blockShape } = grid;
  const start: number[] = [];
  const extent = blockShape.map((length, axis) => {
    const inChunk = block[axis] * length;
    const from = origin[axis] + inChunk;
    start.push(from);
    return Math.max(0, Math.min(length, chunkShape[axis] - inChunk, shape[axis] - from));
  });
  return { start, extent };
}

/** Memory as whole numbers of up to 32 bits, so that no bit of a float changes on the way. */
export type Words = Uint8Array | Uint16Array | Uint32Array;

/** Bytes of the largest word that elements of `itemSize` bytes consist of. */
export function wordSize(itemSize: number): 1 | 2 | 4 {
  return itemSize % 4 === 0 ? 4 : itemSize % 2 === 0 ? 2 : 1;
}

/** The memory of an array as words. It has to begin at a multiple of the word's size. */
export function wordsOf({ buffer, byteOffset, byteLength }: ArrayBufferView, size: 1 | 2 | 4): Words {
  if (size === 4) return new Uint32Array(buffer, byteOffset, byteLength / 4);
  return size === 2
    ? new Uint16Array(buffer, byteOffset, byteLength / 2)
    : new Uint8Array(buffer, byteOffset, byteLength);
}

/** Rows from this many words on are copied by the engine, whose calls cost as much as a loop over so many. */
const LONG_ROW = 48;

function copyRow(from: Words, fromAt: number, to: Words, toAt: number, length: number): void {
  if (length >= LONG_ROW) {
    to.set(from.subarray(fromAt, fromAt + length), toAt);
    return;
  }
  for (let i = 0; i < length; i++) to[toAt + i] = from[fromAt + i];
}

/** An array in C order, and where in it a box begins. The last axis counts words. */
export interface Place {
  readonly words: Words;
  readonly shape: readonly number[];
  readonly start: readonly number[];
}

/** Copies a box of `extent` from one array to another of as many axes, in as long runs as there are. */
export function copyBox(extent: readonly number[], from: Place, to: Place): void {
  const fromStrides = stridesOf(from.shape);
  const toStrides = stridesOf(to.shape);
  let fromAt = dot(from.start, fromStrides);
  let toAt = dot(to.start, toStrides);
  // Rows that follow each other without a gap on both sides are one.
  let last = extent.length - 1;
  let length = extent[last];
  while (last > 0 && length === fromStrides[last - 1] && length === toStrides[last - 1]) length *= extent[--last];
  const rows = product(extent.slice(0, last));
  const index = new Int32Array(last);
  for (let row = 0; row < rows; row++) {
    copyRow(from.words, fromAt, to.words, toAt, length);
    for (let axis = last - 1; axis >= 0; axis--) {
      fromAt += fromStrides[axis];
      toAt += toStrides[axis];
      if (++index[axis] < extent[axis]) break;
      fromAt -= fromStrides[axis] * extent[axis];
      toAt -= toStrides[axis] * extent[axis];
      index[axis] = 0;
    }
  }
}

function stridesOf(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * shape[axis + 1];
  return strides;
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, i) => sum + x * b[i], 0);
}
