/*
 * How much of the source reaches a voxel, on a logarithmic scale: level L means at most  largest * DECAY^L, where
 * DECAY = 2 - sqrt(3) is what a cubic spline's influence loses per voxel. A voxel's own level follows from its
 * exponent; levels then spread like city-block distances (one level a voxel). 255 stands for 255 and more.
 */

/**
 * Levels of the voxels of one slice of float32, then spread within the slice. `exponent` is that of the largest,
 * `levelsPerBit` is 1 / log2(1 / DECAY).
 */
export function levelsOfSlice(
  slice: usize,
  rows: i32,
  columns: i32,
  exponent: i32,
  levelsPerBit: f32,
  levels: usize,
): void {
  const count = rows * columns;
  for (let i = 0; i < count; i++) {
    const bits = load<u32>(slice + ((<usize>i) << 2)) & 0x7fffffff;
    let level: i32 = 255;
    if (bits !== 0) {
      // One bit more than the exponent says, so that the level is never too high.
      const below = exponent - <i32>(bits >> 23) - 1;
      level = below <= 0 ? 0 : min<i32>(255, <i32>(<f32>below * levelsPerBit));
    }
    store<u8>(levels + <usize>i, <u8>level);
  }
  for (let row = 1; row < rows; row++) {
    const at = levels + <usize>(row * columns);
    spreadLevels(at - <usize>columns, at, columns);
  }
  for (let row = rows - 2; row >= 0; row--) {
    const at = levels + <usize>(row * columns);
    spreadLevels(at + <usize>columns, at, columns);
  }
  for (let row = 0; row < rows; row++) {
    const at = levels + <usize>(row * columns);
    let carried: i32 = 255;
    for (let i = 0; i < columns; i++) {
      carried = min<i32>(carried + 1, <i32>load<u8>(at + <usize>i));
      store<u8>(at + <usize>i, <u8>carried);
    }
    carried = 255;
    for (let i = columns - 1; i >= 0; i--) {
      carried = min<i32>(carried + 1, <i32>load<u8>(at + <usize>i));
      store<u8>(at + <usize>i, <u8>carried);
    }
  }
}

/** `to[i] = min(to[i], from[i] + 1)` for neighbouring rows or slices. */
export function spreadLevels(from: usize, to: usize, count: i32): void {
  const one = i8x16.splat(1);
  let i = 0;
  for (; i < count - 15; i += 16) {
    const at = to + <usize>i;
    v128.store(at, i8x16.min_u(v128.load(at), i8x16.add_sat_u(v128.load(from + <usize>i), one)));
  }
  for (; i < count; i++) {
    const level = min<i32>(<i32>load<u8>(to + <usize>i), <i32>load<u8>(from + <usize>i) + 1);
    store<u8>(to + <usize>i, <u8>level);
  }
}

/**
 * Levels of `count` voxels of an output row, four slices in a word: slice i of the source is `stride` bytes after slice
 * i - 1, `row` the row of the first, and `columns` (i32) says which of its voxels each takes.
 */
export function gatherLevels(row: usize, stride: usize, columns: usize, count: i32, words: usize): void {
  for (let i = 0; i < count; i++) {
    const at = row + <usize>load<i32>(columns);
    const low = <u32>load<u8>(at) | ((<u32>load<u8>(at + stride)) << 8);
    const high = <u32>load<u8>(at + 2 * stride) | ((<u32>load<u8>(at + 3 * stride)) << 8);
    store<u32>(words, low | (high << 16));
    columns += 4;
    words += 4;
  }
}

/**
 * No slice is more than one level above the next: spreads levels backwards through words of four slices, from those of
 * the slices after them, which the result then replaces. Both have room for whole vectors.
 */
export function spreadBack(words: usize, next: usize, count: i32): void {
  const one = i8x16.splat(1);
  for (let end = words + ((<usize>count) << 2); words < end; words += 16, next += 16) {
    let v = v128.load(words);
    const after = i32x4.shl(v128.load(next), 24);
    for (let i = 0; i < 4; i++) v = i8x16.min_u(v, i8x16.add_sat_u(v128.or(i32x4.shr_u(v, 8), after), one));
    v128.store(words, v);
    v128.store(next, v);
  }
}
