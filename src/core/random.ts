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
    for (let i = 0; i < N; i++) {
      const y = (s[i] & 0x80000000) | (s[(i + 1) % N] & 0x7fffffff);
      s[i] = s[(i + M) % N] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
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
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.interval(i);
      const swapped = values[i];
      values[i] = values[j];
      values[j] = swapped;
    }
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
   * `count` different whole numbers below `n`: `RandomState.choice(n, count, replace=False)`. All `n` are shuffled
   * even for a small `count`, because that decides both the result and the state left behind.
   */
  choiceWithoutReplacement(n: number, count: number): Uint32Array {
    if (count > n) {
      throw new NnprepError("INVALID_ARGUMENT", `cannot choose ${count} different values out of ${n}`, {
        found: count,
        expected: n,
      });
    }
    const values = new Uint32Array(n);
    for (let i = 0; i < n; i++) values[i] = i;
    this.shuffle(values);
    return values.slice(0, count);
  }
}
