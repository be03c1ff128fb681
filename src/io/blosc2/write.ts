import { NnprepError } from "../../core/errors.js";
import type { NdArray, NdArrayData } from "../../core/python.js";
import type { Shape3 } from "../../core/volume.js";
import { BlockEncoder } from "../../kernels/blosc2/blosc2.js";
import { init } from "../../runtime/instantiate.js";
import { borrowBuffer } from "../../runtime/scratch.js";
import { dtypeName } from "../npy.js";
import type { ArrayInChunks } from "../npz.js";
import { chooseBlockShapes } from "./block-shape.js";
import { CHUNK_HEADER_BYTES, formatChunkHeader, SHUFFLE } from "./chunk.js";
import { formatFrameHeader, formatTrailer } from "./frame.js";
import {
  copyBox,
  indexOfPart,
  type Place,
  partsOf,
  pieceOfBlock,
  product,
  type Words,
  wordSize,
  wordsOf,
} from "./grid.js";

/** How an array is cut into chunks and blocks. */
export interface WriteB2ndOptions {
  /** Patch size of the nnU-Net configuration that reads the file: three axes, or two for 2-D. */
  readonly patchSize: readonly number[];
}

/** An array as it is written: every channel on its own, chunks and blocks without the channel axis. */
interface Source {
  readonly channels: readonly Words[];
  /** Axes with the last one in words. */
  readonly shape: Shape3;
  readonly chunkShape: Shape3;
  readonly blockShape: Shape3;
  readonly itemSize: number;
  readonly blockBytes: number;
  /** Blocks of a chunk along each axis, and in all. */
  readonly blocks: readonly number[];
  readonly blockCount: number;
}

/** How all blocks of a file are compressed. */
interface Manner {
  readonly filter: typeof SHUFFLE | 0;
  /** LZ4 with the longer search for repetitions. */
  readonly deep: boolean;
}

/** A chunk in the index that is all zeros. */
const ZERO_CHUNK = 0x81;

/** The array as one typed array per entry of the channel axis. */
function splitChannels(array: NdArray | ArrayInChunks): { channels: NdArrayData[]; grid: Shape3; axes: number } {
  const { shape } = array;
  const axes = shape.length;
  const grid = shape.slice(-3) as unknown as Shape3;
  const count = axes === 4 ? shape[0] : 1;
  const length = product(grid);
  const parts = "chunks" in array ? array.chunks : [array.data];
  if ((axes !== 3 && axes !== 4) || shape.includes(0) || parts.some((part) => part.length % length !== 0)) {
    throw new NnprepError(
      "INVALID_ARGUMENT",
      `an array of shape (${shape.join(", ")}) in parts of ${parts.map((part) => part.length).join(", ")} values found; (a0, a1, a2) or (channels, a0, a1, a2) in parts of whole channels is written as .b2nd`,
      { found: [...shape] },
    );
  }
  const channels = parts.flatMap((part) =>
    Array.from({ length: part.length / length }, (_, i) => part.subarray(i * length, (i + 1) * length) as NdArrayData),
  );
  if (channels.length !== count) {
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `${channels.length} channels found, shape (${shape.join(", ")}) has ${count}`,
      {
        found: channels.length,
        expected: count,
      },
    );
  }
  return { channels, grid, axes };
}

/** Makes the stored form of chunks, one after the other, in borrowed memory. */
class ChunkWriter {
  readonly #source: Source;
  readonly #encoder: BlockEncoder;
  /** Memory of the encoder's strip: a row of a chunk's blocks, zero where they reach beyond it. */
  readonly #strip: Place;
  /** Most bytes of a stored chunk, and memory that is not written yet. */
  readonly #most: number;
  #free = new Uint8Array(0);

  constructor(source: Source) {
    this.#source = source;
    const { blockCount, blockBytes, blockShape, blocks, itemSize } = source;
    const size = wordSize(itemSize);
    const [a, b, rowWords] = blockShape;
    const stripWords = rowWords * blocks[2];
    this.#encoder = new BlockEncoder({ rows: a * b, rowBytes: rowWords * size, stripRowBytes: stripWords * size });
    this.#strip = { words: wordsOf(this.#encoder.strip, size), shape: [a, b, stripWords], start: [0, 0, 0] };
    this.#most = CHUNK_HEADER_BYTES + blockCount * (blockBytes + 8);
  }

  /** The chunk that begins at `origin` of a channel; null if it is all zeros. */
  write(channel: Words, origin: readonly number[], manner: Manner): Uint8Array | null {
    const { blocks, blockCount, blockBytes, itemSize } = this.#source;
    // Of memory that was never touched only what is written costs anything.
    if (this.#free.length < this.#most) {
      this.#free = new Uint8Array(borrowBuffer(this.#most, Number.POSITIVE_INFINITY));
    }
    const stored = this.#free;
    const view = new DataView(stored.buffer, stored.byteOffset);
    let at = CHUNK_HEADER_BYTES + 4 * blockCount;
    let empty = true;
    for (let block = 0; block < blockCount; block++) {
      if (block % blocks[2] === 0) this.#fillStrip(channel, origin, block);
      const stream = this.#compress(block, manner);
      view.setInt32(CHUNK_HEADER_BYTES + 4 * block, at, true);
      view.setInt32(at, stream.length, true);
      stored.set(stream, at + 4);
      at += 4 + stream.length;
      if (stream.length > 0) empty = false;
    }
    if (empty) return null;
    const sizes = { itemSize, byteLength: blockCount * blockBytes, blockBytes, stored: at };
    formatChunkHeader(stored, sizes, manner.filter);
    this.#free = stored.subarray(at);
    return stored.subarray(0, at);
  }

  /** Bytes of some blocks of the chunk, in each of several manners. */
  measure(channel: Words, origin: readonly number[], manners: readonly Manner[]): number[] {
    const { blockCount, blockBytes } = this.#source;
    const sizes = manners.map(() => 0);
    // An odd step, so that the blocks are not all of one column.
    const step = Math.ceil((blockCount * blockBytes) / SAMPLE_BYTES) | 1;
    for (let block = (step - 1) / 2; block < blockCount; block += step) {
      this.#fillStrip(channel, origin, block - (block % this.#source.blocks[2]));
      manners.forEach((manner, i) => {
        sizes[i] += this.#compress(block, manner).length;
      });
    }
    return sizes;
  }

  #compress(block: number, { filter, deep }: Manner): Uint8Array {
    const { blocks, itemSize } = this.#source;
    return this.#encoder.compress(block % blocks[2], filter === SHUFFLE ? itemSize : 1, deep);
  }

  /** Copies what belongs to a block and those behind it along the last axis. */
  #fillStrip(channel: Words, origin: readonly number[], block: number): void {
    const { shape, chunkShape, blocks } = this.#source;
    const strips = { shape, chunkShape, blockShape: this.#strip.shape };
    const { start, extent } = pieceOfBlock(strips, origin, indexOfPart(block, blocks));
    if (product(extent) < this.#strip.words.length) this.#strip.words.fill(0);
    copyBox(extent, { words: channel, shape, start }, this.#strip);
  }
}

/** Bytes of the blocks that are tried. */
const SAMPLE_BYTES = 1.5 * 2 ** 20;
/** Part of the size that the longer search must save: it takes several times as long. */
const WORTH_A_SEARCH = 0.9;

/**
 * Tries blocks from the middle of the array. Shuffle makes interpolated intensities smaller, no filter those that take few
 * values; the smaller one is taken (`_select_filter` of nnU-Net). The longer search makes labels and intensities of few values
 * much smaller, interpolated ones hardly.
 */
function chooseManner({ channels, shape, chunkShape }: Source, writer: ChunkWriter): Manner {
  const channel = channels[Math.floor((channels.length - 1) / 2)];
  const origin = shape.map((n, axis) => Math.floor((n - chunkShape[axis]) / 2));
  const [plain, shuffled] = writer.measure(channel, origin, [
    { filter: 0, deep: true },
    { filter: SHUFFLE, deep: true },
  ]);
  const filter = shuffled < plain ? SHUFFLE : 0;
  const [quick] = writer.measure(channel, origin, [{ filter, deep: false }]);
  return { filter, deep: Math.min(plain, shuffled) <= WORTH_A_SEARCH * quick };
}

function formatIndex(offsets: readonly (number | null)[]): Uint8Array<ArrayBuffer> {
  const byteLength = 8 * offsets.length;
  const chunk = new Uint8Array(CHUNK_HEADER_BYTES + byteLength);
  formatChunkHeader(chunk, { itemSize: 8, byteLength, blockBytes: byteLength, stored: chunk.length }, "copy");
  const view = new DataView(chunk.buffer);
  offsets.forEach((offset, i) => {
    const at = CHUNK_HEADER_BYTES + 8 * i;
    if (offset === null) view.setUint8(at + 7, ZERO_CHUNK);
    else view.setBigInt64(at, BigInt(offset), true);
  });
  return chunk;
}

/** `writeB2nd` at once; `init()` has to be done. */
export function writeB2ndAtOnce(array: NdArray | ArrayInChunks, { patchSize }: WriteB2ndOptions): Uint8Array[] {
  const { channels, grid, axes } = splitChannels(array);
  if ((patchSize.length !== 2 && patchSize.length !== 3) || patchSize.some((n) => !Number.isInteger(n) || n < 1)) {
    throw new NnprepError(
      "INVALID_ARGUMENT",
      `patch size (${patchSize.join(", ")}) found, two or three whole numbers of at least 1 expected`,
      { found: [...patchSize] },
    );
  }
  const itemSize = channels[0].BYTES_PER_ELEMENT;
  const shapes = chooseBlockShapes(grid, patchSize, itemSize);
  const blocks = partsOf(shapes.chunkShape, shapes.blockShape);
  const blockBytes = product(shapes.blockShape) * itemSize;
  const size = wordSize(itemSize);
  const inWords = ([a, b, c]: Shape3): Shape3 => [a, b, (c * itemSize) / size];
  const source: Source = {
    channels: channels.map((channel) => wordsOf(channel, size)),
    shape: inWords(grid),
    chunkShape: inWords(shapes.chunkShape),
    blockShape: inWords(shapes.blockShape),
    itemSize,
    blockBytes,
    blocks,
    blockCount: product(blocks),
  };
  const writer = new ChunkWriter(source);
  const manner = chooseManner(source, writer);
  const chunks = partsOf(grid, shapes.chunkShape);
  const pieces: Uint8Array[] = [];
  const offsets: (number | null)[] = [];
  let storedBytes = 0;
  for (const channel of source.channels) {
    for (let number = 0; number < product(chunks); number++) {
      const origin = indexOfPart(number, chunks).map((n, axis) => n * source.chunkShape[axis]);
      const chunk = writer.write(channel, origin, manner);
      offsets.push(chunk === null ? null : storedBytes);
      if (chunk === null) continue;
      pieces.push(chunk);
      storedBytes += chunk.length;
    }
  }
  const index = formatIndex(offsets);
  const withChannels = (shape: Shape3, count: number) => (axes === 4 ? [count, ...shape] : [...shape]);
  const header = formatFrameHeader({
    shape: withChannels(grid, channels.length),
    chunkShape: withChannels(shapes.chunkShape, 1),
    blockShape: withChannels(shapes.blockShape, 1),
    dtype: dtypeName(channels[0]),
    itemSize,
    filter: manner.filter,
    blockBytes,
    chunkBytes: source.blockCount * blockBytes,
    chunkCount: offsets.length,
    storedBytes,
    indexBytes: index.length,
  });
  return [header, ...pieces, index, formatTrailer()];
}

/**
 * Writes an array as nnU-Net 2.8's `.b2nd`, to be written to a file piece by piece: chunks and blocks by nnU-Net's own
 * formula, LZ4, shuffled if that makes the middle of the array smaller. The bytes are the same in every engine. They are
 * not those of nnU-Net's LZ4HC, but the array that comes out is.
 * Memory beside the array: the compressed file, which is borrowed (`borrowBuffer`).
 *
 * @param array `(channels, a0, a1, a2)`, perhaps in one part per channel, or `(a0, a1, a2)`: float32 images, int16
 * labels, uint8 or uint16 predictions of the previous stage
 * @throws NnprepError INVALID_ARGUMENT, SHAPE_MISMATCH
 */
export async function writeB2nd(array: NdArray | ArrayInChunks, options: WriteB2ndOptions): Promise<Uint8Array[]> {
  await init();
  return writeB2ndAtOnce(array, options);
}
