/*
 * LZ4 with a longer search, for blocks that repeat themselves: of the last positions with the same hash the one with the longest
 * match is taken, and a match waits if the next position has a longer one. Positions with the same hash are a chain: `heads`
 * has the last one of every hash plus 1, `chain` for each of the last 2^16 positions how far back the one before is.
 */
import {
  equalBytes,
  LAST_LITERALS,
  LONGEST_DISTANCE,
  NO_MATCH_START,
  putLastLiterals,
  putSequence,
  SHORTEST_MATCH,
} from "./lz4";

const HASH_BITS: u32 = 15;
const HEADS_BYTES: usize = 4 << HASH_BITS;
const CHAIN_MASK: u32 = 0xffff;
/** Positions that are looked at, and the length of a match that is not worth looking further. */
const ATTEMPTS = 8;
const LONG_ENOUGH: usize = 256;

function headOf(at: usize, heads: usize): usize {
  return heads + ((<usize>((load<u32>(at) * 2654435761) >>> (32 - HASH_BITS))) << 2);
}

function linkOf(position: u32, chain: usize): usize {
  return chain + ((<usize>(position & CHAIN_MASK)) << 1);
}

/** Makes a position the last one of its hash. */
function enter(input: usize, at: usize, heads: usize, chain: usize): void {
  const head = headOf(at, heads);
  const position = <u32>(at - input);
  const previous = load<u32>(head);
  const back = position + 1 - previous;
  store<u16>(linkOf(position, chain), previous === 0 || back > CHAIN_MASK ? 0 : <u16>back);
  store<u32>(head, position + 1);
}

/** The longest match of `at` among earlier positions: its length in the upper half, its distance in the lower. */
function longestMatch(input: usize, at: usize, matchEnd: usize, heads: usize, chain: usize): u64 {
  const head = load<u32>(headOf(at, heads));
  if (head === 0) return 0;
  let match = input + <usize>(head - 1);
  let length: usize = 0;
  let distance: usize = 0;
  for (let attempt = 0; attempt < ATTEMPTS && at - match <= LONGEST_DISTANCE; attempt++) {
    if (load<u8>(match + length) === load<u8>(at + length) && load<u32>(match) === load<u32>(at)) {
      const found = SHORTEST_MATCH + equalBytes(match + SHORTEST_MATCH, at + SHORTEST_MATCH, matchEnd);
      if (found > length) {
        length = found;
        distance = at - match;
        if (length >= LONG_ENOUGH) break;
      }
    }
    const back = <usize>load<u16>(linkOf(<u32>(match - input), chain));
    if (back === 0) break;
    match -= back;
  }
  return ((<u64>length) << 32) | <u64>distance;
}

/** As `lz4Compress`, with scratch of 2^15 u32 in `heads` and of 2^16 u16 in `chain`. */
export function lz4CompressDeep(
  input: usize,
  length: i32,
  output: usize,
  capacity: i32,
  heads: usize,
  chain: usize,
): i32 {
  memory.fill(heads, 0, HEADS_BYTES);
  const end = input + <usize>length;
  const outputEnd = output + <usize>capacity;
  const matchEnd = end - LAST_LITERALS;
  let anchor = input;
  let out = output;
  if (length > <i32>NO_MATCH_START) {
    const lastStart = end - NO_MATCH_START;
    let at = input;
    while (at <= lastStart) {
      let best = longestMatch(input, at, matchEnd, heads, chain);
      enter(input, at, heads, chain);
      if (best === 0) {
        at++;
        continue;
      }
      while (at < lastStart) {
        const next = longestMatch(input, at + 1, matchEnd, heads, chain);
        if (next >> 32 <= best >> 32) break;
        best = next;
        enter(input, ++at, heads, chain);
      }
      const distance = <usize>(best & 0xffffffff);
      const matched = <usize>(best >> 32);
      out = putSequence(anchor, at - anchor, distance, matched - SHORTEST_MATCH, out, outputEnd);
      if (out === 0) return 0;
      anchor = at + matched;
      for (at++; at < anchor; at++) if (at <= lastStart) enter(input, at, heads, chain);
    }
  }
  out = putLastLiterals(anchor, end - anchor, out, outputEnd);
  return out === 0 ? 0 : <i32>(out - output);
}
