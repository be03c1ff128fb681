/**
 * Draws with replacement as NumPy's legacy RandomState makes them: MT19937 (Matsumoto and Nishimura, 1998), of whose
 * numbers those are taken that are not above the largest index once they are cut to its bits.
 *
 * A state of 1249 u32: the generator's 624 words, the 624 numbers that it gives, how many of them are used up.
 */
const WORDS = 624;
const MIDDLE = 397;
const NUMBERS: usize = WORDS * 4;
const USED: usize = WORDS * 8;

/** Starts a generator: RandomState(seed). */
export function seedDraws(state: usize, seed: u32): void {
  let word = seed;
  store<u32>(state, word);
  for (let i: u32 = 1; i < <u32>WORDS; i++) {
    word = 1812433253 * (word ^ (word >> 30)) + i;
    store<u32>(state + ((<usize>i) << 2), word);
  }
  store<i32>(state, WORDS, USED);
}

/** The next state of a word, from its neighbour and the word in the middle between it and itself. */
function twisted(word: u32, next: u32, middle: u32): u32 {
  const bits = (word & 0x80000000) | (next & 0x7fffffff);
  return middle ^ (bits >> 1) ^ (bits & 1 ? 0x9908b0df : 0);
}

/** `twisted` of four words at `at`; those in the middle stand at `middle`. */
function twistFour(at: usize, middle: usize): void {
  const bits = v128.or(
    v128.and(v128.load(at), i32x4.splat(0x80000000)),
    v128.and(v128.load(at, 4), i32x4.splat(0x7fffffff)),
  );
  const odd = i32x4.neg(v128.and(bits, i32x4.splat(1)));
  const magic = v128.and(odd, i32x4.splat(0x9908b0df));
  v128.store(at, v128.xor(v128.load(middle), v128.xor(i32x4.shr_u(bits, 1), magic)));
}

/** The next 624 numbers. */
function refill(state: usize): void {
  const split = state + (WORDS - MIDDLE) * 4;
  let at = state;
  for (; at + 16 <= split; at += 16) twistFour(at, at + MIDDLE * 4);
  for (; at < split; at += 4) store<u32>(at, twisted(load<u32>(at), load<u32>(at, 4), load<u32>(at, MIDDLE * 4)));
  // From here on the words in the middle are new ones. 396 of them are left before the last, whose neighbour is the first.
  for (; at < state + (WORDS - 1) * 4; at += 16) twistFour(at, at - (WORDS - MIDDLE) * 4);
  store<u32>(at, twisted(load<u32>(at), load<u32>(state), load<u32>(state, (MIDDLE - 1) * 4)));
  for (at = state; at < state + NUMBERS; at += 16) {
    let y = v128.load(at);
    y = v128.xor(y, i32x4.shr_u(y, 11));
    y = v128.xor(y, v128.and(i32x4.shl(y, 7), i32x4.splat(0x9d2c5680)));
    y = v128.xor(y, v128.and(i32x4.shl(y, 15), i32x4.splat(0xefc60000)));
    v128.store(at, v128.xor(y, i32x4.shr_u(y, 18)), NUMBERS);
  }
  store<i32>(state, 0, USED);
}

/**
 * Draws `count` of the float32 at `values`, whose last index is `last`, to `out`, which needs room for one more. A
 * single value is not drawn: the generator stays as it is.
 */
export function drawValues(state: usize, values: usize, last: u32, count: i32, out: usize): void {
  const end = out + ((<usize>count) << 2);
  if (last === 0) {
    for (; out < end; out += 4) store<f32>(out, load<f32>(values));
    return;
  }
  const mask: u32 = 0xffffffff >> clz(last);
  let used = load<i32>(state, USED);
  while (out < end) {
    if (used === WORDS) {
      refill(state);
      used = 0;
    }
    let number = state + NUMBERS + ((<usize>used) << 2);
    const stop = state + USED;
    // No branch on what is drawn: a number too large takes the last value, which the next one overwrites.
    while (number < stop && out < end) {
      const index = load<u32>(number) & mask;
      number += 4;
      store<f32>(out, load<f32>(values + ((<usize>min(index, last)) << 2)));
      out += (<usize>(index <= last)) << 2;
    }
    used = <i32>((number - state - NUMBERS) >> 2);
  }
  store<i32>(state, used, USED);
}
