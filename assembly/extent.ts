/*
 * What the resampling needs to know of a slice before it starts: the range for the clip, whether every value is
 * finite, and the largest magnitude of each block of 4x4 voxels, from which the size of rounding errors follows.
 *
 * `accumulators`: one vector of 4 columns per block. `range`: minimum, maximum, finite flag bits (three vectors).
 */

/** Folds one slice of float32 into the accumulators and the range. */
export function foldExtent(slice: usize, rows: i32, columns: i32, accumulators: usize, range: usize): void {
  let low = v128.load(range, 0);
  let high = v128.load(range, 16);
  let bits = v128.load(range, 32);
  const blocks = (columns + 3) >> 2;
  const whole = columns >> 2;
  for (let row = 0; row < rows; row++) {
    let to = accumulators + ((<usize>((row >> 2) * blocks)) << 4);
    for (let block = 0; block < whole; block++) {
      const x = v128.load(slice);
      low = f32x4.pmin(low, x);
      high = f32x4.pmax(high, x);
      bits = v128.or(bits, f32x4.sub(x, x));
      v128.store(to, f32x4.pmax(v128.load(to), f32x4.abs(x)));
      slice += 16;
      to += 16;
    }
    for (let column = whole << 2; column < columns; column++) {
      const x = v128.load32_splat(slice);
      low = f32x4.pmin(low, x);
      high = f32x4.pmax(high, x);
      bits = v128.or(bits, f32x4.sub(x, x));
      v128.store(to, f32x4.pmax(v128.load(to), f32x4.abs(x)));
      slice += 4;
    }
  }
  v128.store(range, low, 0);
  v128.store(range, high, 16);
  v128.store(range, bits, 32);
}

/** Largest magnitude of each block (float32) from its accumulator, which is cleared for the next slices. */
export function takeBlocks(accumulators: usize, count: i32, output: usize): void {
  for (let i = 0; i < count; i++) {
    const v = v128.load(accumulators);
    const pair = f32x4.pmax(v, v128.shuffle<f32>(v, v, 2, 3, 0, 1));
    const single = f32x4.pmax(pair, v128.shuffle<f32>(pair, pair, 1, 0, 3, 2));
    store<f32>(output, f32x4.extract_lane(single, 0));
    v128.store(accumulators, f32x4.splat(0));
    accumulators += 16;
    output += 4;
  }
}
