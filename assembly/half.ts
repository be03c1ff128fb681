/*
 * float16 as bits in 16-bit words: nnU-Net stores probabilities so. Widening is exact; narrowing rounds to nearest,
 * ties to even, as NumPy's astype does.
 */

/** Bits of the float32 2^112 and 2^-112, the difference of the two formats' exponent biases. */
const WIDEN: i32 = 0x77800000;
const NARROW: i32 = 0x07800000;

/** Four halves in the low 16 bits of each lane as float32. */
export function widen4(bits: v128): v128 {
  const magnitude = i32x4.shl(v128.and(bits, i32x4.splat(0x7fff)), 13);
  // Subnormal halves become normal floats by the multiplication, which is exact.
  const finite = f32x4.mul(magnitude, i32x4.splat(WIDEN));
  const special = i32x4.eq(v128.and(bits, i32x4.splat(0x7c00)), i32x4.splat(0x7c00));
  const value = v128.or(finite, v128.and(special, i32x4.splat(0x7f800000)));
  return v128.or(value, i32x4.shl(v128.and(bits, i32x4.splat(0x8000)), 16));
}

/** Four float32 as halves in the low 16 bits of each lane. */
export function narrow4(x: v128): v128 {
  const magnitude = v128.and(x, i32x4.splat(0x7fffffff));
  const undefinedLanes = f32x4.ne(x, x);
  const bounded = f32x4.pmin(magnitude, f32x4.splat(65536));
  // Adding 2^13 times the value's own power of two leaves the 11 bits that a half keeps, rounded by the addition.
  const power = i32x4.max_s(v128.and(bounded, i32x4.splat(0x7f800000)), i32x4.splat(0x38800000));
  const magic = i32x4.add(power, i32x4.splat(0x06800000));
  const rounded = f32x4.sub(f32x4.add(bounded, magic), magic);
  const bits = i32x4.shr_u(f32x4.mul(rounded, i32x4.splat(NARROW)), 13);
  const number = v128.bitselect(i32x4.splat(0x7e00), bits, undefinedLanes);
  return v128.or(number, v128.and(i32x4.shr_u(x, 16), i32x4.splat(0x8000)));
}

/** Widens `count` halves; reads and writes whole vectors of eight. */
export function widenHalves(input: usize, count: i32, output: usize): void {
  for (let i = 0; i < count; i += 8) {
    const bits = v128.load(input);
    v128.store(output, widen4(i32x4.extend_low_i16x8_u(bits)), 0);
    v128.store(output, widen4(i32x4.extend_high_i16x8_u(bits)), 16);
    input += 16;
    output += 32;
  }
}

/** Narrows `count` float32; reads and writes whole vectors of eight. */
export function narrowToHalves(input: usize, count: i32, output: usize): void {
  for (let i = 0; i < count; i += 8) {
    const low = narrow4(v128.load(input, 0));
    const high = narrow4(v128.load(input, 16));
    v128.store(output, i16x8.narrow_i32x4_u(low, high));
    input += 32;
    output += 16;
  }
}

/** `sums[i] += values[i]` in float32; whole vectors of four. */
export function addFloats(values: usize, count: i32, sums: usize): void {
  for (let i = 0; i < count; i += 4) {
    v128.store(sums, f32x4.add(v128.load(sums), v128.load(values)));
    sums += 16;
    values += 16;
  }
}

/** `sums[i] /= divisor` in float32; whole vectors of four. */
export function divideFloats(sums: usize, count: i32, divisor: f32): void {
  const d = f32x4.splat(divisor);
  for (let i = 0; i < count; i += 4) {
    v128.store(sums, f32x4.div(v128.load(sums), d));
    sums += 16;
  }
}
