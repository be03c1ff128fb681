import { NnprepError } from "./errors.js";

const N = 624;
const M = 397;

/**
 * NumPy's legacy `RandomState`: the Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998) and the draws that
 * nnU-Net makes from it, the same numbers as `numpy.random.RandomState(seed)`, whatever the NumPy version.
 */
export class RandomState {
  private readonly state = new Uint32Array(N);
  private index = N;

  /** `seed`: a whole number from 0 to 2^32 - 1. */
  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
      throw new NnprepError("INVALID_ARGUMENT", `seed ${seed} is not a whole number from 0 to 2^32 - 1`, {
        found: seed,
      });
    }
    let previous = seed;
    this.state[0] = seed;
    for (let i = 1; i < N; i++) {
      previous = (Math.imul(1812433253, previous ^ (previous >>> 30)) + i) >>> 0;
      this.state[i] = previous;
    }
  }

  private twist(): void {
    const s = this.state;
    const mixed = (i: number, next: number) => {
      const y = (s[i] & 0x80000000) | (s[next] & 0x7fffffff);
      return (y >>> 1) ^ (-(y & 1) & 0x9908b0df);
    };
    for (let i = 0; i < N - M; i++) s[i] = s[i + M] ^ mixed(i, i + 1);
    for (let i = N - M; i < N - 1; i++) s[i] = s[i + M - N] ^ mixed(i, i + 1);
    s[N - 1] = s[M - 1] ^ mixed(N - 1, 0);
    this.index = 0;
  }

  /** The next 32 random bits as a whole number from 0 to 2^32 - 1. */
  uint32(): number {
    if (this.index === N) this.twist();
    let y = this.state[this.index++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    y ^= y >>> 18;
    return y >>> 0;
  }

  /** A whole number from 0 to `max`, both included (`max` below 2^32): draws are masked and rejected as NumPy does. */
  interval(max: number): number {
    if (max === 0) return 0;
    const mask = 0xffffffff >>> Math.clz32(max);
    let value = (this.uint32() & mask) >>> 0;
    while (value > max) value = (this.uint32() & mask) >>> 0;
    return value;
  }

  /** Fisher-Yates in place: `RandomState.shuffle` of a one-dimensional array. */
  shuffle(values: Int32Array | Uint32Array | Float64Array | number[]): void {
    for (let i = values.length - 1; i > 0; i--) swap(values, i, this.interval(i));
  }

  /** `count` whole numbers below `n`, repeats allowed: `RandomState.choice(n, count)`. */
  choice(n: number, count: number): Uint32Array {
    if (n < 1 && count > 0) {
      throw new NnprepError("INVALID_ARGUMENT", "cannot choose from nothing: n is 0", { found: n });
    }
    const result = new Uint32Array(count);
    for (let i = 0; i < count; i++) result[i] = this.interval(n - 1);
    return result;
  }

  /**
   * `count` different whole numbers below `n`: `RandomState.choice(n, count, replace=False)`, the first of all `n` after a
   * shuffle. Every draw is made even for a small `count`, because all decide both the result and the state left behind.
   */
  choiceWithoutReplacement(n: number, count: number): Uint32Array {
    if (count > n) {
      throw new NnprepError("INVALID_ARGUMENT", `cannot choose ${count} different values out of ${n}`, {
        found: count,
        expected: n,
      });
    }
    const places = new Uint32Array(n);
    for (let i = n - 1; i > 0; i--) places[i] = this.interval(i);
    return firstOfShuffled(places, count);
  }
}

/**
 * The first `count` of the numbers below `places.length` after the shuffle that swaps each place i, from the last to the
 * first, with `places[i]`, which is overwritten.
 *
 * Nothing is shuffled: swaps in an array that no cache holds are most of the time. They are undone from the last to the
 * first, which says for each of the first `count` places where its number came from.
 */
export function firstOfShuffled(places: Uint32Array, count: number): Uint32Array {
  // Entry i: the place that place i was swapped with. Once undone: which of the results is traced at place i.
  const n = places.length;
  for (let i = 0; i < count; i++) {
    const from = places[i];
    places[i] = i;
    swap(places, i, from);
  }
  const traced = new Uint32Array((n + 31) >>> 5);
  const flip = (i: number) => {
    traced[i >>> 5] ^= 1 << (i & 31);
  };
  for (let i = 0; i < count; i++) flip(i);
  // Only places before i are traced when place i is reached.
  for (let i = count; i < n; i++) {
    const from = places[i];
    if (from === i || ((traced[from >>> 5] >>> (from & 31)) & 1) === 0) continue;
    places[i] = places[from];
    flip(i);
    flip(from);
  }
  const chosen = new Uint32Array(count);
  for (let i = 0; i < n; i++) if ((traced[i >>> 5] >>> (i & 31)) & 1) chosen[places[i]] = i;
  return chosen;
}

function swap(values: Int32Array | Uint32Array | Float64Array | number[], i: number, j: number): void {
  const swapped = values[i];
  values[i] = values[j];
  values[j] = swapped;
}
