import { kernels } from "../../runtime/instantiate.js";
import type { CopyRowsExports } from "../copy-rows.js";

interface Blosc2Exports extends CopyRowsExports {
  compressBlock(
    block: number,
    length: number,
    width: number,
    shuffled: number,
    output: number,
    table: number,
    chain: number,
    deep: boolean,
  ): number;
  lz4Decompress(input: number, length: number, output: number, capacity: number): number;
  blosclzDecompress(input: number, length: number, output: number, capacity: number): number;
  unshuffleBytes(input: number, length: number, width: number, output: number): void;
  unshuffleBits(input: number, length: number, width: number, output: number): void;
  undoDelta(block: number, length: number, width: number): void;
  xorBytes(block: number, length: number, reference: number): void;
}

/** Bytes of LZ4's table of positions, and of its chains. */
const TABLE_BYTES = 4 << 15;
const CHAIN_BYTES = 2 << 16;

/** Blocks side by side along the last axis: rows of all of them lie in memory one after the other. */
export interface Strip {
  /** Bytes of a row of one block, and number of its rows. */
  readonly rowBytes: number;
  readonly rows: number;
  /** Bytes of a row through all blocks. */
  readonly stripRowBytes: number;
}

/**
 * Makes LZ4 streams out of blocks of one size. It owns the window: no other kernel may run while one is in use.
 */
export class BlockEncoder {
  /** Memory of the blocks that are compressed next, to be filled by the caller. */
  readonly strip: Uint8Array;
  readonly #layout: Strip;
  readonly #addresses: readonly [number, number, number, number, number, number];

  constructor(layout: Strip) {
    const { window } = kernels<Blosc2Exports>();
    const { rows, rowBytes, stripRowBytes } = layout;
    const length = rows * rowBytes;
    this.#layout = layout;
    this.#addresses = window.reserve(rows * stripRowBytes, length, length, length, TABLE_BYTES, CHAIN_BYTES);
    this.strip = window.u8(this.#addresses[0], rows * stripRowBytes);
  }

  /**
   * The stream of the strip's block with the number `index`, shuffled by elements of `width` bytes (1: not shuffled): empty
   * if all its bytes are 0, as long as the block if LZ4 does not make it shorter (then it is not compressed). `deep` looks
   * longer for repetitions. Valid until the next call.
   */
  compress(index: number, width: number, deep: boolean): Uint8Array {
    const { exports, window } = kernels<Blosc2Exports>();
    const [strip, block, shuffled, output, table, chain] = this.#addresses;
    const { rows, rowBytes, stripRowBytes } = this.#layout;
    const length = rows * rowBytes;
    exports.copyRows(strip + index * rowBytes, stripRowBytes, block, rowBytes, rowBytes, rows);
    const written = exports.compressBlock(block, length, width, shuffled, output, table, chain, deep);
    if (written < length) return window.u8(output, written);
    return window.u8(width > 1 ? shuffled : block, written);
  }
}

/**
 * Puts blocks of up to one length together from their streams and undoes their filters. It owns the window: no other kernel
 * may run while one is in use.
 */
export class BlockDecoder {
  readonly #stream: number;
  readonly #reference: number;
  readonly #strip: number;
  /** Where the block is, and where a filter that cannot work in place puts it. */
  #block: number;
  #other: number;

  /** For blocks of up to `length` bytes, and strips of up to `stripLength`. */
  constructor(length: number, stripLength = 0) {
    const { window } = kernels<Blosc2Exports>();
    [this.#stream, this.#block, this.#other, this.#reference, this.#strip] = window.reserve(
      length,
      length,
      length,
      length,
      stripLength,
    );
  }

  /** The first `length` bytes of the block as it is now; valid until the next call. */
  bytes(length: number): Uint8Array {
    return kernels<Blosc2Exports>().window.u8(this.#block, length);
  }

  /** Decompresses a stream to `length` bytes of the block from `at` on; false if these are not what comes out. */
  decompress(codec: "lz4" | "blosclz", stream: Uint8Array, at: number, length: number): boolean {
    const { exports, window } = kernels<Blosc2Exports>();
    window.u8(this.#stream, stream.length).set(stream);
    const decompress = codec === "lz4" ? exports.lz4Decompress : exports.blosclzDecompress;
    return decompress(this.#stream, stream.length, this.#block + at, length) === length;
  }

  /** Undoes shuffle (`byte`) or bitshuffle (`bit`) of elements of `width` bytes. */
  unshuffle(unit: "byte" | "bit", length: number, width: number): void {
    const { exports } = kernels<Blosc2Exports>();
    const unshuffle = unit === "byte" ? exports.unshuffleBytes : exports.unshuffleBits;
    unshuffle(this.#block, length, width, this.#other);
    [this.#block, this.#other] = [this.#other, this.#block];
  }

  /** Undoes delta of elements of `width` bytes in a chunk's first block, which is kept for the others. */
  undoFirstDelta(length: number, width: number): void {
    const { exports, window } = kernels<Blosc2Exports>();
    exports.undoDelta(this.#block, length, width);
    window.u8(this.#reference, length).set(window.u8(this.#block, length));
  }

  /** Undoes delta in another block of the chunk whose first one was seen last. */
  undoDelta(length: number): void {
    kernels<Blosc2Exports>().exports.xorBytes(this.#block, length, this.#reference);
  }

  /** Copies the first `length` bytes of the block's rows into a strip whose rows they go on from `at` bytes on. */
  place({ rowBytes, rows, stripRowBytes }: Strip, at: number, length: number): void {
    const { exports } = kernels<Blosc2Exports>();
    exports.copyRows(this.#block, rowBytes, this.#strip + at, stripRowBytes, length, rows);
  }

  /** The first `length` bytes of the strip. */
  strip(length: number): Uint8Array {
    return kernels<Blosc2Exports>().window.u8(this.#strip, length);
  }
}
