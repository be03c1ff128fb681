/*
 * The LZ4 block format (github.com/lz4/lz4, doc/lz4_Block_format.md). A block is a list of sequences:
 *
 *     token | more literal length | literals | distance, 2 bytes | more match length
 *
 * The token's upper half is the number of literals, its lower half the length of the match less 4; 15 is continued by bytes
 * that are added up until one is below 255. The last sequence ends after its literals; the last 5 bytes are literals, and no
 * match starts in the last 12. Copies go 16 bytes at a time and may touch up to 31 bytes behind either buffer: the window
 * leaves room there.
 */

/** Positions by the hash of their four bytes: 2^13 u32. */
const HASH_BITS: u32 = 13;
const TABLE_BYTES: usize = 4 << HASH_BITS;
export const SHORTEST_MATCH: usize = 4;
export const LAST_LITERALS: usize = 5;
export const NO_MATCH_START: usize = 12;
export const LONGEST_DISTANCE: usize = 65535;
/** One byte further is looked per 2^6 positions without a match: noise is passed over quickly. */
const SKIP_BITS: u32 = 6;

function slotOf(address: usize, table: usize): usize {
  return table + ((<usize>((load<u32>(address) * 2654435761) >>> (32 - HASH_BITS))) << 2);
}

function copyVectors(from: usize, to: usize, end: usize): void {
  do {
    v128.store(to, v128.load(from));
    from += 16;
    to += 16;
  } while (to < end);
}

/** Number of equal bytes from `a` and `b` on, as far as `b` stays below `end`. */
export function equalBytes(a: usize, b: usize, end: usize): usize {
  const start = b;
  while (b + 8 <= end) {
    const difference = load<u64>(a) ^ load<u64>(b);
    if (difference !== 0) return b - start + <usize>(ctz(difference) >> 3);
    a += 8;
    b += 8;
  }
  while (b < end && load<u8>(a) === load<u8>(b)) {
    a++;
    b++;
  }
  return b - start;
}

/** Writes what of a length is beyond the token's 15. */
function putLength(rest: usize, out: usize): usize {
  for (; rest >= 255; rest -= 255) store<u8>(out++, 255);
  store<u8>(out++, <u8>rest);
  return out;
}

function putLiterals(from: usize, count: usize, matchBits: u8, out: usize): usize {
  if (count < 15) {
    store<u8>(out++, <u8>(count << 4) | matchBits);
  } else {
    store<u8>(out++, 0xf0 | matchBits);
    out = putLength(count - 15, out);
  }
  if (count > 0) copyVectors(from, out, out + count);
  return out + count;
}

/**
 * Writes literals and a match of 4 + `extra` bytes; returns where the next sequence begins, or 0 if this one would go beyond
 * `outputEnd`.
 */
export function putSequence(
  from: usize,
  literals: usize,
  distance: usize,
  extra: usize,
  out: usize,
  outputEnd: usize,
): usize {
  if (out + literals + literals / 255 + extra / 255 + 5 > outputEnd) return 0;
  out = putLiterals(from, literals, <u8>min<usize>(extra, 15), out);
  store<u16>(out, <u16>distance);
  out += 2;
  return extra >= 15 ? putLength(extra - 15, out) : out;
}

/** Writes the last literals; returns where the stream ends, or 0 if that is beyond `outputEnd`. */
export function putLastLiterals(from: usize, literals: usize, out: usize, outputEnd: usize): usize {
  if (out + literals + literals / 255 + 2 > outputEnd) return 0;
  return putLiterals(from, literals, 0, out);
}

/**
 * Compresses `length` bytes to at most `capacity`; returns the number of bytes written, or 0 if they do not fit. `table` is
 * scratch of 2^13 u32. The first match that is found is taken, made longer to both sides.
 */
export function lz4Compress(input: usize, length: i32, output: usize, capacity: i32, table: usize): i32 {
  memory.fill(table, 0, TABLE_BYTES);
  const end = input + <usize>length;
  const outputEnd = output + <usize>capacity;
  const matchEnd = end - LAST_LITERALS;
  let anchor = input;
  let out = output;
  if (length > <i32>NO_MATCH_START) {
    const lastStart = end - NO_MATCH_START;
    let at = input + 1;
    let misses: u32 = 1 << SKIP_BITS;
    while (at <= lastStart) {
      const slot = slotOf(at, table);
      let match = input + <usize>load<u32>(slot);
      store<u32>(slot, <u32>(at - input));
      if (at - match > LONGEST_DISTANCE || load<u32>(match) !== load<u32>(at)) {
        at += <usize>(misses++ >> SKIP_BITS);
        continue;
      }
      while (at > anchor && match > input && load<u8>(at - 1) === load<u8>(match - 1)) {
        at--;
        match--;
      }
      const extra = equalBytes(match + SHORTEST_MATCH, at + SHORTEST_MATCH, matchEnd);
      out = putSequence(anchor, at - anchor, at - match, extra, out, outputEnd);
      if (out === 0) return 0;
      at += SHORTEST_MATCH + extra;
      anchor = at;
      misses = 1 << SKIP_BITS;
      if (at <= lastStart) store<u32>(slotOf(at - 2, table), <u32>(at - 2 - input));
    }
  }
  out = putLastLiterals(anchor, end - anchor, out, outputEnd);
  return out === 0 ? 0 : <i32>(out - output);
}

function fillVectors(pattern: v128, out: usize, end: usize): void {
  do {
    v128.store(out, pattern);
    out += 16;
  } while (out < end);
}

/** Copies `length` bytes from `distance` before `out`; the two may overlap, then they repeat. */
function copyMatch(out: usize, distance: usize, length: usize): void {
  const end = out + length;
  const from = out - distance;
  if (distance >= 16) copyVectors(from, out, end);
  else if (distance === 1) fillVectors(i8x16.splat(load<i8>(from)), out, end);
  else if (distance === 2) fillVectors(i16x8.splat(load<i16>(from)), out, end);
  else if (distance === 4) fillVectors(i32x4.splat(load<i32>(from)), out, end);
  else if (distance === 8) fillVectors(i64x2.splat(load<i64>(from)), out, end);
  else {
    // What is written repeats after any multiple of the distance: from one of at least 16 on, vectors do not overlap.
    let spread = distance;
    while (spread < 16) spread <<= 1;
    const start = out + spread - distance;
    for (; out < start; out++) store<u8>(out, load<u8>(out - distance));
    if (out < end) copyVectors(out - spread, out, end);
  }
}

/**
 * Decompresses `length` bytes; returns how many bytes came out, or -1 if the block is damaged or holds more than
 * `capacity`. Never reads or writes beyond the two buffers and the room behind them.
 */
export function lz4Decompress(input: usize, length: i32, output: usize, capacity: i32): i32 {
  const end = input + <usize>length;
  const outputEnd = output + <usize>capacity;
  let at = input;
  let out = output;
  while (at < end) {
    const token = <usize>load<u8>(at++);
    let count = token >> 4;
    if (count === 15) {
      let more: usize = 255;
      while (more === 255) {
        if (at >= end || count > <usize>capacity) return -1;
        more = <usize>load<u8>(at++);
        count += more;
      }
    }
    if (count > end - at || count > outputEnd - out) return -1;
    if (count > 0) copyVectors(at, out, out + count);
    at += count;
    out += count;
    if (at === end) return <i32>(out - output);
    if (end - at < 2) return -1;
    const distance = <usize>load<u16>(at);
    at += 2;
    if (distance === 0 || distance > out - output) return -1;
    count = token & 15;
    if (count === 15) {
      let more: usize = 255;
      while (more === 255) {
        if (at >= end || count > <usize>capacity) return -1;
        more = <usize>load<u8>(at++);
        count += more;
      }
    }
    count += SHORTEST_MATCH;
    if (count > outputEnd - out) return -1;
    copyMatch(out, distance, count);
    out += count;
  }
  return -1;
}
