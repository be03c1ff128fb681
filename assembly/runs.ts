/**
 * Runs of a binary row. A row is bytes, 0 or not; 64 of them become one word, and every place where the word
 * differs from itself shifted by one voxel is a start or an end, in turn:
 *
 *     voxels       0 0 1 1 1 0 1
 *     transitions      2     5 6 7        = runs [2, 5), [6, 7)
 *
 * A transition is a u32, a run a pair of them. The words of a row are kept too: rows are compared by their words.
 */

/** Bit i is set where byte i of the 64 bytes at `address` is not 0. */
function bits64(address: usize): u64 {
  const zero = i8x16.splat(0);
  const a = <u64>(<u32>i8x16.bitmask(i8x16.eq(v128.load(address), zero)));
  const b = <u64>(<u32>i8x16.bitmask(i8x16.eq(v128.load(address, 16), zero)));
  const c = <u64>(<u32>i8x16.bitmask(i8x16.eq(v128.load(address, 32), zero)));
  const d = <u64>(<u32>i8x16.bitmask(i8x16.eq(v128.load(address, 48), zero)));
  return ~(a | (b << 16) | (c << 32) | (d << 48));
}

/** The word of the `rest` bytes at `address`, 64 at most; bits beyond them are 0. */
function wordAt(address: usize, rest: i32, flip: u64): u64 {
  const bits = bits64(address) ^ flip;
  return rest < 64 ? bits & (((<u64>1) << (<u64>rest)) - 1) : bits;
}

/** Bytes of the words of a row. */
export function wordBytes(length: i32): usize {
  return (<usize>((length + 63) >> 6)) << 3;
}

/**
 * Writes the words of the `length` bytes at `row` to `words`. `flip` is 0 for set voxels and all ones for unset ones.
 * Reads up to 63 bytes beyond the row.
 */
export function writeRowWords(row: usize, length: i32, flip: u64, words: usize): void {
  for (let x = 0; x < length; x += 64, words += 8) store<u64>(words, wordAt(row + <usize>x, length - x, flip));
}

/**
 * Writes the transitions of a row of `length` voxels whose words lie at `words` to `out`, at most `length + 1` of them,
 * and returns the address after the last. Writes up to 12 bytes beyond the transitions.
 */
export function writeRuns(words: usize, length: i32, out: usize): usize {
  let carry: u64 = 0;
  for (let x = 0; x < length; x += 64, words += 8) {
    const bits = load<u64>(words);
    let changes = bits ^ ((bits << 1) | carry);
    carry = bits >> 63;
    if (changes !== 0) {
      // Four at a time whether there are as many or not: the branch that ends a loop is dearer than idle stores.
      const stop = out + ((<usize>popcnt(changes)) << 2);
      do {
        store<u32>(out, <u32>x + <u32>ctz(changes));
        changes &= changes - 1;
        store<u32>(out, <u32>x + <u32>ctz(changes), 4);
        changes &= changes - 1;
        store<u32>(out, <u32>x + <u32>ctz(changes), 8);
        changes &= changes - 1;
        store<u32>(out, <u32>x + <u32>ctz(changes), 12);
        changes &= changes - 1;
        out += 16;
      } while (out < stop);
      out = stop;
    }
  }
  if (carry === 0) return out;
  store<u32>(out, <u32>length);
  return out + 4;
}
