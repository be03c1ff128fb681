/** Round to the nearest integer, ties to even: Python's `round`, NumPy's `rint`. `Math.round` is not that. */
export function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  const fraction = x - low;
  if (fraction < 0.5) return low;
  if (fraction > 0.5) return low + 1;
  return low % 2 === 0 ? low : low + 1;
}

/** Ascending copy. */
export function sorted(values: ArrayLike<number>): Float64Array {
  return Float64Array.from(values).sort();
}

/** `numpy.median` of a short list in float64: mean of the two middle values for even lengths; NaN when empty. */
export function median(values: ArrayLike<number>): number {
  const s = sorted(values);
  const n = s.length;
  if (n === 0) return Number.NaN;
  const half = n >> 1;
  return n % 2 === 1 ? s[half] : (s[half - 1] + s[half]) / 2;
}

/**
 * Ranks (0-based) of the two order statistics that `numpy.percentile(..., q)` interpolates, and the weight of the
 * upper. The position is float64 for float32 input too (NumPy 2.4.6).
 */
export function percentilePosition(count: number, q: number): { low: number; high: number; weight: number } {
  const position = (count - 1) * (q / 100);
  const low = Math.min(Math.floor(position), count - 1);
  return { low, high: Math.min(low + 1, count - 1), weight: position - low };
}

/**
 * NumPy's linear interpolation between two order statistics (semantics of `numpy.percentile`, method "linear").
 * With "float32" every operation and the weight round to float32, as NumPy 2.4 does for float32 input with a Python
 * float `q`; with "float64" the difference is taken in float64, as NumPy 1 does.
 */
export function interpolateOrderStatistics(
  low: number,
  high: number,
  weight: number,
  precision: "float32" | "float64",
): number {
  const f = precision === "float32" ? Math.fround : (x: number) => x;
  const difference = f(high - low);
  return weight < 0.5 ? f(low + f(difference * f(weight))) : f(high - f(difference * f(1 - weight)));
}

/** `numpy.percentile` of a short list in float64, method "linear". */
export function percentile(values: ArrayLike<number>, q: number): number {
  const s = sorted(values);
  const { low, high, weight } = percentilePosition(s.length, q);
  return interpolateOrderStatistics(s[low], s[high], weight, "float64");
}
