/**
 * Voxels that a streaming kernel takes at a time: input and output of one call stay in the cache next to the core.
 * No result depends on it; it is a multiple of every kernel's number of lanes.
 */
export const TILE = 8192;

/** Calls `visit(start, length)` for consecutive tiles of `count` voxels. */
export function forEachTile(count: number, visit: (start: number, length: number) => void): void {
  for (let start = 0; start < count; start += TILE) visit(start, Math.min(TILE, count - start));
}
