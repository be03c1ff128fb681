/*
 * What the resampling needs to know of a slice before it starts: the range for the clip, whether every value is
 * finite, and the largest magnitude of each block of 4x4 voxels, from which the size of rounding errors follows.
 *
 * Magnitudes are compared as integers, the bits of a float32 without its sign: their order is the same, and what is not
 * finite comes out on top. `accumulators`: one vector of 4 columns per block. `range`: minimum, maximum, bits of the
 * largest magnitude (three vectors); the first two mean nothing when some value is not finite.
 */

/** Folds one slice of float32 into the accumulators and the range. */
export function foldExtent(slice: usize, rows: i32, columns: i32, accumulators: usize, range: usize): void {
  const stride = (<usize>columns) << 2;
  for (let row = 0; row < rows; row += 4) {
    // A last block of fewer rows repeats its last one.
    const last = min(rows - row, 4) - 1;
    foldBlocks(
      slice,
      columns,
      <usize>min(1, last) * stride,
      <usize>min(2, last) * stride,
      <usize>last * stride,
      accumulators,
      range,
    );
    slice += stride << 2;
    accumulators += (<usize>((columns + 3) >> 2)) << 4;
  }
}

/** One row of blocks: four rows of voxels, the last three `b`, `c` and `d` bytes after the first. */
function foldBlocks(first: usize, columns: i32, b: usize, c: usize, d: usize, to: usize, range: usize): void {
  let low = v128.load(range, 0);
  let high = v128.load(range, 16);
  let largest = v128.load(range, 32);
  const end = first + ((<usize>(columns & ~3)) << 2);
  for (; first < end; first += 16, to += 16) {
    const w = v128.load(first);
    const x = v128.load(first + b);
    const y = v128.load(first + c);
    const z = v128.load(first + d);
    low = f32x4.pmin(low, f32x4.pmin(f32x4.pmin(w, x), f32x4.pmin(y, z)));
    high = f32x4.pmax(high, f32x4.pmax(f32x4.pmax(w, x), f32x4.pmax(y, z)));
    const magnitude = largestOf(w, x, y, z);
    largest = i32x4.max_s(largest, magnitude);
    v128.store(to, i32x4.max_s(v128.load(to), magnitude));
  }
  const rest = first + ((<usize>(columns & 3)) << 2);
  for (; first < rest; first += 4) {
    const w = v128.load32_splat(first);
    const x = v128.load32_splat(first + b);
    const y = v128.load32_splat(first + c);
    const z = v128.load32_splat(first + d);
    low = f32x4.pmin(low, f32x4.pmin(f32x4.pmin(w, x), f32x4.pmin(y, z)));
    high = f32x4.pmax(high, f32x4.pmax(f32x4.pmax(w, x), f32x4.pmax(y, z)));
    const magnitude = largestOf(w, x, y, z);
    largest = i32x4.max_s(largest, magnitude);
    v128.store(to, i32x4.max_s(v128.load(to), magnitude));
  }
  v128.store(range, low, 0);
  v128.store(range, high, 16);
  v128.store(range, largest, 32);
}

/** Bits of the largest magnitudes, lane by lane. */
function largestOf(w: v128, x: v128, y: v128, z: v128): v128 {
  const unsigned = i32x4.splat(0x7fffffff);
  const wx = i32x4.max_s(v128.and(w, unsigned), v128.and(x, unsigned));
  return i32x4.max_s(wx, i32x4.max_s(v128.and(y, unsigned), v128.and(z, unsigned)));
}

/** Largest magnitude of each block (float32) from its accumulator, which is cleared for the next slices. */
export function takeBlocks(accumulators: usize, count: i32, output: usize): void {
  for (let i = 0; i < count; i++) {
    const v = v128.load(accumulators);
    const pair = i32x4.max_s(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
    const single = i32x4.max_s(pair, v128.shuffle<i32>(pair, pair, 1, 0, 3, 2));
    store<i32>(output, i32x4.extract_lane(single, 0));
    v128.store(accumulators, i32x4.splat(0));
    accumulators += 16;
    output += 4;
  }
}
