/**
 * Runs of a binary slice. Each row is bytes, 0 or not; a bit for each voxel and one for each place where the row changes,
 * 64 to a word. The changes are a start and an end of a run in turn:
 *
 *     voxels       0 0 1 1 1 0 1
 *     changes          2     5 6 7        = runs [2, 5), [6, 7)
 *
 * As a number a change is a u32, a run a pair of them. The end of a run that goes to the end of a row of whole words has
 * no bit.
 *
 * The block of a slice has four parts of `size` bytes: the words of its bits, of its changes, the ids of the first run
 * that starts in the word or after it (u32 in the place of a word), and a part for `uniteSlice`.
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

/** Bytes of the words of a row. */
export function wordBytes(length: i32): usize {
  return (<usize>((length + 63) >> 6)) << 3;
}

/** Writes a row of `length` bytes to the block of its slice; see `writeBlock`. `id` is that of its first run. */
function writeRow(row: usize, length: i32, flip: u64, words: usize, size: usize, id: u32): u32 {
  const end = words + ((<usize>(length >> 6)) << 3);
  let carry: u64 = 0;
  for (; words < end; row += 64, words += 8) {
    const set = bits64(row) ^ flip;
    const changes = set ^ ((set << 1) | carry);
    carry = set >> 63;
    store<u64>(words, set);
    store<u64>(words + size, changes);
    store<u32>(words + 2 * size, id);
    id += <u32>popcnt(changes & set);
  }
  if ((length & 63) === 0) return id;
  const set = (bits64(row) ^ flip) & (((<u64>1) << (<u64>(length & 63))) - 1);
  const changes = set ^ ((set << 1) | carry);
  store<u64>(words, set);
  store<u64>(words + size, changes);
  store<u32>(words + 2 * size, id);
  return id + <u32>popcnt(changes & set);
}

/**
 * Writes the block of `rows` rows of `length` mask bytes. `flip` is 0 for the runs of set voxels and all ones for those
 * of unset ones; ids start at `id`. Reads up to 63 bytes beyond a row.
 */
export function writeBlock(mask: usize, rows: i32, length: i32, flip: u64, block: usize, id: u32): void {
  const bytes = wordBytes(length);
  const size = <usize>rows * bytes;
  for (let row = 0; row < rows; row++, mask += <usize>length, block += bytes) {
    id = writeRow(mask, length, flip, block, size, id);
  }
}

/**
 * Writes the changes of a row of `length` voxels, given as the words at `words`, to `out` as numbers, at most
 * `length + 1` of them, and returns the address after the last. Writes up to 12 bytes beyond it.
 */
export function writeRuns(words: usize, length: i32, out: usize): usize {
  const begin = out;
  for (let x = 0; x < length; x += 64, words += 8) {
    let changes = load<u64>(words);
    if (changes === 0) continue;
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
  if (((out - begin) & 4) === 0) return out;
  store<u32>(out, <u32>length);
  return out + 4;
}
