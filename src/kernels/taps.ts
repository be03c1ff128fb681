/** Sampling position of output sample k of m on a line of n: `(k + 0.5) * (n / m) - 0.5`, in this order. */
export function position(k: number, n: number, m: number): number {
  return (k + 0.5) * (n / m) - 0.5;
}

/** Pairs of lengths that `remembered` keeps: those of the axes of one volume, and of another. */
const REMEMBERED = 8;

/** `make` that keeps its last results, as the slices of a volume and its tiles ask for the same ones again. */
export function remembered<T>(make: (n: number, m: number) => T): (n: number, m: number) => T {
  const known: { n: number; m: number; value: T }[] = [];
  return (n, m) => {
    let found = known.find((entry) => entry.n === n && entry.m === m);
    if (found === undefined) {
      found = { n, m, value: make(n, m) };
      known.unshift(found);
      known.length = Math.min(known.length, REMEMBERED);
    }
    return found.value;
  };
}

/** Index of the nearest sample, ties up, as scipy.ndimage with order 0 and mode "nearest" chooses it. */
export function nearestIndices(n: number, m: number): Int32Array {
  return Int32Array.from({ length: m }, (_, k) => Math.min(Math.max(Math.floor(position(k, n, m) + 0.5), 0), n - 1));
}

/** Two taps per output sample of linear interpolation: clamped indices and their weights (scipy.ndimage, order 1). */
export interface LinearTaps {
  readonly low: Int32Array;
  readonly high: Int32Array;
  /** Two weights per output sample. */
  readonly weights: Float64Array;
}

export function linearTaps(n: number, m: number): LinearTaps {
  const low = new Int32Array(m);
  const high = new Int32Array(m);
  const weights = new Float64Array(2 * m);
  for (let k = 0; k < m; k++) {
    const u = position(k, n, m);
    const floor = Math.floor(u);
    low[k] = Math.min(Math.max(floor, 0), n - 1);
    high[k] = Math.min(Math.max(floor + 1, 0), n - 1);
    const w = 1 - (u - floor);
    weights[2 * k] = w;
    weights[2 * k + 1] = 1 - w;
  }
  return { low, high, weights };
}

/** Two taps per output sample of one kind: the two of linear interpolation, the nearest sample, or each sample itself. */
export function axisTaps(n: number, m: number, kind: "linear" | "nearest" | "itself"): LinearTaps {
  if (kind === "linear") return linearTaps(n, m);
  const low = kind === "nearest" ? nearestIndices(n, m) : Int32Array.from({ length: m }, (_, k) => k);
  const weights = new Float64Array(2 * m);
  for (let k = 0; k < m; k++) weights[2 * k] = 1;
  return { low, high: low, weights };
}

/** Bytes of an entry of the table that `storeLinearTaps` writes. */
export const LINEAR_ENTRY = 24;

/** The table the linear kernels read: two weights (f64), two indices (i32) per output sample. */
export function storeLinearTaps(taps: LinearTaps, f64: Float64Array, i32: Int32Array): void {
  for (let k = 0; k < taps.low.length; k++) {
    f64[3 * k] = taps.weights[2 * k];
    f64[3 * k + 1] = taps.weights[2 * k + 1];
    i32[6 * k + 4] = taps.low[k];
    i32[6 * k + 5] = taps.high[k];
  }
}

/** Output rows of one run, and the source rows that it needs; both half open. */
export interface RowRun {
  readonly rows: readonly [number, number];
  readonly source: readonly [number, number];
}

/** Output rows in runs of at most `mostOutputRows` that need at most `mostRows` source rows. */
export function rowRuns(
  taps: Pick<LinearTaps, "low" | "high">,
  mostRows: number,
  mostOutputRows: number = mostRows,
): RowRun[] {
  const runs: RowRun[] = [];
  const m = taps.low.length;
  for (let first = 0; first < m; ) {
    const from = taps.low[first];
    let last = first + 1;
    while (last < m && taps.high[last] + 1 - from <= mostRows && last - first < mostOutputRows) last++;
    runs.push({ rows: [first, last], source: [from, taps.high[last - 1] + 1] });
    first = last;
  }
  return runs;
}
