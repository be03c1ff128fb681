/*
 * A label volume at half its size, for pictures in which voxels are smaller than what can be seen. Blocks of voxels of
 * one label, which are nearly all, are told by whole vectors.
 */

/** The label that most of eight voxels have, the first of equals; two of eight are enough against background. */
function weigh(all: u64): u8 {
  const lanes = i64x2.splat(<i64>all);
  let best: u8 = 0;
  let most = 0;
  for (let j: u64 = 0; j < 64; j += 8) {
    const label = <u8>(all >> j);
    const weight = label !== 0 ? 7 : 2;
    const same = weight * popcnt(i8x16.bitmask(i8x16.eq(lanes, i8x16.splat(<i8>label))) & 255);
    if (same > most) {
      most = same;
      best = label;
    }
  }
  return best;
}

/**
 * One row of a label volume at half its size along some axes. The new voxel stands for up to eight: four rows, `next`
 * bytes apart where the slowest and the middle axis are halved (else 0), and pairs along the row where `pairs` is 1.
 * It gets the label that most of them have, the first of equals; two of eight are enough against background, so that
 * what is thin does not tear.
 */
export function halveLabels(
  first: usize,
  nextRow: usize,
  nextSlice: usize,
  length: i32,
  pairs: i32,
  result: usize,
): void {
  const step: usize = pairs === 1 ? 2 : 1;
  const width = <usize>length;
  for (let x: usize = 0; x < width; ) {
    const p = first + x;
    let mixed: i32 = 1;
    let some: usize = 1;
    if (x + 16 <= width) {
      const v = v128.load(p);
      let other = v128.or(v128.xor(v, v128.load(p + nextRow)), v128.xor(v, v128.load(p + nextSlice)));
      other = v128.or(other, v128.xor(v, v128.load(p + nextSlice + nextRow)));
      if (step === 2) {
        // Pairs: the lower byte of 16 bits against the upper one.
        other = v128.or(other, v128.and(v128.xor(v, i16x8.shr_u(v, 8)), i16x8.splat(255)));
        mixed = i16x8.bitmask(i16x8.ne(other, i16x8.splat(0)));
        const lower = v128.and(v, i16x8.splat(255));
        store<i64>(result, i64x2.extract_lane(i8x16.narrow_i16x8_u(lower, lower), 0));
        some = 8;
      } else {
        mixed = i8x16.bitmask(i8x16.ne(other, i8x16.splat(0)));
        v128.store(result, v);
        some = 16;
      }
    }
    while (mixed !== 0) {
      const k = <usize>ctz(mixed);
      mixed &= mixed - 1;
      const q = p + k * step;
      const beside: usize = step === 2 && q + 1 < first + width ? 1 : 0;
      const a = <u64>load<u8>(q) | ((<u64>load<u8>(q + beside)) << 8);
      const c = <u64>load<u8>(q + nextRow) | ((<u64>load<u8>(q + nextRow + beside)) << 8);
      const r = q + nextSlice;
      const e = <u64>load<u8>(r) | ((<u64>load<u8>(r + beside)) << 8);
      const g = <u64>load<u8>(r + nextRow) | ((<u64>load<u8>(r + nextRow + beside)) << 8);
      store<u8>(result + k, weigh(a | (c << 16) | (e << 32) | (g << 48)));
    }
    result += some;
    x += some * step;
  }
}
