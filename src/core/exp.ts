/**
 * The exponential function rounded correctly: engines and libraries differ in the last bit of theirs. Numbers are kept
 * as unevaluated sums of two float64 (T. J. Dekker, Numer. Math. 18, 1971), which is about 106 bits.
 */
type Pair = readonly [high: number, low: number];

/** 2^27 + 1 splits a float64 into two halves of 26 bits whose products are exact. */
const SPLITTER = 134217729;
/** Terms of the series: 2^-5 to the 16th over 16! is below 2^-120. */
const TERMS = 16;
const SERIES_BOUND = 1 / 32;

function normalized(high: number, low: number): Pair {
  const sum = high + low;
  return [sum, low - (sum - high)];
}

function split(x: number): Pair {
  const scaled = SPLITTER * x;
  const high = scaled - (scaled - x);
  return [high, x - high];
}

/** `a * b` exactly. */
function product(a: number, b: number): Pair {
  const high = a * b;
  const [a1, a2] = split(a);
  const [b1, b2] = split(b);
  return [high, a2 * b2 - (high - a1 * b1 - a2 * b1 - a1 * b2)];
}

function multiply(a: Pair, b: Pair): Pair {
  const [high, low] = product(a[0], b[0]);
  return normalized(high, low + (a[0] * b[1] + a[1] * b[0]));
}

function divide(a: Pair, n: number): Pair {
  const quotient = a[0] / n;
  const [high, low] = product(quotient, n);
  return normalized(quotient, (a[0] - high - low + a[1]) / n);
}

/** 1 + a, for |a| < 1. */
function onePlus([high, low]: Pair): Pair {
  const sum = 1 + high;
  return normalized(sum, high - (sum - 1) + low);
}

/**
 * e^x rounded to the nearest float64, for -64 <= x <= 0. The error before rounding is below 2^-88 of the value, so a
 * value that is rounded wrongly is not to be expected in 2^30 arguments.
 */
export function roundedExp(x: number): number {
  let halvings = 0;
  let argument = x;
  while (Math.abs(argument) > SERIES_BOUND) {
    argument /= 2;
    halvings++;
  }
  let value: Pair = [1, 0];
  for (let n = TERMS; n >= 1; n--) value = onePlus(divide(multiply(value, [argument, 0]), n));
  for (; halvings > 0; halvings--) value = multiply(value, value);
  return value[0];
}
