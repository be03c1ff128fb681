/**
 * Draws with replacement as NumPy's legacy RandomState makes them: MT19937 (Matsumoto and Nishimura, 1998), of whose
 * numbers those are taken that are not above the largest index once they are cut to its bits.
 *
 * A state of 1256 u32: the generator's 624 words; the indices that its last 624 numbers gave, with room for three more;
 * how many those are, and how many of them are used up.
 */
const WORDS = 624;
const MIDDLE = 397;
const INDICES: usize = WORDS * 4;
const COUNT: usize = WORDS * 8 + 16;
const USED: usize = WORDS * 8 + 20;

/** For each of 16 masks of four lanes: bytes of a vector in the order that moves the lanes of the mask to the front. */
// biome-ignore format: four lanes a line
const TO_FRONT = memory.data<u8>([
  0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3,
  0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3,
  4, 5, 6, 7, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3,
  0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 0, 1, 2, 3,
  8, 9, 10, 11, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3,
  0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 0, 1, 2, 3,
  4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 0, 1, 2, 3,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3,
  12, 13, 14, 15, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3,
  0, 1, 2, 3, 12, 13, 14, 15, 0, 1, 2, 3, 0, 1, 2, 3,
  4, 5, 6, 7, 12, 13, 14, 15, 0, 1, 2, 3, 0, 1, 2, 3,
  0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15, 0, 1, 2, 3,
  8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 0, 1, 2, 3,
  0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3,
  4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
]);

/** Starts a generator: RandomState(seed). One generator draws from arrays of one length only. */
export function seedDraws(state: usize, seed: u32): void {
  let word = seed;
  store<u32>(state, word);
  for (let i: u32 = 1; i < <u32>WORDS; i++) {
    word = 1812433253 * (word ^ (word >> 30)) + i;
    store<u32>(state + ((<usize>i) << 2), word);
  }
  store<i32>(state, 0, COUNT);
  store<i32>(state, 0, USED);
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

/** The next 624 words of the generator. */
function twist(state: usize): void {
  const split = state + (WORDS - MIDDLE) * 4;
  let at = state;
  for (; at + 16 <= split; at += 16) twistFour(at, at + MIDDLE * 4);
  for (; at < split; at += 4) store<u32>(at, twisted(load<u32>(at), load<u32>(at, 4), load<u32>(at, MIDDLE * 4)));
  // From here on the words in the middle are new ones. 396 of them are left before the last, whose neighbour is the first.
  for (; at < state + (WORDS - 1) * 4; at += 16) twistFour(at, at - (WORDS - MIDDLE) * 4);
  store<u32>(at, twisted(load<u32>(at), load<u32>(state), load<u32>(state, (MIDDLE - 1) * 4)));
}

/** The generator's numbers that four words give. */
function tempered(words: v128): v128 {
  let y = v128.xor(words, i32x4.shr_u(words, 11));
  y = v128.xor(y, v128.and(i32x4.shl(y, 7), i32x4.splat(0x9d2c5680)));
  y = v128.xor(y, v128.and(i32x4.shl(y, 15), i32x4.splat(0xefc60000)));
  return v128.xor(y, i32x4.shr_u(y, 18));
}

/** The next 624 numbers of the generator, and of them the indices up to `last`. */
function refill(state: usize, last: u32): void {
  twist(state);
  const bits = i32x4.splat(0xffffffff >>> clz(last));
  const largest = i32x4.splat(last);
  let out = state + INDICES;
  for (let at = state; at < state + INDICES; at += 16) {
    const index = v128.and(tempered(v128.load(at)), bits);
    const taken = i32x4.bitmask(i32x4.le_s(index, largest));
    v128.store(out, i8x16.swizzle(index, v128.load(TO_FRONT + ((<usize>taken) << 4))));
    out += (<usize>popcnt(taken)) << 2;
  }
  store<i32>(state, <i32>((out - state - INDICES) >> 2), COUNT);
  store<i32>(state, 0, USED);
}

/**
 * Draws `count` of the float32 at `values`, whose last index is `last` (below 2^31), to `out`. A single value is not
 * drawn: the generator stays as it is.
 */
export function drawValues(state: usize, values: usize, last: u32, count: i32, out: usize): void {
  const end = out + ((<usize>count) << 2);
  if (last === 0) {
    for (; out < end; out += 4) store<f32>(out, load<f32>(values));
    return;
  }
  let used = load<i32>(state, USED);
  let index = state + INDICES + ((<usize>used) << 2);
  let stop = state + INDICES + ((<usize>load<i32>(state, COUNT)) << 2);
  while (out < end) {
    if (index === stop) {
      refill(state, last);
      index = state + INDICES;
      stop = index + ((<usize>load<i32>(state, COUNT)) << 2);
    }
    const until = min(end, out + (stop - index));
    for (; out + 16 <= until; out += 16, index += 16) {
      store<f32>(out, load<f32>(values + ((<usize>load<u32>(index)) << 2)));
      store<f32>(out, load<f32>(values + ((<usize>load<u32>(index, 4)) << 2)), 4);
      store<f32>(out, load<f32>(values + ((<usize>load<u32>(index, 8)) << 2)), 8);
      store<f32>(out, load<f32>(values + ((<usize>load<u32>(index, 12)) << 2)), 12);
    }
    for (; out < until; out += 4, index += 4) store<f32>(out, load<f32>(values + ((<usize>load<u32>(index)) << 2)));
  }
  store<i32>(state, <i32>((index - state - INDICES) >> 2), USED);
}

/**
 * Draws the places that a shuffle swaps the places from `last` down to `last - count + 1` with, all above 0:
 * `RandomState.interval(i)` for each. `out` gets them in ascending order of `i`.
 */
export function drawPlaces(state: usize, last: u32, count: i32, out: usize): void {
  const stop = state + INDICES + WORDS * 4;
  let at = state + INDICES + ((<usize>load<i32>(state, USED)) << 2);
  let left = load<i32>(state, COUNT) !== 0;
  let to = out + ((<usize>count) << 2);
  for (let i = last; to > out; i--) {
    const bits = <u32>0xffffffff >> clz(i);
    let place: u32 = 0;
    do {
      if (!left || at === stop) {
        twist(state);
        for (let word = state; word < state + INDICES; word += 16) {
          v128.store(word + INDICES, tempered(v128.load(word)));
        }
        at = state + INDICES;
        left = true;
      }
      place = load<u32>(at) & bits;
      at += 4;
    } while (place > i);
    to -= 4;
    store<u32>(to, place);
  }
  store<i32>(state, left ? WORDS : 0, COUNT);
  store<i32>(state, <i32>((at - state - INDICES) >> 2), USED);
}
