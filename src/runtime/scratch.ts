/**
 * One large float64 buffer that outlives the operation that asked for it: the first touch of fresh memory costs more
 * than most kernels. Only the largest so far is kept, and only up to a limit.
 */
let kept: Float64Array | null = null;

/** Buffers above this many values are not kept for the next operation (1 GiB). */
const KEEP = 1 << 27;

/** Lends `length` float64 values of undefined content to `use`. Calls may not nest on the same buffer. */
export function withScratch<T>(length: number, use: (values: Float64Array) => T): T {
  const buffer = kept !== null && kept.length >= length ? kept : new Float64Array(length);
  kept = null;
  try {
    return use(buffer.subarray(0, length));
  } finally {
    if (buffer.length <= KEEP) kept = buffer;
  }
}
