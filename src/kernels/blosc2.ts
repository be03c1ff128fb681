import { kernels } from "../runtime/instantiate.js";

interface Blosc2Exports {
  compressBlock(block: number, length: number, width: number, shuffled: number, output: number, table: number): number;
  lz4Decompress(input: number, length: number, output: number, capacity: number): number;
  blosclzDecompress(input: number, length: number, output: number, capacity: number): number;
  unshuffleBytes(input: number, length: number, width: number, output: number): void;
  unshuffleBits(input: number, length: number, width: number, output: number): void;
  undoDelta(block: number, length: number, width: number): void;
  xorBytes(block: number, length: number, reference: number): void;
}

/** Bytes of LZ4's table of positions. */
const TABLE_BYTES = 4 << 13;

/**
 * Makes LZ4 streams out of blocks of one length. It owns the window: no other kernel may run while one is in use.
 */
export class BlockEncoder {
  /** Memory of the block that is compressed next, to be filled by the caller. */
  readonly block: Uint8Array;
  readonly #length: number;
  readonly #addresses: readonly [number, number, number, number];

  constructor(length: number) {
    const { window } = kernels<Blosc2Exports>();
    this.#length = length;
    this.#addresses = window.reserve(length, length, length, TABLE_BYTES);
    this.block = window.u8(this.#addresses[0], length);
  }

  /**
   * The stream of the block, shuffled by elements of `width` bytes (1: not shuffled): empty if all its bytes are 0, as
   * long as the block if LZ4 does not make it shorter (then it is not compressed). Valid until the next call.
   */
  compress(width: number): Uint8Array {
    const { exports, window } = kernels<Blosc2Exports>();
    const [block, shuffled, output, table] = this.#addresses;
    const written = exports.compressBlock(block, this.#length, width, shuffled, output, table);
    if (written < this.#length) return window.u8(output, written);
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
  /** Where the block is, and where a filter that cannot work in place puts it. */
  #block: number;
  #other: number;

  constructor(length: number) {
    const { window } = kernels<Blosc2Exports>();
    [this.#stream, this.#block, this.#other, this.#reference] = window.reserve(length, length, length, length);
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
}
