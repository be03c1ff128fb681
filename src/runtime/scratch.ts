/**
 * One large float64 buffer that outlives the operation that asked for it: the first touch of fresh memory costs more
 * than most kernels. Only the largest so far is kept, and only up to a limit.
 */
let kept: Float64Array | null = null;

/** Buffers above this many values are not kept for the next operation (1 GiB). */
const KEEP = 1 << 27;

/** Lends `length` float64 values of undefined content to `use`. Calls may not nest on the same buffer. */
export function withScratch<T>(length: number, use: (values: Float64Array) => T): T {
  let buffer = kept;
  kept = null;
  if (buffer === null || buffer.length < length) {
    // The smaller one is given up before the larger one is asked for.
    buffer = null;
    buffer = new Float64Array(length);
  }
  try {
    return use(buffer.subarray(0, length));
  } finally {
    if (buffer.length <= KEEP) kept = buffer;
  }
}

/** Gives the kept buffer up if it is larger than `byteLength`. */
export function trimScratch(byteLength: number): void {
  if (kept !== null && kept.byteLength > byteLength) kept = null;
}

/** Memory that was lent for one case and is given back before the next one comes. */
const lent = new WeakSet<ArrayBufferLike>();
let given: ArrayBuffer[] = [];
let reuses = false;

/** From now on what is given back is lent again: for workers, which give it up when they rest (`dropGiven`). */
export function reuseGiven(): void {
  reuses = true;
}

/**
 * Memory of undefined content, which the borrower may give back: of `byteLength` bytes, or what was given back and has at
 * most `most`.
 */
export function borrowBuffer(byteLength: number, most = 2 * byteLength): ArrayBuffer {
  let best: ArrayBuffer | undefined;
  for (const buffer of given) {
    const fits = buffer.byteLength >= byteLength && buffer.byteLength <= most;
    if (fits && (best === undefined || buffer.byteLength < best.byteLength)) best = buffer;
  }
  // What does not fit is given up before more is asked for.
  given = best === undefined ? [] : given.filter((buffer) => buffer !== best);
  const buffer = best ?? new ArrayBuffer(byteLength);
  lent.add(buffer);
  return buffer;
}

/** Gives lent memory back: nobody may use these arrays, or others in their memory, any more. Others than lent ones are left alone. */
export function giveBack(arrays: readonly ArrayBufferView[]): void {
  if (!reuses) return;
  for (const { buffer } of arrays) if (lent.delete(buffer)) given.push(buffer as ArrayBuffer);
}

/** Gives up what was given back. */
export function dropGiven(): void {
  given = [];
}

/** What Node has for it; other engines collect when they like. */
interface Collector {
  readonly gc?: () => void;
  readonly process?: { readonly memoryUsage?: () => { readonly arrayBuffers: number } };
}

/** A collection takes about 10 ms, more than all else that is done with a case of some thousand voxels. */
const WORTH_COLLECTING_BYTES = 1 << 22;

/**
 * Frees what is no longer used now instead of some time later, where the engine offers that (Node with `--expose-gc`,
 * as worker processes are started): arrays that wait for their collection are what peaks are made of. Does nothing
 * while all arrays together, in use or not, are small.
 * Call it when arrays of megabytes have just been dropped.
 */
export function collectGarbage(): void {
  const { gc, process } = globalThis as Collector;
  if (gc === undefined) return;
  if ((process?.memoryUsage?.().arrayBuffers ?? Number.POSITIVE_INFINITY) < WORTH_COLLECTING_BYTES) return;
  gc();
}
