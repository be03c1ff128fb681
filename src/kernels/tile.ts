/**
 * Voxels that a streaming kernel takes at a time: input and output of one call stay in the cache next to the core.
 * No result depends on it; it is a multiple of every kernel's number of lanes.
 */
export const TILE = 8192;

/**
 * Bytes that leave the window in one `set`. Up to here C libraries copy by ordinary stores; more than that they leave to
 * the processor's string instructions, which write 40 % slower to memory outside of the caches.
 */
export const PIECE_BYTES = 8192;

/** Calls `visit(start, length)` for consecutive tiles of `count` voxels. */
export function forEachTile(count: number, visit: (start: number, length: number) => void): void {
  for (let start = 0; start < count; start += TILE) visit(start, Math.min(TILE, count - start));
}

type Voxels = Uint8Array | Int16Array | Int32Array | Uint32Array | Float32Array;

/** A function that copies the first `length` voxels of a view of the window into an array at `start`. */
export function copierOf<T extends Voxels>(view: T): (destination: T, start: number, length: number) => void {
  const piece = PIECE_BYTES / view.BYTES_PER_ELEMENT;
  const pieces: T[] = [];
  for (let from = 0; from < view.length; from += piece) pieces.push(view.subarray(from, from + piece) as T);
  return (destination, start, length) => {
    for (let i = 0, from = 0; from < length; i++, from += piece) {
      const part = pieces[i];
      destination.set(from + part.length <= length ? part : part.subarray(0, length - from), start + from);
    }
  };
}
