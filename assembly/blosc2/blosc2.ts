import { lz4Compress } from "./lz4";
import { lz4CompressDeep } from "./lz4-deep";
import { shuffleBytes } from "./shuffle";

export { blosclzDecompress } from "./blosclz";
export { lz4Decompress } from "./lz4";
export { undoDelta, unshuffleBits, unshuffleBytes, xorBytes } from "./shuffle";

function isZero(block: usize, length: i32): bool {
  const end = block + <usize>length;
  for (; block + 16 <= end; block += 16) if (v128.any_true(v128.load(block))) return false;
  for (; block < end; block++) if (load<u8>(block) !== 0) return false;
  return true;
}

/**
 * Makes one stream of a block of `length` bytes, shuffled by elements of `width` bytes (1: not shuffled) into `shuffled`,
 * then LZ4 into `output`. Returns 0 if all bytes are 0 (nothing is written), `length` if the stream does not get shorter
 * (the bytes are in `shuffled`, or in `block` if `width` is 1), else the length of the stream. `deep` searches
 * longer. `table` (2^15 u32) and `chain` (2^16 u16) are LZ4's scratch.
 */
export function compressBlock(
  block: usize,
  length: i32,
  width: i32,
  shuffled: usize,
  output: usize,
  table: usize,
  chain: usize,
  deep: bool,
): i32 {
  if (isZero(block, length)) return 0;
  let source = block;
  if (width > 1) {
    shuffleBytes(block, length, width, shuffled);
    source = shuffled;
  }
  const written = deep
    ? lz4CompressDeep(source, length, output, length - 1, table, chain)
    : lz4Compress(source, length, output, length - 1, table);
  return written === 0 ? length : written;
}
